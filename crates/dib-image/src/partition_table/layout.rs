//! Where partitions lie on a disk of a given size.

use super::PartitionTable;
use crate::block_device::{PartitionConfig, TableKind};

/// A partition's place on the disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) start: u64,
    pub(crate) length: u64,
}

impl Extent {
    pub(crate) const fn end(self) -> u64 {
        self.start + self.length
    }
}

/// A disk is too small for its partitions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the disk has no room for the partition {partition}")]
pub(crate) struct NoRoom {
    /// The first partition that has none.
    pub(crate) partition: String,
}

/// What upstream leaves free on a disk with a GPT.
const GPT_RESERVE: u64 = 2 << 20;
const MIB: u64 = 1 << 20;
/// Begins and lengths are multiples of a sector, whichever of its sizes it has.
const LARGEST_SECTOR: u64 = 4096;

/// Returns where each partition lies on a disk of `disk_size` bytes, by upstream's rules.
///
/// Source: diskimage-builder 3.43, `level1/mbr.py` and `_create_gpt` of `level1/partitioning.py`. A share is one of what the
/// partitions before it have left. On an MBR a logical partition has a record of its own, one alignment before it.
pub(crate) fn lay_out(table: &PartitionTable, disk_size: u64) -> Result<Vec<Extent>, NoRoom> {
    let PartitionTable {
        config: table,
        sector_size,
        ..
    } = table;
    let partitions = table.partitions.iter();
    match table.kind {
        TableKind::Mbr => {
            let mut next = table.align;
            partitions
                .map(|partition| {
                    let free = disk_size.saturating_sub(next.saturating_add(table.align));
                    let start = if partition.is_logical {
                        next + table.align
                    } else {
                        next
                    };
                    let length = partition.size.bytes_of(free);
                    let extent = extent(partition, start, length / 512 * 512, disk_size)?;
                    next = extent.end().next_multiple_of(table.align);
                    Ok(extent)
                })
                .collect()
        }
        TableKind::Gpt => {
            let mut free = disk_size.saturating_sub(GPT_RESERVE);
            // Upstream leaves the begin to sgdisk, which keeps clear of the table, too.
            let mut next = super::gpt::first_usable(*sector_size).next_multiple_of(table.align);
            let last =
                disk_size.saturating_sub(super::gpt::backup_sectors(*sector_size) * sector_size.bytes());
            partitions
                .map(|partition| {
                    let size = partition.size.bytes_of(free);
                    // Upstream has sgdisk count in MiB.
                    let granule = if size >= MIB { MIB } else { LARGEST_SECTOR };
                    let length = size / granule * granule;
                    if size > free {
                        return Err(no_room(partition));
                    }
                    let extent = extent(partition, next, length, last)?;
                    free -= size;
                    next = extent.end().next_multiple_of(table.align);
                    Ok(extent)
                })
                .collect()
        }
    }
}

fn extent(partition: &PartitionConfig, start: u64, length: u64, end: u64) -> Result<Extent, NoRoom> {
    let fits = start.checked_add(length).is_some_and(|own_end| own_end <= end);
    if length == 0 || !fits {
        return Err(no_room(partition));
    }
    Ok(Extent { start, length })
}

fn no_room(partition: &PartitionConfig) -> NoRoom {
    let partition = partition.name.clone();
    NoRoom { partition }
}
