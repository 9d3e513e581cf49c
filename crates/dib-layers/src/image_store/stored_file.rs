//! A stored file that is read where it stands.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::record::StoredImage;
use crate::pack::chunks::Run;

/// A file of a stored image, to be read here and there. What is read is not verified, and nothing can be written.
#[derive(Debug, Clone)]
pub struct StoredFile {
    image: Arc<StoredImage>,
    length: u64,
    runs: Vec<Run>,
}

impl StoredFile {
    pub(super) fn new(image: Arc<StoredImage>, length: u64, runs: Vec<Run>) -> Self {
        Self { image, length, runs }
    }

    /// Returns its length in bytes, holes included.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl FileExt for StoredFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let next = self.runs.partition_point(|run| run.offset + run.length <= offset);
        let run = self.runs.get(next);
        let (end, position) = match run {
            Some(run) if run.offset <= offset => {
                (run.offset + run.length, Some(run.position + offset - run.offset))
            }
            Some(run) => (run.offset, None),
            None => (self.length, None),
        };
        let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let within = left.min(buffer.len());
        let buffer = &mut buffer[..within];
        if let Some(position) = position {
            return self.image.pack.file.read_at(buffer, position);
        }
        buffer.fill(0);
        Ok(buffer.len())
    }

    /// Refuses.
    fn write_at(&self, _buffer: &[u8], _offset: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}
