//! Extended attributes, as ext4 writes them: behind an inode's fields, and what has no room there in a block.
//!
//! Source: the kernel's documentation of ext4's on-disk format, `Documentation/filesystems/ext4/attributes.rst`; POSIX
//! ACLs are in `fs/ext4/acl.h` on disk, in `include/uapi/linux/posix_acl_xattr.h` as the kernel hands them out.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::checksum::crc32c;
use super::super::little_endian::{put_u16, put_u32, u16_at, u32_at};

/// How attributes in an inode and in a block begin.
const MAGIC: u32 = 0xea02_0000;
/// The length of a block's head; in an inode there is the magic number alone.
const HEAD: usize = 32;
/// The length of what stands before an attribute's name.
const ENTRY: usize = 16;
const CHECKSUM: usize = 16;

const ACCESS_LIST: &[u8] = b"system.posix_acl_access";
const DEFAULT_LIST: &[u8] = b"system.posix_acl_default";
/// Begins of names, and the numbers that stand for them.
const PREFIXES: [(&[u8], u8); 3] = [(b"user.", 1), (b"trusted.", 4), (b"security.", 6)];
/// What an overlay keeps in its layers is not the files' own.
const OVERLAY: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// An attribute as it is on the disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attribute {
    /// Stands for the begin of the name.
    prefix: u8,
    /// The name's length comes first in the order, too.
    length: u8,
    name: Vec<u8>,
    value: Vec<u8>,
}

/// Reads the attributes of a file; nothing is returned when one of them is of a kind that we don't know.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<Attribute>>> {
    let names = match xattr::list(path) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(Some(Vec::new())),
        names => names?,
    };
    let mut attributes = Vec::new();
    for name in names {
        let full = name.as_bytes();
        if OVERLAY.iter().any(|prefix| full.starts_with(prefix)) {
            continue;
        }
        let Some(value) = xattr::get(path, &name)? else {
            continue;
        };
        let Some(attribute) = Attribute::new(full, value) else {
            return Ok(None);
        };
        attributes.push(attribute);
    }
    attributes.sort_unstable();
    Ok(Some(attributes))
}

impl Attribute {
    fn new(full: &[u8], value: Vec<u8>) -> Option<Self> {
        let (prefix, name, value) = match full {
            ACCESS_LIST => (2, &[][..], access_list(&value)?),
            DEFAULT_LIST => (3, &[][..], access_list(&value)?),
            _ => {
                let known = |(begin, number): (&[u8], u8)| Some((number, full.strip_prefix(begin)?));
                let (number, name) = PREFIXES.into_iter().find_map(known)?;
                (number, name, value)
            }
        };
        Some(Self {
            prefix,
            length: u8::try_from(name.len()).ok()?,
            name: name.to_owned(),
            value,
        })
    }

    fn entry_length(&self) -> usize {
        (ENTRY + self.name.len()).next_multiple_of(4)
    }

