//! Where clusters lie in the image, and the tables that say so.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::{ClusterSize, Compression, Qcow2Options, Qcow2Version, SECTOR};

/// QEMU's limit for the L1 table, in entries of 8 bytes: 32 MiB.
const MOST_L1_ENTRIES: u64 = (32 << 20) / 8;
/// In a table's entry: the cluster's refcount is exactly one.
const COPIED: u64 = 1 << 63;
/// In an L2 entry: the cluster is compressed.
const COMPRESSED: u64 = 1 << 62;
/// The header's compatible feature of counts that may be left behind.
const LAZY_REFCOUNTS: u64 = 1 << 0;
/// The header's incompatible feature of a compression other than deflate.
const OTHER_COMPRESSION: u64 = 1 << 3;
/// The number of zstd among the compression types.
const ZSTD: u8 = 1;
const MAGIC: [u8; 4] = *b"QFI\xfb";

/// Returns the largest disk that QEMU opens, in bytes.
pub(super) fn largest_disk(cluster: ClusterSize) -> u64 {
    MOST_L1_ENTRIES * (cluster.bytes() / 8) * cluster.bytes()
}

/// An image that is being laid out: clusters are handed out from the front, tables written at the end.
pub(super) struct Layout<'a> {
    out: &'a File,
    size: u64,
    options: Qcow2Options,
    /// A cluster's size in bytes.
    cluster: u64,
    l1_entries: u64,
    /// How often each host cluster is used; as long as the image is in clusters.
    refcounts: Vec<u16>,
    /// Where the next compressed cluster may begin, in bytes; at a cluster's edge when there is no room left.
    packed_end: u64,
    /// L2 tables by their entry in the L1 table, those that are not empty.
    l2_tables: BTreeMap<u64, Vec<u64>>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(out: &'a File, size: u64, options: &Qcow2Options) -> Self {
        let cluster = options.cluster_size.bytes();
        let l1_entries = size.div_ceil(cluster / 8 * cluster);
        let l1_clusters = (l1_entries * 8).div_ceil(cluster);
        let mut layout = Self {
            out,
            size,
            options: *options,
            cluster,
            l1_entries,
            refcounts: Vec::new(),
            packed_end: 0,
            l2_tables: BTreeMap::new(),
        };
        layout.allocate(1 + l1_clusters);
        layout
    }

    /// Stores a guest cluster as it is, and returns its offset.
    pub(super) fn store(&mut self, guest_cluster: u64, data: &[u8]) -> io::Result<u64> {
        let offset = self.allocate(1);
        self.out.write_all_at(data, offset)?;
        self.map(guest_cluster, offset | COPIED);
        Ok(offset)
    }

    /// Stores a guest cluster's compressed bytes right behind the last ones, so that clusters share sectors, and returns
    /// their offset.
    pub(super) fn store_compressed(&mut self, guest_cluster: u64, compressed: &[u8]) -> io::Result<u64> {
        let length = compressed.len() as u64;
        let offset = self.allocate_packed(length);
        self.out.write_all_at(compressed, offset)?;
        let additional_sectors = (offset + length - 1) / SECTOR - offset / SECTOR;
        // The number's place depends on how many sectors a cluster can have.
        let shift = 62 - (self.options.cluster_size.bits() - 8);
        self.map(guest_cluster, offset | additional_sectors << shift | COMPRESSED);
        Ok(offset)
    }

    fn map(&mut self, guest_cluster: u64, entry: u64) {
        let entries = self.cluster / 8;
        let table = self.l2_tables.entry(guest_cluster / entries);
        let table = table.or_insert_with(|| vec![0; index(entries)]);
        table[index(guest_cluster % entries)] = entry;
    }

    /// Takes whole clusters, each used once, and returns the first one's offset.
    fn allocate(&mut self, clusters: u64) -> u64 {
        let offset = self.end();
        self.refcounts.resize(self.refcounts.len() + index(clusters), 1);
        offset
    }

    /// Takes room for compressed bytes, fewer than a cluster. Every cluster they touch is used once more.
    fn allocate_packed(&mut self, length: u64) -> u64 {
        let mut room = self.packed_end.next_multiple_of(self.cluster) - self.packed_end;
        let open = index(self.packed_end / self.cluster);
        if room > 0 && self.refcounts[open] >= self.most_uses() {
            room = 0;
        }
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

    /// Returns how often a cluster can be used.
    fn most_uses(&self) -> u16 {
        let bits = self.options.refcount_bits.bits();
        u16::MAX >> 16_u32.saturating_sub(bits)
    }

    fn end(&self) -> u64 {
        self.refcounts.len() as u64 * self.cluster
    }

    /// Writes the tables and the header.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let mut l1_table = vec![0; index(self.l1_entries)];
        for (entry, table) in std::mem::take(&mut self.l2_tables) {
            let offset = self.allocate(1);
            self.out.write_all_at(&big_endian(&table), offset)?;
            l1_table[index(entry)] = offset | COPIED;
        }
        self.out.write_all_at(&big_endian(&l1_table), self.cluster)?;
        let (table_offset, table_clusters) = self.write_refcounts()?;
        // A file of whole clusters, so that nothing a table points to lies behind its end.
        self.out.set_len(self.end())?;
        self.out
            .write_all_at(&self.header(table_offset, table_clusters), 0)
    }

    /// Writes the refcount blocks and their table, which count themselves, and returns the table's place and length.
    fn write_refcounts(&mut self) -> io::Result<(u64, u64)> {
        let used = self.refcounts.len() as u64;
        let per_block = self.cluster * 8 / u64::from(self.options.refcount_bits.bits());
        let (mut blocks, mut table_clusters) = (0, 0);
        loop {
            let needed = (used + blocks + table_clusters).div_ceil(per_block);
            let needed_table = (needed * 8).div_ceil(self.cluster);
            if (needed, needed_table) == (blocks, table_clusters) {
                break;
            }
            (blocks, table_clusters) = (needed, needed_table);
        }
        let first_block = self.allocate(blocks);
        let table_offset = self.allocate(table_clusters);
        for (number, counts) in (0..).zip(self.refcounts.chunks(index(per_block))) {
            let block = refcount_block(counts, self.options.refcount_bits.bits());
            self.out
                .write_all_at(&block, first_block + number * self.cluster)?;
        }
        let table: Vec<u64> = (0..blocks)
            .map(|number| first_block + number * self.cluster)
            .collect();
        self.out.write_all_at(&big_endian(&table), table_offset)?;
        Ok((table_offset, table_clusters))
    }

    fn header(&self, refcount_table: u64, refcount_table_clusters: u64) -> Vec<u8> {
        let half = |number: u64| u32::try_from(number).expect("the largest disk keeps it far below 32 bits");
        let options = &self.options;
        let mut header = Vec::with_capacity(112);
        header.extend(MAGIC);
        let version: u32 = if options.version == Qcow2Version::V2 { 2 } else { 3 };
        header.extend(version.to_be_bytes());
        // No backing file: offset and name's length.
        header.extend([0; 12]);
        header.extend(options.cluster_size.bits().to_be_bytes());
        header.extend(self.size.to_be_bytes());
        // No encryption.
        header.extend([0; 4]);
        header.extend(half(self.l1_entries).to_be_bytes());
        header.extend(self.cluster.to_be_bytes());
        header.extend(refcount_table.to_be_bytes());
        header.extend(half(refcount_table_clusters).to_be_bytes());
        // No snapshots: number and offset.
        header.extend([0; 12]);
        if options.version == Qcow2Version::V3 {
            let is_zstd = options.compression == Compression::Zstd;
            let incompatible = if is_zstd { OTHER_COMPRESSION } else { 0 };
            let compatible = if options.lazy_refcounts { LAZY_REFCOUNTS } else { 0 };
            // Then the auto-clear features: none.
            header.extend([incompatible, compatible, 0].map(u64::to_be_bytes).concat());
            header.extend(options.refcount_bits.order().to_be_bytes());
            header.extend(if is_zstd { 112_u32 } else { 104 }.to_be_bytes());
            if is_zstd {
                header.extend([ZSTD, 0, 0, 0, 0, 0, 0, 0]);
            }
        }
        header
    }
}

