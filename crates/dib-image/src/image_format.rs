//! The formats of images.

use crate::container::{ContainerKind, ContainerOptions};
use crate::{FormatOptionError, Qcow2Options, VhdOptions, VmdkOptions};

/// An image's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageFormat {
    /// The tree as an archive.
    Tar,
    /// The tree as an archive compressed with gzip.
    Tgz,
    /// The tree as a SquashFS file system; `time` is the file system's, in seconds since 1970, and that of what is younger.
    SquashFs {
        /// The time, or none for the present.
        time: Option<u64>,
    },
    /// The tree as a container image.
    Container(ContainerKind, ContainerOptions),
    /// The disk as it is.
    Raw,
    /// The disk compressed with zstd.
    RawZst,
    /// The disk in QEMU's format.
    Qcow2(Qcow2Options),
    /// The disk in the format of Virtual PC, Hyper-V and Azure.
    Vhd(VhdOptions),
    /// The disk in `VMware`'s format.
    Vmdk(VmdkOptions),
}

impl ImageFormat {
    /// Returns whether it holds the disk, and not the tree alone.
    #[must_use]
    pub fn is_disk(&self) -> bool {
        match self {
            Self::Tar | Self::Tgz | Self::SquashFs { .. } | Self::Container(..) => false,
            Self::Raw | Self::RawZst | Self::Qcow2(_) | Self::Vhd(_) | Self::Vmdk(_) => true,
        }
    }

    /// Returns the names of the format's options.
    #[must_use]
    pub fn option_names(&self) -> &'static [&'static str] {
        match self {
            Self::Qcow2(_) => Qcow2Options::NAMES,
            Self::Vhd(_) => VhdOptions::NAMES,
            Self::Vmdk(_) => VmdkOptions::NAMES,
            _ => &[],
        }
    }

    /// Sets one of the format's options, by one of their names.
    pub(crate) fn set_option(&mut self, name: &'static str, value: &str) -> Result<(), FormatOptionError> {
        match self {
            Self::Qcow2(options) => options.set(name, value),
            Self::Vhd(options) => options.set(name, value),
            Self::Vmdk(options) => options.set(name, value),
            _ => Ok(()),
        }
    }

    /// Checks that the format's options go together.
    pub(crate) fn check_options(&self) -> Result<(), FormatOptionError> {
        match self {
            Self::Qcow2(options) => options.check(),
            _ => Ok(()),
        }
    }
}
