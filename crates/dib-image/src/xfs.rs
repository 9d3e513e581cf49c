//! An XFS file system without files.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};

use crate::ToolError;
use crate::disk_spec::FileSystem;
use crate::room::Room;
use crate::sparse;
use crate::tool::Tool;

/// Making an XFS file system failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum XfsError {
    /// The file system would have to hold files.
    #[error(
        "no XFS file system with files in it can be made, and {path} would be one of them: mkfs.xfs keeps neither \
         times, hard links nor extended attributes; take ext4"
    )]
    Files {
        /// One of the files.
        path: Utf8PathBuf,
    },
    /// A program failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The image's file or the tree could not be read or written.
    #[error("failed to prepare the XFS file system in {path}")]
    Io {
        /// The file or directory.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The least size of which `mkfs.xfs` makes a file system, since xfsprogs 5.19.
pub(crate) const LEAST_SIZE: u64 = 300 << 20;

/// Makes an XFS file system whose root directory has the owner and the mode of `directory`, which must be empty.
///
/// # Errors
/// When the directory is not empty, or `mkfs.xfs` is missing or fails.
pub(crate) fn make_xfs(
    directory: &Utf8Path,
    room: Room<'_>,
    file_system: &FileSystem,
    seed: Option<u64>,
) -> Result<(), XfsError> {
    let io = |path: &Utf8Path| {
        let path = path.to_owned();
        move |source| XfsError::Io { path, source }
    };
    if let Some(entry) = directory.read_dir_utf8().map_err(io(directory))?.next() {
        let path = entry.map_err(io(directory))?.into_path();
        return Err(XfsError::Files { path });
    }
    let metadata = fs::metadata(directory).map_err(io(directory))?;
    let beside = room.image.parent().unwrap_or(Utf8Path::new("."));
    let file = tempfile::NamedTempFile::new_in(beside).map_err(io(beside))?;
    file.as_file()
        .set_len(room.extent.length)
        .map_err(io(room.image))?;
    let prototype = tempfile::NamedTempFile::new_in(beside).map_err(io(beside))?;
    fs::write(prototype.path(), prototype_of(&metadata)).map_err(io(beside))?;
    let tool = Tool::new("mkfs.xfs", "xfsprogs")
        .at_time(seed)
        .arguments(["-q", "-f", "-L", file_system.label()])
        .arguments(["-m", &format!("uuid={}", file_system.identifier())])
        .arguments(["-s", &format!("size={}", room.sector_size)])
        .arguments(["-p", &prototype.path().to_string_lossy()])
        .arguments(&file_system.options)
        .arguments([file.path().to_string_lossy()]);
    let finished = tool.run()?;
    tool.require_success(finished)?;
    sparse::copy_data(file.as_file(), room.file, room.extent.start).map_err(io(room.image))
}

/// Returns a prototype (mkfs.xfs(8)) of nothing but the root directory.
fn prototype_of(directory: &fs::Metadata) -> String {
    let mode = directory.permissions().mode();
    let letter = |bit, letter| if mode & bit == 0 { '-' } else { letter };
    let (set_uid, set_gid) = (letter(0o4000, 'u'), letter(0o2000, 'g'));
    let (uid, gid) = (directory.uid(), directory.gid());
    format!("/\n0 0\nd{set_uid}{set_gid}{:03o} {uid} {gid}\n$\n", mode & 0o777)
}