/// Returns counts as a block holds them, each in so many bits.
fn refcount_block(counts: &[u16], bits: u32) -> Vec<u8> {
    if let Some(width) = (bits / 8).checked_sub(1) {
        let begin = 7 - index(width.into());
        return counts
            .iter()
            .flat_map(|count| u64::from(*count).to_be_bytes().into_iter().skip(begin))
            .collect();
    }
    // Several share a byte, the first in its lowest bits.
    let in_byte = index((8 / bits).into());
    let low_byte = |count: &u16| count.to_le_bytes()[0];
    let byte = |counts: &[u16]| {
        counts
            .iter()
            .rev()
            .fold(0, |byte, count| byte << bits | low_byte(count))
    };
    counts.chunks(in_byte).map(byte).collect()
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

    const CLUSTER: u64 = 1 << 16;

    #[test]
    fn compressed_clusters_share_and_cross_host_clusters() {
        let file = tempfile::tempfile().unwrap();
        let mut layout = Layout::new(&file, 1 << 30, &Qcow2Options::default());
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

    #[test]
    fn counts_narrower_than_a_byte_share_one() {
        assert_eq!(refcount_block(&[1, 0, 1, 1, 0, 0, 0, 0, 1], 1), [0b1101, 1]);
        assert_eq!(refcount_block(&[1, 2, 15], 4), [0x21, 0x0f]);
        assert_eq!(refcount_block(&[1, 255], 8), [1, 255]);
        assert_eq!(refcount_block(&[1, 258], 16), [0, 1, 1, 2]);
        assert_eq!(refcount_block(&[258], 64), [0, 0, 0, 0, 0, 0, 1, 2]);
    }

    #[test]
    fn clusters_are_shared_no_more_often_than_can_be_counted() {
        let file = tempfile::tempfile().unwrap();
        let refcount_bits = super::super::RefcountBits::new(2).unwrap();
        let mut layout = Layout::new(
            &file,
            1 << 30,
            &Qcow2Options {
                refcount_bits,
                ..Qcow2Options::default()
            },
        );
        let offsets: Vec<u64> = (0..5).map(|_| layout.allocate_packed(100)).collect();
        let first = layout.cluster * 2;
        assert_eq!(
            offsets,
            [0, 100, 200, layout.cluster, layout.cluster + 100].map(|offset| first + offset)
        );
        assert_eq!(layout.refcounts, [1, 1, 3, 2]);
    }
}
