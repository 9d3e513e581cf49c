//! Builds that are killed or interrupted.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::world::{World, succeed};

/// A build that is in the middle of a command which ignores signals and would go on for ten minutes.
fn started(world: &World, arguments: &[&str]) -> Child {
    start(&world.tiny_build(arguments))
}

/// Starts a build, or several, and waits until the first is in the middle of such a command.
fn start(build: &Command) -> Child {
    // The command is in the target, so it tells by its output that it runs; the trace goes to a pipe that stays open.
    // The tests themselves may run in the background of a shell, which ignores SIGINT for them.
    let mut build = with_default_interrupt(build)
        .env(
            "MYORG_COMMAND",
            "trap '' TERM INT HUP; echo it runs; sleep 600 & wait; sleep 600",
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = String::new();
    let stderr = build.stderr.as_mut().unwrap();
    while !seen.contains("it runs") {
        let mut buffer = [0; 4096];
        let length = stderr.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "the build ended early: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    build
}

/// Returns the same command, for which SIGINT is not ignored.
pub(crate) fn with_default_interrupt(command: &Command) -> Command {
    let mut wrapped = Command::new("env");
    wrapped
        .arg("--default-signal=INT")
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    wrapped.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    if let Some(directory) = command.get_current_dir() {
        wrapped.current_dir(directory);
    }
    wrapped
}

/// Waits for the pipe to be closed by everybody, which is when no process of the build is left.
fn wait_for_the_pipe(build: &mut Child) {
    let mut stderr = build.stderr.take().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        let time_out = PollTimeout::try_from(left).unwrap();
        let mut waiting = [PollFd::new(stderr.as_fd(), PollFlags::POLLIN)];
        assert_ne!(
            poll(&mut waiting, time_out).unwrap(),
            0,
            "a process of the build holds the pipe"
        );
        if stderr.read(&mut buffer).unwrap() == 0 {
            return;
        }
    }
}

#[test]
fn sigkill_to_the_parent_leaves_no_process_and_the_next_build_cleans_up() {
    for arguments in [&["-t", "tar"][..], &["-t", "tar", "--no-tmpfs"]] {
        let world = World::new();
        let mut build = started(&world, arguments);
        build.kill().unwrap();
        build.wait().unwrap();
        wait_for_the_pipe(&mut build);
        assert!(world.names("out").is_empty(), "{:?}", world.names("out"));
        succeed(&mut world.tiny_build(&["-t", "tar"]));
        assert_eq!(world.names("out"), ["image.d", "image.tar"]);
        world.assert_nothing_is_left();
    }
}

#[test]
fn an_interrupted_build_cleans_up_after_itself() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let world = World::new();
        let mut build = started(&world, &["-t", "tar", "--no-tmpfs"]);
        kill(Pid::from_raw(build.id().try_into().unwrap()), signal).unwrap();
        assert_eq!(build.wait().unwrap().code(), Some(code));
        wait_for_the_pipe(&mut build);
        assert!(world.names("out").is_empty(), "{:?}", world.names("out"));
        world.assert_nothing_is_left();
    }
}

#[test]
fn an_interruption_ends_the_builds_of_all_images() {
    let world = World::new();
    let entry = |name: &str| format!("- {{imagename: {name}, elements: [myorg-tiny], types: [tar]}}\n");
    fs::write(world.path("home/images.yaml"), entry("one") + &entry("two")).unwrap();
    let mut command = world.program("myorg-dib");
    command.args(["build", "-f", "../home/images.yaml"]);
    let mut build = start(&command);
    kill(Pid::from_raw(build.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(build.wait().unwrap().code(), Some(130));
    wait_for_the_pipe(&mut build);
    assert!(world.names("out").is_empty(), "{:?}", world.names("out"));
    world.assert_nothing_is_left();
}
