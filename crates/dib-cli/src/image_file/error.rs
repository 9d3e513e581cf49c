//! What can be wrong with files of images.

use std::io;

use camino::Utf8PathBuf;
use dib_core::nearest::nearest;
use dib_yaml::Place;

use super::keys::KEYS;

/// Why files of images can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageFileError {
    /// A file can't be read.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Files say what makes no sense; there is at least one fault.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<FileFault>),
}

/// What is wrong at a place in a file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{place}: {fault}")]
pub(crate) struct FileFault {
    pub(super) path: Utf8PathBuf,
    pub(super) place: Place,
    pub(super) fault: Fault,
}

/// What is wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The document's shape is wrong.
    #[error(transparent)]
    Document(dib_yaml::Fault),
    /// A key is none of an image's.
    #[error("there is no key {name:?}; {}", instead_of(name, KEYS.iter().map(|key| key.name)))]
    UnknownKey { name: String },
    /// A name is not one of those that a key can have.
    #[error("{key}: there is no {what} {name:?}; {}", instead_of(name, known.iter().copied()))]
    UnknownName {
        key: &'static str,
        what: &'static str,
        name: String,
        known: &'static [&'static str],
    },
    /// What should be a number is none, or is out of its range.
    #[error("{key} must be a whole number from {least}{}, not {found:?}", most.map(|most| format!(" to {most}")).unwrap_or_default())]
    Number {
        key: &'static str,
        least: u64,
        most: Option<u64>,
        found: String,
    },
    /// A name can't be a variable's.
    #[error("{0:?} is no name for a variable")]
    VariableName(String),
    /// A text has a byte that no argument and no variable can have.
    #[error("{0} has a NUL, which no argument of a program can have")]
    Nul(String),
}

/// Says which name was meant, or else which there are.
fn instead_of(name: &str, known: impl Iterator<Item = &'static str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// A fault and its place, before it is known which file has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misplaced {
    pub(super) place: Place,
    pub(super) fault: Fault,
}

impl From<dib_yaml::Misplaced> for Misplaced {
    fn from(misplaced: dib_yaml::Misplaced) -> Self {
        Self {
            place: misplaced.place,
            fault: Fault::Document(misplaced.fault),
        }
    }
}
