//! A raw disk as a VHD, the format of Virtual PC, Hyper-V, Azure and Xen.
//!
//! Source: Microsoft's "Virtual Hard Disk Image Format Specification" of 2006, and QEMU's `block/vpc.c`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use crate::format_options::{FormatOptionError, known_value, switch};
use crate::in_order::ThreadError;
use crate::pieces::{self, PieceError};
use crate::sparse;

const SECTOR: u64 = 512;
/// The part of a disk that is stored together where it has data.
const BLOCK: u64 = 2 << 20;
/// What stands before each block, a bit for each of its sectors.
const BITMAP: u64 = BLOCK / SECTOR / 8;
const FOOTER: u64 = 512;
const DYNAMIC_HEADER: u64 = 1024;
/// Where the table of blocks begins.
const TABLE: u64 = FOOTER + DYNAMIC_HEADER;
/// In the table: the block is all zeros.
const NO_BLOCK: u32 = u32::MAX;
/// The largest disk that Hyper-V and QEMU open: 2040 GiB.
const LARGEST_DISK: u64 = 2040 << 30;

/// How a VHD is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VhdOptions {
    /// How the disk lies in the file.
    pub layout: VhdLayout,
}

/// How the disk lies in a VHD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VhdLayout {
    /// Only blocks with data are stored.
    #[default]
    Dynamic,
    /// As a raw disk, with a footer behind it: what Azure takes.
    Fixed,
}

impl VhdOptions {
    /// The names of the options, as QEMU has them.
    pub const NAMES: &'static [&'static str] = &["subformat", "force_size"];

    pub(crate) fn set(&mut self, name: &'static str, value: &str) -> Result<(), FormatOptionError> {
        if name == "force_size" {
            // The size is always what it is: none is rounded to cylinders.
            return switch(name, value).map(drop);
        }
        let layouts = [("dynamic", VhdLayout::Dynamic), ("fixed", VhdLayout::Fixed)];
        self.layout = known_value(name, value, &layouts)?;
        Ok(())
    }
}

