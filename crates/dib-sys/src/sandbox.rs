//! The sandbox: namespaces in which a build runs, and which take its mounts and processes with them when they end.
//!
//! Three processes take part. The *caller* makes the *first process* in new PID, mount, UTS and IPC namespaces, and,
//! unless it is the machine's root, in a new user namespace whose maps it writes. The first process sets things up
//! (`inside`), starts the *worker*, which runs the given function, and reaps. However one of them dies, the others
//! follow: the kernel kills the first process with its caller, and the whole namespace with its first process.

mod diagnosis;
mod facts;
mod identity;
mod inside;
mod report;
mod signals;
mod terminal;

use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

pub use diagnosis::{IdKind, Obstacle, certain_obstacles, likely_obstacle};
pub use facts::{Facts, MapTool, Subordinates};
pub use identity::{IdRange, Identity};
pub use report::SetupStep;
pub use terminal::take_terminal_back;

use report::Report;
use signals::HeldSignals;

/// How the sandbox looks from inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxOptions {
    /// The host's name inside.
    pub hostname: String,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            hostname: "dib".to_owned(),
        }
    }
}

/// How the work in a sandbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitReport {
    /// The function returned this status; 101 stands for a panic.
    Exited(u8),
    /// The working process was killed by the signal of this number.
    Killed(i32),
    /// The caller got the signal of this number (SIGINT, SIGTERM or SIGHUP) and the sandbox was ended.
    Interrupted(i32),
}

