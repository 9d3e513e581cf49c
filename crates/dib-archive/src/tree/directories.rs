//! The directories that are open.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use dib_sys::target_root::resolve_on_root_mount;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat, mkdirat};

/// How many directories stay open: archives name a directory's entries close to each other.
const OPEN_AT_MOST: usize = 64;

/// Directories by their names, resolved inside the root and kept open.
#[derive(Default)]
pub(super) struct Directories {
    open: HashMap<Vec<u8>, Rc<OwnedFd>>,
}

impl Directories {
    /// Opens a directory that is there.
    pub(super) fn existing(&mut self, root: BorrowedFd<'_>, name: &[u8]) -> Result<Rc<OwnedFd>, Errno> {
        if let Some(directory) = self.open.get(name) {
            return Ok(Rc::clone(directory));
        }
        let directory =
            resolve_on_root_mount(root, OsStr::from_bytes(name), OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        let directory = Rc::new(directory);
        if self.open.len() >= OPEN_AT_MOST {
            self.open.clear();
        }
        self.open.insert(name.to_vec(), Rc::clone(&directory));
        Ok(directory)
    }

    /// Opens a directory, making it and those above it when they are missing.
    pub(super) fn existing_or_made(
        &mut self,
        root: BorrowedFd<'_>,
        name: &[u8],
    ) -> Result<Rc<OwnedFd>, Errno> {
        match self.existing(root, name) {
            Err(Errno::ENOENT) => {}
            result => return result,
        }
        let mut parent = self.existing(root, b"")?;
        let mut end = 0;
        for component in name.split(|byte| *byte == b'/') {
            end += component.len();
            let so_far = &name[..end];
            parent = match self.existing(root, so_far) {
                Err(Errno::ENOENT) => {
                    let mode = Mode::from_bits_truncate(0o755);
                    let component = OsStr::from_bytes(component);
                    match mkdirat(&parent, component, mode) {
                        Ok(()) => fchmodat(&parent, component, mode, FchmodatFlags::NoFollowSymlink)?,
                        // Made meanwhile, by a thread that extracts another archive.
                        Err(Errno::EEXIST) => {}
                        Err(errno) => return Err(errno),
                    }
                    self.existing(root, so_far)?
                }
                result => result?,
            };
            end += 1;
        }
        Ok(parent)
    }

    /// Closes all, since names may mean other directories now.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }
}
