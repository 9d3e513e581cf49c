//! The program's other names: small programs beside it, each of which becomes it.
//!
//! A program is told the name it is called by, so that a link to `dib` would do as well. Cargo makes no links, and seven
//! copies of a program are seven times as large, and as long in the making. So this module is part of the small programs and not of
//! the library, of which it needs nothing.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// `EX_UNAVAILABLE` of `sysexits.h`, as the library's `ErrorKind::Unavailable` has it.
const UNAVAILABLE: u8 = 69;

/// Becomes the program `dib` that stands beside this one, under the name `name`. Returns only if that fails, and has said so
/// by then.
pub(crate) fn run_as(name: &str) -> ExitCode {
    let program = match std::env::current_exe() {
        Ok(own) => own.parent().unwrap_or(Path::new("/")).join("dib"),
        Err(error) => return say(name, OsStr::new("dib"), &error),
    };
    let error = Command::new(&program)
        .arg0(name)
        .args(std::env::args_os().skip(1))
        .exec();
    say(name, program.as_os_str(), &error)
}

fn say(name: &str, program: &OsStr, error: &io::Error) -> ExitCode {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(
        io::stderr(),
        "error: {name} is another name of {}, which can't be run\n  because {error}",
        program.display()
    );
    ExitCode::from(UNAVAILABLE)
}
