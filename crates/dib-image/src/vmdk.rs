//! A raw disk as a VMDK, the format of `VMware`: one sparse file with its descriptor in it.
//!
//! Source: `VMware`'s "Virtual Disk Format 5.0" and QEMU's `block/vmdk.c`.

mod header;
mod stream;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use header::{Geometry, Header};

use crate::format_options::{FormatOptionError, known_value};
use crate::in_order::ThreadError;
use crate::pieces::{self, PieceError};

const SECTOR: u64 = 512;
/// The part of a disk that is stored together where it has data.
const GRAIN: u64 = 64 << 10;
const GRAIN_SECTORS: u64 = GRAIN / SECTOR;
/// Grains that a table knows.
const GRAINS_PER_TABLE: u64 = 512;
/// A table's length in sectors.
const TABLE_SECTORS: u64 = GRAINS_PER_TABLE * 4 / SECTOR;
/// Tables hold sectors in 32 bits.
const LARGEST_DISK: u64 = 1 << 41;

/// How a VMDK is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmdkOptions {
    /// How the disk lies in the file.
    pub layout: VmdkLayout,
    /// The controller that a virtual machine shall have for it.
    pub adapter: VmdkAdapter,
    /// The version of the virtual hardware.
    pub hardware_version: u32,
}

/// How the disk lies in a VMDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VmdkLayout {
    /// Grains with data are stored as they are.
    #[default]
    MonolithicSparse,
    /// Grains with data are compressed, to be read from the front: what an OVF holds.
    StreamOptimized,
}

/// A disk's controller, in `VMware`'s words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VmdkAdapter {
    /// IDE.
    #[default]
    Ide,
    /// A SCSI controller by `BusLogic`.
    BusLogic,
    /// A SCSI controller by LSI Logic.
    LsiLogic,
}

impl Default for VmdkOptions {
    /// QEMU's.
    fn default() -> Self {
        Self {
            layout: VmdkLayout::default(),
            adapter: VmdkAdapter::default(),
            hardware_version: 4,
        }
    }
}

impl VmdkOptions {
    /// The names of the options, as QEMU has them.
    pub const NAMES: &'static [&'static str] = &["subformat", "adapter_type", "hwversion"];

    pub(crate) fn set(&mut self, name: &'static str, value: &str) -> Result<(), FormatOptionError> {
        match name {
            "subformat" => {
                let layouts = [
                    ("monolithicSparse", VmdkLayout::MonolithicSparse),
                    ("streamOptimized", VmdkLayout::StreamOptimized),
                ];
                self.layout = known_value(name, value, &layouts)?;
            }
            "adapter_type" => {
                let adapters = [
                    ("ide", VmdkAdapter::Ide),
                    ("buslogic", VmdkAdapter::BusLogic),
                    ("lsilogic", VmdkAdapter::LsiLogic),
                ];
                self.adapter = known_value(name, value, &adapters)?;
            }
            _ => {
                let version = value.parse().ok().filter(|version| (1..100).contains(version));
                self.hardware_version =
                    version.ok_or_else(|| FormatOptionError::invalid(name, value, "a number below 100"))?;
            }
        }
        Ok(())
    }
}

