//! The signals the calling process waits for while the sandbox runs.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, pthread_sigmask, sigaction,
};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The signals that end a build.
const TERMINATING: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

/// Holds the signals that end a build and that tell of a child's end, until it is dropped.
///
/// They are blocked, so that none is lost or comes between, and are read from a descriptor. A signal the caller
/// ignores (`nohup`) stays ignored.
pub(super) struct HeldSignals {
    previous_mask: SigSet,
    previous_child_action: SigAction,
    fd: SignalFd,
}

impl HeldSignals {
    pub(super) fn hold() -> io::Result<Self> {
        let mut waited_for = SigSet::empty();
        waited_for.add(Signal::SIGCHLD);
        for signal in TERMINATING {
            if !is_ignored(signal)? {
                waited_for.add(signal);
            }
        }
        let fd = SignalFd::with_flags(&waited_for, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let mut blocked = waited_for;
        // Blocked, it lets a process in the background take the terminal back.
        blocked.add(Signal::SIGTTOU);
        // Where children's ends are ignored, the kernel would reap the sandbox before its status is read.
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: the default action runs no code of this process.
        let previous_child_action = unsafe { sigaction(Signal::SIGCHLD, &default) }?;
        let mut previous_mask = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&blocked), Some(&mut previous_mask))?;
        Ok(Self {
            previous_mask,
            previous_child_action,
            fd,
        })
    }

    /// Takes the next signal that has come, if any.
    pub(super) fn next(&self) -> io::Result<Option<Signal>> {
        let Some(information) = self.fd.read_signal()? else {
            return Ok(None);
        };
        let number = i32::try_from(information.ssi_signo).map_err(io::Error::other)?;
        Ok(Some(Signal::try_from(number)?))
    }

    /// Takes all signals that have come, and returns the first that ends a build.
    pub(super) fn take_terminating(&self) -> Option<Signal> {
        let mut first = None;
        while let Ok(Some(signal)) = self.next() {
            if signal != Signal::SIGCHLD {
                first.get_or_insert(signal);
            }
        }
        first
    }

    /// Returns the mask that was in force before, for the sandbox's processes.
    pub(super) fn previous_mask(&self) -> SigSet {
        self.previous_mask
    }
}

impl AsFd for HeldSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        // SAFETY: it puts back the action that was in force before, which was valid then.
        let restored = unsafe { sigaction(Signal::SIGCHLD, &self.previous_child_action) };
        // Both calls fail on bad signal numbers alone, and these are constants.
        debug_assert!(restored.is_ok(), "SIGCHLD can be handled");
        let unmasked = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.previous_mask), None);
        debug_assert!(unmasked.is_ok(), "the mask was in force before");
    }
}

/// Gives the signals that the caller handles or waits for their default actions; ignored ones stay ignored.
pub(super) fn restore_default_actions() -> io::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in TERMINATING.into_iter().chain([Signal::SIGCHLD]) {
        if signal == Signal::SIGCHLD || !is_ignored(signal)? {
            // SAFETY: the default action runs no code of this process.
            unsafe { sigaction(signal, &default) }?;
        }
    }
    Ok(())
}

fn is_ignored(signal: Signal) -> io::Result<bool> {
    // SAFETY: an all-zero `sigaction` is a valid value for the kernel to overwrite.
    let mut current: nix::libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null new action only asks for the current one, which goes to a live variable.
    let result = unsafe { nix::libc::sigaction(signal as i32, std::ptr::null(), &raw mut current) };
    nix::errno::Errno::result(result)?;
    Ok(current.sa_sigaction == nix::libc::SIG_IGN)
}
