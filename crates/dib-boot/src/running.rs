//! A machine that runs, with its console in our hands.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::companion::end_with_this_process;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::machine::{ConsolePlace, Machine, MachineFiles};
use crate::programs::Programs;

/// How much is read at once.
const READ_SIZE: usize = 16 * 1024;

/// A machine can't be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// QEMU can't be started.
    #[error("failed to start {program}")]
    Start {
        /// The program.
        program: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The console can't be read or written.
    #[error("failed to talk to the machine's console")]
    Console(#[source] io::Error),
    /// The console's log can't be written.
    #[error("failed to write {path}")]
    Log {
        /// The log.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The signal of this number was to end this process. The machine has gone first, and its files with it.
    #[error("interrupted by signal {0}")]
    Interrupted(i32),
    /// QEMU ended with an error of its own.
    #[error("QEMU ended with an error: {message}")]
    Qemu {
        /// What it said.
        message: String,
    },
}

/// What reading the console has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleRead {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing, and the time is over.
    TimedOut,
    /// The machine has ended by itself: it was switched off, or reset.
    Ended,
}

/// A machine that runs. It ends when this is dropped, and with this process.
#[derive(Debug)]
pub struct RunningMachine {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    log: File,
    log_path: Utf8PathBuf,
    messages: Utf8PathBuf,
    /// Goes away after the machine.
    _files: MachineFiles,
    /// Goes away last: what comes while it is there interrupts no removal.
    signals: Signals,
}

impl RunningMachine {
    /// Starts a machine; all that comes from its console is written to `log`, byte by byte.
    ///
    /// # Errors
    /// When QEMU can't be started, or the log not be made.
    pub fn start(
        programs: &Programs,
        machine: &Machine,
        files: MachineFiles,
        log: &Utf8Path,
    ) -> Result<Self, RunError> {
        let log_error = |path: &Utf8Path, source| RunError::Log {
            path: path.to_owned(),
            source,
        };
        let log_file = File::create(log).map_err(|source| log_error(log, source))?;
        let messages = files.directory().join("messages");
        let messages_file = File::create(&messages).map_err(|source| log_error(&messages, source))?;
        let mut command = Command::new(&programs.qemu);
        command
            .args(files.arguments(programs.arch, machine, ConsolePlace::Streams))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(messages_file);
        let mut child = end_with_this_process(&mut command)
            .spawn()
            .map_err(|source| RunError::Start {
                program: programs.qemu.clone(),
                source,
            })?;
        let (input, output) = pipes_of(&mut child);
        let signals = Signals::take().map_err(RunError::Console)?;
        Ok(Self {
            child,
            input,
            output,
            log: log_file,
            log_path: log.to_owned(),
            messages,
            signals,
            _files: files,
        })
    }

    /// Waits for the console to write something, until `deadline` at the latest.
    ///
    /// # Errors
    /// When the console can't be read, or QEMU ended with an error.
    pub fn read(&mut self, deadline: Instant) -> Result<ConsoleRead, RunError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(ConsoleRead::TimedOut);
            }
            // Rounded up, so that it does not spin through the last part of a millisecond.
            let limit = left.saturating_add(Duration::from_micros(999));
            let mut polled = [
                PollFd::new(self.output.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.fd.as_fd(), PollFlags::POLLIN),
            ];
            match poll(
                &mut polled,
                PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX),
            ) {
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(RunError::Console(error.into())),
            }
            let has_output = polled[0].any() != Some(false);
            if let Some(signal) = self.signals.next() {
                return Err(RunError::Interrupted(signal));
            }
            if !has_output {
                continue;
            }
            let mut buffer = vec![0; READ_SIZE];
            match self.output.read(&mut buffer) {
                Ok(0) => return self.end(),
                Ok(length) => {
                    buffer.truncate(length);
                    self.log.write_all(&buffer).map_err(|source| RunError::Log {
                        path: self.log_path.clone(),
                        source,
                    })?;
                    return Ok(ConsoleRead::Bytes(buffer));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(RunError::Console(error)),
            }
        }
    }

    /// Types bytes at the console.
    ///
    /// # Errors
    /// When the machine is gone.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        self.input
            .write_all(bytes)
            .and_then(|()| self.input.flush())
            .map_err(RunError::Console)
    }

    /// Says how QEMU ended, whose output is closed.
    fn end(&mut self) -> Result<ConsoleRead, RunError> {
        let status = self.child.wait().map_err(RunError::Console)?;
        if status.success() {
            return Ok(ConsoleRead::Ended);
        }
        let said = fs::read(&self.messages).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        Err(RunError::Qemu {
            message: format!("{} ({status})", said.trim()),
        })
    }
}

/// The signals that ask this process to end, taken for as long as this is there: so that the machine's files go away with it.
#[derive(Debug)]
struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    fn take() -> io::Result<Self> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
            set.add(signal);
        }
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { fd, before })
    }

    /// Returns the number of a signal that has come.
    fn next(&mut self) -> Option<i32> {
        let signal = self.fd.read_signal().ok()??;
        i32::try_from(signal.ssi_signo).ok()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // The mask was this thread's own, so it can be set.
        let _ = self.before.thread_set_mask();
    }
}

fn pipes_of(child: &mut Child) -> (ChildStdin, ChildStdout) {
    let input = child.stdin.take().expect("its input was made a pipe");
    let output = child.stdout.take().expect("its output was made a pipe");
    (input, output)
}

impl Drop for RunningMachine {
    fn drop(&mut self) {
        // It may have ended already. Its files go away after it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hands a machine's console to the terminal that this process has, until the machine or the person ends it.
///
/// # Errors
/// When QEMU can't be started, or ends with an error; it has said why by then.
pub fn run_at_terminal(programs: &Programs, machine: &Machine, files: &MachineFiles) -> Result<(), RunError> {
    let mut command = Command::new(&programs.qemu);
    command.args(files.arguments(programs.arch, machine, ConsolePlace::Terminal));
    let status = end_with_this_process(&mut command)
        .status()
        .map_err(|source| RunError::Start {
            program: programs.qemu.clone(),
            source,
        })?;
    if status.success() {
        return Ok(());
    }
    Err(RunError::Qemu {
        message: status.to_string(),
    })
}
