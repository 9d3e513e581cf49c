//! How an element wants the disk laid out.

use camino::{Utf8Path, Utf8PathBuf};

use super::Element;
use crate::Arch;

/// How an element wants the disk laid out, in the words of upstream's block-device configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockDevice {
    /// The architecture that it is for, or `None` for those that have none of their own.
    pub arch: Option<Arch>,
    /// The configuration, a YAML document.
    pub config: String,
    /// The file that it stands in, where it is one of a directory.
    pub file: Option<Utf8PathBuf>,
}

impl Element {
    /// Says how the disk is laid out, by a document of upstream's block-device configuration. Where several elements of a
    /// build do, the first by name is heard.
    #[must_use]
    pub fn block_device(mut self, config: &str) -> Self {
        self.block_devices.push(BlockDevice {
            arch: None,
            config: config.to_owned(),
            file: None,
        });
        self
    }

    /// Says how the disk of one architecture is laid out, which comes before what [`Element::block_device`] says.
    #[must_use]
    pub fn block_device_of_arch(mut self, arch: Arch, config: &str) -> Self {
        self.block_devices.push(BlockDevice {
            arch: Some(arch),
            config: config.to_owned(),
            file: None,
        });
        self
    }

    /// Says how the disk is laid out by a file, for one architecture or for those that have none of their own.
    #[must_use]
    pub fn block_device_of_file(mut self, arch: Option<Arch>, file: &Utf8Path, config: &str) -> Self {
        self.block_devices.push(BlockDevice {
            arch,
            config: config.to_owned(),
            file: Some(file.to_owned()),
        });
        self
    }

    /// Returns how it wants the disk of that architecture laid out, where it says so.
    #[must_use]
    pub fn block_device_for(&self, arch: Arch) -> Option<&BlockDevice> {
        let of = |wanted| {
            self.block_devices
                .iter()
                .find(move |device| device.arch == wanted)
        };
        of(Some(arch)).or_else(|| of(None))
    }
}
