//! Contents that are not copied, since the file system lets files share their blocks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use dib_sys::clone_range;

/// What most file systems divide files into, in bytes. Where the blocks are larger, nothing is shared.
const BLOCK: u64 = 4096;

/// Contents that stand in one piece in two files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) length: u64,
}

/// Makes the parts of `to` those of `from`, sharing their blocks, and returns whether that could be done.
///
/// Whatever is in the way, copying gets over it, or meets it again and tells of it.
pub(super) fn clone(from: &File, to: &File, parts: impl IntoIterator<Item = Part>) -> bool {
    parts.into_iter().all(|part| clone_part(from, to, part).is_ok())
}

fn clone_part(from: &File, to: &File, part: Part) -> io::Result<()> {
    let in_blocks = part.length / BLOCK * BLOCK;
    clone_range(from, part.from, in_blocks, to, part.to)?;
    // The file system does not share the end of a file that is to stand in the midst of another.
    let mut rest = vec![0; usize::try_from(part.length - in_blocks).map_err(io::Error::other)?];
    from.read_exact_at(&mut rest, part.from + in_blocks)?;
    to.write_all_at(&rest, part.to + in_blocks)
}
