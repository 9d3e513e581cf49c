//! A pack that is read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::chunks::Chunk;
use super::index::{self, Index};
use super::{FOOTER_SIZE, Footer, HEADER_SIZE, Sum, header, sum_of};
use crate::{Damage, PackName};

/// A pack whose header and footer are in order.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) file: File,
    pub(crate) footer: Footer,
    pub(crate) size: u64,
}

/// Why a part of a pack could not be had.
#[derive(Debug)]
pub(crate) enum ReadFault {
    System(io::Error),
    Damage(Damage),
}

impl From<Damage> for ReadFault {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

impl From<io::Error> for ReadFault {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl Pack {
    /// Takes an open file as the pack of that name.
    pub(crate) fn new(file: File, name: PackName) -> Result<Self, ReadFault> {
        let size = file.metadata()?.len();
        let footer_offset = size
            .checked_sub(FOOTER_SIZE)
            .filter(|offset| *offset >= HEADER_SIZE)
            .ok_or(Damage::Size { size })?;
        let footer = Footer::parse(&read(&file, footer_offset, FOOTER_SIZE)?)?;
        if footer.pack_size() != Some(size) {
            return Err(Damage::Size { size }.into());
        }
        if read(&file, 0, HEADER_SIZE)? != header(name) {
            return Err(Damage::Header.into());
        }
        Ok(Self { file, footer, size })
    }

    pub(crate) fn index(&self) -> Result<Index, ReadFault> {
        let footer = &self.footer;
        let bytes = read(&self.file, footer.index_offset(), footer.index_length)?;
        if sum_of(&bytes) != footer.index_sum {
            return Err(Damage::Index.into());
        }
        Ok(index::decode(&bytes, footer.data_length)?)
    }

    pub(crate) fn description(&self) -> Result<Vec<u8>, ReadFault> {
        let footer = &self.footer;
        let bytes = read(&self.file, footer.description_offset(), footer.description_length)?;
        if sum_of(&bytes) != footer.description_sum {
            return Err(Damage::Description.into());
        }
        Ok(bytes)
    }

    /// Reads a chunk into `buffer`, which gets its length, and verifies it.
    pub(crate) fn chunk(&self, chunk: &Chunk, sum: &Sum, buffer: &mut Vec<u8>) -> Result<(), ReadFault> {
        self.unverified_chunk(chunk, buffer)?;
        Ok(verify(chunk, sum, buffer)?)
    }

    /// Reads a chunk into `buffer`, which gets its length. What it reads may be damaged.
    pub(crate) fn unverified_chunk(&self, chunk: &Chunk, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.resize(chunk.length, 0);
        self.file.read_exact_at(buffer, chunk.position)
    }
}

/// Compares a chunk's bytes with its sum.
pub(crate) fn verify(chunk: &Chunk, sum: &Sum, bytes: &[u8]) -> Result<(), Damage> {
    if sum_of(bytes) == *sum {
        return Ok(());
    }
    Err(Damage::Contents {
        offset: chunk.position,
        length: chunk.length as u64,
    })
}

fn read(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    // The length is at most the file's: it is a constant, or was compared to the file's size.
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}
