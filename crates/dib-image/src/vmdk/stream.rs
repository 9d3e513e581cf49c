//! A VMDK that is read from the front: compressed grains, each table behind its own, the directory last.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use flate2::{Compress, FlushCompress, Status};

use super::header::{self, Geometry, Header};
use super::{
    GRAIN, GRAIN_SECTORS, GRAINS_PER_TABLE, SECTOR, TABLE_SECTORS, VmdkError, VmdkOptions, index, short,
};
use crate::pieces;

/// The header says so where the directory is only known from the footer.
const AT_END: u64 = u64::MAX;
/// zlib's usual effort.
const LEVEL: u32 = 6;
/// More than a grain's compressed bytes ever are; the room must not run out (see zlib-rs 0.6).
const ROOM: usize = 80 << 10;

/// What a marker announces.
#[derive(Debug, Clone, Copy)]
enum Marker {
    EndOfStream = 0,
    Table = 1,
    Directory = 2,
    Footer = 3,
}

pub(super) fn write(
    raw: &File,
    out: &File,
    name: &str,
    options: VmdkOptions,
    geometry: &Geometry,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), VmdkError> {
    let mut stream = Stream {
        out,
        sector: header::SECTORS.next_multiple_of(GRAIN_SECTORS),
        directory: vec![0; index(geometry.tables)],
        table: vec![0; index(GRAINS_PER_TABLE)],
        open_table: 0,
    };
    let overhead = stream.sector;
    let mut sum = crc32fast::Hasher::new();
    let start_worker = || |grain: &[u8]| (crc32fast::hash(grain), compressed(grain));
    pieces::for_each(raw, GRAIN, start_worker, |batch| {
        for (number, (grain_sum, grain)) in batch.pieces {
            sum.update(&[number.to_le_bytes().as_slice(), &grain_sum.to_le_bytes()].concat());
            let grain = grain.map_err(VmdkError::Compress)?;
            stream.grain(number, &grain).map_err(VmdkError::Write)?;
        }
        progress(batch.done, batch.total);
        Ok::<(), VmdkError>(())
    })?;
    let header = Header {
        directory: AT_END,
        overhead,
        ..Header::of(options, geometry)
    };
    let descriptor = header::descriptor(options, geometry, name, sum.finalize());
    stream
        .finish(&header)
        .and_then(|()| out.write_all_at(&header.bytes(), 0))
        .and_then(|()| out.write_all_at(descriptor.as_bytes(), SECTOR))
        .map_err(VmdkError::Write)
}

fn compressed(grain: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(ROOM);
    // A new one each time: what zlib-rs 0.6 makes after a reset may depend on what it has compressed before.
    let mut compress = Compress::new(flate2::Compression::new(LEVEL), true);
    let status = compress
        .compress_vec(grain, &mut out, FlushCompress::Finish)
        .map_err(io::Error::other)?;
    if status == Status::StreamEnd {
        Ok(out)
    } else {
        Err(io::Error::other("the compressor did not come to its end"))
    }
}

struct Stream<'o> {
    out: &'o File,
    /// Where the next thing goes.
    sector: u64,
    /// Where each table is; 0 for one without grains.
    directory: Vec<u32>,
    /// The table that grains are being entered into.
    table: Vec<u32>,
    open_table: u64,
}

impl Stream<'_> {
    fn grain(&mut self, number: u64, grain: &[u8]) -> io::Result<()> {
        if number / GRAINS_PER_TABLE != self.open_table {
            self.close_table()?;
            self.open_table = number / GRAINS_PER_TABLE;
        }
        self.table[index(number % GRAINS_PER_TABLE)] = short(self.sector)?;
        let length = u32::try_from(grain.len()).map_err(io::Error::other)?;
        let first_sector = number * GRAIN_SECTORS;
        let marked = [
            &first_sector.to_le_bytes(),
            length.to_le_bytes().as_slice(),
            grain,
        ]
        .concat();
        self.append(marked)
    }

    fn close_table(&mut self) -> io::Result<()> {
        if self.table.iter().all(|entry| *entry == 0) {
            return Ok(());
        }
        self.mark(TABLE_SECTORS, Marker::Table)?;
        self.directory[index(self.open_table)] = short(self.sector)?;
        let table = self.table.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        self.append(table)?;
        self.table.fill(0);
        Ok(())
    }

    fn finish(&mut self, header: &Header) -> io::Result<()> {
        self.close_table()?;
        let directory: Vec<u8> = self
            .directory
            .iter()
            .flat_map(|entry| entry.to_le_bytes())
            .collect();
        self.mark((directory.len() as u64).div_ceil(SECTOR), Marker::Directory)?;
        let footer = Header {
            directory: self.sector,
            ..*header
        };
        self.append(directory)?;
        self.mark(1, Marker::Footer)?;
        self.append(footer.bytes())?;
        self.mark(0, Marker::EndOfStream)
    }

    /// Writes a marker that announces so many sectors.
    fn mark(&mut self, sectors: u64, marker: Marker) -> io::Result<()> {
        let mut bytes = sectors.to_le_bytes().to_vec();
        // Not a grain, which would have a length here.
        bytes.extend([0; 4]);
        bytes.extend((marker as u32).to_le_bytes());
        self.append(bytes)
    }

    /// Writes bytes, filled up to whole sectors.
    fn append(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        self.out.write_all_at(&bytes, self.sector * SECTOR)?;
        self.sector += bytes.len() as u64 / SECTOR;
        Ok(())
    }
}
