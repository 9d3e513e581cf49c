//! Files' contents.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::image::{Image, ReadError, Stored};

/// Where a file's contents are.
pub(super) struct FileData {
    /// The offset of the first block in the image, in bytes.
    pub(super) start: u64,
    /// The file's size, in bytes.
    pub(super) size: u64,
    /// The blocks, one after the other.
    pub(super) blocks: Vec<Stored>,
    /// The fragment that holds the end of the file, and the offset in it.
    pub(super) fragment: Option<(u32, u32)>,
}

/// Why contents could not be written.
#[derive(Debug)]
pub(super) enum WriteError {
    Read(ReadError),
    Write(io::Error),
}

impl From<ReadError> for WriteError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl FileData {
    /// Returns how many bytes of the image the blocks take, fragments not counted.
    pub(super) fn stored_size(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.size())).sum()
    }

    /// Decompresses the contents into an empty file; holes stay holes.
    pub(super) fn write(&self, image: &Image, file: &File) -> Result<(), WriteError> {
        let block_size = u64::from(image.superblock.block_size);
        let mut offset = self.start;
        let mut position = 0;
        let mut ends_with_hole = false;
        for stored in &self.blocks {
            let length = block_size.min(self.size - position);
            ends_with_hole = stored.size() == 0;
            if !ends_with_hole {
                let bytes =
                    image.data_block(offset, *stored, usize::try_from(length).unwrap_or(usize::MAX))?;
                if bytes.len() as u64 != length {
                    return Err(ReadError::Malformed("a block of contents has a wrong length").into());
                }
                file.write_all_at(&bytes, position).map_err(WriteError::Write)?;
                offset += u64::from(stored.size());
            }
            position += length;
        }
        if let Some((index, start)) = self.fragment {
            let rest = usize::try_from(self.size - position).unwrap_or(usize::MAX);
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            let fragment = image.fragment_block(index)?;
            let bytes = fragment.get(start..).and_then(|bytes| bytes.get(..rest));
            let bytes = bytes.ok_or(ReadError::Malformed("the end of a file is not in its fragment"))?;
            file.write_all_at(bytes, position).map_err(WriteError::Write)?;
        } else if ends_with_hole {
            file.set_len(self.size).map_err(WriteError::Write)?;
        }
        Ok(())
    }
}
