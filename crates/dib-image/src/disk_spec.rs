//! What a disk and its file system shall be like.

use std::fmt;
use std::str::FromStr;

use crate::ByteSize;

/// A disk: for now one ext4 file system over the whole of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSpec {
    /// The disk's size.
    pub size: ImageSize,
    /// The root file system.
    pub root: FileSystemSpec,
}

/// How an image's size is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSize {
    /// The given size, rounded up to a multiple of 64 KiB (`--image-size`, `DIB_IMAGE_SIZE`).
    Exact(ByteSize),
    /// What the tree needs, with two thirds of that in addition ([`crate::default_image_size`]).
    Fitting,
    /// What the tree needs and the given room in addition (`DIB_IMAGE_EXTRA_SIZE`).
    FittingWithExtra(ByteSize),
}

/// An ext4 file system.
///
/// Its [`Default`] is upstream's: label `cloudimg-rootfs`, 64 MiB of journal, an inode per 4096 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystemSpec {
    /// The label (`--root-label`, `DIB_ROOT_LABEL`).
    pub label: FileSystemLabel,
    /// The journal's size, of which whole MiB count (`DIB_JOURNAL_SIZE`).
    pub journal: ByteSize,
    /// The identifier; a random one when there is none.
    pub uuid: Option<FileSystemUuid>,
    /// For how many bytes of the file system there is one inode.
    pub bytes_per_inode: u32,
}

impl Default for FileSystemSpec {
    fn default() -> Self {
        Self {
            label: FileSystemLabel("cloudimg-rootfs".to_owned()),
            journal: ByteSize::from_mib(64),
            uuid: None,
            bytes_per_inode: 4096,
        }
    }
}

/// A label that an ext4 file system can bear: at most 16 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystemLabel(String);

/// A text that cannot be an ext4 label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLabel {
    /// The label is longer than the superblock's field.
    #[error("the label {0:?} is longer than the 16 bytes ext4 has for it")]
    TooLong(String),
    /// The label holds a NUL byte.
    #[error("the label {0:?} holds a NUL byte")]
    Nul(String),
}

impl FileSystemLabel {
    /// Returns the label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileSystemLabel {
    type Err = InvalidLabel;

    fn from_str(text: &str) -> Result<Self, InvalidLabel> {
        if text.contains('\0') {
            return Err(InvalidLabel::Nul(text.to_owned()));
        }
        if text.len() > 16 {
            return Err(InvalidLabel::TooLong(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FileSystemLabel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A file system's identifier, held as `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystemUuid(String);

/// A text that is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a UUID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)")]
pub struct InvalidUuid(String);

impl FileSystemUuid {
    /// Returns the identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileSystemUuid {
    type Err = InvalidUuid;

    fn from_str(text: &str) -> Result<Self, InvalidUuid> {
        let groups: Vec<&str> = text.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        let hex = groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if lengths != [8, 4, 4, 4, 12] || !hex {
            return Err(InvalidUuid(text.to_owned()));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_fits_its_field() {
        assert_eq!(
            "cloudimg-rootfs".parse::<FileSystemLabel>().unwrap().as_str(),
            "cloudimg-rootfs"
        );
        let long = "seventeen-bytes-x";
        assert_eq!(
            long.parse::<FileSystemLabel>(),
            Err(InvalidLabel::TooLong(long.into()))
        );
        assert_eq!(
            "a\0b".parse::<FileSystemLabel>(),
            Err(InvalidLabel::Nul("a\0b".into()))
        );
    }

    #[test]
    fn a_uuid_has_five_groups_of_hexadecimal_digits() {
        let uuid: FileSystemUuid = "0D1B2C3A-0000-4000-8000-0123456789ab".parse().unwrap();
        assert_eq!(uuid.as_str(), "0d1b2c3a-0000-4000-8000-0123456789ab");
        for text in [
            "",
            "random",
            "0d1b2c3a00004000800001234567890ab",
            "gd1b2c3a-0000-4000-8000-0123456789ab",
        ] {
            assert_eq!(text.parse::<FileSystemUuid>(), Err(InvalidUuid(text.into())));
        }
    }
}
