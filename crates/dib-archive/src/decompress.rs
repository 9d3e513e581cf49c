//! Decompression on a thread of its own.
//!
//! The thread fills blocks and hands them over a bounded channel; the reader hands emptied ones back. So decompressing
//! overlaps with creating files, and the bytes are copied once, by the kernel, from a block into the file.

mod xz;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use flate2::bufread::MultiGzDecoder;

use crate::ExtractError;
use crate::format::Compression;

/// Small enough that a block is still in the processor's cache when its bytes go to a file.
const BLOCK_SIZE: usize = 256 << 10;
/// How many full blocks may wait: as many as smooth out a stretch of small files, but few enough to stay cached.
const BLOCKS_WAITING: usize = 16;
/// How much is decompressed at once where one thread does all: it should stay in the processor's nearer cache.
const BUFFER_SIZE: usize = 64 << 10;
/// How much of the archive is read at once.
const READ_SIZE: usize = 1 << 20;

/// Returns the decompressed stream of `input`, decompressed by the thread that reads it.
///
/// # Errors
/// When the decompressor can't be set up.
pub fn decoder<'input>(
    input: impl BufRead + Send + 'input,
    compression: Compression,
) -> io::Result<Box<dyn BufRead + Send + 'input>> {
    Ok(match compression {
        Compression::Stored => Box::new(input),
        Compression::Gzip => Box::new(BufReader::with_capacity(BUFFER_SIZE, MultiGzDecoder::new(input))),
        Compression::Xz => Box::new(BufReader::with_capacity(BUFFER_SIZE, xz::single_threaded(input)?)),
        Compression::Zstd => Box::new(BufReader::with_capacity(
            BUFFER_SIZE,
            zstd::Decoder::with_buffer(input)?,
        )),
    })
}

/// Returns the decompressed stream of `input` as [`decoder`] does, but the blocks of an xz stream that has several are
/// decompressed beside each other, on all processors.
///
/// # Errors
/// When the decompressor can't be set up.
pub fn parallel_decoder<'input>(
    input: impl BufRead + Send + 'input,
    compression: Compression,
) -> io::Result<Box<dyn BufRead + Send + 'input>> {
    match compression {
        Compression::Xz => Ok(Box::new(BufReader::with_capacity(
            BUFFER_SIZE,
            xz::decoder(input),
        ))),
        _ => decoder(input, compression),
    }
}

struct Block {
    data: Vec<u8>,
    length: usize,
}

/// The decompressed stream, block by block.
pub(crate) struct Blocks {
    filled: Receiver<io::Result<Block>>,
    emptied: Sender<Block>,
    current: Option<Block>,
    position: usize,
}

/// Calls `consume` with the decompressed stream; the decompression ends when `consume` does.
pub(crate) fn with_blocks<T>(
    archive: &File,
    compression: Compression,
    progress: &(dyn Fn(u64) + Sync),
    consume: impl FnOnce(&mut Blocks) -> Result<T, ExtractError>,
) -> Result<T, ExtractError> {
    let (filling, filled) = sync_channel(BLOCKS_WAITING);
    let (emptied, emptying) = channel();
    thread::scope(|scope| {
        thread::Builder::new()
            .name("decompress".to_owned())
            .spawn_scoped(scope, move || {
                let counted = Counted {
                    archive,
                    read: 0,
                    progress,
                };
                let input = BufReader::with_capacity(READ_SIZE, counted);
                match compression {
                    Compression::Stored => fill(input, &filling, &emptying),
                    Compression::Gzip => fill(MultiGzDecoder::new(input), &filling, &emptying),
                    Compression::Xz => fill(xz::decoder(input), &filling, &emptying),
                    Compression::Zstd => match zstd::Decoder::with_buffer(input) {
                        Ok(stream) => fill(stream, &filling, &emptying),
                        Err(error) => {
                            let _ = filling.send(Err(error));
                        }
                    },
                }
            })
            .map_err(ExtractError::Thread)?;
        consume(&mut Blocks {
            filled,
            emptied,
            current: None,
            position: 0,
        })
    })
}

/// Fills blocks until the stream or its reader ends.
fn fill(mut stream: impl Read, filling: &SyncSender<io::Result<Block>>, emptying: &Receiver<Block>) {
    loop {
        let mut block = emptying.try_recv().unwrap_or_else(|_| Block {
            data: vec![0; BLOCK_SIZE],
            length: 0,
        });
        block.length = 0;
        let result = loop {
            match stream.read(&mut block.data[block.length..]) {
                Ok(0) => break Ok(()),
                Ok(read) => block.length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
            if block.length == block.data.len() {
                break Ok(());
            }
        };
        let last = block.length < block.data.len();
        if filling.send(Ok(block)).is_err() {
            return;
        }
        if let Err(error) = result {
            // Nobody listening means nobody needs to know.
            let _ = filling.send(Err(error));
            return;
        }
        if last {
            return;
        }
    }
}

impl Blocks {
    /// Moves to the next block; false at the end of the stream.
    fn advance(&mut self) -> io::Result<bool> {
        if let Some(block) = self.current.take() {
            // The thread may have ended already.
            let _ = self.emptied.send(block);
        }
        self.position = 0;
        match self.filled.recv() {
            Ok(block) => {
                self.current = Some(block?);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    fn rest(&self) -> &[u8] {
        self.current
            .as_ref()
            .map_or(&[], |block| &block.data[self.position..block.length])
    }
}

impl BufRead for Blocks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.rest().is_empty() {
            if !self.advance()? {
                return Ok(&[]);
            }
        }
        Ok(self.rest())
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount;
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

/// Tells how much of the archive has been read.
struct Counted<'a> {
    archive: &'a File,
    read: u64,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.archive.read(buffer)?;
        self.read += length as u64;
        (self.progress)(self.read);
        Ok(length)
    }
}
