//! Why touching the target failed.

use std::io;

use camino::Utf8PathBuf;

use super::FileKind;
use crate::TargetPath;

/// An operation on the target that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The root directory itself can't be opened.
    #[error("failed to open the target's root directory {directory}")]
    Root {
        /// The directory, a path of the host.
        directory: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused an operation on a path.
    #[error("failed to {operation} {path} in the target")]
    Path {
        /// The path inside the target.
        path: TargetPath,
        /// What was tried, such as "write".
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The directory that should hold the path is not there.
    #[error("failed to {operation} {path} in the target: there is no directory {parent}")]
    NoParent {
        /// The path inside the target.
        path: TargetPath,
        /// What was tried, such as "write".
        operation: &'static str,
        /// The directory that is missing.
        parent: TargetPath,
    },
    /// A regular file was needed.
    #[error("failed to {operation} {path} in the target: it is {kind}")]
    NotRegular {
        /// The path inside the target.
        path: TargetPath,
        /// What was tried, such as "read".
        operation: &'static str,
        /// What stands there instead.
        kind: FileKind,
    },
    /// A directory holds a name that is not UTF-8.
    #[error("the directory {directory} in the target holds a name that is not UTF-8: {name}")]
    NameNotUtf8 {
        /// The directory.
        directory: TargetPath,
        /// The name, with what is not UTF-8 replaced.
        name: String,
    },
    /// The text of a symbolic link is not UTF-8.
    #[error("the symbolic link {path} in the target has a text that is not UTF-8: {text}")]
    LinkNotUtf8 {
        /// The link.
        path: TargetPath,
        /// Its text, with what is not UTF-8 replaced.
        text: String,
    },
    /// A tree to be removed holds a mount point.
    #[error("failed to remove {path} in the target: {mount_point} is a mount point")]
    MountPoint {
        /// The tree that should have gone.
        path: TargetPath,
        /// The first mount point found in it.
        mount_point: TargetPath,
    },
}

impl TargetError {
    /// Returns whether the operation failed because there is nothing at the path.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Root { source, .. } | Self::Path { source, .. } => {
                matches!(
                    source.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                )
            }
            Self::NoParent { .. } => true,
            _ => false,
        }
    }
}
