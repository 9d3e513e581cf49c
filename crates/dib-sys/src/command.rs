//! Programs run to their end: in the target, or beside it on the host.
//!
//! A command gets the environment it is given and nothing else, and a process group of its own. What it leaves running
//! in that group is ended after it; what left the group is not waited for.

mod enter;
mod error;
mod group;
mod missing;
mod output;
mod replay;

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::Signal;

use crate::companion::end_with_this_process;
use crate::target_path::TargetPath;
use crate::target_root::{TargetRoot, resolve_in_root};

pub use error::CommandError;

pub use enter::Bind;
pub use replay::{quote, without_password};

/// A program to run in the target, as its root sees itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetCommand {
    /// The program and its arguments; a program without a slash is looked for in `PATH` of `environment`.
    pub argv: Vec<String>,
    /// All variables the program sees.
    pub environment: BTreeMap<String, String>,
    /// The directory it starts in.
    pub working_directory: TargetPath,
    /// What it reads from standard input.
    pub stdin: Stdin,
}

/// A program to run beside the target, with the host's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCommand {
    /// The program and its arguments; a program without a slash is looked for in `PATH` of `environment`.
    pub argv: Vec<String>,
    /// All variables the program sees.
    pub environment: BTreeMap<String, String>,
    /// The directory it starts in.
    pub working_directory: Utf8PathBuf,
    /// What it reads from standard input.
    pub stdin: Stdin,
}

/// What a command reads from its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stdin {
    /// Nothing: `/dev/null`.
    Nothing,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
}

/// Where a line of a command's output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandStatus {
    /// It exited with this status.
    Exited(i32),
    /// The signal of this number killed it.
    Killed(i32),
}

/// What is known of a command after its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutcome {
    /// How it ended.
    pub status: CommandStatus,
    /// The last lines of both its outputs, up to 20, in the order they came.
    pub last_lines: Vec<String>,
}

/// What both kinds of command have in common.
pub trait Replay {
    /// Returns the program and its arguments.
    fn argv(&self) -> &[String];
    /// Returns a line that runs the command again, in the shell of a break point; passwords in it are masked.
    fn replay_line(&self) -> String;
}

impl Replay for TargetCommand {
    fn argv(&self) -> &[String] {
        &self.argv
    }

    fn replay_line(&self) -> String {
        replay::line_in_target(&self.working_directory.to_string(), &self.environment, &self.argv)
    }
}

impl Replay for HostCommand {
    fn argv(&self) -> &[String] {
        &self.argv
    }

    fn replay_line(&self) -> String {
        replay::line(self.working_directory.as_str(), &self.environment, &self.argv)
    }
}

impl CommandStatus {
    /// Returns whether the command exited with status 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }
}

impl fmt::Display for CommandStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(formatter, "exited with status {status}"),
            Self::Killed(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(formatter, "was killed by {signal}"),
                Err(_) => write!(formatter, "was killed by signal {number}"),
            },
        }
    }
}

impl CommandOutcome {
    /// Returns the outcome of a command that succeeded.
    ///
    /// # Errors
    /// [`CommandError::Failed`] when it did not exit with status 0.
    pub fn require_success(self, command: &impl Replay) -> Result<Self, CommandError> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(CommandError::Failed {
            argv: command.argv().to_vec(),
            status: self.status,
            last_lines: self.last_lines,
            replay: command.replay_line(),
        })
    }
}

