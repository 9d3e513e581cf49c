//! Why an extraction failed.

use std::fmt;
use std::io;

/// Where in an archive something went wrong. Names hold replacements for what is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Before its first entry.
    Start,
    /// In the entry of this name.
    In(String),
    /// After the entry of this name.
    After(String),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => formatter.write_str("at its start"),
            Self::In(entry) => write!(formatter, "in its entry {entry:?}"),
            Self::After(entry) => write!(formatter, "after its entry {entry:?}"),
        }
    }
}

/// An archive that could not be extracted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The file is no archive of a known format.
    #[error(
        "the file is neither a tar archive, plain or compressed with gzip, xz or zstd, nor a SquashFS image"
    )]
    UnknownFormat,
    /// The archive can't be read or decompressed.
    #[error("failed to read the archive {place}")]
    Damaged {
        /// Where.
        place: Place,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// The archive ends before it is complete.
    #[error("the archive is cut short {place}")]
    CutShort {
        /// Where.
        place: Place,
    },
    /// The archive's structure is not what its format asks for.
    #[error("the archive is malformed {place}: {reason}")]
    Malformed {
        /// Where.
        place: Place,
        /// What is wrong.
        reason: String,
    },
    /// An entry uses a feature that is not supported.
    #[error("the entry {entry:?} is {feature}, which is not supported")]
    Unsupported {
        /// The entry's name.
        entry: String,
        /// The feature.
        feature: String,
    },
    /// An entry's name leads out of the root.
    #[error("the entry {entry:?} leaves the root with \"..\"")]
    LeavesRoot {
        /// The entry's name.
        entry: String,
    },
    /// A hard link's text leads out of the root.
    #[error("the entry {entry:?} is a hard link to {link:?}, which leaves the root with \"..\"")]
    LinkLeavesRoot {
        /// The entry's name.
        entry: String,
        /// What it links to.
        link: String,
    },
    /// A hard link's other name is not there.
    #[error("the entry {entry:?} is a hard link to {link:?}, which is not there")]
    LinkMissing {
        /// The entry's name.
        entry: String,
        /// What it links to.
        link: String,
    },
    /// An entry that is not a directory has the name of a directory that holds something.
    #[error("the entry {entry:?} can't replace a directory that is not empty")]
    DirectoryInTheWay {
        /// The entry's name.
        entry: String,
    },
    /// The system refused to create an entry.
    #[error("failed to {operation} the entry {entry:?}")]
    Entry {
        /// The entry's name.
        entry: String,
        /// What was tried, such as "write".
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused to set an entry's owner.
    #[error("failed to give the entry {entry:?} to the owner {uid}:{gid}")]
    Owner {
        /// The entry's name.
        entry: String,
        /// The owner's number.
        uid: u32,
        /// The group's number.
        gid: u32,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused to set an extended attribute that matters.
    #[error("failed to set the attribute {attribute} of the entry {entry:?}")]
    Attribute {
        /// The entry's name.
        entry: String,
        /// The attribute's name.
        attribute: String,
        /// What the system said.
        source: io::Error,
    },
    /// A thread for decompression could not be started.
    #[error("failed to start a thread for decompression")]
    Thread(#[source] io::Error),
}
