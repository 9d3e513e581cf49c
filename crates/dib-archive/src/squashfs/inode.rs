//! Inodes.

use super::bytes::Bytes;
use super::data::FileData;
use super::directory::Listing;
use super::image::{Image, MetadataReader, ReadError, Stored};

/// Stands for "no fragment" and "no extended attributes".
const NONE: u32 = u32::MAX;
/// The longest text of a symbolic link that the kernel reads, in bytes.
const SYMLINK_AT_MOST: u32 = 65535;
/// The most blocks of one file that we read: 2 TiB in blocks of the usual 128 KiB.
const BLOCKS_AT_MOST: u64 = 1 << 24;
/// What a directory's size counts besides its listing: `.` and `..`, three bytes.
const DOT_ENTRIES: u32 = 3;

/// What is behind one or more names.
pub(super) struct Inode {
    pub(super) number: u32,
    pub(super) mode: u32,
    /// Index into the table of owners.
    pub(super) owner: u16,
    /// Index into the table of owners.
    pub(super) group: u16,
    /// Seconds since 1970.
    pub(super) mtime: u32,
    /// How many names there are.
    pub(super) links: u32,
    /// Index into the table of extended attributes.
    pub(super) extended: Option<u32>,
    pub(super) kind: InodeKind,
}

/// What an inode is.
pub(super) enum InodeKind {
    Directory(Listing),
    File(FileData),
    Symlink(Vec<u8>),
    Character(u32, u32),
    Block(u32, u32),
    Fifo,
    Socket,
}

impl Inode {
    /// Reads the inode at a reference into the inode table.
    pub(super) fn read(image: &Image, reference: u64) -> Result<Self, ReadError> {
        let mut metadata = image.metadata(image.superblock.inode_table, reference)?;
        let header: [u8; 16] = metadata.array()?;
        let mut header = Bytes(&header);
        let kind = header.u16()?;
        let mode = u32::from(header.u16()?) & 0o7777;
        let (owner, group, mtime, number) = (header.u16()?, header.u16()?, header.u32()?, header.u32()?);
        let (kind, links, extended) = read_kind(kind, &mut metadata, image.superblock.block_size)?;
        let extended = Some(extended).filter(|index| *index != NONE);
        Ok(Self {
            number,
            mode,
            owner,
            group,
            mtime,
            links,
            extended,
            kind,
        })
    }
}

/// Reads what follows the header; types from 8 on are those from 1 on with more in them.
fn read_kind(
    kind: u16,
    metadata: &mut MetadataReader<'_>,
    block_size: u32,
) -> Result<(InodeKind, u32, u32), ReadError> {
    match kind {
        1 => {
            let bytes: [u8; 16] = metadata.array()?;
            let mut bytes = Bytes(&bytes);
            let (block, links) = (bytes.u32()?, bytes.u32()?);
            let (size, offset) = (u32::from(bytes.u16()?), bytes.u16()?);
            let size = size.saturating_sub(DOT_ENTRIES);
            Ok((InodeKind::Directory(Listing { block, offset, size }), links, NONE))
        }
        8 => {
            let bytes: [u8; 24] = metadata.array()?;
            let mut bytes = Bytes(&bytes);
            let (links, size, block) = (bytes.u32()?, bytes.u32()?, bytes.u32()?);
            let (_parent, _indices, offset) = (bytes.u32()?, bytes.u16()?, bytes.u16()?);
            let size = size.saturating_sub(DOT_ENTRIES);
            Ok((
                InodeKind::Directory(Listing { block, offset, size }),
                links,
                bytes.u32()?,
            ))
        }
        2 => {
            let bytes: [u8; 16] = metadata.array()?;
            let mut bytes = Bytes(&bytes);
            let (start, fragment, offset) = (u64::from(bytes.u32()?), bytes.u32()?, bytes.u32()?);
            let size = u64::from(bytes.u32()?);
            let data = read_file_data(metadata, block_size, start, size, fragment, offset)?;
            Ok((InodeKind::File(data), 1, NONE))
        }
        9 => {
            let bytes: [u8; 40] = metadata.array()?;
            let mut bytes = Bytes(&bytes);
            let (start, size, _holes) = (bytes.u64()?, bytes.u64()?, bytes.u64()?);
            let (links, fragment, offset) = (bytes.u32()?, bytes.u32()?, bytes.u32()?);
            let extended = bytes.u32()?;
            let data = read_file_data(metadata, block_size, start, size, fragment, offset)?;
            Ok((InodeKind::File(data), links, extended))
        }
        3 | 10 => {
            let (links, length) = (metadata.u32()?, metadata.u32()?);
            if length > SYMLINK_AT_MOST {
                return Err(ReadError::Malformed("the text of a symbolic link is too long"));
            }
            let text = metadata.take(usize::try_from(length).unwrap_or(usize::MAX))?;
            let extended = if kind == 10 { metadata.u32()? } else { NONE };
            Ok((InodeKind::Symlink(text), links, extended))
        }
        4 | 5 | 11 | 12 => {
            let (links, number) = (metadata.u32()?, metadata.u32()?);
            let extended = if kind > 7 { metadata.u32()? } else { NONE };
            // Linux's `new_encode_dev`.
            let (major, minor) = (
                (number & 0xf_ff00) >> 8,
                (number & 0xff) | ((number >> 12) & 0xf_ff00),
            );
            let block = matches!(kind, 4 | 11);
            let kind = if block {
                InodeKind::Block(major, minor)
            } else {
                InodeKind::Character(major, minor)
            };
            Ok((kind, links, extended))
        }
        6 | 7 | 13 | 14 => {
            let links = metadata.u32()?;
            let extended = if kind > 7 { metadata.u32()? } else { NONE };
            let kind = if matches!(kind, 6 | 13) {
                InodeKind::Fifo
            } else {
                InodeKind::Socket
            };
            Ok((kind, links, extended))
        }
        _ => Err(ReadError::Malformed("an inode is of an unknown kind")),
    }
}

fn read_file_data(
    metadata: &mut MetadataReader<'_>,
    block_size: u32,
    start: u64,
    size: u64,
    fragment: u32,
    offset: u32,
) -> Result<FileData, ReadError> {
    let block = u64::from(block_size);
    let fragment = Some(fragment).filter(|index| *index != NONE);
    let count = if fragment.is_some() {
        size / block
    } else {
        size.div_ceil(block)
    };
    if count > BLOCKS_AT_MOST {
        return Err(ReadError::Malformed("a file's size is beyond all bounds"));
    }
    let mut blocks = Vec::new();
    for _ in 0..count {
        blocks.push(Stored(metadata.u32()?));
    }
    Ok(FileData {
        start,
        size,
        blocks,
        fragment: fragment.map(|index| (index, offset)),
    })
}
