//! Where clusters lie in the image, and the tables that say so.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::{CLUSTER, CLUSTER_BITS, CLUSTER_LENGTH, Qcow2Version, SECTOR};

/// Entries of 8 bytes that an L2 table of one cluster holds.
const L2_ENTRIES: u64 = CLUSTER / 8;
/// Counts of 16 bits that a refcount block of one cluster holds.
const REFCOUNTS_PER_BLOCK: u64 = CLUSTER / 2;
/// What one entry of the L1 table covers, in bytes.
const L1_REACH: u64 = L2_ENTRIES * CLUSTER;
/// QEMU's limit of 32 MiB for the L1 table, in bytes of the disk.
pub(super) const LARGEST_DISK: u64 = (32 << 20) / 8 * L1_REACH;
/// In a table's entry: the cluster's refcount is exactly one.
const COPIED: u64 = 1 << 63;
/// In an L2 entry: the cluster is compressed.
const COMPRESSED: u64 = 1 << 62;
/// Where a compressed cluster's entry holds the number of additional sectors.
const SECTORS_SHIFT: u32 = 62 - (CLUSTER_BITS - 8);
/// The 16-bit refcounts' exponent in a version 3 header.
const REFCOUNT_ORDER: u32 = 4;
const MAGIC: [u8; 4] = *b"QFI\xfb";

