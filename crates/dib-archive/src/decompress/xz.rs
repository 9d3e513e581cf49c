//! xz streams, their blocks in parallel where there are several.

use std::io::{self, BufRead, Read};
use std::num::NonZero;
use std::thread;

use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, MtStreamBuilder, Stream};

/// Above this many bytes the decoder gives up threads rather than memory. A block of `xz -9` needs about 400 MB.
const MEMORY_FOR_THREADS: u64 = 1 << 30;
/// What even one thread may use, in bytes: xz's largest dictionary is 4 GiB, its largest preset's 64 MiB.
const MEMORY_AT_MOST: u64 = 2 << 30;

/// Decodes all streams of `input`, one after the other, with zero padding between them as the format allows.
pub(super) fn decoder<R: BufRead>(input: R) -> impl Read {
    Streams {
        input: Some(input),
        decoder: None,
    }
}

/// Decodes all streams of `input` without threads of its own.
pub(super) fn single_threaded<R: BufRead>(input: R) -> io::Result<XzDecoder<R>> {
    let stream = Stream::new_stream_decoder(MEMORY_AT_MOST, CONCATENATED)?;
    Ok(XzDecoder::new_stream(input, stream))
}

struct Streams<R> {
    /// Here between two streams.
    input: Option<R>,
    decoder: Option<XzDecoder<R>>,
}

impl<R: BufRead> Streams<R> {
    /// Starts decoding the next stream; false when there is none.
    fn start(&mut self, mut input: R) -> io::Result<bool> {
        loop {
            let available = input.fill_buf()?;
            if available.is_empty() {
                self.input = Some(input);
                return Ok(false);
            }
            let padding = available.iter().take_while(|byte| **byte == 0).count();
            if padding == 0 {
                break;
            }
            input.consume(padding);
        }
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let stream = MtStreamBuilder::new()
            .threads(u32::try_from(threads).unwrap_or(1))
            .memlimit_threading(MEMORY_FOR_THREADS)
            .memlimit_stop(MEMORY_AT_MOST)
            .decoder()?;
        self.decoder = Some(XzDecoder::new_stream(input, stream));
        Ok(true)
    }
}

impl<R: BufRead> Read for Streams<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(decoder) = &mut self.decoder {
                let length = decoder.read(buffer)?;
                if length > 0 || buffer.is_empty() {
                    return Ok(length);
                }
            }
            let decoded = self.decoder.take().map(XzDecoder::into_inner);
            let Some(input) = decoded.or_else(|| self.input.take()) else {
                return Ok(0);
            };
            if !self.start(input)? {
                return Ok(0);
            }
        }
    }
}
