//! What a test needs to run a program: a directory of its own, and the way to the programs.

use std::fs;
use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};

/// A directory of a test's own, gone at its end, in which everything a build makes stays.
pub(crate) struct World {
    directory: tempfile::TempDir,
}

/// What a program did.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        for name in ["tmp", "out", "home"] {
            fs::create_dir(world.path(name)).unwrap();
        }
        world
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.directory.path()).unwrap().join(name)
    }

    /// Returns a program that was built beside this test, in an environment of the test's own.
    ///
    /// # Panics
    /// When it was not built: `cargo xtask test` does, and so does `cargo build --workspace`.
    pub(crate) fn program(&self, name: &str) -> Command {
        let own = std::env::current_exe().unwrap();
        let program = own.parent().and_then(|deps| deps.parent()).unwrap().join(name);
        assert!(
            program.exists(),
            "{} is not built; `cargo build --workspace` builds it",
            program.display()
        );
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("DIB_NO_TIMESTAMP", "1")
            // What is installed on this machine is none of the tests' business.
            .env("DIB_UPSTREAM_ELEMENTS", "")
            .current_dir(self.path("out"));
        command
    }

    /// Returns a build of the tiny operating system.
    pub(crate) fn tiny_build(&self, arguments: &[&str]) -> Command {
        let mut command = self.program("myorg-dib");
        command.args(["build", "myorg-tiny"]).args(arguments);
        command
    }

    /// Returns the names in a directory of this world, sorted.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let entries = self.path(directory).read_dir_utf8().unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Checks that no build has left anything where builds work.
    pub(crate) fn assert_nothing_is_left(&self) {
        assert!(
            self.names("tmp").is_empty(),
            "left in TMPDIR: {:?}",
            self.names("tmp")
        );
        let partial: Vec<_> = self
            .names("out")
            .into_iter()
            .filter(|name| name.starts_with('.'))
            .collect();
        assert!(partial.is_empty(), "left beside the output: {partial:?}");
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(
            !mounts.contains(self.path("tmp").as_str()),
            "left mounted: {mounts}"
        );
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran {
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

/// Runs a command that has to end well.
pub(crate) fn succeed(command: &mut Command) -> Ran {
    let ran = run(command);
    assert_eq!(ran.code, Some(0), "{command:?}\n{}{}", ran.stdout, ran.stderr);
    ran
}
