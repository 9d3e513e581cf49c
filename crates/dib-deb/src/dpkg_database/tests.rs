use camino::Utf8Path;

use super::*;

fn check(control: &str, conffiles: &[(&str, &str)], expected: &str) {
    let conffiles: Vec<_> = conffiles
        .iter()
        .map(|(path, state)| Conffile {
            path: (*path).to_owned(),
            state: (*state).to_owned(),
        })
        .collect();
    assert_eq!(unpacked_stanza(control, &conffiles).unwrap(), expected);
}

#[test]
fn fields_come_in_the_order_of_dpkg_and_relations_with_its_spaces() {
    check(
        "Package: tool\nSource: tools (1.0)\nVersion: 1:1.0-2\nArchitecture: amd64\nMaintainer: A <a@example.org>\n\
         Installed-Size: 12\nDepends: libc6(>=2.36),debconf (>= 0.5)|debconf-2.0 , python3:any\nX-Own: kept\n\
         Section: admin\nPriority: optional\nmulti-arch: no\nEssential: yes\nImportant: yes\n\
         Homepage: https://example.org\nDescription: a tool\n It does\n .\n things.\nSHA256: 00\nFilename: pool/x\n",
        &[("/etc/tool.conf", "0123456789abcdef0123456789abcdef")],
        "Package: tool\nEssential: yes\nStatus: install ok unpacked\nPriority: optional\nSection: admin\n\
         Installed-Size: 12\nMaintainer: A <a@example.org>\nArchitecture: amd64\nSource: tools (1.0)\n\
         Version: 1:1.0-2\nDepends: libc6 (>= 2.36), debconf (>= 0.5) | debconf-2.0, python3:any\n\
         Conffiles:\n /etc/tool.conf 0123456789abcdef0123456789abcdef\nDescription: a tool\n It does\n .\n things.\n\
         X-Own: kept\nImportant: yes\nHomepage: https://example.org\n",
    );
    check(
        "Package: a\nVersion: 1\nArchitecture: all\nMulti-Arch: foreign\nDepends:\nEssential: no\n",
        &[],
        "Package: a\nStatus: install ok unpacked\nArchitecture: all\nMulti-Arch: foreign\nVersion: 1\n",
    );
}

#[test]
fn a_malformed_control_file_is_an_error() {
    for control in [
        " continued\n",
        "Package: a\nno field\n",
        "Package: a\nDepends: a (b\n",
    ] {
        unpacked_stanza(control, &[]).unwrap_err();
    }
}

fn target() -> (tempfile::TempDir, TargetRoot) {
    let directory = tempfile::tempdir().unwrap();
    let target = TargetRoot::open(Utf8Path::from_path(directory.path()).unwrap()).unwrap();
    create(&target).unwrap();
    (directory, target)
}

fn read(target: &TargetRoot, name: &str) -> String {
    target.read_to_string(&path(name)).unwrap()
}

#[test]
fn the_status_is_sorted_and_keeps_what_was_there() {
    let (_directory, target) = target();
    let stanza = |name: &str| format!("Package: {name}\nStatus: install ok unpacked\nArchitecture: all\n");
    add_to_status(&target, [stanza("zsh"), stanza("apt")]).unwrap();
    add_to_status(&target, [stanza("mawk")]).unwrap();
    let expected: String = ["apt", "mawk", "zsh"]
        .iter()
        .map(|name| stanza(name) + "\n")
        .collect();
    assert_eq!(read(&target, "status"), expected);
    assert_eq!(read(&target, "info/format"), "1\n");
}

#[test]
fn interest_in_triggers_is_where_dpkg_looks_for_it() {
    let (_directory, target) = target();
    let mut triggers = Triggers::default();
    triggers.take(
        "man-db",
        "# comment\ninterest-noawait /usr/share/man\nactivate-noawait ldconfig\n",
    );
    triggers.take("libc-bin", "interest-await ldconfig # why\n\n");
    triggers.take(
        "other:amd64",
        "interest ldconfig\ninterest ../climbing\ninterest\n",
    );
    triggers.write(&target).unwrap();
    assert_eq!(read(&target, "triggers/File"), "/usr/share/man man-db/noawait\n");
    assert_eq!(read(&target, "triggers/ldconfig"), "libc-bin\nother:amd64\n");
    assert_eq!(target.list(&path("triggers")).unwrap(), ["File", "ldconfig"]);
}
