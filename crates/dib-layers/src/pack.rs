//! The format of a layer's file, and of an image's.
//!
//! ```text
//! header       one block: magic, version, key, zeros
//! contents     of the files, in chunks
//! index        the entries, and the BLAKE3 sum of every chunk
//! description  JSON
//! footer       lengths and sums of the three before, magic
//! ```
//! Numbers are little-endian. Every byte is covered by a sum or compared to what it must be, and the parts fill the
//! file exactly. Nothing in a pack is compressed: it is made and used at the speed of memory.

pub(crate) mod chunks;
pub(crate) mod index;
pub(crate) mod read;
pub(crate) mod write;

pub(crate) use self::read::Pack;
use crate::{Damage, PackName};

/// The version of this format, which stands in the store's paths as well.
pub(crate) const VERSION: u32 = 2;

/// The size of the header in bytes, so that contents begin on a page of their own.
pub(crate) const HEADER_SIZE: u64 = 4096;

/// The size of the footer in bytes.
pub(crate) const FOOTER_SIZE: u64 = 3 * 8 + 2 * 32 + 8;

const LAYER_MAGIC: &[u8; 8] = b"dibLAYER";
const IMAGE_MAGIC: &[u8; 8] = b"dibIMAGE";
const FOOTER_MAGIC: &[u8; 8] = b"dibLEND\n";

/// A BLAKE3 sum: as good as SHA-256, several times as fast where there are vector instructions, and nobody else reads these.
pub(crate) type Sum = [u8; 32];

pub(crate) fn sum_of(bytes: &[u8]) -> Sum {
    blake3::hash(bytes).into()
}

/// Returns the first block of a pack.
pub(crate) fn header(pack: PackName) -> Vec<u8> {
    let mut header = Vec::with_capacity(4096);
    header.extend_from_slice(match pack {
        PackName::Layer(_) => LAYER_MAGIC,
        PackName::Image(_) => IMAGE_MAGIC,
    });
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(pack.key().as_bytes());
    header.resize(4096, 0);
    header
}

/// The last bytes of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) data_length: u64,
    pub(crate) index_length: u64,
    pub(crate) description_length: u64,
    pub(crate) index_sum: Sum,
    pub(crate) description_sum: Sum,
}

impl Footer {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let lengths = [self.data_length, self.index_length, self.description_length];
        let mut bytes = lengths.map(u64::to_le_bytes).concat();
        bytes.extend_from_slice(&self.index_sum);
        bytes.extend_from_slice(&self.description_sum);
        bytes.extend_from_slice(FOOTER_MAGIC);
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Self, Damage> {
        let (lengths, rest) = bytes.split_at_checked(24).ok_or(Damage::Footer)?;
        let (sums, magic) = rest.split_at_checked(64).ok_or(Damage::Footer)?;
        if magic != FOOTER_MAGIC {
            return Err(Damage::Footer);
        }
        let length = |part: usize| {
            let bytes = lengths[part * 8..]
                .first_chunk()
                .expect("there are three lengths");
            u64::from_le_bytes(*bytes)
        };
        let sum = |part: usize| *sums[part * 32..].first_chunk().expect("there are two sums");
        Ok(Self {
            data_length: length(0),
            index_length: length(1),
            description_length: length(2),
            index_sum: sum(0),
            description_sum: sum(1),
        })
    }

    /// Returns where the index begins.
    pub(crate) fn index_offset(&self) -> u64 {
        HEADER_SIZE + self.data_length
    }

    /// Returns where the description begins.
    pub(crate) fn description_offset(&self) -> u64 {
        self.index_offset() + self.index_length
    }

    /// Returns the size of the whole pack in bytes, or `None` when that is no number.
    pub(crate) fn pack_size(&self) -> Option<u64> {
        HEADER_SIZE
            .checked_add(self.data_length)?
            .checked_add(self.index_length)?
            .checked_add(self.description_length)?
            .checked_add(FOOTER_SIZE)
    }
}
