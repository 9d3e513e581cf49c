use camino::Utf8Path;

use super::*;
use crate::test_archive::record;

#[test]
fn automatic_packages_are_added_to_those_that_apt_knows() {
    let directory = tempfile::tempdir().unwrap();
    let target = TargetRoot::open(Utf8Path::from_path(directory.path()).unwrap()).unwrap();
    target
        .create_directory_all(&"/var/lib/apt".parse().unwrap(), 0o755)
        .unwrap();
    mark_automatic(&target, &[record("two", ""), record("one", "")], "amd64").unwrap();
    mark_automatic(&target, &[record("more", "")], "amd64").unwrap();
    assert_eq!(
        target.read_to_string(&EXTENDED_STATES.parse().unwrap()).unwrap(),
        "Package: one\nArchitecture: amd64\nAuto-Installed: 1\n\n\
         Package: two\nArchitecture: amd64\nAuto-Installed: 1\n\n\
         Package: more\nArchitecture: amd64\nAuto-Installed: 1\n\n"
    );
}

#[test]
fn what_a_name_asks_for_is_not_automatic() {
    let packages = [
        record("tool", ""),
        record("awk", "Provides: the-awk\n"),
        record("other-tool", "Provides: tool\n"),
        record("lib", ""),
    ];
    let stages = [
        Stage {
            names: &["tool/stable"],
            recommends: Recommends::Installed,
        },
        Stage {
            names: &["the-awk"],
            recommends: Recommends::LeftOut,
        },
    ];
    let names: Vec<_> = automatic(&packages, &stages)
        .iter()
        .map(|package| package.name().to_owned())
        .collect();
    assert_eq!(names, ["other-tool", "lib"]);
}
