//! Creating entries in the target.
//!
//! Every entry is made through the descriptor of its directory, which stays open for the entries that follow in the
//! same directory. Directories get their owner, mode and time at the end, when nothing changes in them any more.

mod attributes;
mod directories;
mod shared;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use dib_sys::target_root::resolve_on_root_mount;
use dib_sys::{DeviceKind, DeviceNode, TargetPath, TargetRoot};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstatat, makedev, mkdirat, mknodat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

pub(crate) use self::attributes::{Attributes, ExtendedAttribute, ModificationTime};
use self::directories::Directories;
pub(crate) use self::shared::SharedDirectories;
use crate::entry_name::{EntryName, lossy};
use crate::workers::{Contents, Workers};
use crate::{ExtractError, Extracted};

/// The kinds of entries that hold nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Fifo,
    Socket,
    Character { major: u32, minor: u32 },
    Block { major: u32, minor: u32 },
}

impl Special {
    fn is_device(self) -> bool {
        matches!(self, Self::Character { .. } | Self::Block { .. })
    }
}

/// A target into which entries are being extracted.
pub(crate) struct Tree<'target> {
    root: BorrowedFd<'target>,
    making: Making<'target>,
    directories: Directories,
    /// What the directories are to become, by name; empty where others make the same directories.
    unfinished: BTreeMap<EntryName, Attributes>,
    extracted: Extracted,
}

