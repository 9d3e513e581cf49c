//! Why a hook failed.

use std::error::Error;
use std::fmt;

use dib_archive::ExtractError;
use dib_cache::CacheError;
use dib_sys::command::CommandError;
use dib_sys::mounts::MountError;
use dib_sys::{InvalidTargetPath, TargetError};

/// Why a hook failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// A file of the target could not be read or changed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A path that the hook made up is none.
    #[error(transparent)]
    Path(#[from] InvalidTargetPath),
    /// A mount failed.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// A command failed or could not be started.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A download failed or was refused.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// An archive could not be extracted.
    #[error("failed to extract {archive}")]
    Extract {
        /// The archive's file name.
        archive: String,
        /// Why.
        #[source]
        source: Box<ExtractError>,
    },
    /// A file or directory of the host could not be read or made.
    #[error("failed to {action} {path}")]
    Host {
        /// What was to be done, such as `read`.
        action: &'static str,
        /// The path on the host.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A variable that the hook needs is unset or empty.
    #[error("the variable {name} is not set")]
    Unset {
        /// The variable's name.
        name: String,
    },
    /// A variable holds what the hook can't use.
    #[error("the variable {name} is {value:?}: {expected}")]
    Variable {
        /// The variable's name.
        name: String,
        /// Its value.
        value: String,
        /// What was expected.
        expected: String,
    },
    /// A crate that the hook had work for it failed, such as `dib-deb`.
    #[error(transparent)]
    Foreign(Box<dyn Error + Send + Sync>),
    /// Something else, in the hook's own words.
    #[error("{message}")]
    Other {
        /// What is wrong.
        message: String,
    },
    /// Any of these, with something that the user can do about it.
    #[error(transparent)]
    Hinted(Hinted),
}

/// An error with something that the user can do about it; it reads as the error does.
#[derive(Debug)]
pub struct Hinted {
    error: Box<HookError>,
    hint: String,
}

impl Hinted {
    /// Returns what is wrong.
    #[must_use]
    pub fn error(&self) -> &HookError {
        &self.error
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

impl Error for Hinted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl HookError {
    /// Takes the error of another crate that did the hook's work; it reads as that error does.
    #[must_use]
    pub fn foreign(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Foreign(Box::new(error))
    }

    /// States what is wrong in the hook's own words.
    #[must_use]
    pub fn other(message: impl Into<String>) -> Self {
        Self::Other {
            message: message.into(),
        }
    }

    /// Adds something that the user can do about it.
    #[must_use]
    pub fn hinted(self, hint: impl Into<String>) -> Self {
        Self::Hinted(Hinted {
            error: Box::new(self),
            hint: hint.into(),
        })
    }

    /// Returns what the user can do about it, where the hook says so.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Hinted(hinted) => Some(&hinted.hint),
            _ => None,
        }
    }
}
