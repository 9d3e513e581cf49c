//! Attending to a running command: reading what it writes, and ending what it leaves behind.

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::process::{Child, ChildStderr, ChildStdout, ExitStatus};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::Stream;
use super::output::Lines;

/// How long what the leader left may go on writing, before it is told to end.
const DRAIN: Duration = Duration::from_millis(500);
/// How long what was told to end may take, before it is killed.
const GRACE: Duration = Duration::from_millis(500);
/// How often the group is looked at while it is told to end, and how long its last words are read.
const LOOK: Duration = Duration::from_millis(10);
/// How much is read at once.
const READ_SIZE: usize = 64 * 1024;

/// The two outputs of a command, each until its end.
struct Outputs {
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    buffer: Vec<u8>,
}

/// Reads the outputs until the command and its group have ended, and returns the command's status.
///
/// The leader of the group is the command itself. What it leaves may go on writing for a moment (a `tee` at the end of
/// its output), is then told to end, and then killed. What left the group, as daemons do, may hold the pipes for ever:
/// they are read no longer than that.
pub(super) fn attend(child: &mut Child, lines: &mut Lines<'_>) -> io::Result<ExitStatus> {
    let leader = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    let mut outputs = Outputs {
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
        buffer: vec![0; READ_SIZE],
    };
    let status = match outputs.read_until_end_of(leader, lines) {
        Ok(()) => child.wait()?,
        Err(error) => {
            let _ = killpg(leader, Signal::SIGKILL);
            child.wait()?;
            return Err(error);
        }
    };
    outputs.read_until_closed(DRAIN, lines)?;
    // The leader's number is free by now, but the kernel gives it to nobody while a process is in its group, and says
    // so when there is none.
    if killpg(leader, Signal::SIGTERM).is_err() {
        return Ok(status);
    }
    let deadline = Instant::now() + GRACE;
    while killpg(leader, None).is_ok() {
        if Instant::now() >= deadline {
            let _ = killpg(leader, Signal::SIGKILL);
            break;
        }
        outputs.read_once(None, LOOK, lines)?;
    }
    outputs.read_until_closed(LOOK, lines)?;
    Ok(status)
}

impl Outputs {
    fn read_until_end_of(&mut self, leader: Pid, lines: &mut Lines<'_>) -> io::Result<()> {
        let end_of_leader = open_process(leader)?;
        while !self.read_once(Some(end_of_leader.as_fd()), Duration::MAX, lines)? {}
        Ok(())
    }

    fn read_until_closed(&mut self, limit: Duration, lines: &mut Lines<'_>) -> io::Result<()> {
        let deadline = Instant::now() + limit;
        while self.stdout.is_some() || self.stderr.is_some() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.read_once(None, left, lines)?;
        }
        Ok(())
    }

    /// Waits until something can be read or `process` has ended, reads, and returns whether the latter is so.
    fn read_once(
        &mut self,
        process: Option<BorrowedFd<'_>>,
        limit: Duration,
        lines: &mut Lines<'_>,
    ) -> io::Result<bool> {
        let sources = [
            process,
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.as_ref().map(AsFd::as_fd),
        ];
        let mut polled: Vec<_> = sources
            .iter()
            .flatten()
            .map(|fd| PollFd::new(*fd, PollFlags::POLLIN))
            .collect();
        // Rounded up, so that it does not spin through the last part of a millisecond.
        let limit = limit.saturating_add(Duration::from_micros(999));
        match poll(
            &mut polled,
            PollTimeout::try_from(limit).unwrap_or(PollTimeout::NONE),
        ) {
            Err(Errno::EINTR) => return Ok(false),
            result => result?,
        };
        let mut answers = polled.iter().map(|polled| polled.any() != Some(false));
        let [process_ended, stdout, stderr] =
            sources.map(|source| source.is_some() && answers.next() == Some(true));
        if stdout {
            read_pipe(&mut self.stdout, Stream::Stdout, &mut self.buffer, lines)?;
        }
        if stderr {
            read_pipe(&mut self.stderr, Stream::Stderr, &mut self.buffer, lines)?;
        }
        Ok(process_ended)
    }
}

fn read_pipe(
    pipe: &mut Option<impl Read>,
    stream: Stream,
    buffer: &mut [u8],
    lines: &mut Lines<'_>,
) -> io::Result<()> {
    let Some(reader) = pipe else { return Ok(()) };
    match reader.read(buffer) {
        Ok(0) => *pipe = None,
        Ok(length) => lines.take(stream, &buffer[..length]),
        Err(error) if error.kind() == ErrorKind::Interrupted => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Opens a descriptor that can be read once the process has ended (`pidfd_open(2)`).
fn open_process(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two numbers.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just given this descriptor, and nothing else holds it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
