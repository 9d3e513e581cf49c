//! The `dib-run-parts` that images get, run as it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dib-script/lib/dib-run-parts");

fn script(directory: &Path, name: &str, body: &str, mode: u32) {
    let path = directory.join(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

fn run(arguments: &[&str]) -> Output {
    Command::new("sh").arg(SCRIPT).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn files_run_in_order_and_stop_at_the_first_failure() {
    let directory = tempfile::tempdir().unwrap();
    let hooks = directory.path().join("root.d");
    fs::create_dir(&hooks).unwrap();
    script(&hooks, "100-last", "echo last", 0o755);
    script(&hooks, "99-fails", "echo fails; exit 7", 0o755);
    script(&hooks, "9-first", "echo first $GREETING", 0o755);
    script(&hooks, "10-not-executable", "echo no", 0o644);
    script(&hooks, "10-wrong.name", "echo no", 0o755);
    fs::create_dir(directory.path().join("environment.d")).unwrap();
    fs::write(
        directory.path().join("environment.d/10-greeting.bash"),
        "export GREETING=hello\n",
    )
    .unwrap();
    let output = run(&[hooks.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(stdout(&output), "first hello\nfails\n");
}

#[test]
fn a_list_names_what_would_run() {
    let directory = tempfile::tempdir().unwrap();
    script(directory.path(), "20-b", "exit 1", 0o755);
    script(directory.path(), "3-a", "exit 1", 0o755);
    let path = directory.path().to_str().unwrap();
    let output = run(&["--list", path]);
    assert!(output.status.success());
    assert_eq!(stdout(&output), format!("{path}/3-a\n{path}/20-b\n"));
}

#[test]
fn wrong_use_is_told() {
    for arguments in [&[][..], &["/nonexistent"], &["--lists", "/"], &["/", "/"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("Usage: dib-run-parts"),
            "{arguments:?}"
        );
    }
}
