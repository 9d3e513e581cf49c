//! Files with holes, in GNU tar's old format and its format 1.0 for PAX headers.

use std::fs::File;
use std::io::{Seek, SeekFrom};

use ::tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

use super::pax::{PaxSparse, parse_number};
use super::stream::TarStream;
use crate::ExtractError;

/// The most pieces a file may have: a map of a million takes 16 MB.
const PIECES_AT_MOST: u64 = 1 << 20;

/// Where the pieces of a file's contents belong; all else is holes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SparseMap {
    /// Offset in the file and length of every piece, in bytes.
    pieces: Vec<(u64, u64)>,
    /// The file's size, in bytes.
    size: u64,
}

impl SparseMap {
    /// Reads the old format's map from the header and the blocks that continue it.
    pub(super) fn of_header(header: &Header, stream: &mut TarStream<'_>) -> Result<Self, ExtractError> {
        let invalid =
            |stream: &TarStream<'_>| stream.malformed("its header has no valid map of a sparse file");
        let gnu = header.as_gnu().ok_or_else(|| invalid(stream))?;
        let size = gnu.real_size().map_err(|_| invalid(stream))?;
        let mut map = Self {
            pieces: Vec::new(),
            size,
        };
        map.add(&gnu.sparse).ok_or_else(|| invalid(stream))?;
        let mut extended = gnu.is_extended();
        while extended {
            let mut more = GnuExtSparseHeader::new();
            more.as_mut_bytes().copy_from_slice(&stream.read_header_block()?);
            map.add(&more.sparse).ok_or_else(|| invalid(stream))?;
            extended = more.is_extended();
        }
        map.check(stream)
    }

    /// Reads format 1.0's map from the start of the contents: decimal numbers, one a line, padded to a whole block.
    pub(super) fn of_contents(sparse: &PaxSparse, stream: &mut TarStream<'_>) -> Result<Self, ExtractError> {
        let (version, real_size) = (sparse.version, sparse.real_size);
        let (Some(1), Some(0), Some(size)) = (version.0, version.1, real_size) else {
            return Err(stream.malformed("its sparse file is in another format than GNU's 1.0"));
        };
        let mut numbers = Numbers {
            stream,
            block: [0; 512],
            position: 512,
        };
        let count = numbers.next()?;
        if count > PIECES_AT_MOST {
            return Err(stream.malformed("its sparse file has too many pieces"));
        }
        let mut pieces = Vec::new();
        for _ in 0..count {
            pieces.push((numbers.next()?, numbers.next()?));
        }
        Self { pieces, size }.check(stream)
    }

    /// Writes the contents to their places, and returns how many bytes they were.
    pub(super) fn write(&self, mut file: &File, stream: &mut TarStream<'_>) -> Result<u64, ExtractError> {
        file.set_len(self.size)
            .map_err(|source| stream.refused("write", source))?;
        let mut written = 0;
        for (offset, length) in &self.pieces {
            file.seek(SeekFrom::Start(*offset))
                .map_err(|source| stream.refused("write", source))?;
            written += stream.copy(file, *length)?;
        }
        Ok(written)
    }

    fn add(&mut self, headers: &[GnuSparseHeader]) -> Option<()> {
        for header in headers.iter().filter(|header| !header.is_empty()) {
            self.pieces.push((header.offset().ok()?, header.length().ok()?));
        }
        (self.pieces.len() as u64 <= PIECES_AT_MOST).then_some(())
    }

    /// Checks that the pieces are in order, inside the file and as long as the contents.
    fn check(self, stream: &TarStream<'_>) -> Result<Self, ExtractError> {
        let mut end = 0;
        let mut sum = 0;
        for (offset, length) in &self.pieces {
            let next = offset
                .checked_add(*length)
                .filter(|next| *offset >= end && *next <= self.size);
            end = next.ok_or_else(|| stream.malformed("its map of a sparse file is out of order"))?;
            // No overflow: the pieces lie side by side in one file.
            sum += length;
        }
        if sum != stream.remaining() {
            return Err(stream.malformed("its map of a sparse file does not match its size"));
        }
        Ok(self)
    }
}

/// Decimal numbers at the start of an entry's contents.
struct Numbers<'stream, 'input> {
    stream: &'stream mut TarStream<'input>,
    block: [u8; 512],
    position: usize,
}

impl Numbers<'_, '_> {
    fn next(&mut self) -> Result<u64, ExtractError> {
        let mut digits = Vec::new();
        loop {
            if self.position == self.block.len() {
                self.stream.read_contents(&mut self.block)?;
                self.position = 0;
            }
            let byte = self.block[self.position];
            self.position += 1;
            if byte == b'\n' {
                break;
            }
            digits.push(byte);
            if digits.len() > 20 {
                break;
            }
        }
        let number = if digits.is_empty() {
            None
        } else {
            parse_number(&digits)
        };
        number.ok_or_else(|| {
            self.stream
                .malformed("its map of a sparse file has no valid numbers")
        })
    }
}
