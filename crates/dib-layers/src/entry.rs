//! An upper directory in memory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The entries of an upper directory: the root first, every directory before what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entries(pub(crate) Vec<Entry>);

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The place of its directory in the list; the root's is its own.
    pub(crate) parent: u32,
    /// Its name in that directory; empty for the root.
    pub(crate) name: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) attributes: Attributes,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File { size: u64, extents: Vec<Extent> },
    Symlink { text: Vec<u8> },
    Fifo,
    Socket,
    Character { major: u32, minor: u32 },
    Block { major: u32, minor: u32 },
    HardLink { first: u32 },
}

/// A part of a file that is not a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// The name and the value of an extended attribute.
pub(crate) type ExtendedAttribute = (Vec<u8>, Vec<u8>);

/// What an entry has besides its contents; nothing for a hard link, whose first name has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Attributes {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The permission bits with setuid, setgid and sticky.
    pub(crate) mode: u16,
    /// The time of last change: seconds since 1970, and nanoseconds.
    pub(crate) mtime: (i64, u32),
    /// Names and values in order of the names, as an overlay of the machine's root has them.
    pub(crate) extended: Vec<ExtendedAttribute>,
}

impl Entries {
    /// Returns an entry's path relative to the root, which is empty for the root itself.
    pub(crate) fn path(&self, index: u32) -> OsString {
        let mut names: Vec<&[u8]> = Vec::new();
        let mut index = index;
        while let Some(entry) = self.0.get(index as usize) {
            // A parent stands before what it holds, so this ends.
            if index == 0 {
                break;
            }
            names.push(&entry.name);
            index = entry.parent;
        }
        names.reverse();
        OsString::from_vec(names.join(&b'/'))
    }

    /// Returns an entry's path for a message.
    pub(crate) fn lossy_path(&self, index: u32) -> String {
        format!("/{}", self.path(index).to_string_lossy())
    }

    /// Goes through the entries with their places.
    pub(crate) fn numbered(&self) -> impl DoubleEndedIterator<Item = (u32, &Entry)> + Clone {
        let count = u32::try_from(self.0.len()).expect("scanning and decoding refuse more entries");
        (0..count).zip(&self.0)
    }

    pub(crate) fn get(&self, index: u32) -> &Entry {
        &self.0[index as usize]
    }

    /// Returns whether an entry is how an overlay marks what is gone.
    pub(crate) fn is_whiteout(&self, entry: &Entry) -> bool {
        // An overlay makes its whiteouts as links to one, to save inodes.
        let kind = match entry.kind {
            Kind::HardLink { first } => &self.get(first).kind,
            _ => &entry.kind,
        };
        matches!(kind, Kind::Character { major: 0, minor: 0 })
    }

    /// Returns how many bytes the files hold, without holes; `None` when that is no number.
    pub(crate) fn data_length(&self) -> Option<u64> {
        let extents = self.0.iter().flat_map(|entry| match &entry.kind {
            Kind::File { extents, .. } => extents.as_slice(),
            _ => &[],
        });
        extents.map(|extent| extent.length).try_fold(0, u64::checked_add)
    }
}

impl Entry {
    pub(crate) fn file_name(&self) -> &OsStr {
        OsStr::from_bytes(&self.name)
    }
}
