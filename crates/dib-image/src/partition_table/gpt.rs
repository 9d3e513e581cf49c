//! UEFI's partition table, with the protective record in front of it and its copy at the end.
//!
//! Source: UEFI's specification 2.10, sections 5.2.3 and 5.3.

use super::mbr::{Entry, Record};
use super::{Extent, PartitionTable};
use crate::block_device::SectorSize;
use crate::identifier::Uuid;

const ENTRIES: u64 = 128;
const ENTRY_SIZE: u64 = 128;
const HEADER_SIZE: u32 = 92;
/// The type by which an MBR says that the disk has a GPT.
const PROTECTIVE: u8 = 0xee;

/// Returns how many sectors the copy at the disk's end takes.
pub(super) fn backup_sectors(sector_size: SectorSize) -> u64 {
    entry_sectors(sector_size) + 1
}

/// Returns where the room for partitions begins, in bytes: behind the protective record, the header and the entries.
pub(super) fn first_usable(sector_size: SectorSize) -> u64 {
    first_usable_sector(sector_size) * sector_size.bytes()
}

fn first_usable_sector(sector_size: SectorSize) -> u64 {
    2 + entry_sectors(sector_size)
}

fn entry_sectors(sector_size: SectorSize) -> u64 {
    ENTRIES * ENTRY_SIZE / sector_size.bytes()
}

/// Returns what is to be written where.
pub(super) fn sectors(
    table: &PartitionTable,
    disk: Uuid,
    extents: &[Extent],
    disk_size: u64,
) -> Vec<(u64, Vec<u8>)> {
    let sector = table.sector_size.bytes();
    let last = disk_size / sector - 1;
    let entries = entries(table, extents);
    let entry_sectors = entry_sectors(table.sector_size);
    let header = Header {
        disk,
        first_usable: first_usable_sector(table.sector_size),
        last_usable: last - entry_sectors - 1,
        entries_checksum: crc32fast::hash(&entries),
    };
    let mut protective = Record::new();
    let all = Entry {
        is_bootable: false,
        kind: PROTECTIVE,
        start: 1,
        length: last,
        absolute_start: 1,
    };
    protective.set(0, &all);
    let backup_entries = last - entry_sectors;
    vec![
        (0, protective.into_bytes()),
        (sector, header.bytes(1, last, 2)),
        (2 * sector, entries.clone()),
        (backup_entries * sector, entries),
        (last * sector, header.bytes(last, 1, backup_entries)),
    ]
}

fn entries(table: &PartitionTable, extents: &[Extent]) -> Vec<u8> {
    let sector = table.sector_size.bytes();
    let mut bytes = Vec::new();
    for ((partition, extent), guid) in table.config.partitions.iter().zip(extents).zip(&table.guids) {
        let kind = partition
            .kind
            .gpt()
            .expect("a type is read for the kind of its table");
        bytes.extend(kind.gpt_bytes());
        bytes.extend(guid.gpt_bytes());
        bytes.extend((extent.start / sector).to_le_bytes());
        bytes.extend((extent.end() / sector - 1).to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
        let mut name: Vec<u16> = partition.name.encode_utf16().collect();
        name.resize(36, 0);
        bytes.extend(name.into_iter().flat_map(u16::to_le_bytes));
    }
    let size = usize::try_from(ENTRIES * ENTRY_SIZE).expect("16 KiB");
    bytes.resize(size, 0);
    bytes
}

struct Header {
    disk: Uuid,
    first_usable: u64,
    last_usable: u64,
    entries_checksum: u32,
}

impl Header {
    /// Returns the header that stands at sector `own`, with its copy at `other` and its entries at `entries`.
    fn bytes(&self, own: u64, other: u64, entries: u64) -> Vec<u8> {
        let bytes = |checksum: u32| {
            let mut bytes = Vec::new();
            bytes.extend(b"EFI PART");
            bytes.extend(0x0001_0000_u32.to_le_bytes());
            bytes.extend(HEADER_SIZE.to_le_bytes());
            bytes.extend(checksum.to_le_bytes());
            bytes.extend([0; 4]);
            for sector in [own, other, self.first_usable, self.last_usable] {
                bytes.extend(sector.to_le_bytes());
            }
            bytes.extend(self.disk.gpt_bytes());
            bytes.extend(entries.to_le_bytes());
            for number in [ENTRIES, ENTRY_SIZE] {
                bytes.extend(u32::try_from(number).expect("128").to_le_bytes());
            }
            bytes.extend(self.entries_checksum.to_le_bytes());
            bytes
        };
        bytes(crc32fast::hash(&bytes(0)))
    }
}
