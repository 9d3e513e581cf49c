//! The program `install-packages`, run as it is with an `apt-get` and a `pkg-map` that print how they were called.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const SCRIPT: &str = include_str!("../../src/apt_get/install-packages.sh");

fn check(arguments: &[&str], expected: &str, status: i32) {
    let directory = tempfile::tempdir().unwrap();
    for (name, script) in [
        ("apt-get", "shift 5; echo \"$DEBIAN_FRONTEND:\" \"$@\""),
        (
            "pkg-map",
            "[ $2 = known ] || exit 2; shift 2; for name; do echo \"$name-a $name-b\"; done",
        ),
    ] {
        let path = directory.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!(
        "{}:{}",
        directory.path().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new("sh")
        .args(["-c", SCRIPT, "install-packages"])
        .args(arguments)
        .env("PATH", path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{arguments:?}");
    assert_eq!(output.status.code(), Some(status), "{arguments:?}");
}

#[test]
fn apt_get_does_what_the_options_say() {
    check(&["a", "b"], "noninteractive: install a b\n", 0);
    check(&["a", "-e", "b"], "noninteractive: remove a b\n", 0);
    check(&["-u"], "noninteractive: dist-upgrade\n", 0);
    check(
        &["-m", "known", "x", "y"],
        "noninteractive: install x-a x-b y-a y-b\n",
        0,
    );
    check(&["-m", "unknown", "x"], "", 1);
    check(&[], "install-packages: nothing to install\n", 0);
    check(&["-d", "a"], "", 1);
    check(&["-q", "a"], "", 1);
}
