use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use dib_core::{Element, ImageSpec, Registry};

use super::*;

/// Makes elements of these files, each `element/path`, and plans them all.
fn with_elements(files: &[&str], check: impl FnOnce(&Utf8Path, &Plan<'_>)) {
    let parent = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(parent.path().canonicalize().unwrap()).unwrap();
    let elements = path.join("elements");
    for file in files {
        let file = elements.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, file.file_name().unwrap()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut registry = Registry::new();
    let mut names = vec!["tiny".to_owned()];
    registry
        .add(Element::new("tiny").provides(&["operating-system"]))
        .unwrap();
    for element in crate::load_elements_path(std::slice::from_ref(&elements)).unwrap() {
        names.push(element.name().to_string());
        registry.add(element).unwrap();
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut spec = ImageSpec::of_elements(&names);
    spec.base = dib_core::BaseElement::Skipped;
    check(&elements, &Plan::resolve(&registry, &spec).unwrap());
}

fn files_below(directory: &Utf8Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in next.read_dir_utf8().unwrap() {
            let path = entry.unwrap().path().to_owned();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                open.push(path);
            } else {
                let arrow = fs::read_link(&path)
                    .map(|to| format!(" -> {}", to.display()))
                    .unwrap_or_default();
                found.push(format!("{}{arrow}", path.strip_prefix(directory).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn all_files_stand_in_one_directory() {
    let files = [
        "a/element-deps-not",
        "a/install.d/50-a",
        "a/install.d/a-source-install/10-of-type",
        "a/install.d/a-package-install/10-of-type",
        "a/install.d/with-a-source-install/a.service",
        "a/static/etc/a",
        "a/tests/left-out",
        "a/module.pyc",
        "b/install.d/60-b",
        "b/static/etc/b",
        "b/lib/inner/x",
    ];
    with_elements(&files, |elements, plan| {
        symlink("../lib/inner/x", elements.join("b/install.d/70-link")).unwrap();
        symlink(
            elements.join("a/install.d/50-a"),
            elements.join("b/install.d/80-out"),
        )
        .unwrap();
        check_files(plan).unwrap();
        let hooks = tempfile::tempdir().unwrap();
        let hooks = Utf8Path::from_path(hooks.path()).unwrap();
        write_files(plan, hooks).unwrap();
        assert_eq!(
            files_below(hooks),
            [
                "element-deps-not",
                "install.d/10-of-type -> a-source-install/10-of-type",
                "install.d/50-a",
                "install.d/60-b",
                "install.d/70-link -> ../lib/inner/x",
                "install.d/80-out",
                "install.d/a-package-install/10-of-type",
                "install.d/a-source-install/10-of-type",
                "install.d/a.service -> with-a-source-install/a.service",
                "install.d/with-a-source-install/a.service",
                "lib/inner/x",
                "static/etc/a",
                "static/etc/b",
            ]
        );
        assert_eq!(
            fs::read_to_string(hooks.join("install.d/80-out")).unwrap(),
            "50-a"
        );
    });
}

#[test]
fn a_file_that_two_elements_have_is_an_error() {
    with_elements(&["a/lib/x", "b/lib/x", "a/top", "b/top"], |_, plan| {
        let error = check_files(plan).unwrap_err();
        assert_eq!(error.to_string(), "the elements a and b both have the file lib/x");
    });
}

#[test]
fn what_is_file_and_directory_is_an_error() {
    let check = |files: &[&str], message: &str| {
        with_elements(files, |_, plan| {
            assert_eq!(check_files(plan).unwrap_err().to_string(), message, "{files:?}");
        });
    };
    check(
        &["a/lib/x", "b/lib"],
        "lib is a file in the element b and a directory in the element a",
    );
    check(
        &["a/lib/x", "b/lib/x/y"],
        "lib/x is a file in the element a and a directory in the element b",
    );
}

#[test]
fn names_may_be_of_any_bytes() {
    with_elements(&["a/static/x"], |elements, plan| {
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
        fs::write(elements.as_std_path().join("a/static").join(name), "").unwrap();
        let hooks = tempfile::tempdir().unwrap();
        write_files(plan, Utf8Path::from_path(hooks.path()).unwrap()).unwrap();
        assert!(hooks.path().join("static").join(name).exists());
    });
}
