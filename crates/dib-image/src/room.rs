//! The part of a disk that a file system has for itself.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use camino::Utf8Path;

use crate::partition_table::Extent;

/// A part of a disk's file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room<'r> {
    /// The disk's path.
    pub(crate) image: &'r Utf8Path,
    pub(crate) file: &'r File,
    pub(crate) extent: Extent,
    /// In bytes.
    pub(crate) sector_size: u64,
}

impl<'r> Room<'r> {
    /// Returns the room as a stream that begins and ends where it does.
    pub(crate) fn stream(self) -> RoomStream<'r> {
        RoomStream {
            room: self,
            position: 0,
        }
    }
}

/// A room as a stream.
#[derive(Debug)]
pub(crate) struct RoomStream<'r> {
    room: Room<'r>,
    position: u64,
}

impl RoomStream<'_> {
    /// Returns how many of so many bytes there are before the end.
    fn within(&self, length: usize) -> usize {
        let left = self.room.extent.length.saturating_sub(self.position);
        usize::try_from(left).unwrap_or(usize::MAX).min(length)
    }

    fn offset(&self) -> u64 {
        self.room.extent.start + self.position
    }

    fn advance(&mut self, bytes: usize) {
        self.position += u64::try_from(bytes).expect("a buffer's length fits into 64 bits");
    }
}

impl Read for RoomStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.within(buffer.len());
        let read = self.room.file.read_at(&mut buffer[..length], self.offset())?;
        self.advance(read);
        Ok(read)
    }
}

impl Write for RoomStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.within(bytes.len());
        let written = self.room.file.write_at(&bytes[..length], self.offset())?;
        self.advance(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for RoomStream<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.room.extent.length.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_stays_within_its_room() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(100).unwrap();
        let room = Room {
            image: "disk".into(),
            file: &file,
            extent: Extent {
                start: 10,
                length: 20,
            },
            sector_size: 512,
        };
        let mut stream = room.stream();
        stream.seek(SeekFrom::End(-4)).unwrap();
        assert_eq!(stream.write(b"abcdefgh").unwrap(), 4);
        assert_eq!(stream.write(b"x").unwrap(), 0);
        stream.seek(SeekFrom::Current(-2)).unwrap();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"cd");
        assert!(stream.seek(SeekFrom::Current(-21)).is_err());
        let mut whole = vec![1; 100];
        file.read_exact_at(&mut whole, 0).unwrap();
        assert_eq!(&whole[25..31], b"\0abcd\0");
    }
}
