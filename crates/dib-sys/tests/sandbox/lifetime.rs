//! Nothing of a sandbox outlives it, however it ends.
//!
//! Each test starts this program again in a role, as the caller of a sandbox that can be killed. All processes of that
//! sandbox hold the role's standard output, so the end of that pipe proves the end of them all.

use std::fs;
use std::io::{PipeReader, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use camino::Utf8Path;
use dib_sys::TargetRoot;
use dib_sys::mounts::tmpfs;
use dib_sys::overlay::LayerStack;
use dib_sys::sandbox::{ExitReport, SandboxOptions, run_in_sandbox};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::Test;
use crate::fake_root::temporary_directory;

pub(crate) const TESTS: &[Test] = &[
    ("lifetime::strays_end_with_the_worker", strays_end_with_the_worker),
    (
        "lifetime::nothing_survives_a_killed_caller",
        nothing_survives_a_killed_caller,
    ),
    (
        "lifetime::nothing_survives_a_caller_killed_at_any_moment",
        nothing_survives_a_caller_killed_at_any_moment,
    ),
    (
        "lifetime::an_interrupted_caller_cleans_up",
        an_interrupted_caller_cleans_up,
    ),
    (
        "lifetime::an_interrupted_group_is_an_interruption",
        an_interrupted_group_is_an_interruption,
    ),
    (
        "lifetime::an_ignored_signal_stays_ignored",
        an_ignored_signal_stays_ignored,
    ),
];

/// How long the end of a pipe is waited for before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// The status of a role whose caller was interrupted and has cleaned up.
const CLEANED_UP: u8 = 77;

/// Plays a role: the caller of a sandbox in which a mount is made and processes sleep.
pub(crate) fn play(role: &str, arguments: &[String]) -> ExitCode {
    let (directory, marker) = (Utf8Path::new(&arguments[0]), &arguments[1]);
    let report = run_in_sandbox(&SandboxOptions::default(), || {
        tmpfs(directory, None).unwrap();
        fs::write(directory.join("mounted"), "").unwrap();
        make_layers(directory);
        // One that has left the group and the session, as a daemon does, and one below the worker.
        let sleepers = ["setsid sleep 1000", "sleep 1000"].map(|command| {
            Command::new("sh")
                .args(["-c", &format!("{command} & wait"), marker])
                .spawn()
                .unwrap()
        });
        println!("ready");
        if role == "worker-ends" {
            return 3;
        }
        for mut sleeper in sleepers {
            sleeper.wait().unwrap();
        }
        0
    });
    match report {
        Ok(ExitReport::Interrupted(_)) => ExitCode::from(CLEANED_UP),
        Ok(ExitReport::Exited(status)) => ExitCode::from(status),
        other => panic!("{other:?}"),
    }
}

/// Makes a tree of two layers, with something mounted in it.
fn make_layers(directory: &Utf8Path) {
    let (tree, layers) = (directory.join("tree"), directory.join("layers"));
    for path in [&tree, &layers] {
        fs::create_dir(path).unwrap();
    }
    let mut stack = LayerStack::begin(&tree, &layers).unwrap();
    let root = TargetRoot::open(&tree).unwrap();
    fs::create_dir(tree.join("inner")).unwrap();
    tmpfs(&tree.join("inner"), None).unwrap();
    for name in ["first", "second"] {
        fs::write(tree.join(name), "").unwrap();
        stack.seal(&root).unwrap();
    }
}

/// A running role, and what is needed to look for its remains.
struct Role {
    child: Child,
    output: PipeReader,
    _guard: tempfile::TempDir,
    directory: String,
    marker: String,
}

impl Role {
    fn start(role: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let (guard, directory) = temporary_directory();
        // A name nothing else has.
        let marker = format!("marker-of-{}", directory.file_name().unwrap());
        let (output, writer) = std::io::pipe().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .arg(format!("--role={role}"))
            .args([directory.as_str(), &marker]);
        command.stdin(Stdio::null()).stdout(writer).process_group(0);
        // The tests themselves may run in the background of a shell, which ignores SIGINT for them.
        // SAFETY: `signal` is a plain system call here, with a constant for the handler.
        let usual = || unsafe {
            nix::libc::signal(nix::libc::SIGINT, nix::libc::SIG_DFL);
            Ok(())
        };
        // SAFETY: `usual` makes that call alone.
        unsafe { command.pre_exec(usual) };
        prepare(&mut command);
        let child = command.spawn().unwrap();
        Self {
            child,
            output,
            _guard: guard,
            directory: directory.into_string(),
            marker,
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    fn wait_until_ready(&mut self) {
        let mut word = [0; 6];
        self.output.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"ready\n");
    }

    /// Waits for the caller and for everything that holds its output, and looks for remains.
    fn end(mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        let mut buffer = [0; 4096];
        loop {
            let mut polled = [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut polled, PollTimeout::try_from(PATIENCE).unwrap()).unwrap();
            if ready == 0 {
                // They also hold this program's standard error, and whoever reads that would wait for them.
                let left = processes_with(&self.marker);
                for (pid, _) in &left {
                    let _ = kill(*pid, Signal::SIGKILL);
                }
                panic!("processes of the sandbox are left: {left:?}");
            }
            if self.output.read(&mut buffer).unwrap() == 0 {
                break;
            }
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(&self.directory), "a mount is left");
        assert!(!Utf8Path::new(&self.directory).join("mounted").exists());
        assert_eq!(processes_with(&self.marker), []);
        status
    }
}

fn strays_end_with_the_worker() {
    let role = Role::start("worker-ends", |_| {});
    assert_eq!(role.end().code(), Some(3));
}

fn nothing_survives_a_killed_caller() {
    let mut role = Role::start("sleeps", |_| {});
    role.wait_until_ready();
    kill(role.pid(), Signal::SIGKILL).unwrap();
    assert_eq!(role.end().signal(), Some(9));
}

fn nothing_survives_a_caller_killed_at_any_moment() {
    for step in 0..25 {
        let role = Role::start("sleeps", |_| {});
        // Setting up takes some 10 ms, so the moments spread over all of it and the time after.
        std::thread::sleep(Duration::from_micros(1300 * step));
        kill(role.pid(), Signal::SIGKILL).unwrap();
        assert_eq!(role.end().signal(), Some(9));
    }
}

fn an_interrupted_caller_cleans_up() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut role = Role::start("sleeps", |_| {});
        role.wait_until_ready();
        kill(role.pid(), signal).unwrap();
        assert_eq!(role.end().code(), Some(i32::from(CLEANED_UP)));
    }
}

