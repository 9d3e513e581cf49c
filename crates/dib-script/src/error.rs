//! What can be wrong with elements that are directories.

use std::io;

use camino::Utf8PathBuf;
use dib_core::element::InvalidElementName;
use dib_core::nearest::nearest;
use dib_core::package::InvalidCondition;
use dib_core::{ElementName, InvalidLayerRule};
use dib_sys::command::{CommandError, CommandStatus};
use dib_yaml::{Node, Place};

use crate::hook_names::HookNamesError;

/// Why the directories of a path can't be searched for elements.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ElementsPathError {
    /// It is no directory.
    #[error("{directory}, on ELEMENTS_PATH, is not a directory")]
    NoDirectory {
        /// The path.
        directory: Utf8PathBuf,
    },
    /// It can't be listed.
    #[error("failed to list the elements in {directory}")]
    List {
        /// The directory.
        directory: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Why a directory is no element that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ElementError {
    /// Its name is none for an element.
    #[error(transparent)]
    Name(#[from] InvalidElementName),
    /// Its hooks can't be told from other files.
    #[error(transparent)]
    HookNames(#[from] HookNamesError),
    /// A file of it can't be read.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What should be a file is a directory, a pipe or a device.
    #[error("{path} is not a file")]
    NoFile {
        /// Its path.
        path: Utf8PathBuf,
    },
    /// What should be a directory of hooks is something else.
    #[error("{path} is not a directory")]
    NoDirectory {
        /// Its path.
        path: Utf8PathBuf,
    },
    /// A file of it is too large to be meant so.
    #[error("{path} has more than {largest} bytes")]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
        /// How many bytes are taken.
        largest: u64,
    },
    /// A file of it says what makes no sense.
    #[error("{path}:{place}: {fault}")]
    Fault {
        /// The file.
        path: Utf8PathBuf,
        /// Where in it.
        place: Place,
        /// What is wrong.
        fault: Fault,
    },
}

/// Why the files of a build's elements can't stand in one directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// Two elements have a file of one name in a directory of one name.
    #[error("the elements {first} and {second} both have the file {file}")]
    Duplicate {
        /// The file's path in both.
        file: String,
        /// The first element by name.
        first: ElementName,
        /// The second.
        second: ElementName,
    },
    /// What is a file in one element is a directory in another.
    #[error("{place} is a file in the element {file} and a directory in the element {directory}")]
    FileAndDirectory {
        /// The path in both.
        place: String,
        /// The element that has the file.
        file: ElementName,
        /// The element that has the directory.
        directory: ElementName,
    },
    /// A file can't be copied.
    #[error("failed to copy {path}")]
    Copy {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory can't be listed.
    #[error(transparent)]
    List(#[from] ElementError),
}

/// Why the files of `environment.d` can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// bash can't be started.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// One of the files fails.
    #[error("the environment file {file} failed: bash {status}{}", quoted(last_lines))]
    Failed {
        /// The file.
        file: String,
        /// How bash ended, which read it.
        status: CommandStatus,
        /// The last lines of the output.
        last_lines: Vec<String>,
    },
    /// One of the files ends the shell that reads it.
    #[error("{file} ends the shell that reads it, by exit or exec, and no hook could run after that")]
    Ended {
        /// The file.
        file: String,
    },
    /// The place for the result can't be made or read.
    #[error("failed to keep the environment that the files of environment.d make")]
    Keep(#[from] io::Error),
    /// A directory can't be listed.
    #[error(transparent)]
    List(#[from] ElementError),
}

/// What is wrong at a place in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The document's shape is wrong.
    #[error(transparent)]
    Document(#[from] dib_yaml::Fault),
    /// The text is of another encoding.
    #[error("the text is not UTF-8 here")]
    NotUtf8,
    /// A name that nobody knows.
    #[error("there is no {what} {name:?}; {}", instead_of(name, known))]
    Unknown {
        /// What is named, such as `key`.
        what: &'static str,
        /// The name given.
        name: String,
        /// The names there are.
        known: &'static [&'static str],
    },
    /// Both `arch` and `not-arch` are given.
    #[error("{package} has both arch and not-arch, and only one of them may be given")]
    BothArchitectures {
        /// The package.
        package: String,
    },
    /// A condition is none.
    #[error(transparent)]
    Condition(#[from] InvalidCondition),
    /// The name of a package is empty, or begins as an option does.
    #[error("{0:?} is no name for a package")]
    PackageName(String),
    /// The name of an element is none.
    #[error(transparent)]
    ElementName(#[from] InvalidElementName),
    /// What is said of layers is of no hook.
    #[error("{0:?} is no hook; one is written as install.d/50-name, and all of a phase as install.d/*")]
    LayerHook(String),
    /// What is said of layers is no rule.
    #[error(transparent)]
    LayerRule(InvalidLayerRule),
}

fn quoted(lines: &[String]) -> String {
    lines
        .iter()
        .fold(String::new(), |text, line| text + "\n  | " + line)
}

/// Says which name was meant, or else which there are.
fn instead_of(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("there are {}", known.join(", ")),
    }
}

/// A fault and its place, before it is known which file has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misplaced {
    pub(crate) place: Place,
    pub(crate) fault: Fault,
}

impl Misplaced {
    /// Makes a fault of a node.
    pub(crate) fn at(node: &Node, fault: Fault) -> Self {
        Self {
            place: node.place,
            fault,
        }
    }
}

impl From<dib_yaml::Misplaced> for Misplaced {
    fn from(misplaced: dib_yaml::Misplaced) -> Self {
        Self {
            place: misplaced.place,
            fault: misplaced.fault.into(),
        }
    }
}
