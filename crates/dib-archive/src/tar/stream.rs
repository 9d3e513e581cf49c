//! The blocks of a tar stream, with the place in it for messages.

use std::fs::File;
use std::io::{self, BufRead, Write};

use ::tar::Header;

use crate::entry_name::lossy;
use crate::{ExtractError, Place};

/// The size of a header, and the unit that contents are padded to, in bytes.
const BLOCK: usize = 512;

/// A tar stream, its place known, and the rest of the current entry's contents counted.
pub(super) struct TarStream<'input> {
    input: &'input mut dyn BufRead,
    place: Place,
    /// Bytes of contents still to be read.
    remaining: u64,
    /// Bytes of padding after the contents.
    padding: u64,
}

impl<'input> TarStream<'input> {
    pub(super) fn new(input: &'input mut dyn BufRead) -> Self {
        Self {
            input,
            place: Place::Start,
            remaining: 0,
            padding: 0,
        }
    }

    /// Reads the next header; `None` at the end of the archive.
    pub(super) fn next_header(&mut self) -> Result<Option<Header>, ExtractError> {
        let mut header = Header::new_old();
        let bytes = header.as_mut_bytes();
        // Some writers leave the end marker out.
        if self.chunk()?.is_empty() && self.place != Place::Start {
            return Ok(None);
        }
        self.read_exact(bytes)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let expected = sum(&bytes[..148]) + 8 * u32::from(b' ') + sum(&bytes[156..]);
        if header.cksum().ok() != Some(expected) {
            return Err(self.malformed("a header has a wrong checksum"));
        }
        Ok(Some(header))
    }

    /// Sets how many bytes of contents follow.
    pub(super) fn set_size(&mut self, size: u64) {
        self.remaining = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
    }

    /// Returns how many bytes of the contents have not been read.
    pub(super) fn remaining(&self) -> u64 {
        self.remaining
    }

    pub(super) fn enter(&mut self, name: &[u8]) {
        self.place = Place::In(lossy(name));
    }

    /// Skips what is left of the entry.
    pub(super) fn leave(&mut self) -> Result<(), ExtractError> {
        self.skip_contents()?;
        if let Place::In(name) = &mut self.place {
            self.place = Place::After(std::mem::take(name));
        }
        Ok(())
    }

    /// Skips what is left of the contents, and the padding.
    pub(super) fn skip_contents(&mut self) -> Result<(), ExtractError> {
        let mut rest = self
            .remaining
            .checked_add(self.padding)
            .ok_or_else(|| self.malformed("its size is beyond all bounds"))?;
        while rest > 0 {
            let available = self.chunk()?.len();
            if available == 0 {
                return Err(self.cut_short());
            }
            let length = within(available, rest);
            self.input.consume(length);
            rest -= length as u64;
        }
        self.set_size(0);
        Ok(())
    }

    /// Writes the rest of the contents to a file, and returns their length.
    pub(super) fn copy_all(&mut self, file: &File) -> Result<u64, ExtractError> {
        self.copy(file, self.remaining)
    }

    /// Writes the next `length` bytes of the contents to a file, and returns that length.
    pub(super) fn copy(&mut self, mut file: &File, length: u64) -> Result<u64, ExtractError> {
        let mut rest = length;
        while rest > 0 {
            let chunk = match self.input.fill_buf() {
                Ok([]) => return Err(self.cut_short()),
                Ok(chunk) => &chunk[..within(chunk.len(), rest)],
                Err(source) => return Err(self.damaged(source)),
            };
            let written = file.write_all(chunk).map(|()| chunk.len());
            let written = written.map_err(|source| self.refused("write", source))?;
            self.input.consume(written);
            rest -= written as u64;
            self.remaining = self.remaining.saturating_sub(written as u64);
        }
        Ok(length)
    }

    /// Reads the next bytes of the contents.
    pub(super) fn read_contents(&mut self, bytes: &mut [u8]) -> Result<(), ExtractError> {
        let left = self.remaining.checked_sub(bytes.len() as u64);
        self.remaining = left.ok_or_else(|| self.malformed("its contents are too short"))?;
        self.read_exact(bytes)
    }

    /// Reads whole contents that must be short, up to `limit` bytes.
    pub(super) fn read_short_contents(&mut self, limit: u64) -> Result<Vec<u8>, ExtractError> {
        if self.remaining > limit {
            return Err(self.malformed("an extended header is too long"));
        }
        let bytes = self.read_all_contents()?;
        self.skip_contents()?;
        Ok(bytes)
    }

    /// Reads the rest of the contents, which must be known to be short.
    pub(super) fn read_all_contents(&mut self) -> Result<Vec<u8>, ExtractError> {
        let mut contents = Vec::with_capacity(usize::try_from(self.remaining).unwrap_or_default());
        while self.remaining > 0 {
            let rest = self.remaining;
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                return Err(self.cut_short());
            }
            let chunk = &chunk[..within(chunk.len(), rest)];
            contents.extend_from_slice(chunk);
            let length = chunk.len();
            self.input.consume(length);
            self.remaining -= length as u64;
        }
        Ok(contents)
    }

    /// Reads one block that belongs to the header, not to the contents.
    pub(super) fn read_header_block(&mut self) -> Result<[u8; BLOCK], ExtractError> {
        let mut block = [0; BLOCK];
        self.read_exact(&mut block)?;
        Ok(block)
    }

    /// Reads to the end, so that the decompressor checks its checksum.
    pub(super) fn drain(&mut self) -> Result<(), ExtractError> {
        loop {
            let length = self.chunk()?.len();
            if length == 0 {
                return Ok(());
            }
            self.input.consume(length);
        }
    }

    pub(super) fn malformed(&self, reason: impl Into<String>) -> ExtractError {
        ExtractError::Malformed {
            place: self.place.clone(),
            reason: reason.into(),
        }
    }

    pub(super) fn refused(&self, operation: &'static str, source: io::Error) -> ExtractError {
        let entry = match &self.place {
            Place::Start => String::new(),
            Place::In(name) | Place::After(name) => name.clone(),
        };
        ExtractError::Entry {
            entry,
            operation,
            source,
        }
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), ExtractError> {
        self.input
            .read_exact(bytes)
            .map_err(|source| self.damaged(source))
    }

    fn chunk(&mut self) -> Result<&[u8], ExtractError> {
        self.input
            .fill_buf()
            .map_err(|source| damaged_at(&self.place, source))
    }

    fn cut_short(&self) -> ExtractError {
        ExtractError::CutShort {
            place: self.place.clone(),
        }
    }

    fn damaged(&self, source: io::Error) -> ExtractError {
        damaged_at(&self.place, source)
    }
}

fn damaged_at(place: &Place, source: io::Error) -> ExtractError {
    let place = place.clone();
    match source.kind() {
        io::ErrorKind::UnexpectedEof => ExtractError::CutShort { place },
        _ => ExtractError::Damaged { place, source },
    }
}

fn within(available: usize, rest: u64) -> usize {
    usize::try_from(rest).map_or(available, |rest| rest.min(available))
}