/// Runs a command in the target and hands each line of its output to `on_line` as it comes.
///
/// Lines come without their end, what is not UTF-8 in them replaced, and those longer than 16 KiB in pieces. The
/// command runs with the target as its root, without supplementary groups and with umask 022.
///
/// # Errors
/// When the command cannot be started or waited for. A command that fails is an outcome, not an error: see
/// [`CommandOutcome::require_success`].
pub fn run_in_target(
    root: &TargetRoot,
    command: &TargetCommand,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<CommandOutcome, CommandError> {
    run_in_target_with(root, command, &[], on_line)
}

/// Runs a command as [`run_in_target`] does, in a mount namespace of its own, in which things stand in other places.
///
/// Nobody else sees them there, and they are gone with the command's last process. It needs the sandbox (or root).
///
/// # Errors
/// As [`run_in_target`], or when the kernel refuses the namespace or a bind.
pub fn run_in_target_with(
    root: &TargetRoot,
    command: &TargetCommand,
    binds: &[Bind],
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<CommandOutcome, CommandError> {
    let mut process = prepare(&command.argv, &command.environment, &command.stdin)?;
    let program = command.argv[0].clone();
    let working_directory = root
        .open_directory(&command.working_directory)
        .map_err(|source| CommandError::WorkingDirectory {
            program: program.clone(),
            source,
        })?;
    let entry = enter::Entry::of(root, &command.working_directory, working_directory.as_fd(), binds);
    let entry = entry.map_err(|source| CommandError::Start {
        program: program.clone(),
        place: "in the target",
        source,
    })?;
    // SAFETY: `enter` makes system calls alone, and the descriptors that it names outlive the start.
    unsafe { process.pre_exec(move || entry.enter()) };
    let child = process.spawn().map_err(|source| {
        let open = |path: &str| {
            resolve_in_root(root.as_fd(), path, OFlag::O_RDONLY | OFlag::O_NONBLOCK).map(File::from)
        };
        let find = missing::Search {
            place: "in the target",
            working_directory: &command.working_directory.to_string(),
            path: command.environment.get("PATH").map(String::as_str),
            open: &open,
        };
        find.explain(&program, source)
    })?;
    attend(child, &program, on_line)
}

/// Runs a command on the host, with the same care as [`run_in_target`], and as the caller is (groups, umask). It is killed
/// when this process is.
///
/// # Errors
/// As [`run_in_target`].
pub fn run_on_host(
    command: &HostCommand,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<CommandOutcome, CommandError> {
    let mut process = prepare(&command.argv, &command.environment, &command.stdin)?;
    let program = command.argv[0].clone();
    process.current_dir(&command.working_directory);
    // In a group of its own it hears no Ctrl-C. This thread waits for it.
    end_with_this_process(&mut process);
    let child = process.spawn().map_err(|source| {
        // The system says the same of a program and of a directory that is absent.
        if let Err(source) = std::fs::metadata(&command.working_directory) {
            let program = format!("{program} in {}", command.working_directory);
            return CommandError::Start {
                program,
                place: "on the host",
                source,
            };
        }
        let open = |path: &str| File::open(Utf8Path::new(path)).map_err(|_| Errno::ENOENT);
        let find = missing::Search {
            place: "on the host",
            working_directory: command.working_directory.as_str(),
            path: command.environment.get("PATH").map(String::as_str),
            open: &open,
        };
        find.explain(&program, source)
    })?;
    attend(child, &program, on_line)
}

/// Opens a shell for a person in the target: `sh -c` with the standard streams of this process, and waits for its end.
///
/// # Errors
/// When it can't be started. How it ends is the person's business.
pub fn shell_in_target(
    root: &TargetRoot,
    command: &str,
    environment: &BTreeMap<String, String>,
) -> io::Result<()> {
    let directory = TargetPath::root();
    let open = root.open_directory(&directory).map_err(io::Error::other)?;
    let entry = enter::Entry::of(root, &directory, open.as_fd(), &[])?;
    let mut process = Command::new("sh");
    process.args(["-c", command]).env_clear().envs(environment);
    // SAFETY: `enter` makes system calls alone, and the descriptors that it names outlive the start.
    unsafe { process.pre_exec(move || entry.enter()) };
    process.status()?;
    Ok(())
}

fn prepare(
    argv: &[String],
    environment: &BTreeMap<String, String>,
    stdin: &Stdin,
) -> Result<Command, CommandError> {
    let (program, arguments) = argv.split_first().ok_or(CommandError::Empty)?;
    let stdin = match stdin {
        Stdin::Nothing => Stdio::null(),
        Stdin::Bytes(bytes) => in_memory(bytes)
            .map_err(|source| CommandError::Wait {
                program: program.clone(),
                source,
            })?
            .into(),
    };
    let mut process = Command::new(program);
    process
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    Ok(process)
}

/// Holds bytes in a file without a name, so that nobody must feed a pipe while the command runs.
fn in_memory(bytes: &[u8]) -> io::Result<OwnedFd> {
    const NAME: &CStr = c"stdin";
    let mut file = File::from(memfd_create(NAME, MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

fn attend(
    mut child: Child,
    program: &str,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<CommandOutcome, CommandError> {
    let mut lines = output::Lines::new(on_line);
    let status = group::attend(&mut child, &mut lines).map_err(|source| CommandError::Wait {
        program: program.to_owned(),
        source,
    })?;
    // One of the two is always there: a process ended by itself or by a signal.
    let status = match status.code() {
        Some(code) => CommandStatus::Exited(code),
        None => CommandStatus::Killed(status.signal().unwrap_or_default()),
    };
    Ok(CommandOutcome {
        status,
        last_lines: lines.finish(),
    })
}

#[cfg(test)]
mod tests;
