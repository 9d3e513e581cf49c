//! Room for swapping: a header, and nothing behind it.

use std::io;
use std::os::unix::fs::FileExt;

use crate::disk_spec::FileSystem;
use crate::identifier::FileSystemIdentifier;
use crate::room::Room;

/// The size of the pages by which the header counts, that of nearly every machine.
const PAGE: u64 = 4096;
/// Fewer pages are none that the kernel would use (`mkswap` says so too).
pub(crate) const FEWEST_PAGES: u64 = 10;

/// Writes the header of room for swapping.
///
/// Source: `union swap_header` of the kernel's `include/linux/swap.h`; the label and the UUID stand where `mkswap` puts them.
pub(crate) fn make_swap(room: Room<'_>, file_system: &FileSystem) -> io::Result<()> {
    let pages = room.extent.length / PAGE;
    if pages < FEWEST_PAGES {
        let reason = format!("{} bytes are too few to swap to", room.extent.length);
        return Err(io::Error::new(io::ErrorKind::StorageFull, reason));
    }
    let last = u32::try_from(pages - 1).unwrap_or(u32::MAX);
    let mut header = [0; 4096];
    header[1024..1028].copy_from_slice(&1_u32.to_le_bytes());
    header[1028..1032].copy_from_slice(&last.to_le_bytes());
    if let FileSystemIdentifier::Uuid(uuid) = file_system.identifier() {
        header[1036..1052].copy_from_slice(&uuid.bytes());
    }
    let label = file_system.label().as_bytes();
    header[1052..1052 + label.len()].copy_from_slice(label);
    header[4086..].copy_from_slice(b"SWAPSPACE2");
    room.file.write_all_at(&header, room.extent.start)
}
