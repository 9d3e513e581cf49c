//! Builds that are killed or interrupted while a script runs that wants to stay.

use std::fs::{self, Permissions};
use std::io::{PipeReader, Read as _, pipe};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::killed::with_default_interrupt;
use crate::world::{World, succeed};

/// A script that ignores every signal it can, as do its children: one in a session of its own, one that nobody waits for
/// and one that is stopped. All of them hold its output, and in the end it stops itself.
const STUBBORN: &str = r#"
trap '' TERM INT HUP QUIT PIPE USR1 USR2
setsid bash -c 'while :; do sleep 600; done' &
( setsid setsid sleep 600 & )
bash -c 'kill -STOP $$' &
if [ -n "${TMP_BUILD_DIR:-}" ]; then echo "it runs"; else : > "$DIB_TEST_MARK/runs"; fi
kill -STOP $$
while :; do sleep 600; done
"#;

/// Makes the tree of an operating system in which bash runs.
const ROOT: &str = r#"#!/bin/bash
set -eu -o pipefail
mkdir -p "$TARGET_ROOT"/{bin,etc,root,tmp,usr/bin,var/log}
for program in bash env setsid sleep; do
    path=$(type -P "$program")
    cp -L "$path" "$TARGET_ROOT/bin/$program"
    for library in $(ldd "$path" | grep -o '/[^ )]*'); do
        mkdir -p "$TARGET_ROOT${library%/*}"
        cp -L "$library" "$TARGET_ROOT$library"
    done
done
"#;

/// How long what has been killed may take to be gone before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the script stands, and what comes before it there: the files of the environment are read for the plan as well.
const PLACES: [(&str, &str); 4] = [
    ("root.d/50-stubborn", ""),
    ("install.d/50-stubborn", ""),
    ("environment.d/50-stubborn", ""),
    (
        "environment.d/50-stubborn",
        "if [ -z \"${TMP_BUILD_DIR:-}\" ]; then return 0; fi\n",
    ),
];

/// A build that is in the middle of the script.
struct Build {
    child: Child,
    output: PipeReader,
}

/// Makes a world with the element of an operating system.
fn world() -> World {
    let world = World::new();
    put(&world, "os/root.d/10-root", ROOT);
    put(&world, "os/element-provides", "operating-system\n");
    world
}

fn put(world: &World, path: &str, text: &str) {
    let path = world.path("home/elements").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
}

fn build(world: &World, arguments: &[&str]) -> std::process::Command {
    let mut command = world.program("disk-image-create");
    command
        .env("ELEMENTS_PATH", world.path("home/elements"))
        .env("DIB_INIT_SYSTEM", "sysv")
        .env("DIB_TEST_MARK", world.path("home"))
        .args(["-n", "-t", "tar", "os"])
        .args(arguments);
    command
}

/// Starts a build and waits until the script runs.
fn start(world: &World, arguments: &[&str]) -> Build {
    let (mut output, end) = pipe().unwrap();
    let child = with_default_interrupt(&build(world, arguments))
        .stdin(Stdio::null())
        .stdout(end.try_clone().unwrap())
        .stderr(end)
        .spawn()
        .unwrap();
    let mut seen = String::new();
    // While the plan is made, nothing of it is shown.
    while !seen.contains("it runs") && !world.path("home/runs").exists() {
        let mut waiting = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waiting, PollTimeout::from(20_u8)).unwrap() == 0 {
            continue;
        }
        let mut buffer = [0; 4096];
        let length = output.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "the build ended early: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    Build { child, output }
}

/// Waits until the build's output is closed by everybody and none of its processes is there.
fn wait_for_the_end(world: &World, mut output: PipeReader) {
    let deadline = Instant::now() + PATIENCE;
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        let time_out = PollTimeout::try_from(left).unwrap();
        let mut waiting = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut waiting, time_out).unwrap();
        assert_ne!(
            ready,
            0,
            "a process of the build holds its output: {:?}",
            processes(world)
        );
        if output.read(&mut buffer).unwrap() == 0 {
            break;
        }
    }
    while !processes(world).is_empty() {
        assert!(Instant::now() < deadline, "left running: {:?}", processes(world));
        thread::sleep(Duration::from_millis(10));
    }
}

/// Lists the processes that have the mark of this world's builds.
fn processes(world: &World) -> Vec<String> {
    let mark = format!("DIB_TEST_MARK={}", world.path("home"));
    let has_mark = |environment: Vec<u8>| {
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes())
    };
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| fs::read(entry.path().join("environ")).is_ok_and(has_mark))
        .map(|entry| {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            format!(
                "{} {}",
                entry.file_name().display(),
                String::from_utf8_lossy(&command)
            )
        })
        .collect()
}

#[test]
fn sigkill_to_the_parent_ends_scripts_that_ignore_signals() {
    for (place, before) in PLACES {
        for arguments in [&[][..], &["--no-tmpfs"]] {
            let world = world();
            put(
                &world,
                &format!("stubborn/{place}"),
                &format!("#!/bin/bash\n{before}{STUBBORN}"),
            );
            let mut build_of_it = start(&world, &[arguments, &["stubborn"]].concat());
            assert!(!processes(&world).is_empty());
            build_of_it.child.kill().unwrap();
            build_of_it.child.wait().unwrap();
            wait_for_the_end(&world, build_of_it.output);
            assert!(world.names("out").is_empty(), "{:?}", world.names("out"));
            succeed(&mut build(&world, &[]));
            assert_eq!(world.names("out"), ["image.d", "image.tar"]);
            world.assert_nothing_is_left();
        }
    }
}

#[test]
fn an_interruption_ends_scripts_that_ignore_signals() {
    for (place, before) in PLACES {
        for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
            let world = world();
            put(
                &world,
                &format!("stubborn/{place}"),
                &format!("#!/bin/bash\n{before}{STUBBORN}"),
            );
            let mut build_of_it = start(&world, &["--no-tmpfs", "stubborn"]);
            let parent = Pid::from_raw(build_of_it.child.id().try_into().unwrap());
            kill(parent, signal).unwrap();
            assert_eq!(build_of_it.child.wait().unwrap().code(), Some(code), "{place}");
            wait_for_the_end(&world, build_of_it.output);
            assert!(world.names("out").is_empty(), "{:?}", world.names("out"));
            world.assert_nothing_is_left();
            succeed(&mut build(&world, &[]));
            assert_eq!(world.names("out"), ["image.d", "image.tar"]);
        }
    }
}

#[test]
fn what_a_script_leaves_running_neither_holds_the_build_nor_outlives_it() {
    for place in ["root.d/50-leave", "install.d/50-leave"] {
        let world = world();
        let leave = "#!/bin/bash\ntrap '' TERM INT HUP\nsetsid sleep 600 &\necho \"it runs\"\n";
        put(&world, &format!("leaving/{place}"), leave);
        let mut build_of_it = start(&world, &["leaving"]);
        assert!(build_of_it.child.wait().unwrap().success());
        wait_for_the_end(&world, build_of_it.output);
        assert_eq!(world.names("out"), ["image.d", "image.tar"]);
        world.assert_nothing_is_left();
    }
}
