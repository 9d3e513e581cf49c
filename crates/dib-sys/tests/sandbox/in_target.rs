//! Commands in a target made of the host's programs.

use std::collections::BTreeMap;
use std::fs;

use dib_sys::TargetRoot;
use dib_sys::command::{
    Bind, CommandError, CommandOutcome, CommandStatus, Stdin, Stream, TargetCommand, run_in_target,
    run_in_target_with,
};
use dib_sys::mounts::{kernel_file_systems, tmpfs_in_target, unmount};

use crate::fake_root::{fake_root, path, temporary_directory};
use crate::{Test, in_sandbox};

pub(crate) const TESTS: &[Test] = &[
    (
        "in_target::a_command_sees_the_target_alone",
        a_command_sees_the_target_alone,
    ),
    (
        "in_target::a_command_has_no_other_groups",
        a_command_has_no_other_groups,
    ),
    ("in_target::devices_work", devices_work),
    (
        "in_target::a_command_alone_sees_what_is_bound_for_it",
        a_command_alone_sees_what_is_bound_for_it,
    ),
    ("in_target::what_is_missing_is_named", what_is_missing_is_named),
    (
        "in_target::a_daemon_is_not_waited_for",
        a_daemon_is_not_waited_for,
    ),
];

fn command(argv: &[&str]) -> TargetCommand {
    TargetCommand {
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        environment: BTreeMap::from([("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned())]),
        working_directory: path("/"),
        stdin: Stdin::Nothing,
    }
}

fn run(root: &TargetRoot, command: &TargetCommand) -> Result<CommandOutcome, CommandError> {
    run_in_target(root, command, &mut |_, _| {})
}

fn a_command_sees_the_target_alone() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let root = fake_root(&directory);
        root.create_directory_all(&path("/a/b"), 0o755).unwrap();
        let mut command = command(&["sh", "-c", "pwd; cat; umask; ls -d /a /etc; exit 4"]);
        command.working_directory = path("/a/b");
        command.stdin = Stdin::Bytes(b"given\n".to_vec());
        let mut lines = Vec::new();
        let outcome = run_in_target(&root, &command, &mut |stream, line| {
            lines.push((stream, line.to_owned()));
        })
        .unwrap();
        assert_eq!(outcome.status, CommandStatus::Exited(4));
        let out: Vec<_> = lines
            .iter()
            .filter(|(stream, _)| *stream == Stream::Stdout)
            .map(|(_, line)| line)
            .collect();
        assert_eq!(out, ["/a/b", "given", "0022", "/a"]);
        assert_eq!(lines.len(), 5, "ls says that there is no /etc");
        let error = outcome.require_success(&command).unwrap_err().to_string();
        let replay = "to run it again: chroot \"$TARGET_ROOT\" sh -c 'cd /a/b && env -i PATH=/usr/sbin:";
        assert!(error.contains(replay), "{error}");
    });
}

fn a_command_has_no_other_groups() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let root = fake_root(&directory);
        let outcome = run(&root, &command(&["id", "-G"])).unwrap();
        assert_eq!(outcome.last_lines, ["0"]);
    });
}

fn devices_work() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let root = fake_root(&directory);
        kernel_file_systems(&root).unwrap();
        let script = "echo x >/dev/null; echo y >/dev/stdout; head -c 3 /dev/zero | wc -c; test -r /dev/random; \
            read -r pid rest </proc/self/stat; test -n \"$pid\" && echo z >/dev/shm/z && cat /dev/fd/0 /dev/shm/z";
        let outcome = run(&root, &command(&["sh", "-c", script])).unwrap();
        assert_eq!(
            (outcome.status, outcome.last_lines),
            (CommandStatus::Exited(0), vec!["y".into(), "3".into(), "z".into()])
        );
    });
}

fn a_command_alone_sees_what_is_bound_for_it() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let root = fake_root(&directory);
        for name in ["/memory", "/plain", "/old"] {
            root.create_directory_all(&path(name), 0o755).unwrap();
        }
        root.symlink("/plain", &path("/link")).unwrap();
        root.write(&path("/plain/file"), b"plain\n", 0o644).unwrap();
        tmpfs_in_target(&root, &path("/memory"), 1 << 20).unwrap();
        root.write(&path("/memory/file"), b"memory\n", 0o644).unwrap();
        let bind = |source: &str, at: &str| Bind {
            source: path(source),
            at: path(at),
        };
        let binds = [bind("/plain", "/old"), bind("/memory", "/link")];
        let mut command = command(&["sh", "-c", "cat file /plain/file /old/file; echo new >/plain/new"]);
        command.working_directory = path("/plain");
        let outcome = run_in_target_with(&root, &command, &binds, &mut |_, _| {}).unwrap();
        assert_eq!(
            outcome.status,
            CommandStatus::Exited(0),
            "{:?}",
            outcome.last_lines
        );
        assert_eq!(outcome.last_lines, ["memory", "memory", "plain"]);
        assert_eq!(root.read_to_string(&path("/memory/new")).unwrap(), "new\n");
        assert_eq!(root.list(&path("/plain")).unwrap(), ["file"]);
        assert_eq!(root.list(&path("/old")).unwrap(), [""; 0]);
        unmount(&root, &path("/memory")).unwrap();
        assert_eq!(root.list(&path("/memory")).unwrap(), [""; 0]);
        let absent = [bind("/absent", "/old")];
        assert!(run_in_target_with(&root, &command, &absent, &mut |_, _| {}).is_err());
    });
}

fn what_is_missing_is_named() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let root = fake_root(&directory);
        let message = |argv: &[&str]| run(&root, &command(argv)).unwrap_err().to_string();
        assert_eq!(message(&["no-such"]), "there is no program no-such in the target");
        root.write(&path("/script"), b"#!/no/shell -e\n", 0o755).unwrap();
        let missing = "failed to start /script in the target: its interpreter /no/shell is missing";
        assert_eq!(message(&["/script"]), missing);
        root.write(&path("/script"), b"#!/bin/sh\n", 0o644).unwrap();
        assert_eq!(message(&["/script"]), "failed to start /script in the target");
        let mut elsewhere = command(&["sh"]);
        elsewhere.working_directory = path("/absent");
        let error = run(&root, &elsewhere).unwrap_err();
        assert_eq!(error.to_string(), "failed to enter the working directory of sh");
        // A program is not looked for on the host.
        fs::write(directory.join("host-only"), "").unwrap();
        let on_host = directory.join("host-only");
        assert_eq!(
            message(&[on_host.as_str()]),
            format!("there is no program {on_host} in the target")
        );
    });
}

fn a_daemon_is_not_waited_for() {
    let (_guard, directory) = temporary_directory();
    in_sandbox(|| {
        let root = fake_root(&directory);
        kernel_file_systems(&root).unwrap();
        let outcome = run(&root, &command(&["sh", "-c", "setsid sleep 1000 & echo started"])).unwrap();
        assert_eq!(
            (outcome.status, outcome.last_lines),
            (CommandStatus::Exited(0), vec!["started".into()])
        );
    });
}
