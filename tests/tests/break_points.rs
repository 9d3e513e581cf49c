//! Shells at break points.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::world::{World, run, succeed};

#[test]
fn the_hooks_of_a_stage_are_there_by_name_and_run_again() {
    let world = World::new();
    let seen = world.path("home/seen");
    let command = format!(
        "ls $TMP_HOOKS_PATH/root.d > {seen}; rm $TARGET_ROOT/etc/hostname; $TMP_HOOKS_PATH/root.d/10-tiny-root; \
         cat $TARGET_ROOT/etc/hostname >> {seen}"
    );
    let ran = succeed(
        world
            .tiny_build(&["-t", "tar"])
            .env("break", "after-root,before-cleanup")
            .env("break_cmd", command),
    );
    assert_eq!(
        fs::read_to_string(&seen).unwrap(),
        "01-ccache\n10-tiny-root\n90-base-dib-run-parts\ntiny\n"
    );
    assert!(ran.stderr.contains("after-root"), "{}", ran.stderr);
    world.assert_nothing_is_left();
}

#[test]
fn the_shell_comes_after_an_error_and_the_build_still_fails() {
    let world = World::new();
    let seen = world.path("home/seen");
    let ran = run(world
        .tiny_build(&["-t", "tar"])
        .env("MYORG_COMMAND", "exit 3")
        .env("break", "after-error")
        .env("break_outside_target", "1")
        .env("break_cmd", format!("cat $TARGET_ROOT/etc/hostname > {seen}")));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&seen).unwrap(), "tiny\n");
    let (error, stop) = (
        ran.stderr.find("50-tiny-command of element"),
        ran.stderr.find("stopped at after-error"),
    );
    assert!(
        error.is_some() && error < stop,
        "the error is told before the shell opens: {}",
        ran.stderr
    );
    world.assert_nothing_is_left();
}

#[test]
fn in_a_phase_of_the_target_the_shell_is_in_the_target() {
    let world = World::new();
    let hook = world.path("home/elements/my-app/install.d/60-fails");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexit 3\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = world.tiny_build(&["my-app", "-t", "tar"]);
    command
        .env("ELEMENTS_PATH", world.path("home/elements"))
        .env("MYORG_COMMAND", "true")
        .env("break", "before-finalise, after-error")
        .env(
            "break_cmd",
            "echo in $(pwd) as $HOME with $(tail -n1 /tmp/in_target.d/install.d/60-fails) of $(cat /etc/hostname) $TARGET_ROOT; exit",
        );
    let ran = run(&mut command);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("in / as /root with exit 3 of tiny /\n"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let ran = run(command
        .env("break_outside_target", "1")
        .env("break_cmd", "cat $TARGET_ROOT/etc/hostname"));
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(1), "tiny\n"),
        "{}",
        ran.stderr
    );
    world.assert_nothing_is_left();
}

#[test]
fn a_point_that_would_never_stop_is_refused() {
    let world = World::new();
    let ran = run(world.tiny_build(&["-t", "tar"]).env("break", "before-rot"));
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("before-rot") && ran.stderr.contains("root"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_hook_runs_by_itself_only_in_such_a_shell() {
    let world = World::new();
    let ran = run(world.program("myorg-dib").args(["hook", "root", "10-tiny-root"]));
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(ran.stderr.contains("break=before-root"), "{}", ran.stderr);
}
