//! What ends a command early, and with which exit status.

use std::error::Error as _;
use std::io;
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};

/// The reason for which a command stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// The host lacks programs and we may not install them.
    #[error("programs are missing on this machine: {programs}\nthis installs them:\n    {command}")]
    Needs { programs: String, command: String },

    /// A program could not be started or failed.
    #[error(transparent)]
    Command(#[from] xshell::Error),

    /// A program whose status is to be ours failed.
    #[error("{program} ended with status {status}")]
    Status { program: String, status: u8 },

    /// A file or directory could not be handled.
    #[error("failed to {action} {path}")]
    File {
        action: &'static str,
        path: Utf8PathBuf,
        source: io::Error,
    },

    /// A file does not hold what it should.
    #[error("failed to read {path} as JSON")]
    Json {
        path: Utf8PathBuf,
        source: serde_json::Error,
    },

    /// Something was checked and is not so.
    #[error("{0}")]
    Check(String),
}

impl TaskError {
    /// Makes a `map_err` argument for an action on a path.
    pub(crate) fn file(action: &'static str, path: impl AsRef<Utf8Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::File { action, path, source }
    }

    /// Prints the error and its sources to stderr.
    pub(crate) fn print(&self) {
        eprintln!("error: {self}");
        let mut source = self.source();
        while let Some(error) = source {
            eprintln!("  caused by: {error}");
            source = error.source();
        }
    }

    /// Says with which status the command ends: 69 (`EX_UNAVAILABLE` of sysexits.h) for a need that is not met,
    /// a program's own status where that is passed on, else 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Needs { .. } => ExitCode::from(69),
            Self::Status { status, .. } => ExitCode::from(*status),
            _ => ExitCode::FAILURE,
        }
    }
}
