//! What can go wrong.

use std::io;

use camino::Utf8PathBuf;

use crate::{LayerKey, PackName};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store's directory belongs to another user, whose layers are not to be trusted.
    #[error("the layer store {path} belongs to user {owner}, not to user {user} who builds")]
    OtherOwner {
        /// The directory.
        path: Utf8PathBuf,
        /// Its owner's number, as this process's user namespace sees it.
        owner: u32,
        /// The number of the user that this process runs as.
        user: u32,
    },
    /// Others may write to the store's directory, and so to what a build would trust.
    #[error("the layer store {path} may be written by others: its mode is {mode:04o}")]
    WritableByOthers {
        /// The directory.
        path: Utf8PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The directory could not be made, opened or tidied.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why something could not be done with a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refused.
    #[error("failed to {action} {path}")]
    System {
        /// What was tried, such as `lock`.
        action: &'static str,
        /// The file or directory.
        path: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A layer or an image is not what was written; its pack has been removed.
    #[error("the {pack} was damaged and has been removed")]
    Damaged {
        /// The pack.
        pack: PackName,
        /// What is wrong.
        source: Damage,
    },
}

/// Why a layer could not be written; the store is as if it had not been tried, apart from layers that made room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The system refused something on an entry of the upper directory.
    #[error("failed to {action} {path} of the layer")]
    Entry {
        /// What was tried, such as `read`.
        action: &'static str,
        /// The entry's path in the layer.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file was changed while it was read.
    #[error("{path} of the layer was changed while it was read")]
    Changed {
        /// The file's path in the layer.
        path: String,
    },
    /// An entry is complete only together with the layers below.
    #[error("{path} of the layer is not complete: it has the attribute {attribute}")]
    Incomplete {
        /// The entry's path in the layer.
        path: String,
        /// The overlay's attribute.
        attribute: String,
    },
    /// Something is mounted in the upper directory.
    #[error("{path} of the layer is on another file system than the rest")]
    MountPoint {
        /// The mount point's path in the layer.
        path: String,
    },
    /// The layer has more entries than a pack can number.
    #[error("the layer has too many entries")]
    TooManyEntries,
    /// The layer is larger than the store's limit, or all that could make way for it is in use.
    #[error("there is no room for a layer of {size} bytes in a store of at most {limit} bytes")]
    NoRoom {
        /// The pack's size in bytes.
        size: u64,
        /// The store's limit in bytes.
        limit: u64,
    },
    /// A thread could not be started.
    #[error("failed to start a thread")]
    Thread(#[source] io::Error),
    /// The pack could not be made, written or named.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an image could not be kept; the store is as if it had not been tried, apart from what made room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageWriteError {
    /// A file can't be kept under this name.
    #[error("{name:?} is no name for a file of an image, or that of two")]
    Name {
        /// The name.
        name: String,
    },
    /// The system refused something on a file that is to be kept.
    #[error("failed to {action} {name} of the image")]
    Source {
        /// What was tried, such as `read`.
        action: &'static str,
        /// The file's name in the image.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file was changed while it was read.
    #[error("{name} of the image was changed while it was read")]
    Changed {
        /// The file's name in the image.
        name: String,
    },
    /// The image is larger than the store's limit, or all that could make way for it is in use.
    #[error("there is no room for an image of {size} bytes in a store of at most {limit} bytes")]
    NoRoom {
        /// The pack's size in bytes.
        size: u64,
        /// The store's limit in bytes.
        limit: u64,
    },
    /// A thread could not be started.
    #[error("failed to start a thread")]
    Thread(#[source] io::Error),
    /// The pack could not be made, written or named.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a file of an image could not be had; what was made so far is to be thrown away.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageTakeError {
    /// The image has no such file.
    #[error("the image {key} has no file {name}")]
    Missing {
        /// The image.
        key: LayerKey,
        /// The name that was asked for.
        name: String,
    },
    /// The system refused something on the file that is made.
    #[error("failed to {action} what {name} of the image {key} is copied to")]
    File {
        /// The image.
        key: LayerKey,
        /// The file's name in the image.
        name: String,
        /// What was tried, such as `write`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("failed to start a thread")]
    Thread(#[source] io::Error),
    /// The pack could not be read, or is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a layer could not be restored; what was made so far is to be thrown away.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The system refused to make an entry.
    #[error("failed to {action} {path} of the layer {key}")]
    Entry {
        /// The layer.
        key: LayerKey,
        /// What was tried, such as `create`.
        action: &'static str,
        /// The entry's path in the layer.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("failed to start a thread")]
    Thread(#[source] io::Error),
    /// The pack could not be read, or is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with a pack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// Its first bytes are not those of this layer's pack.
    #[error("its header is not that of this layer")]
    Header,
    /// Its last bytes are not those of a pack.
    #[error("its last bytes are not those of a pack")]
    Footer,
    /// Its size is another than its parts have together.
    #[error("its size of {size} bytes does not agree with its parts")]
    Size {
        /// The file's size in bytes.
        size: u64,
    },
    /// Its list of entries has another checksum than it was written with.
    #[error("its list of entries has changed")]
    Index,
    /// Its description has another checksum than it was written with.
    #[error("its description has changed")]
    Description,
    /// Contents of files have another checksum than they were written with.
    #[error("its {length} bytes from {offset} on have changed")]
    Contents {
        /// Where in the pack they begin, in bytes.
        offset: u64,
        /// How many bytes the checksum covers.
        length: u64,
    },
    /// The checksums are right, and still it makes no sense.
    #[error("it makes no sense: {0}")]
    Senseless(&'static str),
}

/// Why no room could be made for a pack.
#[derive(Debug)]
pub(crate) enum ReserveError {
    NoRoom { size: u64, limit: u64 },
    Store(StoreError),
}

impl From<StoreError> for ReserveError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ReserveError> for WriteError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::NoRoom { size, limit } => Self::NoRoom { size, limit },
            ReserveError::Store(error) => Self::Store(error),
        }
    }
}

impl From<ReserveError> for ImageWriteError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::NoRoom { size, limit } => Self::NoRoom { size, limit },
            ReserveError::Store(error) => Self::Store(error),
        }
    }
}

impl StoreError {
    pub(crate) fn system<E: Into<io::Error>>(
        action: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::System {
            action,
            path: path.into(),
            source: source.into(),
        }
    }
}
