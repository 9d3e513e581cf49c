//! Where a caller runs: a directory with its program, ours under the name it calls, and elements.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use crate::build_traces;
use crate::needs;
use crate::ordinary_user::OrdinaryUser;
use crate::scratch_build::{self, ScratchBuild};
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// How long the processes of a build that has ended may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// A place for one caller; it is removed at its end.
#[derive(Debug)]
pub(super) struct Place {
    scratch: ScratchBuild,
    user: Option<OrdinaryUser>,
}

/// A program that was started and is ended, with all that it started, when this goes out of scope.
#[derive(Debug)]
pub(super) struct Running {
    child: std::process::Child,
    name: String,
    log: Utf8PathBuf,
}

impl Place {
    /// Makes the place, where a program is `disk-image-create`, for the current user or, as root, for another.
    pub(super) fn prepare(
        workspace: &Workspace,
        user: Option<&OrdinaryUser>,
        program: &Utf8Path,
    ) -> Result<Self, TaskError> {
        let scratch = ScratchBuild::prepare_without_mirror(user, program)?;
        let place = Self {
            scratch,
            user: user.cloned(),
        };
        let programs = place.path().join("bin");
        fs::create_dir(&programs).map_err(TaskError::file("create", &programs))?;
        symlink("../dib", place.disk_image_create()).map_err(TaskError::file("link", &programs))?;
        // The checkout may lie where the other user can't go.
        place.copy(&workspace.root.join("xtask/data/callers/elements"), "elements")?;
        Ok(place)
    }

    /// Copies a directory into the place, under a name, for the place's user.
    pub(super) fn copy(&self, directory: &Utf8Path, name: &str) -> Result<Utf8PathBuf, TaskError> {
        let copy = self.path().join(name);
        let shell = xshell::Shell::new()?;
        cmd!(
            shell,
            "cp --recursive --preserve=mode,timestamps,links --no-dereference {directory} {copy}"
        )
        .quiet()
        .run()?;
        if let Some(user) = &self.user {
            let owner = format!("{}:{}", user.uid, user.gid);
            cmd!(shell, "chown --recursive --no-dereference {owner} {copy}")
                .quiet()
                .run()?;
        }
        Ok(copy)
    }

    /// Makes a directory that belongs to the place's user.
    pub(super) fn directory(&self, name: &str) -> Result<Utf8PathBuf, TaskError> {
        let path = self.path().join(name);
        fs::create_dir(&path).map_err(TaskError::file("create", &path))?;
        if let Some(user) = &self.user {
            chown(&path, Some(user.uid), Some(user.gid)).map_err(TaskError::file("give away", &path))?;
        }
        Ok(path)
    }

    /// Writes a file that everybody may read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<Utf8PathBuf, TaskError> {
        let path = self.path().join(name);
        fs::write(&path, text).map_err(TaskError::file("write", &path))?;
        Ok(path)
    }

    /// Prepares a call of a program, with ours and those of Python environments before the host's on its `PATH`.
    pub(super) fn command(&self, program: &str, environments: &[&Utf8Path]) -> Command {
        let mut path = self.path().join("bin").into_string();
        for environment in environments {
            path.push(':');
            path.push_str(environment.join("bin").as_str());
        }
        // It ends with us, whatever ends us.
        let mut command = self.scratch.command("setpriv");
        command.args(["--pdeathsig", "KILL", program]);
        command.env(
            "PATH",
            format!("{path}:{}", needs::path_with_administrators_programs()),
        );
        command
    }

    /// Prepares a call of a program of a Python environment.
    pub(super) fn python(&self, environment: &Utf8Path, program: &str) -> Command {
        let mut command = self.command(environment.join("bin/python").as_str(), &[environment]);
        command.arg(environment.join("bin").join(program));
        command
    }

    /// Starts a program that goes on until it is ended; what it prints goes to `NAME.log` in the place.
    pub(super) fn start(&self, name: &str, command: &mut Command) -> Result<Running, TaskError> {
        use std::os::unix::process::CommandExt as _;
        let log = self.path().join(format!("{name}.log"));
        let file = fs::File::create(&log).map_err(TaskError::file("create", &log))?;
        let second = file.try_clone().map_err(TaskError::file("open", &log))?;
        let child = command
            .process_group(0)
            .stdin(std::process::Stdio::null())
            .stdout(file)
            .stderr(second)
            .spawn()
            .map_err(TaskError::file("run", name))?;
        Ok(Running {
            child,
            name: name.to_owned(),
            log,
        })
    }

    /// Checks that no process, mount, loop device or temporary directory of a build is left.
    pub(super) fn check_that_nothing_is_left(&self) -> Result<(), TaskError> {
        let start = Instant::now();
        let mut left = build_traces::traces(self.path(), &[])?;
        while !left.is_empty() && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(50));
            left = build_traces::traces(self.path(), &[])?;
        }
        let temporary = scratch_build::names_in(&self.scratch.temporary())?;
        left.extend(
            temporary
                .iter()
                .filter(|name| name.starts_with("dib_build."))
                .map(|name| format!("the directory {name}")),
        );
        if left.is_empty() {
            return Ok(());
        }
        Err(TaskError::Check(format!(
            "this is left:\n  {}",
            left.join("\n  ")
        )))
    }

    /// Our program under the name that callers know.
    pub(super) fn disk_image_create(&self) -> Utf8PathBuf {
        self.path().join("bin/disk-image-create")
    }

    /// The directory of the place.
    pub(super) fn path(&self) -> &Utf8Path {
        self.scratch.path()
    }

    /// The directory for images.
    pub(super) fn output(&self) -> Utf8PathBuf {
        self.scratch.output()
    }

    /// Elements of ours that stand in for what is not to be tested.
    pub(super) fn elements(&self) -> Utf8PathBuf {
        self.path().join("elements")
    }

    /// Who calls, for people.
    pub(super) fn who(&self) -> String {
        self.scratch.who()
    }
}

impl Running {
    /// Fails, with what it printed last, when the program has ended by itself.
    pub(super) fn check_that_it_runs(&mut self) -> Result<(), TaskError> {
        let status = self
            .child
            .try_wait()
            .map_err(TaskError::file("wait for", &self.name))?;
        match status {
            None => Ok(()),
            Some(status) => Err(TaskError::Check(format!(
                "{} ended: {status}\n{}",
                self.name,
                last_lines(&self.log)
            ))),
        }
    }

    /// What it printed last.
    pub(super) fn last_lines(&self) -> String {
        last_lines(&self.log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The group's number is the program's, for it was started as the first of its own; it can't be another's as
        // long as the program was not waited for. Nothing can be done about a group that is gone already.
        if let Ok(id) = i32::try_from(self.child.id()) {
            let _ =
                nix::sys::signal::killpg(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// Asks until there is an answer, every half second, for so long at most.
pub(super) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> Result<Option<T>, TaskError>,
) -> Result<T, TaskError> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if start.elapsed() > limit {
            return Err(TaskError::Check(format!(
                "{what} did not come in {} seconds",
                limit.as_secs()
            )));
        }
        thread::sleep(Duration::from_millis(500));
    }
}

/// The last lines of a log, for an error.
pub(super) fn last_lines(log: &Utf8Path) -> String {
    const LINES: usize = 60;
    // A line may hold a whole environment.
    const CHARACTERS: usize = 400;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.chars().take(CHARACTERS).collect())
        .collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
