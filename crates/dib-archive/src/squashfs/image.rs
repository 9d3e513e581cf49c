//! Reading an image's blocks.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::ZlibDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;

use super::bytes::Bytes;
use super::superblock::{self, Compressor, Superblock};
use crate::{ExtractError, Place};

/// The most bytes a block of metadata holds.
const METADATA_SIZE: usize = 8192;
/// How many decompressed blocks of metadata are kept: entries near each other share them.
const METADATA_KEPT: usize = 256;
/// How many fragment blocks are kept: files that share one follow each other, more or less.
const FRAGMENTS_KEPT: usize = 16;
/// What a decoder of xz blocks may use, in bytes; a block's dictionary is no larger than the block.
const XZ_MEMORY: u64 = 64 << 20;

/// Why a part of an image can't be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    Malformed(&'static str),
}

impl ReadError {
    pub(super) fn at(self, place: Place) -> ExtractError {
        match self {
            Self::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                ExtractError::CutShort { place }
            }
            Self::Io(source) => ExtractError::Damaged { place, source },
            Self::Malformed(reason) => ExtractError::Malformed {
                place,
                reason: reason.to_owned(),
            },
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Where a fragment block is stored: small files and files' ends share these.
#[derive(Debug, Clone, Copy)]
struct Fragment {
    offset: u64,
    stored: Stored,
}

/// A block's size in the image, with the bit that says it is not compressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored(pub(super) u32);

impl Stored {
    const UNCOMPRESSED: u32 = 1 << 24;

    /// The size in the image, in bytes; 0 for a hole.
    pub(super) fn size(self) -> u32 {
        self.0 & !Self::UNCOMPRESSED
    }

    fn is_compressed(self) -> bool {
        self.0 & Self::UNCOMPRESSED == 0
    }
}

/// A block of metadata and the offset of the next one.
type Metadata = (Arc<Vec<u8>>, u64);

/// A fragment block once it is decompressed.
type Slot = Arc<Mutex<Option<Arc<Vec<u8>>>>>;

/// An open image.
pub(super) struct Image {
    file: File,
    pub(super) superblock: Superblock,
    owners: Vec<u32>,
    fragments: Vec<Fragment>,
    metadata: Mutex<HashMap<u64, Metadata>>,
    recent_fragments: Mutex<VecDeque<(u32, Slot)>>,
}

impl Image {
    pub(super) fn open(file: File) -> Result<Self, ReadError> {
        let mut start = [0; superblock::SIZE];
        file.read_exact_at(&mut start, 0)?;
        let superblock = Superblock::parse(&start)?;
        let mut image = Self {
            file,
            superblock,
            owners: Vec::new(),
            fragments: Vec::new(),
            metadata: Mutex::default(),
            recent_fragments: Mutex::default(),
        };
        let Superblock {
            owners,
            owner_table,
            fragments,
            fragment_table,
            ..
        } = image.superblock;
        let bytes = image.table(owner_table, u64::from(owners) * 4)?;
        image.owners = bytes
            .chunks_exact(4)
            .map(|id| Bytes(id).u32())
            .collect::<Result<_, _>>()?;
        let bytes = image.table(fragment_table, u64::from(fragments) * 16)?;
        let fragment = |bytes| {
            let mut bytes = Bytes(bytes);
            Ok(Fragment {
                offset: bytes.u64()?,
                stored: Stored(bytes.u32()?),
            })
        };
        image.fragments = bytes
            .chunks_exact(16)
            .map(fragment)
            .collect::<Result<_, ReadError>>()?;
        Ok(image)
    }

    /// Returns the number of the owner or group that an inode names by its index.
    pub(super) fn owner(&self, index: u16) -> Result<u32, ReadError> {
        let owner = self.owners.get(usize::from(index)).copied();
        owner.ok_or(ReadError::Malformed("its owner is not in the table"))
    }

    /// Returns a fragment block, decompressed, from those seen last if it is among them.
    pub(super) fn fragment_block(&self, index: u32) -> Result<Arc<Vec<u8>>, ReadError> {
        let slot = {
            let mut recent = self
                .recent_fragments
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some((_, slot)) = recent.iter().find(|(recent, _)| *recent == index) {
                Arc::clone(slot)
            } else {
                let slot = Slot::default();
                recent.push_back((index, Arc::clone(&slot)));
                if recent.len() > FRAGMENTS_KEPT {
                    recent.pop_front();
                }
                slot
            }
        };
        // A worker that needs a block which another is decompressing waits for that one.
        let mut block = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = &*block {
            return Ok(Arc::clone(block));
        }
        let fragment = self.fragments.get(usize::try_from(index).unwrap_or(usize::MAX));
        let fragment = fragment.ok_or(ReadError::Malformed("its fragment is not in the table"))?;
        let most = usize::try_from(self.superblock.block_size).unwrap_or(usize::MAX);
        let decompressed = Arc::new(self.data_block(fragment.offset, fragment.stored, most)?);
        Ok(Arc::clone(block.insert(decompressed)))
    }

    /// Reads at an offset of the image.
    pub(super) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<(), ReadError> {
        Ok(self.file.read_exact_at(bytes, offset)?)
    }

    /// Reads a table of `size` bytes that an index of blocks of metadata leads to.
    pub(super) fn table(&self, index: u64, size: u64) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        for block in 0..size.div_ceil(METADATA_SIZE as u64) {
            let mut pointer = [0; 8];
            let at = index
                .checked_add(block * 8)
                .ok_or(ReadError::Malformed("a table has no valid place"))?;
            self.read_at(at, &mut pointer)?;
            bytes.extend_from_slice(&self.metadata_block(u64::from_le_bytes(pointer))?.0);
        }
        bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        if bytes.len() as u64 != size {
            return Err(ReadError::Malformed("a table is shorter than it says"));
        }
        Ok(bytes)
    }

    /// Starts reading metadata at a reference (block in its upper bits, offset in the lower 16) into `table`.
    pub(super) fn metadata(&self, table: u64, reference: u64) -> Result<MetadataReader<'_>, ReadError> {
        let position = usize::try_from(reference & 0xffff).unwrap_or(usize::MAX);
        let block = table
            .checked_add(reference >> 16)
            .ok_or(ReadError::Malformed("a reference has no valid place"))?;
        let (bytes, next) = self.metadata_block(block)?;
        Ok(MetadataReader {
            image: self,
            bytes,
            position,
            next,
        })
    }