/// Why a sandbox could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The caller has more than one thread, of which only one would go on in the sandbox.
    #[error("a sandbox is made by a process with one thread, this one has {count}")]
    Threads {
        /// How many threads there are.
        count: usize,
    },
    /// Something on the machine keeps the sandbox from being made.
    #[error("no sandbox can be made: {}", diagnosis::Listed(obstacles))]
    Unavailable {
        /// All that was found.
        obstacles: Vec<Obstacle>,
        /// What the kernel or a tool said, when it was asked.
        source: Option<Box<SandboxError>>,
    },
    /// The kernel gave no namespaces.
    #[error("failed to make the sandbox's namespaces")]
    Namespaces(#[source] io::Error),
    /// A map of users or groups could not be written.
    #[error("failed to write {file}")]
    WriteMap {
        /// The file under `/proc`.
        file: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// newuidmap or newgidmap could not be started.
    #[error("failed to start {tool}")]
    StartMapTool {
        /// The program's name.
        tool: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// newuidmap or newgidmap failed.
    #[error("failed to map the subordinate range: {tool} says {message:?}")]
    MapTool {
        /// The program's name.
        tool: &'static str,
        /// What it wrote.
        message: String,
    },
    /// The sandbox's first process failed at a step.
    #[error("failed to {step} in the sandbox")]
    Setup {
        /// The step.
        step: SetupStep,
        /// What the kernel said.
        source: io::Error,
    },
    /// A pipe, a signal or a wait failed.
    #[error("failed to watch over the sandbox")]
    Watch(#[source] io::Error),
}

impl SandboxError {
    /// Returns commands or steps that mend the cause, where it is known.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Unavailable { obstacles, .. } => obstacles.iter().flat_map(Obstacle::hints).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the kernel's answer this error stands for, if one explains it.
    fn errno(&self) -> Option<Errno> {
        match self {
            Self::Namespaces(source) | Self::WriteMap { source, .. } | Self::Setup { source, .. } => {
                source.raw_os_error().map(Errno::from_raw)
            }
            // The tools tell no number; what they meet is a refusal.
            Self::MapTool { .. } => Some(Errno::EPERM),
            _ => None,
        }
    }
}

/// Runs `body` as root in a new sandbox, waits for its end and tells how it came.
///
/// Standard input, output and error are the caller's. What `body` captures exists in both processes: it is dropped in
/// the sandbox when `body` ends, and again in the caller when the sandbox has ended, so a guard that removes files
/// should rather be borrowed. On SIGINT, SIGTERM or SIGHUP the sandbox is killed and the signal reported, so that the
/// caller can clean up.
///
/// # Errors
/// When the caller has more than one thread, or the sandbox could not be made: [`SandboxError::Unavailable`] says what
/// stands in the way and how it is mended.
///
/// # Examples
/// ```no_run
/// use dib_sys::sandbox::{ExitReport, SandboxOptions, run_in_sandbox};
///
/// let report = run_in_sandbox(&SandboxOptions::default(), || {
///     let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("/proc is there");
///     u8::from(hostname.trim() != "dib")
/// })?;
/// assert_eq!(report, ExitReport::Exited(0));
/// # Ok::<(), dib_sys::sandbox::SandboxError>(())
/// ```
pub fn run_in_sandbox<F: FnOnce() -> u8>(
    options: &SandboxOptions,
    body: F,
) -> Result<ExitReport, SandboxError> {
    require_one_thread()?;
    let facts = Facts::gather();
    let obstacles = certain_obstacles(&facts);
    if !obstacles.is_empty() {
        return Err(SandboxError::Unavailable {
            obstacles,
            source: None,
        });
    }
    let identity = Identity::choose(&facts);
    start_and_watch(options, &identity, &facts, body).map_err(|error| explain(error, &facts))
}

/// Makes a sandbox, does nothing in it, and tells as whom it ran.
///
/// # Errors
/// As [`run_in_sandbox`].
pub fn probe() -> Result<Identity, SandboxError> {
    run_in_sandbox(&SandboxOptions::default(), || 0)?;
    Ok(Identity::choose(&Facts::gather()))
}

/// Returns whether `/proc` shows this process's own PID namespace.
///
/// In a sandbox inside a container it may not (the kernel refuses a fresh `/proc` where parts of the old one are
/// covered); then `/proc` numbers the processes as seen from outside.
#[must_use]
pub fn has_own_proc() -> bool {
    std::fs::read_link("/proc/self")
        .is_ok_and(|link| link.as_os_str().to_str() == Some(&std::process::id().to_string()))
}

fn require_one_thread() -> Result<(), SandboxError> {
    let count = std::fs::read_dir("/proc/self/task")
        .map_err(SandboxError::Watch)?
        .count();
    if count == 1 {
        Ok(())
    } else {
        Err(SandboxError::Threads { count })
    }
}

fn explain(error: SandboxError, facts: &Facts) -> SandboxError {
    match error.errno().and_then(|errno| likely_obstacle(facts, errno)) {
        Some(obstacle) => SandboxError::Unavailable {
            obstacles: vec![obstacle],
            source: Some(Box::new(error)),
        },
        None => error,
    }
}

fn start_and_watch<F: FnOnce() -> u8>(
    options: &SandboxOptions,
    identity: &Identity,
    facts: &Facts,
    body: F,
) -> Result<ExitReport, SandboxError> {
    let (go_reader, mut go) = io::pipe().map_err(SandboxError::Watch)?;
    let (mut report, report_writer) = io::pipe().map_err(SandboxError::Watch)?;
    let (terminal, terminal_inside) = UnixStream::pair().map_err(SandboxError::Watch)?;
    let signals = HeldSignals::hold().map_err(SandboxError::Watch)?;
    // What is buffered would be written by both processes.
    io::stdout().flush().map_err(SandboxError::Watch)?;

    let Some(pid) =
        clone_into_namespaces(identity.needs_user_namespace()).map_err(SandboxError::Namespaces)?
    else {
        // Only the caller may hold these ends: by their closing each side sees the other's end.
        drop((go, report, terminal));
        let mask = signals.previous_mask();
        let inside = inside::Inside {
            go: go_reader,
            report: report_writer,
            terminal: terminal_inside,
            hostname: &options.hostname,
            mask,
            user_namespace: identity.needs_user_namespace(),
        };
        inside::be_first_process(inside, body)
    };
    let mut first_process = FirstProcess { pid, reaped: false };
    drop((go_reader, report_writer, terminal_inside));

    if let Err(error) = identity.write_maps(pid, facts) {
        // A signal of the terminal also ends the tools that write the maps.
        return match signals.take_terminating() {
            Some(signal) => Ok(ExitReport::Interrupted(signal as i32)),
            None => Err(error),
        };
    }
    // When the first process is gone already, its report tells why.
    let _ = go.write_all(&[1]);
    // `go` stays open meanwhile: the first process looks whether its caller lives. So does `body`, whose values the
    // worker uses.
    first_process.watch(&signals, &terminal, &mut report)
}

/// The sandbox's first process as the caller holds it; dropping it ends the sandbox.
struct FirstProcess {
    pid: Pid,
    reaped: bool,
}

impl FirstProcess {
    fn watch(
        &mut self,
        signals: &HeldSignals,
        terminal: &UnixStream,
        report: &mut PipeReader,
    ) -> Result<ExitReport, SandboxError> {
        let status = match self.wait(signals, terminal).map_err(SandboxError::Watch)? {
            Waited::Ended(status) => status,
            Waited::Interrupted(signal) => {
                self.end();
                // A second one (a service manager sends two) must not kill the caller before it has cleaned up.
                signals.take_terminating();
                return Ok(ExitReport::Interrupted(signal as i32));
            }
        };
        // A signal of the terminal reaches the worker too, and its end may be seen before the signal.
        if let Some(signal) = signals.take_terminating() {
            return Ok(ExitReport::Interrupted(signal as i32));
        }
        // Every process that could hold the pipe's other end is dead.
        let mut bytes = Vec::with_capacity(report::REPORT_LENGTH);
        report.read_to_end(&mut bytes).map_err(SandboxError::Watch)?;
        match (Report::decode(&bytes), status) {
            (Some(Report::Exited(status)), _) => Ok(ExitReport::Exited(status)),
            (Some(Report::Killed(signal)), _) => Ok(ExitReport::Killed(signal)),
            (None, WaitStatus::Signaled(_, signal, _)) => Ok(ExitReport::Killed(signal as i32)),
            (Some(Report::SetupFailed(step, errno)), _) => Err(SandboxError::Setup {
                step,
                source: io::Error::from(errno),
            }),
            (None, status) => Err(SandboxError::Watch(io::Error::other(format!(
                "its first process ended with {status:?}"
            )))),
        }
    }

    /// Kills the sandbox and waits until nothing of it is left.
    fn end(&mut self) {
        if !self.reaped {
            // It is not reaped, so the number is still its own. Its end comes after that of the whole namespace.
            let _ = kill(self.pid, Signal::SIGKILL);
            while waitpid(self.pid, None) == Err(Errno::EINTR) {}
            self.reaped = true;
        }
    }

    fn wait(&mut self, signals: &HeldSignals, terminal: &UnixStream) -> io::Result<Waited> {
        let mut terminal_open = true;
        loop {
            let ready = PollFlags::POLLIN;
            let mut polled = [
                PollFd::new(signals.as_fd(), ready),
                PollFd::new(terminal.as_fd(), ready),
            ];
            let watched = if terminal_open {
                &mut polled[..]
            } else {
                &mut polled[..1]
            };
            match poll(watched, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            if terminal_open && polled[1].any() == Some(true) {
                terminal_open = terminal::serve(terminal);
            }
            while let Some(signal) = signals.next()? {
                if signal != Signal::SIGCHLD {
                    return Ok(Waited::Interrupted(signal));
                }
                match waitpid(self.pid, Some(WaitPidFlag::WNOHANG))? {
                    WaitStatus::StillAlive => {}
                    status => {
                        self.reaped = true;
                        return Ok(Waited::Ended(status));
                    }
                }
            }
        }
    }
}

impl Drop for FirstProcess {
    fn drop(&mut self) {
        self.end();
    }
}

enum Waited {
    Ended(WaitStatus),
    Interrupted(Signal),
}

/// Forks into new namespaces; returns the child's number in the caller, and nothing in the child.
fn clone_into_namespaces(user_namespace: bool) -> io::Result<Option<Pid>> {
    let mut flags =
        libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC | libc::SIGCHLD;
    if user_namespace {
        flags |= libc::CLONE_NEWUSER;
    }
    let (flags, none): (libc::c_long, libc::c_long) = (flags.into(), 0);
    // SAFETY: without CLONE_VM and with no stack given this is a fork: the child has its own copy of all memory. The
    // process has one thread, so no lock is held in the copy by a thread that is not there. (The order of the first
    // two arguments is this one on every architecture but s390x.)
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) };
    match Errno::result(result)? {
        0 => Ok(None),
        pid => Ok(Some(Pid::from_raw(i32::try_from(pid).map_err(io::Error::other)?))),
    }
}

#[cfg(all(target_os = "linux", target_arch = "s390x"))]
compile_error!("clone takes its arguments in another order on s390x");
