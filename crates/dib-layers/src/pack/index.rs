//! The list of entries and sums in a pack.

use super::Sum;
use super::chunks::{Chunk, layout};
use crate::Damage;
use crate::entry::{Attributes, Entries, Entry, Extent, Kind};

const DIRECTORY: u8 = 0;
const FILE: u8 = 1;
const SYMLINK: u8 = 2;
const FIFO: u8 = 3;
const SOCKET: u8 = 4;
const CHARACTER: u8 = 5;
const BLOCK: u8 = 6;
const HARD_LINK: u8 = 7;

/// What a pack's index says.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) entries: Entries,
    pub(crate) chunks: Vec<Chunk>,
    /// One for each chunk.
    pub(crate) sums: Vec<Sum>,
}

/// Returns the bytes of an index; those of the sums come last.
pub(crate) fn encode(entries: &Entries, sums: &[Sum]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.0.len() * 96 + sums.len() * 32);
    put_count(&mut bytes, entries.0.len());
    for entry in &entries.0 {
        bytes.extend_from_slice(&entry.parent.to_le_bytes());
        put_bytes(&mut bytes, &entry.name);
        put_attributes(&mut bytes, &entry.attributes);
        put_kind(&mut bytes, &entry.kind);
    }
    bytes.extend(sums.iter().flatten());
    bytes
}

fn put_attributes(bytes: &mut Vec<u8>, attributes: &Attributes) {
    bytes.extend_from_slice(&attributes.uid.to_le_bytes());
    bytes.extend_from_slice(&attributes.gid.to_le_bytes());
    bytes.extend_from_slice(&attributes.mode.to_le_bytes());
    bytes.extend_from_slice(&attributes.mtime.0.to_le_bytes());
    bytes.extend_from_slice(&attributes.mtime.1.to_le_bytes());
    put_count(bytes, attributes.extended.len());
    for (name, value) in &attributes.extended {
        put_bytes(bytes, name);
        put_bytes(bytes, value);
    }
}

fn put_kind(bytes: &mut Vec<u8>, kind: &Kind) {
    match kind {
        Kind::Directory => bytes.push(DIRECTORY),
        Kind::File { size, extents } => {
            bytes.push(FILE);
            bytes.extend_from_slice(&size.to_le_bytes());
            put_count(bytes, extents.len());
            for extent in extents {
                bytes.extend_from_slice(&extent.offset.to_le_bytes());
                bytes.extend_from_slice(&extent.length.to_le_bytes());
            }
        }
        Kind::Symlink { text } => {
            bytes.push(SYMLINK);
            put_bytes(bytes, text);
        }
        Kind::Fifo => bytes.push(FIFO),
        Kind::Socket => bytes.push(SOCKET),
        Kind::Character { major, minor } | Kind::Block { major, minor } => {
            let is_block = matches!(kind, Kind::Block { .. });
            bytes.push(if is_block { BLOCK } else { CHARACTER });
            bytes.extend_from_slice(&major.to_le_bytes());
            bytes.extend_from_slice(&minor.to_le_bytes());
        }
        Kind::HardLink { first } => {
            bytes.push(HARD_LINK);
            bytes.extend_from_slice(&first.to_le_bytes());
        }
    }
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    let count =
        u32::try_from(count).expect("scanning refuses more entries, and the kernel longer names and values");
    bytes.extend_from_slice(&count.to_le_bytes());
}

fn put_bytes(bytes: &mut Vec<u8>, value: &[u8]) {
    put_count(bytes, value.len());
    bytes.extend_from_slice(value);
}

/// Reads an index whose files have `data_length` bytes of contents together.
pub(crate) fn decode(bytes: &[u8], data_length: u64) -> Result<Index, Damage> {
    let mut reader = Reader { bytes };
    let count = reader.count()?;
    let mut entries = Entries::default();
    for number in 0..count {
        let entry = reader.entry()?;
        check_place(&entries, number, &entry)?;
        entries.0.push(entry);
    }
    if entries.0.is_empty() {
        return Err(Damage::Senseless("it has no root"));
    }
    // Before the layout, which takes memory by this length.
    if entries.data_length() != Some(data_length) {
        return Err(Damage::Senseless(
            "its files have other sizes than their contents",
        ));
    }
    let chunks = layout(&entries);
    let (sums, []) = reader.bytes.as_chunks() else {
        return Err(Damage::Senseless("it ends within a checksum"));
    };
    if sums.len() != chunks.len() {
        return Err(Damage::Senseless(
            "it has another number of checksums than of chunks",
        ));
    }
    Ok(Index {
        sums: sums.to_vec(),
        entries,
        chunks,
    })
}