/// Who else makes entries.
enum Making<'target> {
    /// Nobody: workers fill the files of this one archive.
    Alone(Workers<'target>),
    /// Threads that extract other archives; this one has the given rank among them.
    WithOthers(&'target SharedDirectories, usize),
}

impl<'target> Tree<'target> {
    pub(crate) fn new(target: &'target TargetRoot, workers: Workers<'target>) -> Self {
        Self {
            root: target.as_fd(),
            making: Making::Alone(workers),
            directories: Directories::default(),
            unfinished: BTreeMap::new(),
            extracted: Extracted::default(),
        }
    }

    /// Begins a tree in which other threads extract other archives.
    pub(crate) fn new_shared(
        target: &'target TargetRoot,
        directories: &'target SharedDirectories,
        rank: usize,
    ) -> Self {
        Self {
            root: target.as_fd(),
            making: Making::WithOthers(directories, rank),
            directories: Directories::default(),
            unfinished: BTreeMap::new(),
            extracted: Extracted::default(),
        }
    }

    /// Returns whether [`Tree::file_by_worker`] is better than [`Tree::file`] for small files.
    pub(crate) fn has_workers(&self) -> bool {
        matches!(self.making, Making::Alone(_))
    }

    /// Makes a directory, or takes the one that is there.
    pub(crate) fn directory(&mut self, name: EntryName, attributes: Attributes) -> Result<(), ExtractError> {
        if let Making::WithOthers(shared, rank) = self.making {
            self.extracted.entries += 1;
            if name.is_root() {
                return Ok(());
            }
            let parent = self.parent(&name)?;
            return shared.make(self.root, &parent, &name, attributes, rank);
        }
        if !name.is_root() {
            let parent = self.parent(&name)?;
            let (_, file_name) = name.split();
            // Open to its owner until the end, so that an ordinary user can fill it.
            let made = match mkdirat(&parent, file_name, Mode::S_IRWXU) {
                Err(Errno::EEXIST) if is_directory(&parent, file_name) => Ok(()),
                Err(Errno::EEXIST) => {
                    self.clear_the_way(&parent, &name)?;
                    mkdirat(&parent, file_name, Mode::S_IRWXU)
                }
                result => result,
            };
            made.map_err(|errno| failed("create", &name, errno))?;
            self.forget_device(&name);
        }
        self.unfinished.insert(name, attributes);
        self.extracted.entries += 1;
        Ok(())
    }

    /// Makes a regular file and fills it at once: `write` writes its contents and returns how many bytes they were.
    pub(crate) fn file(
        &mut self,
        name: &EntryName,
        attributes: &Attributes,
        write: impl FnOnce(&File) -> Result<u64, ExtractError>,
    ) -> Result<(), ExtractError> {
        let file = self.make_file(name)?;
        self.extracted.bytes += write(&file)?;
        attributes.set_on_file(file.as_fd(), name, &mut self.extracted.skipped_attributes)
    }

    /// Makes a regular file that a worker fills.
    pub(crate) fn file_by_worker(
        &mut self,
        name: EntryName,
        attributes: Attributes,
        contents: Contents,
    ) -> Result<(), ExtractError> {
        let file = self.make_file(&name)?;
        match &self.making {
            Making::Alone(workers) => workers.fill(file, name, attributes, contents),
            Making::WithOthers(..) => {
                self.extracted.bytes += contents(&file)?;
                attributes.set_on_file(file.as_fd(), &name, &mut self.extracted.skipped_attributes)
            }
        }
    }

    /// Makes a symbolic link with the given text.
    pub(crate) fn symlink(
        &mut self,
        name: &EntryName,
        text: &[u8],
        attributes: &Attributes,
    ) -> Result<(), ExtractError> {
        let text = OsStr::from_bytes(text);
        if !self.has_workers() && self.is_directory(name)? {
            return Ok(());
        }
        let (parent, ()) = self.make(name, |parent, file_name| symlinkat(text, parent, file_name))?;
        attributes.set_on_symlink(parent.as_fd(), name, &mut self.extracted.skipped_attributes)
    }

    /// Makes a second name for an entry that is there.
    pub(crate) fn hard_link(&mut self, name: &EntryName, other: &EntryName) -> Result<(), ExtractError> {
        let device = self
            .extracted
            .device_nodes
            .iter()
            .find(|device| device.path.as_relative().as_bytes() == other.as_bytes());
        if let Some(mut device) = device.cloned() {
            let parent = self.parent(name)?;
            self.clear_the_way(&parent, name)?;
            self.forget_device(name);
            device.path = device_path(name)?;
            self.extracted.device_nodes.push(device);
            self.extracted.entries += 1;
            return Ok(());
        }
        let missing = || ExtractError::LinkMissing {
            entry: name.lossy(),
            link: other.lossy(),
        };
        let (other_directory, other_name) = other.split();
        let other_parent = match self.directories.existing(self.root, other_directory) {
            Ok(directory) => directory,
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Err(missing()),
            Err(errno) => return Err(failed("link", name, errno)),
        };
        let stat = match fstatat(&other_parent, other_name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::ENOENT) => return Err(missing()),
            Err(errno) => return Err(failed("link", name, errno)),
        };
        // A link to itself must not remove the only name there is.
        let parent = self.parent(name)?;
        let same = fstatat(&parent, name.split().1, AtFlags::AT_SYMLINK_NOFOLLOW)
            .is_ok_and(|there| (there.st_dev, there.st_ino) == (stat.st_dev, stat.st_ino));
        if same {
            self.extracted.entries += 1;
            return Ok(());
        }
        self.make(name, |parent, file_name| {
            linkat(&other_parent, other_name, parent, file_name, AtFlags::empty())
        })?;
        Ok(())
    }

    /// Makes a fifo, a socket or a device node; a device node that the system does not allow is kept for the image.
    pub(crate) fn special(
        &mut self,
        name: &EntryName,
        special: Special,
        attributes: &Attributes,
    ) -> Result<(), ExtractError> {
        let (kind, major, minor) = match special {
            Special::Fifo => (SFlag::S_IFIFO, 0, 0),
            Special::Socket => (SFlag::S_IFSOCK, 0, 0),
            Special::Character { major, minor } => (SFlag::S_IFCHR, major, minor),
            Special::Block { major, minor } => (SFlag::S_IFBLK, major, minor),
        };
        let number = makedev(u64::from(major), u64::from(minor));
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let mut forbidden = false;
        let created = self.make(name, |parent, file_name| {
            match mknodat(parent, file_name, kind, mode, number) {
                Err(Errno::EPERM) if special.is_device() => {
                    forbidden = true;
                    Ok(())
                }
                result => result,
            }
        });
        let (parent, ()) = created?;
        if !forbidden {
            return attributes.set_on_special(parent.as_fd(), name, &mut self.extracted.skipped_attributes);
        }
        let kind = if kind == SFlag::S_IFBLK {
            DeviceKind::Block
        } else {
            DeviceKind::Character
        };
        self.extracted.device_nodes.push(DeviceNode {
            path: device_path(name)?,
            kind,
            major,
            minor,
            mode: attributes.mode,
            uid: attributes.uid,
            gid: attributes.gid,
            mtime: attributes.mtime.seconds,
        });
        Ok(())
    }

    /// Waits for the workers, gives the directories their attributes and returns what was made.
    pub(crate) fn finish(mut self) -> Result<Extracted, ExtractError> {
        if let Making::Alone(workers) = self.making {
            let done = workers.finish()?;
            self.extracted.bytes += done.bytes;
            self.extracted.skipped_attributes.extend(done.skipped_attributes);
        }
        // Backwards, so that a directory is closed to this process only after those in it.
        for (name, attributes) in self.unfinished.iter().rev() {
            let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
            match resolve_on_root_mount(self.root, name.as_os_str(), flags) {
                Ok(directory) => {
                    let skipped = &mut self.extracted.skipped_attributes;
                    attributes.set_on_file(directory.as_fd(), name, skipped)?;
                }
                // A later entry took its place, or a mount that is not the archive's to change.
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EXDEV) => {}
                Err(errno) => return Err(failed("finish", name, errno)),
            }
        }
        Ok(self.extracted)
    }

    /// Returns whether a directory stands where an entry is to be made.
    fn is_directory(&mut self, name: &EntryName) -> Result<bool, ExtractError> {
        let parent = self.parent(name)?;
        Ok(is_directory(&parent, name.split().1))
    }

    fn make_file(&mut self, name: &EntryName) -> Result<File, ExtractError> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let (_, file) = self.make(name, |parent, file_name| openat(parent, file_name, flags, mode))?;
        Ok(File::from(file))
    }

    /// Counts something that was left out of the target.
    pub(crate) fn skip_attribute(&mut self, name: &EntryName, attribute: String, reason: &str) {
        self.extracted.skipped_attributes.push(crate::SkippedAttribute {
            entry: name.lossy(),
            attribute,
            reason: reason.to_owned(),
        });
    }

    /// Makes an entry, replacing what stands in its place, and returns its directory as well.
    fn make<T>(
        &mut self,
        name: &EntryName,
        mut make: impl FnMut(BorrowedFd<'_>, &OsStr) -> Result<T, Errno>,
    ) -> Result<(Rc<OwnedFd>, T), ExtractError> {
        if name.is_root() {
            return Err(failed("create", name, Errno::EISDIR));
        }
        let parent = self.parent(name)?;
        let (_, file_name) = name.split();
        let created = match make(parent.as_fd(), file_name) {
            Err(Errno::EEXIST) => {
                self.clear_the_way(&parent, name)?;
                make(parent.as_fd(), file_name)
            }
            result => result,
        };
        let created = created.map_err(|errno| failed("create", name, errno))?;
        self.forget_device(name);
        self.extracted.entries += 1;
        Ok((parent, created))
    }

    /// Removes what stands in an entry's place.
    fn clear_the_way(&mut self, parent: &OwnedFd, name: &EntryName) -> Result<(), ExtractError> {
        let (_, file_name) = name.split();
        let removed = match unlinkat(parent, file_name, UnlinkatFlags::NoRemoveDir) {
            Err(Errno::EISDIR | Errno::EPERM) => unlinkat(parent, file_name, UnlinkatFlags::RemoveDir),
            result => result,
        };
        // What is open may have been reached through the entry that is gone.
        self.directories.close();
        self.unfinished.remove(name);
        match removed {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => {
                Err(ExtractError::DirectoryInTheWay { entry: name.lossy() })
            }
            Err(errno) => Err(failed("replace what stands in the place of", name, errno)),
        }
    }

    /// Opens the directory that holds an entry, making it if need be.
    /// Returns whether an entry belongs to where something is mounted in the target, and counts it as skipped then:
    /// what is mounted there is not the archive's to change.
    pub(crate) fn skips_below_mount(&mut self, name: &EntryName) -> bool {
        let below = matches!(
            self.directories.existing(self.root, name.split().0),
            Err(Errno::EXDEV)
        );
        self.extracted.skipped_entries += u64::from(below);
        below
    }

    fn parent(&mut self, name: &EntryName) -> Result<Rc<OwnedFd>, ExtractError> {
        let (directory, _) = name.split();
        self.directories
            .existing_or_made(self.root, directory)
            .map_err(|errno| failed("open the directory of", name, errno))
    }

    fn forget_device(&mut self, name: &EntryName) {
        let is_another = |device: &DeviceNode| device.path.as_relative().as_bytes() != name.as_bytes();
        self.extracted.device_nodes.retain(is_another);
    }
}

fn is_directory(parent: &OwnedFd, file_name: &OsStr) -> bool {
    fstatat(parent, file_name, AtFlags::AT_SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR)
}

fn device_path(name: &EntryName) -> Result<TargetPath, ExtractError> {
    let path = OsString::from(name.as_os_str())
        .into_string()
        .ok()
        .and_then(|path| path.parse().ok());
    path.ok_or_else(|| ExtractError::Unsupported {
        entry: lossy(name.as_bytes()),
        feature: "a device node with a name that is not UTF-8".to_owned(),
    })
}

fn failed(operation: &'static str, name: &EntryName, errno: Errno) -> ExtractError {
    ExtractError::Entry {
        entry: name.lossy(),
        operation,
        source: io::Error::from(errno),
    }
}