/// Writing a VMDK failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VmdkError {
    /// The raw disk could not be read.
    #[error("failed to read the raw disk")]
    Read(#[source] io::Error),
    /// The image could not be written.
    #[error("failed to write the VMDK")]
    Write(#[source] io::Error),
    /// A grain could not be compressed.
    #[error("failed to compress a grain")]
    Compress(#[source] io::Error),
    /// The compressing threads could not be started.
    #[error(transparent)]
    Thread(#[from] ThreadError),
    /// The raw disk is larger than a VMDK in one file can be.
    #[error("a disk of {0} bytes is larger than a VMDK in one file can be ({LARGEST_DISK} bytes)")]
    TooLarge(u64),
}

impl From<PieceError> for VmdkError {
    fn from(error: PieceError) -> Self {
        match error {
            PieceError::Read(source) => Self::Read(source),
            PieceError::Thread(error) => Self::Thread(error),
        }
    }
}

/// Writes the disk `raw` as a VMDK into the empty file `out`; `name` is what the file is called in it.
///
/// The virtual disk is as large as `raw`, rounded up to 512 bytes. The result depends on the content, the name and the
/// options alone. `progress` is told how many bytes of data are done, and of how many.
///
/// # Errors
/// When reading or writing fails, or the disk is larger than 2 TiB.
pub fn write_vmdk(
    raw: &File,
    out: &File,
    name: &str,
    options: &VmdkOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), VmdkError> {
    let length = raw.metadata().map_err(VmdkError::Read)?.len();
    let size = length.next_multiple_of(SECTOR);
    if size > LARGEST_DISK {
        return Err(VmdkError::TooLarge(size));
    }
    let geometry = Geometry::new(size);
    match options.layout {
        VmdkLayout::MonolithicSparse => write_sparse(raw, out, name, *options, &geometry, progress),
        VmdkLayout::StreamOptimized => stream::write(raw, out, name, *options, &geometry, progress),
    }
}

/// Writes header, descriptor, two copies of directory and tables, and grains.
fn write_sparse(
    raw: &File,
    out: &File,
    name: &str,
    options: VmdkOptions,
    geometry: &Geometry,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), VmdkError> {
    let copy_sectors = geometry.directory_sectors() + geometry.tables * TABLE_SECTORS;
    let copies = [header::SECTORS, header::SECTORS + copy_sectors];
    let first_grain = (header::SECTORS + 2 * copy_sectors).next_multiple_of(GRAIN_SECTORS);
    let mut tables = vec![0_u32; index(geometry.tables * GRAINS_PER_TABLE)];
    let mut sector = first_grain;
    let mut sum = crc32fast::Hasher::new();
    let start_worker = || |grain: &[u8]| (crc32fast::hash(grain), grain.to_owned());
    pieces::for_each(raw, GRAIN, start_worker, |batch| {
        for (number, (grain_sum, grain)) in batch.pieces {
            sum.update(&[number.to_le_bytes().as_slice(), &grain_sum.to_le_bytes()].concat());
            out.write_all_at(&grain, sector * SECTOR)
                .map_err(VmdkError::Write)?;
            tables[index(number)] = short(sector).map_err(VmdkError::Write)?;
            sector += GRAIN_SECTORS;
        }
        progress(batch.done, batch.total);
        Ok::<(), VmdkError>(())
    })?;
    let tables: Vec<u8> = tables.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    for copy in copies {
        let first_table = copy + geometry.directory_sectors();
        let directory = (0..geometry.tables).map(|table| short(first_table + table * TABLE_SECTORS));
        let directory: io::Result<Vec<u32>> = directory.collect();
        let directory = directory.map_err(VmdkError::Write)?;
        let directory: Vec<u8> = directory.into_iter().flat_map(u32::to_le_bytes).collect();
        out.write_all_at(&directory, copy * SECTOR)
            .map_err(VmdkError::Write)?;
        out.write_all_at(&tables, first_table * SECTOR)
            .map_err(VmdkError::Write)?;
    }
    let header = Header {
        redundant_directory: copies[0],
        directory: copies[1],
        overhead: first_grain,
        ..Header::of(options, geometry)
    };
    let descriptor = header::descriptor(options, geometry, name, sum.finalize());
    // Grains that all are zeros take no room, but what the header announces is there.
    let end = sector.max(first_grain) * SECTOR;
    out.set_len(end)
        .and_then(|()| out.write_all_at(&header.bytes(), 0))
        .and_then(|()| out.write_all_at(descriptor.as_bytes(), SECTOR))
        .map_err(VmdkError::Write)
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("what is held in memory has indices that fit")
}

/// Returns a sector as the tables hold it; one that they can't hold is that of a file too large.
fn short(sector: u64) -> io::Result<u32> {
    u32::try_from(sector).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

#[cfg(test)]
mod tests;
