//! An interactive command in the sandbox, on a terminal made for it.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use dib_sys::sandbox::{ExitReport, SandboxOptions, run_in_sandbox, take_terminal_back};
use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Pid, getpgrp};

use crate::Test;

pub(crate) const TESTS: &[Test] = &[("terminal::a_shell_gives_it_back", a_shell_gives_it_back)];

fn a_shell_gives_it_back() {
    let (_keyboard, terminal) = open_terminal();
    let fd = terminal.as_raw_fd();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("--role=terminal");
    let take = move || {
        // SAFETY: plain system calls on numbers; the new process becomes the leader of the terminal's session.
        unsafe {
            Errno::result(libc::setsid())?;
            Errno::result(libc::ioctl(fd, libc::TIOCSCTTY, 0))?;
        }
        Ok(())
    };
    // SAFETY: `take` makes system calls alone.
    unsafe { command.pre_exec(take) };
    assert!(command.status().unwrap().success(), "the panic is above");
}

/// Plays the caller of a sandbox that lets a command take the terminal.
pub(crate) fn play() -> ExitCode {
    let terminal = File::open("/dev/tty").unwrap();
    assert_eq!(foreground(&terminal), getpgrp());
    let report = run_in_sandbox(&SandboxOptions::default(), || {
        // What an interactive shell does; at its end it can't put back a group that has no number here.
        let fd = terminal.as_raw_fd();
        let mut shell = Command::new("true");
        let take = move || {
            // SAFETY: plain system calls on numbers; the signal is ignored so that the second is allowed.
            unsafe {
                libc::signal(libc::SIGTTOU, libc::SIG_IGN);
                Errno::result(libc::setpgid(0, 0))?;
                Errno::result(libc::tcsetpgrp(fd, libc::getpid()))?;
            }
            Ok(())
        };
        // SAFETY: `take` makes system calls alone.
        unsafe { shell.pre_exec(take) };
        assert!(shell.status().unwrap().success());
        take_terminal_back().unwrap();
        // Twice does no harm.
        take_terminal_back().unwrap();
        0
    });
    assert_eq!(report.unwrap(), ExitReport::Exited(0));
    assert_eq!(foreground(&terminal), getpgrp());
    ExitCode::SUCCESS
}

fn foreground(terminal: &File) -> Pid {
    // SAFETY: the call takes a number; the descriptor is open.
    Pid::from_raw(unsafe { libc::tcgetpgrp(terminal.as_raw_fd()) })
}

/// Makes a pseudo-terminal: its keyboard and screen, and the terminal itself.
fn open_terminal() -> (OwnedFd, OwnedFd) {
    let (mut keyboard, mut terminal) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: both numbers go to live variables; a null name and null settings are not looked at.
    let result = unsafe {
        libc::openpty(
            &raw mut keyboard,
            &raw mut terminal,
            none,
            none.cast(),
            none.cast(),
        )
    };
    Errno::result(result).unwrap();
    // SAFETY: the call has just given both, and nothing else holds them.
    unsafe { (OwnedFd::from_raw_fd(keyboard), OwnedFd::from_raw_fd(terminal)) }
}
