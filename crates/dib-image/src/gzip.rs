//! What a thread produces, compressed by all cores into one gzip stream.

use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use crc32fast::Hasher;
use flate2::{Compress, FlushCompress};

use crate::in_order::{ThreadError, in_order};

/// What is compressed at once, in bytes.
const CHUNK: usize = 256 << 10;
/// How far back deflate reaches.
const WINDOW: usize = 32 << 10;
/// zlib's usual effort.
const LEVEL: u32 = 6;
/// More than a chunk's compressed bytes ever are; the room must not run out (see zlib-rs 0.6).
const ROOM: usize = CHUNK + CHUNK / 4;
/// RFC 1952: deflate, no flags, no time, no word on the effort, made on Unix.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
/// An empty block that is the last one.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// Writing a gzip stream failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GzipError {
    #[error("failed to write compressed data")]
    Write(#[from] io::Error),
    #[error(transparent)]
    Thread(#[from] ThreadError),
}

/// Runs `produce` in a thread of its own and writes what it writes, compressed, to `out`.
///
/// The result depends on the content alone. When writing to `out` fails, so does what `produce` writes.
pub(crate) fn write_gzip<T: Send>(
    out: &mut dyn Write,
    produce: impl FnOnce(&mut (dyn Write + Send)) -> T + Send,
) -> Result<T, GzipError> {
    let (chunks, received) = sync_channel(2);
    thread::scope(|scope| {
        let producer = thread::Builder::new()
            .name("archive".to_owned())
            .spawn_scoped(scope, move || {
                let mut writer = ChunkWriter::new(chunks);
                let produced = produce(&mut writer);
                let sent = writer.send();
                (produced, sent)
            });
        let producer = producer.map_err(ThreadError::from)?;
        out.write_all(&HEADER)?;
        let mut sum = Hasher::new();
        in_order(
            received,
            || |chunk: Chunk| deflate(&chunk),
            |deflated: io::Result<(Vec<u8>, Hasher)>| {
                let (deflated, sum_of_chunk) = deflated?;
                sum.combine(&sum_of_chunk);
                out.write_all(&deflated).map_err(GzipError::Write)
            },
        )?;
        let (outcome, sent) = producer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let length = sent?;
        out.write_all(&LAST_BLOCK)?;
        out.write_all(&sum.finalize().to_le_bytes())?;
        // The length modulo 2^32.
        out.write_all(&length.to_le_bytes()[..4])?;
        Ok(outcome)
    })
}

/// A part of what is compressed, and what comes before it, as far as deflate reaches.
struct Chunk {
    before: Vec<u8>,
    data: Vec<u8>,
}

struct ChunkWriter {
    chunks: SyncSender<Chunk>,
    before: Vec<u8>,
    data: Vec<u8>,
    length: u64,
}

impl ChunkWriter {
    fn new(chunks: SyncSender<Chunk>) -> Self {
        Self {
            chunks,
            before: Vec::new(),
            data: Vec::with_capacity(CHUNK),
            length: 0,
        }
    }

    /// Sends what has been collected, and returns how much there has been in all.
    fn send(&mut self) -> io::Result<u64> {
        let data = std::mem::replace(&mut self.data, Vec::with_capacity(CHUNK));
        if data.is_empty() {
            return Ok(self.length);
        }
        self.length += data.len() as u64;
        let end = data[data.len().saturating_sub(WINDOW)..].to_owned();
        let before = std::mem::replace(&mut self.before, end);
        let sent = self.chunks.send(Chunk { before, data });
        // The other end is gone when writing failed, which it reports itself.
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(self.length)
    }
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.data.len());
        self.data.extend_from_slice(&bytes[..taken]);
        if self.data.len() == CHUNK {
            self.send()?;
        }
        Ok(taken)
    }

    /// Does nothing: chunks of another length would make other bytes of the same content.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compresses a chunk, and takes its checksum.
fn deflate(chunk: &Chunk) -> io::Result<(Vec<u8>, Hasher)> {
    let mut sum = Hasher::new();
    sum.update(&chunk.data);
    // A new one each time: zlib-rs 0.6, reset and given a dictionary, makes other bytes than one that is new.
    let mut compress = Compress::new(flate2::Compression::new(LEVEL), false);
    compress.set_dictionary(&chunk.before).map_err(io::Error::other)?;
    let mut deflated = Vec::with_capacity(ROOM);
    // Ends at a byte's edge, where the next chunk's blocks can follow.
    compress
        .compress_vec(&chunk.data, &mut deflated, FlushCompress::Sync)
        .map_err(io::Error::other)?;
    if compress.total_in() != chunk.data.len() as u64 || deflated.len() == deflated.capacity() {
        return Err(io::Error::other("the compressor did not take all of its input"));
    }
    Ok((deflated, sum))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn gzip(data: &[u8], piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let produced = write_gzip(&mut out, |writer| {
            data.chunks(piece)
                .for_each(|piece| writer.write_all(piece).unwrap());
            writer.flush().unwrap();
            7
        });
        assert_eq!(produced.unwrap(), 7);
        out
    }

    fn content(length: usize) -> Vec<u8> {
        (0..)
            .flat_map(|number: u32| format!("{number}, {}\n", number ^ 0x5555).into_bytes())
            .take(length)
            .collect()
    }

    #[test]
    fn one_stream_comes_back() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 12_345] {
            let data = content(length);
            let compressed = gzip(&data, 10_007);
            let mut back = Vec::new();
            // It reads one stream only, so there is one.
            let mut decoder = flate2::bufread::GzDecoder::new(compressed.as_slice());
            decoder.read_to_end(&mut back).unwrap();
            assert!(back == data, "{length}");
            assert!(decoder.into_inner().is_empty());
            assert!(gzip(&data, 99_991) == compressed, "{length}");
        }
    }

    #[test]
    fn an_error_of_the_output_is_the_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if bytes.len() > 100 {
                    Err(io::ErrorKind::StorageFull.into())
                } else {
                    Ok(bytes.len())
                }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut failed = None;
        let result = write_gzip(&mut Full, |writer| {
            let data = content(1 << 20);
            failed = (0..100).find_map(|_| writer.write_all(&data).err());
        });
        let Err(GzipError::Write(error)) = result else {
            panic!("{result:?}")
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(failed.map(|error| error.kind()), Some(io::ErrorKind::BrokenPipe));
    }
}
