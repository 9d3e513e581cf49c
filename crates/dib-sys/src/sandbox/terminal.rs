//! The terminal, which an interactive shell in the sandbox takes and cannot give back.
//!
//! A shell makes its own process group the terminal's foreground. At its end it would restore the group before, but
//! that group lies outside the sandbox's PID namespace and has no number inside. The caller, outside, can do it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use nix::unistd::getpgrp;

static KEEPER: OnceLock<UnixStream> = OnceLock::new();

/// Makes the build the terminal's foreground again, after an interactive command in the sandbox.
///
/// Outside a sandbox, or without a terminal, it does nothing.
///
/// # Errors
/// When the process outside does not answer.
pub fn take_terminal_back() -> io::Result<()> {
    let Some(mut keeper) = KEEPER.get() else {
        return Ok(());
    };
    keeper.write_all(&[0])?;
    keeper.read_exact(&mut [0])
}

/// Remembers the way to the keeper, in the working process.
pub(super) fn connect(keeper: UnixStream) {
    // The working process is connected once, at its start.
    let _ = KEEPER.set(keeper);
}

/// Serves one request outside; returns whether more may come.
pub(super) fn serve(mut worker: &UnixStream) -> bool {
    if !worker.read(&mut [0]).is_ok_and(|length| length == 1) {
        return false;
    }
    if let Ok(terminal) = File::open("/dev/tty") {
        // It fails when the caller itself is in the background of another session, and then there is nothing to take.
        // SAFETY: the call takes two numbers; the descriptor is open.
        let _ = unsafe { nix::libc::tcsetpgrp(terminal.as_raw_fd(), getpgrp().as_raw()) };
    }
    worker.write_all(&[0]).is_ok()
}
