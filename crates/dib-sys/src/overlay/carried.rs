//! What is mounted in the tree, and goes along when the tree itself is mounted anew.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, umount2};
use nix::sys::stat::{Mode, SFlag, fstat};

use super::LayersError;
use crate::mounts::system_calls::{attach, mount_id};
use crate::mounts::table::{MountEntry, read_mount_table};
use crate::target_root::resolve_in_root;

/// The mounts in a tree.
#[derive(Debug)]
pub(super) struct MountsOfTree {
    tree: MountEntry,
    /// Those that have to be moved: they stand on the tree itself, or on the root of another of these. Whatever else is
    /// mounted in the tree stands on one of them and moves with it.
    movable: Vec<MountEntry>,
    /// Where parts of the tree are mounted once more.
    other_views: Vec<PathBuf>,
}

/// Mounts that were taken out of the tree, the one taken last at the end.
#[derive(Debug)]
pub(super) struct HeldMounts {
    directory: Utf8PathBuf,
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    /// Where it stood, relative to the tree's root.
    at: PathBuf,
    /// Where it stands now.
    slot: PathBuf,
}

impl MountsOfTree {
    /// Lists what is mounted in the tree at `mount_point`.
    pub(super) fn find(mount_point: &Utf8Path) -> Result<Self, LayersError> {
        let list = |errno: Errno| LayersError::List {
            at: mount_point.to_owned(),
            source: errno.into(),
        };
        let root = open_tree(mount_point).map_err(list)?;
        let id = mount_id(root.as_fd()).map_err(list)?;
        let table = read_mount_table().map_err(|source| LayersError::List {
            at: mount_point.to_owned(),
            source,
        })?;
        Self::among(table, id).ok_or_else(|| list(Errno::ENOENT))
    }