    fn hash(&self) -> u32 {
        let hash = self
            .name
            .iter()
            .fold(0_u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
        self.value.chunks(4).fold(hash, |hash, part| {
            let mut word = [0; 4];
            word[..part.len()].copy_from_slice(part);
            hash.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    }
}

/// Turns an access list from the kernel's words into ext4's, which leaves out numbers that mean nothing.
fn access_list(value: &[u8]) -> Option<Vec<u8>> {
    const FROM_KERNEL: u32 = 2;
    const ON_DISK: u32 = 1;
    /// `ACL_USER` and `ACL_GROUP`, which are of somebody; `ACL_USER_OBJ`, `ACL_GROUP_OBJ`, `ACL_MASK`, `ACL_OTHER`.
    const OF_SOMEBODY: [u16; 2] = [0x02, 0x08];
    const OTHERS: [u16; 4] = [0x01, 0x04, 0x10, 0x20];
    let (entries, rest) = value.get(4..)?.as_chunks::<8>();
    if u32_at(value, 0) != FROM_KERNEL || !rest.is_empty() {
        return None;
    }
    let mut list = ON_DISK.to_le_bytes().to_vec();
    for entry in entries {
        let tag = u16_at(entry, 0);
        if OF_SOMEBODY.contains(&tag) {
            list.extend(entry);
        } else if OTHERS.contains(&tag) {
            list.extend(&entry[..4]);
        } else {
            return None;
        }
    }
    Some(list)
}

/// A file's attributes in their places.
pub(super) struct Encoded {
    /// What stands behind the inode's fields.
    pub(super) in_inode: Vec<u8>,
    /// What stands in a block of its own, without its checksum.
    pub(super) block: Option<Vec<u8>>,
}

/// Puts attributes into an inode with so much room, and what does not fit into a block; nothing is returned when that
/// is too small, too.
pub(super) fn encode(attributes: &[Attribute], room: usize, block: usize) -> Option<Encoded> {
    let mut in_inode = Area::new(room, 4, 4);
    let others: Vec<&Attribute> = attributes
        .iter()
        .filter(|attribute| in_inode.add(attribute, 0).is_none())
        .collect();
    let mut bytes = in_inode.bytes;
    if others.len() < attributes.len() {
        put_u32(&mut bytes, 0, MAGIC);
    }
    Some(Encoded {
        in_inode: bytes,
        block: if others.is_empty() {
            None
        } else {
            Some(encode_block(&others, block)?)
        },
    })
}

fn encode_block(attributes: &[&Attribute], block: usize) -> Option<Vec<u8>> {
    let mut area = Area::new(block, HEAD, 0);
    let mut hash = 0_u32;
    for attribute in attributes {
        area.add(attribute, attribute.hash())?;
        hash = hash.rotate_left(16) ^ attribute.hash();
    }
    let mut bytes = area.bytes;
    // One inode refers to it, and it is one block.
    for (at, number) in [(0, MAGIC), (4, 1), (8, 1), (12, hash)] {
        put_u32(&mut bytes, at, number);
    }
    Some(bytes)
}

/// Sets the checksum of a block of attributes, which depends on where it is.
pub(super) fn seal(block: &mut [u8], number: u64, seed: Option<u32>) {
    if let Some(seed) = seed {
        let checksum = crc32c(crc32c(seed, &number.to_le_bytes()), block);
        put_u32(block, CHECKSUM, checksum);
    }
}

/// Bytes that are filled with entries from the begin and with values from the end.
struct Area {
    bytes: Vec<u8>,
    next_entry: usize,
    last_value: usize,
    /// From where places of values are counted.
    origin: usize,
}

impl Area {
    fn new(length: usize, head: usize, origin: usize) -> Self {
        Self {
            bytes: vec![0; length],
            next_entry: head,
            last_value: length,
            origin,
        }
    }

    /// Adds an attribute if there is room for it, and for the four bytes that end the list.
    fn add(&mut self, attribute: &Attribute, hash: u32) -> Option<()> {
        let entry = self.next_entry;
        let after = entry + attribute.entry_length();
        let padded = attribute.value.len().next_multiple_of(4);
        let start = self.last_value.checked_sub(padded)?;
        if after + 4 > start {
            return None;
        }
        let (bytes, length) = (&mut self.bytes, attribute.value.len());
        bytes[entry] = attribute.length;
        bytes[entry + 1] = attribute.prefix;
        let place = if length == 0 { 0 } else { start - self.origin };
        put_u16(bytes, entry + 2, u16::try_from(place).ok()?);
        put_u32(bytes, entry + 8, u32::try_from(length).ok()?);
        put_u32(bytes, entry + 12, hash);
        bytes[entry + ENTRY..entry + ENTRY + attribute.name.len()].copy_from_slice(&attribute.name);
        bytes[start..start + length].copy_from_slice(&attribute.value);
        (self.next_entry, self.last_value) = (after, start);
        Some(())
    }
}