/// Writing a VHD failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VhdError {
    /// The raw disk could not be read.
    #[error("failed to read the raw disk")]
    Read(#[source] io::Error),
    /// The image could not be written.
    #[error("failed to write the VHD")]
    Write(#[source] io::Error),
    /// The reading threads could not be started.
    #[error(transparent)]
    Thread(#[from] ThreadError),
    /// The raw disk is larger than a VHD can be.
    #[error("a disk of {0} bytes is larger than a VHD can be ({LARGEST_DISK} bytes)")]
    TooLarge(u64),
}

impl From<PieceError> for VhdError {
    fn from(error: PieceError) -> Self {
        match error {
            PieceError::Read(source) => Self::Read(source),
            PieceError::Thread(error) => Self::Thread(error),
        }
    }
}

/// Writes the disk `raw` as a VHD into the empty file `out`.
///
/// The virtual disk is as large as `raw`, rounded up to 512 bytes and not to whole cylinders. The result depends on the
/// content and the options alone: its identifier is derived from them, and its time is 2000-01-01. `progress` is told how
/// many bytes of data are done, and of how many.
///
/// # Errors
/// When reading or writing fails, or the disk is larger than 2040 GiB.
pub fn write_vhd(
    raw: &File,
    out: &File,
    options: &VhdOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), VhdError> {
    let length = raw.metadata().map_err(VhdError::Read)?.len();
    let size = length.next_multiple_of(SECTOR);
    if size > LARGEST_DISK {
        return Err(VhdError::TooLarge(size));
    }
    match options.layout {
        VhdLayout::Dynamic => write_dynamic(raw, out, size, progress),
        VhdLayout::Fixed => {
            sparse::copy_sparse(raw, out).map_err(VhdError::Write)?;
            let digest = Sha256::new().chain_update(size.to_be_bytes());
            let footer = footer(size, None, digest);
            out.write_all_at(&footer, size).map_err(VhdError::Write)?;
            progress(length, length);
            Ok(())
        }
    }
}

fn write_dynamic(
    raw: &File,
    out: &File,
    size: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), VhdError> {
    let mut table = vec![NO_BLOCK; index(size.div_ceil(BLOCK))];
    let table_length = (table.len() as u64 * 4).next_multiple_of(SECTOR);
    let mut end = TABLE + table_length;
    let mut digest = Sha256::new().chain_update(size.to_be_bytes());
    let all_sectors = vec![0xff; index(BITMAP)];
    let start_worker = || |block: &[u8]| (crc32fast::hash(block), block.to_owned());
    pieces::for_each(raw, BLOCK, start_worker, |batch| {
        for (number, (sum, block)) in batch.pieces {
            digest.update(number.to_be_bytes());
            digest.update(sum.to_be_bytes());
            out.write_all_at(&all_sectors, end).map_err(VhdError::Write)?;
            out.write_all_at(&block, end + BITMAP).map_err(VhdError::Write)?;
            table[index(number)] = u32::try_from(end / SECTOR).map_err(|_| VhdError::TooLarge(size))?;
            end += BITMAP + BLOCK;
        }
        progress(batch.done, batch.total);
        Ok::<(), VhdError>(())
    })?;
    let mut entries: Vec<u8> = table.iter().flat_map(|entry| entry.to_be_bytes()).collect();
    entries.resize(index(table_length), 0xff);
    let footer = footer(size, Some(FOOTER), digest);
    for (bytes, offset) in [
        (footer.as_slice(), 0),
        (&dynamic_header(table.len()), FOOTER),
        (&entries, TABLE),
        (&footer, end),
    ] {
        out.write_all_at(bytes, offset).map_err(VhdError::Write)?;
    }
    Ok(())
}

/// Returns the footer; only a dynamic disk has a header, at that offset.
fn footer(size: u64, header: Option<u64>, digest: Sha256) -> Vec<u8> {
    let mut footer = Vec::with_capacity(index(FOOTER));
    footer.extend(b"conectix");
    // The bit that is always set, and the format's version.
    footer.extend([2, 0x0001_0000_u32].map(u32::to_be_bytes).concat());
    footer.extend(header.unwrap_or(u64::MAX).to_be_bytes());
    // The time in seconds since 2000, then what made it: QEMU takes the size as it is from this one.
    footer.extend([0; 4]);
    footer.extend(b"qem2\0\x05\0\x03Wi2k");
    footer.extend([size, size].map(u64::to_be_bytes).concat());
    footer.extend(geometry(size / SECTOR));
    let kind: u32 = if header.is_some() { 3 } else { 2 };
    footer.extend(kind.to_be_bytes());
    // The checksum's place, then the identifier.
    footer.extend([0; 4]);
    footer.extend(&digest.finalize()[..16]);
    footer.resize(index(FOOTER), 0);
    with_checksum(footer, 64)
}

fn dynamic_header(blocks: usize) -> Vec<u8> {
    let blocks = u32::try_from(blocks).expect("the largest disk has a million blocks");
    let mut header = Vec::with_capacity(index(DYNAMIC_HEADER));
    header.extend(b"cxsparse");
    // Nothing follows it; then the table's offset.
    header.extend([u64::MAX, TABLE].map(u64::to_be_bytes).concat());
    let block: u32 = 2 << 20;
    header.extend([0x0001_0000, blocks, block].map(u32::to_be_bytes).concat());
    header.resize(index(DYNAMIC_HEADER), 0);
    with_checksum(header, 36)
}

/// Enters the checksum: the sum of all bytes, its bits turned round.
fn with_checksum(mut bytes: Vec<u8>, offset: usize) -> Vec<u8> {
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    bytes[offset..offset + 4].copy_from_slice(&(!sum).to_be_bytes());
    bytes
}

/// Returns cylinders, heads and sectors for a disk of so many sectors, as the specification's appendix works them out.
fn geometry(sectors: u64) -> [u8; 4] {
    let sectors = sectors.min(65_535 * 16 * 255);
    let (mut per_track, mut heads, mut tracks);
    if sectors >= 65_535 * 16 * 63 {
        (per_track, heads) = (255, 16);
        tracks = sectors / per_track;
    } else {
        per_track = 17;
        tracks = sectors / per_track;
        heads = tracks.div_ceil(1024).max(4);
        if tracks >= heads * 1024 || heads > 16 {
            (per_track, heads) = (31, 16);
            tracks = sectors / per_track;
        }
        if tracks >= heads * 1024 {
            (per_track, heads) = (63, 16);
            tracks = sectors / per_track;
        }
    }
    let [.., high, low] = (tracks / heads).to_be_bytes();
    let byte = |number: u64| number.to_le_bytes()[0];
    [high, low, byte(heads), byte(per_track)]
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("what is held in memory has indices that fit")
}

#[cfg(test)]
mod tests;
