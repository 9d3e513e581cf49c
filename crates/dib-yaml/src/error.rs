//! What can be wrong with a document, and where.

use std::fmt;

/// A place in a file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// What is wrong with the shape of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The text is neither YAML nor JSON.
    #[error("{0}")]
    Syntax(String),
    /// The file holds more than one document.
    #[error("a second document begins here, and only one is read")]
    SecondDocument,
    /// Aliases make the document too large to be meant so.
    #[error("the document is too large")]
    TooLarge,
    /// Something is of another kind than it should be.
    #[error("{what} must be {wanted}, not {found}")]
    WrongKind {
        /// What is read.
        what: String,
        /// The kind it should be of.
        wanted: &'static str,
        /// The kind it is of.
        found: &'static str,
    },
    /// A mapping has a key twice, so that one of its values would count for nothing.
    #[error("{0:?} is given twice")]
    GivenTwice(String),
}

/// A fault and its place, before it is known which file has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// Where it is.
    pub place: Place,
    /// What is wrong.
    pub fault: Fault,
}