    fn among(table: Vec<MountEntry>, tree: u64) -> Option<Self> {
        let tree = table.iter().find(|mount| mount.id == tree)?.clone();
        let other_views = table
            .iter()
            .filter(|mount| {
                mount.id != tree.id && mount.device == tree.device && mount.root.starts_with(&tree.root)
            })
            .map(|mount| mount.at.clone())
            .collect();
        let mut movable: Vec<MountEntry> = Vec::new();
        let mut rest = table;
        loop {
            let moves = |mount: &MountEntry| {
                mount.parent == tree.id && mount.id != tree.id
                    || movable
                        .iter()
                        .any(|below| below.id == mount.parent && below.at == mount.at)
            };
            let (found, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(moves);
            if found.is_empty() {
                break;
            }
            movable.extend(found);
            rest = others;
        }
        Some(Self {
            tree,
            movable,
            other_views,
        })
    }

    /// Returns a place where a part of the tree is mounted once more.
    pub(super) fn another_view(&self) -> Option<&Path> {
        self.other_views.first().map(PathBuf::as_path)
    }

    /// Unmounts all other views of the tree.
    pub(super) fn unmount_other_views(&self) -> Result<(), LayersError> {
        for at in self.other_views.iter().rev() {
            match umount2(at, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
                // It went with another one.
                Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
                Err(errno) => {
                    return Err(LayersError::Unmount {
                        at: at.display().to_string(),
                        source: errno.into(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Moves the mounts from the tree at `mount_point` into `directory`.
    pub(super) fn hold(
        &self,
        mount_point: &Utf8Path,
        directory: &Utf8Path,
    ) -> Result<HeldMounts, LayersError> {
        let root = open_tree(mount_point).map_err(LayersError::moving(mount_point.as_std_path()))?;
        let mut waiting: Vec<&MountEntry> = self.movable.iter().collect();
        let mut held = HeldMounts {
            directory: directory.to_owned(),
            held: Vec::with_capacity(waiting.len()),
        };
        while !waiting.is_empty() {
            // One mount may hide another, at the same place or below it, so only what can be reached is moved.
            let before = waiting.len();
            let mut hidden = Vec::new();
            for mount in waiting {
                let moving = LayersError::moving(&mount.at);
                let at = mount
                    .at
                    .strip_prefix(&self.tree.at)
                    .map_err(|_| moving(Errno::ENOENT))?;
                match open_mount(root.as_fd(), at, mount.id).map_err(&moving)? {
                    Some(opened) => held.take(&opened, at).map_err(&moving)?,
                    None => hidden.push(mount),
                }
            }
            if hidden.len() == before {
                return Err(LayersError::moving(&hidden[0].at)(Errno::EBUSY));
            }
            waiting = hidden;
        }
        Ok(held)
    }
}

impl HeldMounts {
    fn take(&mut self, mount: &OwnedFd, at: &Path) -> Result<(), Errno> {
        let slot = self.directory.as_std_path().join(self.held.len().to_string());
        let kind = SFlag::from_bits_truncate(fstat(mount)?.st_mode) & SFlag::S_IFMT;
        let made = if kind == SFlag::S_IFDIR {
            fs::create_dir(&slot)
        } else {
            File::create(&slot).map(drop)
        };
        made.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
        let opened = open(&slot, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        attach(mount.as_fd(), opened.as_fd())?;
        self.held.push(Held {
            at: at.to_owned(),
            slot,
        });
        Ok(())
    }

    /// Moves the mounts into the tree at `mount_point`. One whose mount point is not there any more is unmounted.
    pub(super) fn put_back(self, mount_point: &Utf8Path) -> Result<(), LayersError> {
        let root = open_tree(mount_point).map_err(LayersError::moving(mount_point.as_std_path()))?;
        for Held { at, slot } in self.held.into_iter().rev() {
            let put = || {
                let mount = open(&slot, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
                let place = resolve_in_root(root.as_fd(), &at, OFlag::O_PATH)?;
                attach(mount.as_fd(), place.as_fd())
            };
            let removed = match put() {
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {
                    umount2(&slot, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)
                }
                result => result,
            };
            removed.map_err(LayersError::moving(&at))?;
            let made = if slot.is_dir() {
                fs::remove_dir(&slot)
            } else {
                fs::remove_file(&slot)
            };
            made.map_err(LayersError::prepare(&self.directory))?;
        }
        Ok(())
    }
}

fn open_tree(mount_point: &Utf8Path) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(mount_point.as_std_path(), flags, Mode::empty())
}

/// Opens the mount of this number at `at` in the tree, unless another one hides it.
fn open_mount(root: std::os::fd::BorrowedFd<'_>, at: &Path, id: u64) -> Result<Option<OwnedFd>, Errno> {
    match resolve_in_root(root, at, OFlag::O_PATH) {
        Ok(opened) if mount_id(opened.as_fd())? == id => Ok(Some(opened)),
        Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mounts::table::parse;

    #[test]
    fn the_mounts_that_move_are_told_from_those_that_come_along() {
        let table = b"22 1 8:1 / / rw - ext4 /dev/a rw\n\
            29 22 0:5 / /b rw - tmpfs t rw\n\
            30 29 0:5 /layers/0/upper /b/mnt rw - tmpfs t rw\n\
            31 30 0:6 / /b/mnt/proc rw - proc p rw\n\
            32 31 0:6 /sys /b/mnt/proc/sys ro - proc p rw\n\
            33 34 0:8 / /b/mnt/over rw - tmpfs t rw\n\
            34 30 0:7 / /b/mnt/over rw - tmpfs t rw\n\
            35 31 0:5 /layers/0/upper/x /b/mnt/proc/x rw - tmpfs t rw\n\
            36 29 0:5 /layers/00 /b/mnt2 rw - tmpfs t rw\n";
        let found = MountsOfTree::among(parse(table), 30).unwrap();
        let mut ids: Vec<u64> = found.movable.iter().map(|mount| mount.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [31, 33, 34]);
        assert_eq!(found.another_view(), Some(Path::new("/b/mnt/proc/x")));
        assert_eq!(found.other_views.len(), 1);
        assert!(MountsOfTree::among(parse(table), 99).is_none());
    }
}
