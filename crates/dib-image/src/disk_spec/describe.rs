//! A disk in a few lines, for people.

use std::fmt;

use super::{DiskSpec, FileSystem, ImageSize};
use crate::block_device::{SectorSize, TableKind};

impl fmt::Display for ImageSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(size) => size.fmt(formatter),
            Self::Fitting => formatter.write_str("as large as its files need, and two thirds more"),
            Self::FittingWithExtra(extra) => write!(formatter, "as large as its files need, and {extra}"),
        }
    }
}

impl fmt::Display for DiskSpec {
    /// Writes a line for the disk, and one for each partition and file system.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = match self.table_kind() {
            Some(TableKind::Mbr) => "an MBR",
            Some(TableKind::Gpt) => "a GPT",
            None => "no partition table",
        };
        let sectors = match self.sector_size {
            SectorSize::Bytes512 => "",
            SectorSize::Bytes4096 => ", sectors of 4096 bytes",
        };
        write!(formatter, "{table}{sectors}; {}", self.size)?;
        let Some(table) = &self.table else {
            return self
                .file_systems
                .iter()
                .try_for_each(|file_system| write!(formatter, "\n{file_system}"));
        };
        for (index, (partition, number)) in table.config.partitions.iter().zip(table.numbers()).enumerate() {
            write!(formatter, "\n{number} {} ({})", partition.name, partition.size)?;
            if let Some(held) = self
                .file_systems
                .iter()
                .find(|held| held.partition == Some(index))
            {
                write!(formatter, ": {held}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind, self.label)?;
        match self.mount_point() {
            Some("none") | None => Ok(()),
            Some(mount_point) => write!(formatter, " at {mount_point}"),
        }
    }
}
