//! Data that a command prints. Logs go elsewhere ([`crate::log`]).

use std::io::{self, Write};

use crate::error::{CliError, ErrorKind};

/// Prints a text.
///
/// # Errors
/// When standard output can't be written, unless its reader has had enough, as `head` has.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::new(ErrorKind::InputOutput, PrintError(error)))
        }
        _ => Ok(()),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("failed to write to standard output")]
struct PrintError(#[source] io::Error);
