//! The tree as an ext4 file system.

mod debugfs;

use std::fs::{self, File};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::{DeviceNode, TargetPath};

use crate::tool::Tool;
use crate::{ByteSize, FileSystemSpec, ToolError, default_image_size};

/// Making a file system failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Ext4Error {
    /// The image is too small for the tree.
    #[error("the tree does not fit into an image of {size}; ask for one of {suggested} with --image-size")]
    TooSmall {
        /// The image's size.
        size: ByteSize,
        /// A size that holds the tree.
        suggested: ByteSize,
        /// What the program said.
        source: Box<ToolError>,
    },
    /// A program failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The image's file or the tree's root could not be read or written.
    #[error("failed to prepare the file system in {path}")]
    Io {
        /// The file or directory.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A device node's directory is not in the tree.
    #[error("the device node {0} belongs into a directory that the tree does not have")]
    NoDirectory(TargetPath),
    /// A directory stands where a device node belongs.
    #[error("a directory stands where the device node {0} belongs")]
    InTheWay(TargetPath),
    /// A device node's path can't be given to debugfs.
    #[error("the path of the device node {0:?} holds a control character")]
    ControlCharacter(TargetPath),
}

/// Makes an ext4 file system of the tree in the whole of the file `image`, which must be empty or all holes.
///
/// `mke2fs -d` copies the tree, with owners, modes, hard links and extended attributes, and without mounting
/// anything. The root directory's own attributes, which mke2fs leaves out, and the device nodes of the list are
/// written afterwards by `debugfs`; a device node replaces what stands in its place, but no directory. The file stays
/// sparse: neither inode tables nor journal are written out, both read as zeros already. Called in a user namespace,
/// file capabilities come out as revision 2, since the kernel converts those of the namespace's root when they are read.
///
/// # Errors
/// When the tree doesn't fit, `mke2fs` or `debugfs` is missing or fails, or a device node's directory is missing.
pub fn make_ext4(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    image: &Utf8Path,
    spec: &FileSystemSpec,
) -> Result<(), Ext4Error> {
    let size = fs::metadata(image)
        .map_err(|source| Ext4Error::Io {
            path: image.to_owned(),
            source,
        })?
        .len();
    let script = debugfs::script(tree, device_nodes)?;
    let mke2fs = mke2fs(tree, image, spec);
    let finished = mke2fs.run()?;
    let no_room = ran_out_of_room(&finished.complaints);
    match mke2fs.require_success(finished) {
        Err(source) if no_room => {
            let size = ByteSize::from_bytes(size);
            let suggested = suggested_size(tree, size, spec);
            let source = Box::new(source);
            return Err(Ext4Error::TooSmall {
                size,
                suggested,
                source,
            });
        }
        result => result?,
    }
    debugfs::run(image, &script)
}

/// Makes `image` a sparse file of the given size and an ext4 file system in it.
pub(crate) fn make_ext4_of_size(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    (image, file): (&Utf8Path, &File),
    spec: &FileSystemSpec,
    size: ByteSize,
) -> Result<(), Ext4Error> {
    file.set_len(size.bytes()).map_err(|source| Ext4Error::Io {
        path: image.to_owned(),
        source,
    })?;
    make_ext4(tree, device_nodes, image, spec)
}

fn mke2fs(tree: &Utf8Path, image: &Utf8Path, spec: &FileSystemSpec) -> Tool {
    let mut tool = Tool::new("mke2fs")
        .arguments(["-t", "ext4", "-q", "-F", "-L", spec.label.as_str()])
        .arguments(["-i", &spec.bytes_per_inode.to_string()])
        .arguments(["-J", &format!("size={}", spec.journal.bytes() >> 20)])
        .arguments(["-E", "lazy_itable_init=1,lazy_journal_init=1"]);
    if let Some(uuid) = &spec.uuid {
        tool = tool.arguments(["-U", uuid.as_str()]);
    }
    tool.arguments(["-d", tree.as_str(), image.as_str()])
}

/// What the tree would have been given without a wish, or where that is not more, half as much again.
fn suggested_size(tree: &Utf8Path, size: ByteSize, spec: &FileSystemSpec) -> ByteSize {
    let larger = ByteSize::from_bytes(size.bytes().saturating_add(size.bytes() / 2));
    let usual = default_image_size(tree, spec.journal)
        .ok()
        .filter(|usual| *usual > size);
    usual.unwrap_or(larger).rounded_up_to(ByteSize::from_mib(1))
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