/// An image that is being laid out: clusters are handed out from the front, tables written at the end.
pub(super) struct Layout<'a> {
    out: &'a File,
    size: u64,
    l1_entries: u64,
    /// How often each host cluster is used; as long as the image is in clusters.
    refcounts: Vec<u16>,
    /// Where the next compressed cluster may begin, in bytes; at a cluster's edge when there is no room left.
    packed_end: u64,
    /// L2 tables by their entry in the L1 table, those that are not empty.
    l2_tables: BTreeMap<u64, Vec<u64>>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(out: &'a File, size: u64) -> Self {
        let l1_entries = size.div_ceil(L1_REACH);
        let l1_clusters = (l1_entries * 8).div_ceil(CLUSTER);
        let mut layout = Self {
            out,
            size,
            l1_entries,
            refcounts: Vec::new(),
            packed_end: 0,
            l2_tables: BTreeMap::new(),
        };
        layout.allocate(1 + l1_clusters);
        layout
    }

    /// Stores a guest cluster as it is.
    pub(super) fn store(&mut self, guest_cluster: u64, data: &[u8]) -> io::Result<()> {
        let offset = self.allocate(1);
        self.out.write_all_at(data, offset)?;
        self.map(guest_cluster, offset | COPIED);
        Ok(())
    }

    /// Stores a guest cluster's deflated bytes right behind the last ones, so that clusters share sectors.
    pub(super) fn store_deflated(&mut self, guest_cluster: u64, deflated: &[u8]) -> io::Result<()> {
        let length = deflated.len() as u64;
        let offset = self.allocate_packed(length);
        self.out.write_all_at(deflated, offset)?;
        let additional_sectors = (offset + length - 1) / SECTOR - offset / SECTOR;
        self.map(
            guest_cluster,
            offset | additional_sectors << SECTORS_SHIFT | COMPRESSED,
        );
        Ok(())
    }

    fn map(&mut self, guest_cluster: u64, entry: u64) {
        let table = self.l2_tables.entry(guest_cluster / L2_ENTRIES);
        let table = table.or_insert_with(|| vec![0; CLUSTER_LENGTH / 8]);
        table[index(guest_cluster % L2_ENTRIES)] = entry;
    }

    /// Takes whole clusters, each used once, and returns the first one's offset.
    fn allocate(&mut self, clusters: u64) -> u64 {
        let offset = self.end();
        self.refcounts.resize(self.refcounts.len() + index(clusters), 1);
        offset
    }

    /// Takes room for compressed bytes, fewer than a cluster. Every cluster they touch is used once more.
    fn allocate_packed(&mut self, length: u64) -> u64 {
        let room = self.packed_end.next_multiple_of(CLUSTER) - self.packed_end;
        let open = index(self.packed_end / CLUSTER);
        let offset = if length <= room {
            self.refcounts[open] += 1;
            self.packed_end
        } else if room > 0 && open + 1 == self.refcounts.len() {
            // The last cluster is open: go on in the one behind it.
            self.refcounts[open] += 1;
            self.allocate(1);
            self.packed_end
        } else {
            self.allocate(1)
        };
        self.packed_end = offset + length;
        offset
    }

    fn end(&self) -> u64 {
        self.refcounts.len() as u64 * CLUSTER
    }

    /// Writes the tables and the header.
    pub(super) fn finish(mut self, version: Qcow2Version) -> io::Result<()> {
        let mut l1_table = vec![0; index(self.l1_entries)];
        for (entry, table) in std::mem::take(&mut self.l2_tables) {
            let offset = self.allocate(1);
            self.out.write_all_at(&big_endian(&table), offset)?;
            l1_table[index(entry)] = offset | COPIED;
        }
        self.out.write_all_at(&big_endian(&l1_table), CLUSTER)?;
        let (table_offset, table_clusters) = self.write_refcounts()?;
        // A file of whole clusters, so that nothing a table points to lies behind its end.
        self.out.set_len(self.end())?;
        self.out
            .write_all_at(&self.header(version, table_offset, table_clusters), 0)
    }

    /// Writes the refcount blocks and their table, which count themselves, and returns the table's place and length.
    fn write_refcounts(&mut self) -> io::Result<(u64, u64)> {
        let used = self.refcounts.len() as u64;
        let (mut blocks, mut table_clusters) = (0, 0);
        loop {
            let needed = (used + blocks + table_clusters).div_ceil(REFCOUNTS_PER_BLOCK);
            let needed_table = (needed * 8).div_ceil(CLUSTER);
            if (needed, needed_table) == (blocks, table_clusters) {
                break;
            }
            (blocks, table_clusters) = (needed, needed_table);
        }
        let first_block = self.allocate(blocks);
        let table_offset = self.allocate(table_clusters);
        for (number, counts) in self.refcounts.chunks(CLUSTER_LENGTH / 2).enumerate() {
            let bytes: Vec<u8> = counts.iter().flat_map(|count| count.to_be_bytes()).collect();
            self.out
                .write_all_at(&bytes, first_block + number as u64 * CLUSTER)?;
        }
        let table: Vec<u64> = (0..blocks).map(|number| first_block + number * CLUSTER).collect();
        self.out.write_all_at(&big_endian(&table), table_offset)?;
        Ok((table_offset, table_clusters))
    }

    fn header(&self, version: Qcow2Version, refcount_table: u64, refcount_table_clusters: u64) -> Vec<u8> {
        let half = |number: u64| u32::try_from(number).expect("the largest disk keeps it far below 32 bits");
        let mut header = Vec::with_capacity(104);
        header.extend(MAGIC);
        header.extend(if version == Qcow2Version::V2 { 2_u32 } else { 3 }.to_be_bytes());
        // No backing file: offset and name's length.
        header.extend([0; 12]);
        header.extend(CLUSTER_BITS.to_be_bytes());
        header.extend(self.size.to_be_bytes());
        // No encryption.
        header.extend([0; 4]);
        header.extend(half(self.l1_entries).to_be_bytes());
        header.extend(CLUSTER.to_be_bytes());
        header.extend(refcount_table.to_be_bytes());
        header.extend(half(refcount_table_clusters).to_be_bytes());
        // No snapshots: number and offset.
        header.extend([0; 12]);
        if version == Qcow2Version::V3 {
            // No features: incompatible, compatible, auto-clear. Compression type 0 is deflate.
            header.extend([0; 24]);
            header.extend(REFCOUNT_ORDER.to_be_bytes());
            header.extend(104_u32.to_be_bytes());
        }
        header
    }
}

fn big_endian(entries: &[u64]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.to_be_bytes()).collect()
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("tables held in memory have indices that fit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_clusters_share_and_cross_host_clusters() {
        let file = tempfile::tempfile().unwrap();
        let mut layout = Layout::new(&file, 1 << 30);
        // Two clusters are the header and the L1 table.
        assert_eq!(layout.allocate_packed(60_000), 2 * CLUSTER);
        assert_eq!(layout.allocate_packed(5_000), 2 * CLUSTER + 60_000);
        // It does not fit, and the cluster behind is still free.
        assert_eq!(layout.allocate_packed(10_000), 2 * CLUSTER + 65_000);
        assert_eq!(layout.refcounts, [1, 1, 3, 1]);
        // It does not fit, and the cluster behind is taken.
        assert_eq!(layout.allocate(1), 4 * CLUSTER);
        assert_eq!(layout.allocate_packed(60_000), 5 * CLUSTER);
        assert_eq!(layout.allocate_packed(5_536), 5 * CLUSTER + 60_000);
        // Full to the last byte: the next one begins a cluster.
        assert_eq!(layout.allocate_packed(1), 6 * CLUSTER);
        assert_eq!(layout.refcounts, [1, 1, 3, 1, 1, 2, 1]);
    }
}
