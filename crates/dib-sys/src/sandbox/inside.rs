//! What happens inside the sandbox: its first process, and the one that does the work.
//!
//! The first process (number 1 of its namespace) sets the namespaces up, starts the worker and reaps whatever is
//! orphaned. When it ends, the kernel kills all that is left in the namespace and drops its mounts. It needs no
//! handlers for the terminal's signals: a namespace's first process gets none whose action is the default.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setresgid, setresuid};

use super::report::{Report, SetupStep};
use super::{signals, terminal};

/// The status of a process whose code panicked, as Rust's own main has it.
const PANIC_STATUS: u8 = 101;

/// What the first process is given by the caller.
pub(super) struct Inside<'a> {
    /// Tells that the maps are written, and by its closing that the caller is gone.
    pub(super) go: PipeReader,
    /// Takes the report for the caller.
    pub(super) report: PipeWriter,
    /// Leads to the keeper of the terminal.
    pub(super) terminal: UnixStream,
    pub(super) hostname: &'a str,
    pub(super) mask: SigSet,
    pub(super) user_namespace: bool,
}

/// Is the first process of the sandbox, until the end.
pub(super) fn be_first_process<F: FnOnce() -> u8>(inside: Inside<'_>, body: F) -> ! {
    // Nothing may unwind from here into the caller's code, of which this process is a copy.
    let status = catch_unwind(AssertUnwindSafe(|| supervise(inside, body))).unwrap_or(PANIC_STATUS);
    exit_at_once(status)
}

fn supervise<F: FnOnce() -> u8>(inside: Inside<'_>, body: F) -> u8 {
    let Inside {
        mut go,
        mut report,
        terminal,
        hostname,
        mask,
        user_namespace,
    } = inside;
    let mut word = [0];
    if go.read_exact(&mut word).is_err() {
        return 1;
    }
    let worker = prepare(&go, hostname, mask, user_namespace).and_then(|()| {
        // SAFETY: this process has one thread, so the copy may do whatever this one may.
        unsafe { fork() }.map_err(|errno| (SetupStep::StartWorker, errno))
    });
    let worker = match worker {
        Ok(ForkResult::Child) => {
            drop((go, report));
            terminal::connect(terminal);
            work(body)
        }
        Ok(ForkResult::Parent { child }) => child,
        Err((step, errno)) => {
            // A caller that cannot be told is gone.
            let _ = report.write_all(&Report::SetupFailed(step, errno).encode());
            return 1;
        }
    };
    // What the body holds belongs to the caller and to the worker; this process must not give it up.
    std::mem::forget(body);
    drop(terminal);
    match reap_until(worker) {
        Ok(ended) => {
            let _ = report.write_all(&ended.encode());
            0
        }
        Err(_) => 1,
    }
}

/// Reaps every process that ends, up to the worker.
fn reap_until(worker: Pid) -> Result<Report, Errno> {
    loop {
        let mut status = 0;
        // Not nix's function: to it, an orphan killed by a real-time signal is an error.
        // SAFETY: the status goes to a live variable.
        match Errno::result(unsafe { libc::waitpid(-1, &raw mut status, 0) }) {
            Ok(pid) if pid != worker.as_raw() => {}
            Ok(_) if libc::WIFSIGNALED(status) => return Ok(Report::Killed(libc::WTERMSIG(status))),
            Ok(_) => return Ok(Report::Exited(libc::WEXITSTATUS(status).to_le_bytes()[0])),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Does the work, and ends the process with the body's status.
fn work<F: FnOnce() -> u8>(body: F) -> ! {
    // The panic's message has been written by the panic hook.
    let status = catch_unwind(AssertUnwindSafe(body)).unwrap_or(PANIC_STATUS);
    let _ = io::stdout().flush();
    exit_at_once(status)
}

fn prepare(
    go: &PipeReader,
    hostname: &str,
    mask: SigSet,
    user_namespace: bool,
) -> Result<(), (SetupStep, Errno)> {
    if user_namespace {
        // Supplementary groups stay: through them the user may reach files of its own. Commands in the target drop
        // them (`command`).
        setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0)).map_err(at(SetupStep::BecomeRoot))?;
        setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).map_err(at(SetupStep::BecomeRoot))?;
    }
    // A change of credentials clears this, so it comes after; a caller that died before it is found by its pipe.
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(at(SetupStep::DieWithCaller))?;
    if is_closed(go) {
        return Err((SetupStep::DieWithCaller, Errno::ESRCH));
    }
    let nothing: Option<&str> = None;
    mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        nothing,
    )
    .map_err(at(SetupStep::PrivateMounts))?;
    // Where parts of /proc are covered, as containers do, the kernel refuses a fresh one in a user namespace. The old
    // one serves as well for what `/proc/self` is needed for; `has_own_proc` tells which one there is.
    let proc_flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let _ = mount(Some("proc"), "/proc", Some("proc"), proc_flags, nothing);
    nix::unistd::sethostname(hostname).map_err(at(SetupStep::Hostname))?;
    signals::restore_default_actions().map_err(|error| {
        (
            SetupStep::Signals,
            error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw),
        )
    })?;
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&mask), None).map_err(at(SetupStep::Signals))
}

fn at(step: SetupStep) -> impl Fn(Errno) -> (SetupStep, Errno) {
    move |errno| (step, errno)
}

fn is_closed(pipe: &PipeReader) -> bool {
    let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// Ends the process without running what the caller registered for its own exit.
fn exit_at_once(status: u8) -> ! {
    // SAFETY: `_exit` takes any status and touches no memory of the process.
    unsafe { libc::_exit(i32::from(status)) }
}
