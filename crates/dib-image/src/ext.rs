//! The tree as an ext2, ext3 or ext4 file system.

mod checksum;
mod copies;
mod debugfs;
mod fill;
mod little_endian;
mod options;
mod times;

use std::io;
use std::os::unix::fs::FileExt;

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::{DeviceNode, TargetPath};

use crate::block_device::FileSystemType;
use crate::disk_spec::FileSystem;
use crate::in_order::ThreadError;
use crate::room::Room;
use crate::tool::Tool;
use crate::{ToolError, sparse};
use fill::Filled;

/// Making an ext2, ext3 or ext4 file system failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtError {
    /// The files don't fit.
    #[error("the files do not fit")]
    TooSmall(#[source] ToolError),
    /// A program failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The image's file or the tree could not be read or written.
    #[error("failed to prepare the file system in {path}")]
    Io {
        /// The file or directory.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error(transparent)]
    Thread(#[from] ThreadError),
    /// A device node's directory is not in the tree.
    #[error("the device node {0} belongs into a directory that the tree does not have")]
    NoDirectory(TargetPath),
    /// A directory stands where a device node belongs.
    #[error("a directory stands where the device node {0} belongs")]
    InTheWay(TargetPath),
    /// A path can't be given to debugfs.
    #[error("the path of the device node {0:?} holds a control character")]
    ControlCharacter(TargetPath),
}

/// Makes a file system of the tree in its room, which must be all holes.
///
/// `mke2fs` makes it, and an ext4 file system with features that we know is filled by ourselves (see `fill`): on all cores,
/// and so that a small change of the tree changes little of the disk. Every other one is filled by `mke2fs -d`, and the root
/// directory's own attributes, which that leaves out, and the device nodes of the list are written afterwards by
/// `debugfs`. Either way owners, modes, hard links and extended attributes are the tree's, a device node replaces what
/// stands in its place, but no directory, and nothing is mounted. The file stays sparse: neither inode tables nor journal are
/// written out, both read as zeros already. Called in a user namespace, file capabilities come out as revision 2, since the
/// kernel converts those of the namespace's root when they are read.
///
/// With a `seed`, the time of `SOURCE_DATE_EPOCH`, the same tree gives the same bytes: what the tree does not say is of
/// that time.
///
/// # Errors
/// When the tree doesn't fit, `mke2fs` or `debugfs` is missing or fails, or a device node's directory is missing.
pub(crate) fn make_ext(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    room: Room<'_>,
    file_system: &FileSystem,
    seed: Option<u64>,
) -> Result<(), ExtError> {
    let script = debugfs::script(tree, device_nodes)?;
    if file_system.kind() == FileSystemType::Ext4 {
        if fill_ourselves(tree, device_nodes, room, file_system, seed)? == Filled::Whole {
            return Ok(());
        }
        // mke2fs takes what it finds for zeros.
        clear(room).map_err(|source| at(room, source))?;
    }
    fill_by_mke2fs(tree, &script, room, file_system, seed)
}

/// Makes an empty file system, and fills it if it and the tree are such that we know how.
fn fill_ourselves(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    room: Room<'_>,
    file_system: &FileSystem,
    seed: Option<u64>,
) -> Result<Filled, ExtError> {
    run(&mke2fs(&[], room, file_system, seed))?;
    fill::fill(tree, device_nodes, room, seed)
}

/// Has mke2fs make and fill a file system, and debugfs write what `script` says.
fn fill_by_mke2fs(
    tree: &Utf8Path,
    script: &str,
    room: Room<'_>,
    file_system: &FileSystem,
    seed: Option<u64>,
) -> Result<(), ExtError> {
    run(&mke2fs(&["-d", tree.as_str()], room, file_system, seed))?;
    debugfs::run(room, script, seed)?;
    seed.map_or(Ok(()), |seed| times::set_all(room, seed))
        .map_err(|source| at(room, source))
}

fn at(room: Room<'_>, source: io::Error) -> ExtError {
    ExtError::Io {
        path: room.image.to_owned(),
        source,
    }
}

fn run(mke2fs: &Tool) -> Result<(), ExtError> {
    let finished = mke2fs.run()?;
    let no_room = ran_out_of_room(&finished.complaints);
    match mke2fs.require_success(finished) {
        Err(source) if no_room => Err(ExtError::TooSmall(source)),
        result => Ok(result?),
    }
}

/// Makes a room all zeros again.
fn clear(room: Room<'_>) -> io::Result<()> {
    let zeros = vec![0; sparse::BLOCK];
    let (start, end) = (room.extent.start, room.extent.start + room.extent.length);
    for extent in sparse::data_extents(room.file)? {
        for (offset, length) in sparse::blocks(extent.start.max(start)..extent.end.min(end)) {
            room.file.write_all_at(&zeros[..length], offset)?;
        }
    }
    Ok(())
}

fn mke2fs(filling: &[&str], room: Room<'_>, file_system: &FileSystem, seed: Option<u64>) -> Tool {
    let identifier = file_system.identifier().to_string();
    let (options, mut extended) = options::split(&file_system.options);
    extended.extend(["lazy_itable_init=1", "lazy_journal_init=1"].map(str::to_owned));
    extended.push(format!("offset={}", room.extent.start));
    if seed.is_some() {
        // Directories' indexes depend on it, and by default it is random.
        extended.push(format!("hash_seed={identifier}"));
    }
    let mut tool = Tool::new("mke2fs", "e2fsprogs").at_time(seed).arguments([
        "-t",
        file_system.kind().as_str(),
        "-q",
        "-F",
    ]);
    if room.sector_size > 1024 {
        // A block is no smaller than a sector.
        tool = tool.arguments(["-b", &room.sector_size.to_string()]);
    }
    tool.arguments(options)
        .arguments(["-L", file_system.label(), "-U", &identifier])
        .arguments(["-E", &extended.join(",")])
        .arguments(filling)
        .arguments([room.image.as_str()])
        .arguments([format!("{}k", room.extent.length / 1024)])
}

/// The messages of libext2fs's errors for a full file system, as `mke2fs` prints them in the C locale.
fn ran_out_of_room(complaints: &[String]) -> bool {
    const MESSAGES: [&str; 5] = [
        "Could not allocate block in ext2 filesystem",
        "Could not allocate inode in ext2 filesystem",
        "No free space in the directory",
        "journal size too big for filesystem",
        "Not enough space to build proposed filesystem",
    ];
    complaints
        .iter()
        .any(|line| MESSAGES.iter().any(|message| line.contains(message)))
}

#[cfg(test)]
mod tests;