    /// Decompresses a block of contents, as it lies at `offset`, to at most `most` bytes.
    pub(super) fn data_block(&self, offset: u64, stored: Stored, most: usize) -> Result<Vec<u8>, ReadError> {
        let size = usize::try_from(stored.size()).unwrap_or(usize::MAX);
        // Compressed blocks that got longer are stored as they are, so none is longer than a block.
        if stored.size() > self.superblock.block_size {
            return Err(ReadError::Malformed("a block of contents is too long"));
        }
        let mut bytes = vec![0; size];
        self.read_at(offset, &mut bytes)?;
        if stored.is_compressed() {
            self.decompress(&bytes, most)
        } else {
            Ok(bytes)
        }
    }

    fn metadata_block(&self, offset: u64) -> Result<Metadata, ReadError> {
        /// In the two bytes before a block: it is not compressed.
        const UNCOMPRESSED: u16 = 1 << 15;
        let kept = || self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((bytes, next)) = kept().get(&offset) {
            return Ok((Arc::clone(bytes), *next));
        }
        let mut header = [0; 2];
        self.read_at(offset, &mut header)?;
        let header = u16::from_le_bytes(header);
        let size = header & !UNCOMPRESSED;
        if usize::from(size) > METADATA_SIZE {
            return Err(ReadError::Malformed("a block of metadata is too long"));
        }
        let mut bytes = vec![0; usize::from(size)];
        // No overflow: a read at this offset has just succeeded.
        self.read_at(offset + 2, &mut bytes)?;
        if header & UNCOMPRESSED == 0 {
            bytes = self.decompress(&bytes, METADATA_SIZE)?;
        }
        let metadata = (Arc::new(bytes), offset + 2 + u64::from(size));
        let mut kept = kept();
        if kept.len() >= METADATA_KEPT {
            kept.clear();
        }
        kept.insert(offset, (Arc::clone(&metadata.0), metadata.1));
        Ok(metadata)
    }

    fn decompress(&self, bytes: &[u8], most: usize) -> Result<Vec<u8>, ReadError> {
        let mut decompressed = Vec::with_capacity(most);
        let limit = most as u64 + 1;
        match self.superblock.compressor {
            Compressor::Gzip => ZlibDecoder::new(bytes)
                .take(limit)
                .read_to_end(&mut decompressed)?,
            Compressor::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, 0).map_err(io::Error::from)?;
                XzDecoder::new_stream(bytes, stream)
                    .take(limit)
                    .read_to_end(&mut decompressed)?
            }
            Compressor::Zstd => zstd::Decoder::with_buffer(bytes)?
                .take(limit)
                .read_to_end(&mut decompressed)?,
        };
        if decompressed.len() > most {
            return Err(ReadError::Malformed("a block decompresses to more than it may"));
        }
        Ok(decompressed)
    }
}

/// Metadata from some place on, over the ends of its blocks.
pub(super) struct MetadataReader<'image> {
    image: &'image Image,
    bytes: Arc<Vec<u8>>,
    position: usize,
    next: u64,
}

impl MetadataReader<'_> {
    pub(super) fn take(&mut self, length: usize) -> Result<Vec<u8>, ReadError> {
        // Grown as bytes come, since the length is the image's word.
        let mut taken = Vec::new();
        while taken.len() < length {
            let rest = self.bytes.get(self.position..).unwrap_or_default();
            if rest.is_empty() {
                let (bytes, next) = self.image.metadata_block(self.next)?;
                if bytes.is_empty() {
                    return Err(ReadError::Malformed("a block of metadata is empty"));
                }
                (self.bytes, self.next, self.position) = (bytes, next, 0);
                continue;
            }
            let part = &rest[..rest.len().min(length - taken.len())];
            taken.extend_from_slice(part);
            self.position += part.len();
        }
        Ok(taken)
    }

    pub(super) fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], ReadError> {
        let mut array = [0; LENGTH];
        array.copy_from_slice(&self.take(LENGTH)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_le_bytes)
    }
}
