//! Partition tables: where partitions lie, and how that is written on the disk.

mod gpt;
mod layout;
mod mbr;
mod partition_type;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

pub(crate) use layout::{Extent, lay_out};
pub(crate) use partition_type::BIOS_BOOT;
pub use partition_type::{PartitionType, UnknownPartitionType};

use crate::block_device::{SectorSize, TableConfig, TableKind};
use crate::identifier::Uuid;

/// A partition table with all its identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionTable {
    pub(crate) config: TableConfig,
    pub(crate) disk: DiskIdentifier,
    /// Of each partition; an MBR has none.
    pub(crate) guids: Vec<Uuid>,
    /// What an MBR names the disk by.
    pub(crate) sector_size: SectorSize,
}

/// What a partition table names its disk by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskIdentifier {
    Mbr(u32),
    Gpt(Uuid),
}

/// Writes the table of a disk of `disk_size` bytes whose partitions lie at `extents`.
pub(crate) fn write_table(
    file: &File,
    table: &PartitionTable,
    extents: &[Extent],
    disk_size: u64,
) -> io::Result<()> {
    let writes = match table.disk {
        DiskIdentifier::Mbr(identifier) => mbr::sectors(table, identifier, extents, disk_size),
        DiskIdentifier::Gpt(guid) => gpt::sectors(table, guid, extents, disk_size),
    };
    writes
        .into_iter()
        .try_for_each(|(offset, bytes)| file.write_all_at(&bytes, offset))
}

impl PartitionTable {
    /// Returns the number by which the kernel and boot loaders know each partition.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let (mut primary, mut logical) = (0, 4);
        let number = |is_logical| {
            let counter = if is_logical { &mut logical } else { &mut primary };
            *counter += 1;
            *counter
        };
        let kinds = self
            .config
            .partitions
            .iter()
            .map(|partition| partition.is_logical);
        kinds.map(number).collect()
    }

    pub(crate) fn kind(&self) -> TableKind {
        self.config.kind
    }
}
