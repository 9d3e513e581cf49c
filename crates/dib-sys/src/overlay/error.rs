//! Why a tree of layers could not be made or changed.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;

use crate::target_root::TargetError;

/// A tree of layers that could not be made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayersError {
    /// A directory that layers need could not be made, read or changed.
    #[error("failed to prepare {path} for layers")]
    Prepare {
        /// The directory.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A directory of layers could not be removed.
    #[error("failed to remove {path}")]
    Remove {
        /// The directory.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused the tree's mount.
    #[error("failed to mount the tree of {layers} layers on {at}")]
    Mount {
        /// How many layers there are below the one that takes what is written.
        layers: usize,
        /// Where the tree is.
        at: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel did not make the tree read-only.
    #[error("failed to end the writing to {at}")]
    ReadOnly {
        /// Where the tree is.
        at: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused to unmount the tree, or something of it.
    #[error("failed to unmount {at}")]
    Unmount {
        /// The mount point.
        at: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// What is mounted in the tree could not be listed.
    #[error("failed to list what is mounted at and below {at}")]
    List {
        /// Where the tree is.
        at: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// What is mounted in the tree could not be moved to the new tree.
    #[error("failed to move the mount at {at} to the next layer's tree")]
    Move {
        /// The mount point.
        at: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The tree's root could not be opened anew.
    #[error(transparent)]
    Root(#[from] TargetError),
    /// A restored layer would change what is below something that was written already.
    #[error("something was written to {tree} already, so no layer can be put below it")]
    Changed {
        /// Where the tree is.
        tree: Utf8PathBuf,
    },
    /// A restored layer is where programs would notice that the tree is of several file systems.
    #[error("{path} is not on the file system of the other layers")]
    OtherFileSystem {
        /// The layer.
        path: Utf8PathBuf,
    },
    /// There are more layers than a mount takes.
    #[error("a tree has at most {most} layers")]
    TooMany {
        /// The limit.
        most: usize,
    },
    /// The file system accepted layers, and then did not behave.
    #[error("layers in {path} do not work: {what}")]
    Broken {
        /// The directory of layers.
        path: Utf8PathBuf,
        /// What was found.
        what: &'static str,
    },
}

impl LayersError {
    /// Makes the error for a directory out of what the kernel said.
    pub(super) fn prepare<E: Into<io::Error>>(path: &Utf8Path) -> impl Fn(E) -> Self {
        move |source| Self::Prepare {
            path: path.to_owned(),
            source: source.into(),
        }
    }

    pub(super) fn moving(at: &std::path::Path) -> impl Fn(Errno) -> Self {
        move |errno| Self::Move {
            at: at.display().to_string(),
            source: errno.into(),
        }
    }
}