fn an_interrupted_group_is_an_interruption() {
    // As the terminal does it: the worker and its children get the signal as well, and may be first to end.
    for _ in 0..10 {
        let mut role = Role::start("sleeps", |_| {});
        role.wait_until_ready();
        killpg(role.pid(), Signal::SIGINT).unwrap();
        assert_eq!(role.end().code(), Some(i32::from(CLEANED_UP)));
    }
}

fn an_ignored_signal_stays_ignored() {
    let mut role = Role::start("sleeps", |command| {
        // SAFETY: `signal` is a plain system call here, with a constant for the handler.
        let ignore = || unsafe {
            nix::libc::signal(nix::libc::SIGHUP, nix::libc::SIG_IGN);
            Ok(())
        };
        // SAFETY: `ignore` makes that call alone.
        unsafe { command.pre_exec(ignore) };
    });
    role.wait_until_ready();
    killpg(role.pid(), Signal::SIGHUP).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(
        role.child.try_wait().unwrap().is_none(),
        "it ended on a signal it ignores"
    );
    kill(role.pid(), Signal::SIGTERM).unwrap();
    assert_eq!(role.end().code(), Some(i32::from(CLEANED_UP)));
}

/// Finds processes by a word of their command line.
fn processes_with(marker: &str) -> Vec<(Pid, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let entry = entry.unwrap();
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(line) = fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(marker) {
            found.push((Pid::from_raw(pid), line));
        }
    }
    found
}
