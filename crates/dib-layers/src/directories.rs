//! The directories of a layer, opened as they are needed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use dib_sys::target_root::resolve_on_root_mount;
use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::entry::Entries;

/// The directory that was needed last, which is that of the next entry nearly always.
pub(crate) struct Directories<'layer> {
    root: BorrowedFd<'layer>,
    entries: &'layer Entries,
    open: Option<(u32, OwnedFd)>,
}

impl<'layer> Directories<'layer> {
    pub(crate) fn new(root: BorrowedFd<'layer>, entries: &'layer Entries) -> Self {
        Self {
            root,
            entries,
            open: None,
        }
    }

    /// Returns the directory of this place among the entries (`O_PATH`).
    pub(crate) fn get(&mut self, index: u32) -> Result<BorrowedFd<'_>, Errno> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != index) {
            let path = self.entries.path(index);
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
            self.open = Some((index, resolve_on_root_mount(self.root, path, flags)?));
        }
        let (_, directory) = self.open.as_ref().expect("it was opened just now");
        Ok(directory.as_fd())
    }
}
