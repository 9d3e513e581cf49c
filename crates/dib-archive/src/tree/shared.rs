//! Directories that several archives make.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use dib_sys::TargetRoot;
use dib_sys::target_root::resolve_on_root_mount;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat};

use super::{Attributes, failed};
use crate::ExtractError;
use crate::entry_name::EntryName;

/// What the directories made so far are to become.
#[derive(Default)]
pub(crate) struct SharedDirectories {
    /// By device and inode, since links make one directory known under several names.
    made: Mutex<HashMap<(u64, u64), Wanted>>,
}

struct Wanted {
    rank: usize,
    name: EntryName,
    attributes: Attributes,
}

impl SharedDirectories {
    /// Makes a directory unless it is there, itself or by way of a symbolic link.
    pub(super) fn make(
        &self,
        root: BorrowedFd<'_>,
        parent: &OwnedFd,
        name: &EntryName,
        attributes: Attributes,
        rank: usize,
    ) -> Result<(), ExtractError> {
        let (_, file_name) = name.split();
        // Held while the directory is made, so that who finds it there also finds it in the map.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = match mkdirat(parent, file_name, Mode::S_IRWXU) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(errno) => return Err(failed("create", name, errno)),
        };
        let stat = fstatat(parent, file_name, AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|errno| failed("look at", name, errno))?;
        let stat = if is_directory(&stat) {
            stat
        } else {
            linked(root, name)?
        };
        let wanted = Wanted {
            rank,
            name: name.clone(),
            attributes,
        };
        match made.get_mut(&(stat.st_dev, stat.st_ino)) {
            Some(earlier) if rank < earlier.rank => *earlier = wanted,
            None if is_new => {
                made.insert((stat.st_dev, stat.st_ino), wanted);
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives the directories their attributes.
    pub(crate) fn finish(self, target: &TargetRoot) -> Result<(), ExtractError> {
        let made = self.made.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut made: Vec<_> = made.into_values().collect();
        // Backwards, so that a directory is closed to this process only after those in it.
        made.sort_unstable_by(|one, other| other.name.cmp(&one.name));
        let mut skipped = Vec::new();
        for Wanted { name, attributes, .. } in made {
            let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
            match resolve_on_root_mount(target.as_fd(), name.as_os_str(), flags) {
                Ok(directory) => attributes.set_on_file(directory.as_fd(), &name, &mut skipped)?,
                // A program has replaced it meanwhile.
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EXDEV) => {}
                Err(errno) => return Err(failed("finish", &name, errno)),
            }
        }
        Ok(())
    }
}

/// Looks at the directory that a symbolic link leads to.
fn linked(root: BorrowedFd<'_>, name: &EntryName) -> Result<FileStat, ExtractError> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    resolve_on_root_mount(root, name.as_os_str(), flags)
        .and_then(|directory| fstat(&directory))
        .map_err(|errno| failed("take as a directory what stands in the place of", name, errno))
}

fn is_directory(stat: &FileStat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR
}