/// Refuses an entry that does not stand below the root and after what it refers to.
fn check_place(before: &Entries, number: u32, entry: &Entry) -> Result<(), Damage> {
    if number == 0 {
        return match (entry.parent, entry.name.is_empty(), &entry.kind) {
            (0, true, Kind::Directory) => Ok(()),
            _ => Err(Damage::Senseless("its first entry is not the root")),
        };
    }
    match before.0.get(entry.parent as usize).map(|parent| &parent.kind) {
        Some(Kind::Directory) => {}
        _ => return Err(Damage::Senseless("an entry stands in no directory")),
    }
    let forbidden = |byte: &u8| matches!(byte, 0 | b'/');
    if matches!(entry.name.as_slice(), b"" | b"." | b"..") || entry.name.iter().any(forbidden) {
        return Err(Damage::Senseless("an entry has an impossible name"));
    }
    if let Kind::HardLink { first } = entry.kind {
        match before.0.get(first as usize).map(|first| &first.kind) {
            None | Some(Kind::Directory | Kind::HardLink { .. }) => {
                return Err(Damage::Senseless("a hard link refers to no file"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

struct Reader<'index> {
    bytes: &'index [u8],
}

impl<'index> Reader<'index> {
    fn take(&mut self, length: usize) -> Result<&'index [u8], Damage> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(length)
            .ok_or(Damage::Senseless("its list of entries is cut short"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Damage> {
        let taken = self.take(LENGTH)?;
        Ok(taken.try_into().expect("as many bytes were taken"))
    }

    fn count(&mut self) -> Result<u32, Damage> {
        self.array().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Result<u64, Damage> {
        self.array().map(u64::from_le_bytes)
    }

    fn vector(&mut self) -> Result<Vec<u8>, Damage> {
        let length = self.count()?;
        Ok(self.take(length as usize)?.to_vec())
    }

    fn entry(&mut self) -> Result<Entry, Damage> {
        Ok(Entry {
            parent: self.count()?,
            name: self.vector()?,
            attributes: self.attributes()?,
            kind: self.kind()?,
        })
    }

    fn attributes(&mut self) -> Result<Attributes, Damage> {
        let mut attributes = Attributes {
            uid: self.count()?,
            gid: self.count()?,
            mode: self.array().map(u16::from_le_bytes)?,
            mtime: (self.array().map(i64::from_le_bytes)?, self.count()?),
            extended: Vec::new(),
        };
        for _ in 0..self.count()? {
            attributes.extended.push((self.vector()?, self.vector()?));
        }
        Ok(attributes)
    }

    fn kind(&mut self) -> Result<Kind, Damage> {
        let [kind] = self.array()?;
        Ok(match kind {
            DIRECTORY => Kind::Directory,
            FILE => self.file()?,
            SYMLINK => Kind::Symlink { text: self.vector()? },
            FIFO => Kind::Fifo,
            SOCKET => Kind::Socket,
            CHARACTER => Kind::Character {
                major: self.count()?,
                minor: self.count()?,
            },
            BLOCK => Kind::Block {
                major: self.count()?,
                minor: self.count()?,
            },
            HARD_LINK => Kind::HardLink { first: self.count()? },
            _ => return Err(Damage::Senseless("an entry is of no known kind")),
        })
    }

    fn file(&mut self) -> Result<Kind, Damage> {
        let size = self.long()?;
        let mut extents = Vec::new();
        let mut end = 0;
        for _ in 0..self.count()? {
            let extent = Extent {
                offset: self.long()?,
                length: self.long()?,
            };
            let ends_at = extent.offset.checked_add(extent.length);
            match ends_at {
                Some(ends_at) if extent.offset >= end && extent.length > 0 && ends_at <= size => {
                    end = ends_at;
                }
                _ => return Err(Damage::Senseless("contents stand outside their file")),
            }
            extents.push(extent);
        }
        Ok(Kind::File { size, extents })
    }
}

#[cfg(test)]
mod tests;
