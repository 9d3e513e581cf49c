//! Reads root file system archives into a target root.
//!
//! An archive is a tar stream (plain, or compressed with gzip, xz or zstd) or a `SquashFS` image. What comes
//! out of it is a tree with the owners, modes, times, links and extended attributes the archive tells, and
//! nothing outside the target root: names that climb are refused, and directories resolve inside the root
//! whatever links earlier entries planted.
//!
//! This crate must not know where an archive came from, what an element is or what the tree is for.
//!
//! In reading order:
//! - [`mod@format`]: which kind of archive a file is, from its first bytes.
//! - `decompress`: decompression on a thread of its own.
//! - `entry_name`: an entry's name, checked byte by byte.
//! - `tar`: the entries of a tar stream.
//! - `squashfs`: the entries of a `SquashFS` image.
//! - `tree`: creating entries in the target.
//! - `workers`: threads that fill the files.
//! - `shared_tree`: many archives into one tree at the same time.
//! - [`error`]: what can go wrong, naming the entry.

mod decompress;
mod entry_name;
pub mod error;
pub mod format;
mod shared_tree;
mod squashfs;
mod tar;
mod tree;
mod workers;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Seek;
use std::thread;

use dib_sys::{DeviceNode, TargetRoot};

pub use decompress::{decoder, parallel_decoder};
pub use error::{ExtractError, Place};
pub use format::{ArchiveFormat, Compression};
pub use shared_tree::SharedTree;
use tree::Tree;
use workers::Workers;

/// What an extraction made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extracted {
    /// How many entries the archive held.
    pub entries: u64,
    /// How many bytes of file contents were written.
    pub bytes: u64,
    /// Device nodes that this process was not allowed to make.
    pub device_nodes: Vec<DeviceNode>,
    /// Attributes that the target's file system or this process's rights did not admit.
    pub skipped_attributes: Vec<SkippedAttribute>,
    /// How many entries were left out because something is mounted where they belong.
    pub skipped_entries: u64,
}

/// What an entry of an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// A second name for an earlier entry.
    HardLink,
    /// A fifo or a device node.
    Special,
}

/// An entry of an archive, before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its path below the root, without a slash at either end; empty for the root itself.
    pub name: &'a [u8],
    /// What it is.
    pub kind: EntryKind,
}

/// An extended attribute or access list that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedAttribute {
    /// The name of the entry, with what is not UTF-8 replaced.
    pub entry: String,
    /// The name of the attribute, such as `trusted.md5sum`.
    pub attribute: String,
    /// Why it was left out.
    pub reason: String,
}

/// Extracts a whole archive, from its first byte, into the target root.
///
/// Owners are kept by number; owner, mode and time of the archive's `.` become the root's. An entry replaces what
/// stands in its place, but not a directory that holds something. Leading slashes are dropped, as GNU tar does.
/// `progress` is called now and then, from another thread, with the bytes of the archive read so far.
///
/// # Errors
/// When the archive is damaged or cut short, an entry would leave the root, or the system refuses to create one or
/// to give it its owner, mode, time or capabilities. The target holds what was extracted until then.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dib_archive::ArchiveFormat;
/// use dib_sys::TargetRoot;
///
/// let mut archive = std::fs::File::open("root.tar.xz")?;
/// let format = ArchiveFormat::detect(&mut archive)?;
/// let target = TargetRoot::open("tree".into())?;
/// let extracted = dib_archive::extract(&archive, format, &target, &|_bytes_read| {})?;
/// assert!(extracted.device_nodes.is_empty());
/// # Ok(())
/// # }
/// ```
pub fn extract(
    archive: &File,
    format: ArchiveFormat,
    target: &TargetRoot,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Extracted, ExtractError> {
    let mut start = archive;
    start.rewind().map_err(|source| ExtractError::Damaged {
        place: Place::Start,
        source,
    })?;
    thread::scope(|scope| {
        let mut tree = Tree::new(target, Workers::start(scope)?);
        match format.stream() {
            Some(compression) => decompress::with_blocks(archive, compression, progress, |blocks| {
                tar::extract(blocks, &mut tree, &mut |_| true)
            })?,
            None => squashfs::extract(archive, progress, &mut tree)?,
        }
        tree.finish()
    })
}
