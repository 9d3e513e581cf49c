//! What writing images can fail with.

use camino::Utf8PathBuf;

use crate::{DiskError, OutputError, Qcow2Error, SquashFsError, TarError, ThreadError, VhdError, VmdkError};

/// Writing images failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The disk could not be made.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// An archive could not be written.
    #[error("failed to write {path}")]
    Tar {
        /// The archive.
        path: Utf8PathBuf,
        /// Why.
        source: TarError,
    },
    /// A qcow2 image could not be written.
    #[error("failed to write {path}")]
    Qcow2 {
        /// The image.
        path: Utf8PathBuf,
        /// Why.
        source: Qcow2Error,
    },
    /// A SquashFS could not be made.
    #[error("failed to write {path}")]
    SquashFs {
        /// The image.
        path: Utf8PathBuf,
        /// Why.
        source: SquashFsError,
    },
    /// A VHD could not be written.
    #[error("failed to write {path}")]
    Vhd {
        /// The image.
        path: Utf8PathBuf,
        /// Why.
        source: VhdError,
    },
    /// A VMDK could not be written.
    #[error("failed to write {path}")]
    Vmdk {
        /// The image.
        path: Utf8PathBuf,
        /// Why.
        source: VmdkError,
    },
    /// The threads that write could not be started.
    #[error(transparent)]
    Thread(#[from] ThreadError),
    /// A raw disk could not be copied, or bytes not be summed.
    #[error("failed to write {path}")]
    Io {
        /// The image.
        path: Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be created or published.
    #[error(transparent)]
    Output(#[from] OutputError),
}
