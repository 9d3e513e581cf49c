//! The master boot record's table, and the chain of records that logical partitions have.
//!
//! Source: the layout of the table is described in UEFI's specification 2.10, section 5.2.1; the chain as upstream's
//! `level1/mbr.py` and the kernel's `block/partitions/msdos.c` have it.

use super::{Extent, PartitionTable};
use crate::block_device::PartitionConfig;

pub(super) const SECTOR: u64 = 512;
/// Where a record holds the disk's identifier.
const IDENTIFIER: usize = 440;
/// Where the first of four entries of 16 bytes stands.
const ENTRIES: usize = 446;
const SIGNATURE: [u8; 2] = [0x55, 0xaa];
/// The type of an extended partition, with and without addresses that count sectors.
const EXTENDED_LBA: u8 = 0x0f;
const EXTENDED: u8 = 0x05;

/// A record with up to four entries, as it stands on the disk.
pub(super) struct Record([u8; 512]);

/// One entry; the units are sectors.
pub(super) struct Entry {
    pub(super) is_bootable: bool,
    pub(super) kind: u8,
    /// Counted from the record, or for an extended partition's records from where that begins.
    pub(super) start: u64,
    pub(super) length: u64,
    /// Counted from the disk's begin.
    pub(super) absolute_start: u64,
}

impl Record {
    pub(super) fn new() -> Self {
        let mut bytes = [0; 512];
        bytes[510..].copy_from_slice(&SIGNATURE);
        Self(bytes)
    }

    pub(super) fn set_identifier(&mut self, identifier: u32) {
        self.0[IDENTIFIER..IDENTIFIER + 4].copy_from_slice(&identifier.to_le_bytes());
    }

    /// Sets an entry; what does not fit into 32 bits becomes the largest number, as a protective table has it.
    pub(super) fn set(&mut self, index: usize, entry: &Entry) {
        let number = |sectors: u64| u32::try_from(sectors).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = [0; 16];
        bytes[0] = if entry.is_bootable { 0x80 } else { 0 };
        bytes[1..4].copy_from_slice(&cylinder_address(entry.absolute_start));
        bytes[4] = entry.kind;
        bytes[5..8].copy_from_slice(&cylinder_address(entry.absolute_start + entry.length - 1));
        bytes[8..12].copy_from_slice(&number(entry.start));
        bytes[12..].copy_from_slice(&number(entry.length));
        let at = ENTRIES + 16 * index;
        self.0[at..at + 16].copy_from_slice(&bytes);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// Returns a sector's address by cylinder, head and sector, with 255 heads and 63 sectors to a track, or the highest
/// address there is.
fn cylinder_address(sector: u64) -> [u8; 3] {
    const HEADS: u64 = 255;
    const SECTORS: u64 = 63;
    let cylinder = sector / (HEADS * SECTORS);
    if cylinder > 1023 {
        return [0xfe, 0xff, 0xff];
    }
    let head = sector / SECTORS % HEADS;
    let in_track = sector % SECTORS + 1;
    let byte = |number: u64| u8::try_from(number & 0xff).expect("masked to a byte");
    [byte(head), byte(in_track | (cylinder >> 8) << 6), byte(cylinder)]
}

/// Returns what is to be written where.
pub(super) fn sectors(
    table: &PartitionTable,
    identifier: u32,
    extents: &[Extent],
    disk_size: u64,
) -> Vec<(u64, Vec<u8>)> {
    let align = table.config.align / SECTOR;
    let partitions: Vec<_> = table.config.partitions.iter().zip(extents).collect();
    let (logical, primary): (Vec<_>, Vec<_>) =
        partitions.into_iter().partition(|(config, _)| config.is_logical);
    let entry = |(config, extent): &(&PartitionConfig, &Extent), from: u64| Entry {
        is_bootable: config.is_bootable,
        kind: config
            .kind
            .mbr()
            .expect("a type is read for the kind of its table"),
        start: extent.start / SECTOR - from,
        length: extent.length / SECTOR,
        absolute_start: extent.start / SECTOR,
    };
    let mut record = Record::new();
    record.set_identifier(identifier);
    for (index, partition) in primary.iter().enumerate() {
        record.set(index, &entry(partition, 0));
    }
    let Some((_, first)) = logical.first() else {
        return vec![(0, record.into_bytes())];
    };
    let own_record = |extent: &Extent| extent.start / SECTOR - align;
    let extended = own_record(first);
    let rest = Entry {
        is_bootable: false,
        kind: EXTENDED_LBA,
        start: extended,
        length: disk_size / SECTOR - extended,
        absolute_start: extended,
    };
    record.set(primary.len(), &rest);
    let mut writes = vec![(0, record.into_bytes())];
    for (index, partition) in logical.iter().enumerate() {
        let at = own_record(partition.1);
        let mut record = Record::new();
        record.set(0, &entry(partition, at));
        if let Some((_, next)) = logical.get(index + 1) {
            let next_record = own_record(next);
            let link = Entry {
                is_bootable: false,
                kind: EXTENDED,
                start: next_record - extended,
                length: (next.end() / SECTOR) - next_record,
                absolute_start: next_record,
            };
            record.set(1, &link);
        }
        writes.push((at * SECTOR, record.into_bytes()));
    }
    writes
}
