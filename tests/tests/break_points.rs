//! Shells at break points.

use std::fs;

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
