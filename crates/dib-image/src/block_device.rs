//! Upstream's block-device configuration: how a disk is laid out, read from YAML as typed data.
//!
//! Source: diskimage-builder 3.43, `block_device/config.py` for both of the forms, and its levels 0 to 4 for the nodes.

mod error;
mod flat;
mod interpret;
mod size;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub use error::{BlockDeviceError, LayoutFault};
pub use size::{InvalidPartitionSize, PartitionSize};

use crate::ByteSize;
use crate::partition_table::PartitionType;

/// The layout of a disk, as a document of upstream's block-device configuration describes it.
///
/// Its parts fit together: names are unique, what stands on something stands on what can carry it, one file system is
/// mounted at `/`, and the partitions are of a kind their table can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockDeviceConfig {
    /// The file or element the document is from.
    pub(crate) origin: String,
    /// The disk's name.
    pub(crate) disk_name: String,
    /// The size that the document itself gives the disk.
    pub(crate) size: Option<ByteSize>,
    pub(crate) sector_size: SectorSize,
    pub(crate) table: Option<TableConfig>,
    /// In the document's order.
    pub(crate) file_systems: Vec<FileSystemConfig>,
}

/// The size of a disk's sectors, the units in which its partition table counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SectorSize {
    /// 512 bytes, as nearly every disk has them towards its reader.
    #[default]
    Bytes512,
    /// 4096 bytes.
    Bytes4096,
}

impl SectorSize {
    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Bytes512 => 512,
            Self::Bytes4096 => 4096,
        }
    }
}

/// The kind of a partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// The table of the PC's master boot record.
    Mbr,
    /// UEFI's table.
    Gpt,
}

impl fmt::Display for TableKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Mbr => "mbr",
            Self::Gpt => "gpt",
        })
    }
}

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableConfig {
    pub(crate) kind: TableKind,
    /// Of what number of bytes each partition's begin is a multiple.
    pub(crate) align: u64,
    pub(crate) partitions: Vec<PartitionConfig>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionConfig {
    pub(crate) name: String,
    pub(crate) kind: PartitionType,
    pub(crate) size: PartitionSize,
    pub(crate) is_bootable: bool,
    /// Whether it is a logical partition, which only an MBR has.
    pub(crate) is_logical: bool,
}

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSystemConfig {
    pub(crate) name: String,
    /// The index of its partition, or `None` when it has the disk for itself.
    pub(crate) partition: Option<usize>,
    pub(crate) kind: Option<FileSystemType>,
    pub(crate) label: Option<String>,
    pub(crate) identifier: Option<String>,
    pub(crate) options: Option<Vec<String>>,
    pub(crate) mount: Option<MountConfig>,
    pub(crate) place: Option<dib_yaml::Place>,
}

/// Where a file system is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountConfig {
    pub(crate) mount_point: String,
    pub(crate) fstab: Option<FstabConfig>,
}

/// What `/etc/fstab` says of a file system beside its name and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FstabConfig {
    pub(crate) options: String,
    pub(crate) dump_frequency: u32,
    pub(crate) check_pass: u32,
}

/// A file system's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileSystemType {
    /// ext2.
    Ext2,
    /// ext3.
    Ext3,
    /// ext4.
    Ext4,
    /// FAT with long names.
    Vfat,
    /// XFS.
    Xfs,
    /// Room for swapping, which counts among the file systems here as it does upstream.
    Swap,
}

/// A text that is no type of file system, or none that can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no file system of the type {0:?} can be made; there are ext2, ext3, ext4, vfat, xfs and swap")]
pub struct UnknownFileSystemType(pub String);

impl FileSystemType {
    /// Returns its name, as `mount` and `/etc/fstab` know it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
            Self::Vfat => "vfat",
            Self::Xfs => "xfs",
            Self::Swap => "swap",
        }
    }

    /// Returns how many bytes its label may have.
    pub(crate) const fn longest_label(self) -> usize {
        match self {
            Self::Ext2 | Self::Ext3 | Self::Ext4 | Self::Swap => 16,
            Self::Vfat => 11,
            Self::Xfs => 12,
        }
    }

    pub(crate) const fn is_ext(self) -> bool {
        matches!(self, Self::Ext2 | Self::Ext3 | Self::Ext4)
    }
}

impl fmt::Display for FileSystemType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for FileSystemType {
    type Err = UnknownFileSystemType;

    fn from_str(text: &str) -> Result<Self, UnknownFileSystemType> {
        match text {
            "ext2" => Ok(Self::Ext2),
            "ext3" => Ok(Self::Ext3),
            "ext4" => Ok(Self::Ext4),
            "vfat" | "fat" => Ok(Self::Vfat),
            "xfs" => Ok(Self::Xfs),
            "swap" => Ok(Self::Swap),
            _ => Err(UnknownFileSystemType(text.to_owned())),
        }
    }
}

/// What upstream falls back to where no element and no variable says anything: one file system over the whole disk.
const UNPARTITIONED: &str = "
- local_loop:
    name: image0
    mkfs:
      name: mkfs_root
      mount:
        mount_point: /
        fstab: {options: defaults, fsck-passno: 1}
";

impl BlockDeviceConfig {
    /// Reads a document, in either of upstream's forms: nodes within nodes, or a flat list in which each names its base.
    ///
    /// `origin` names the file, variable or element that the document is from, for errors.
    ///
    /// ```
    /// use dib_image::BlockDeviceConfig;
    ///
    /// let text = "[{local_loop: {name: image0}}, {partitioning: {base: image0, label: gpt, partitions: [{name: root}]}}]";
    /// let error = BlockDeviceConfig::parse(text, "disk.yaml").unwrap_err();
    /// assert_eq!(error.to_string(), "disk.yaml:1:87: the partition root has no size");
    /// ```
    ///
    /// # Errors
    /// When it is no YAML, or describes no disk that can be made: the error says where, and which node.
    pub fn parse(text: &str, origin: &str) -> Result<Self, BlockDeviceError> {
        let at = |(place, fault)| BlockDeviceError {
            origin: origin.to_owned(),
            place,
            fault: Box::new(fault),
        };
        let document = dib_yaml::parse(text)
            .map_err(|misplaced| at((Some(misplaced.place), LayoutFault::Document(misplaced.fault))))?;
        let nodes = flat::flatten(&document).map_err(at)?;
        interpret::interpret(&nodes, origin).map_err(at)
    }

    /// Returns the layout without a partition table: one file system, mounted at `/`, over the whole disk.
    ///
    /// # Panics
    /// Never: the layout is a constant.
    #[must_use]
    pub fn unpartitioned() -> Self {
        Self::parse(UNPARTITIONED, "the usual layout").expect("the text is a constant, and tested")
    }

    /// Returns the kind of the partition table, or `None` when there is none.
    #[must_use]
    pub fn table_kind(&self) -> Option<TableKind> {
        self.table.as_ref().map(|table| table.kind)
    }

    /// Returns the layout for a disk with other sectors (`DIB_BLOCK_SIZE`).
    ///
    /// # Errors
    /// When the layout has an MBR, which counts sectors of 512 bytes alone.
    pub fn with_sector_size(mut self, sector_size: SectorSize) -> Result<Self, BlockDeviceError> {
        self.sector_size = sector_size;
        if self.table_kind() == Some(TableKind::Mbr) && sector_size != SectorSize::Bytes512 {
            let (place, fault) = (None, Box::new(LayoutFault::MbrSectorSize));
            let origin = self.origin;
            return Err(BlockDeviceError { origin, place, fault });
        }
        Ok(self)
    }
}
