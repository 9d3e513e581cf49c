//! The image's root directory, in which every path resolves inside it.
//!
//! The directories on the way to an entry are resolved by `openat2` with `RESOLVE_IN_ROOT`: symbolic links are
//! followed, absolute ones and `..` as if the target were `/`, so no link leads out. The entry itself is then
//! touched through that directory's descriptor, and is not followed when it is a link, unless a method says so.

mod error;
mod immutable;
mod metadata;
mod remove;
mod resolve;
mod times;
mod walk;
mod write;

#[cfg(test)]
mod tests;

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::libc;
use nix::sys::stat::{Mode, fstat, fstatat};

pub use self::error::TargetError;
pub use self::metadata::{FileKind, Metadata};
pub use self::resolve::{resolve_in_root, resolve_on_root_mount};
pub use self::walk::WalkStep;
use crate::TargetPath;

/// The root directory of the image being built: a descriptor from which no path leads out.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = std::env::temp_dir().join(format!("dib-target-root-example-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let directory = camino::Utf8PathBuf::try_from(directory)?;
/// use dib_sys::{TargetPath, TargetRoot};
///
/// let target = TargetRoot::open(&directory)?;
/// let etc: TargetPath = "/etc".parse()?;
/// target.create_directory_all(&etc, 0o755)?;
/// target.write(&etc.join("hostname")?, b"cloud\n", 0o644)?;
/// assert_eq!(target.read_to_string(&etc.join("hostname")?)?, "cloud\n");
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TargetRoot {
    root: OwnedFd,
}

/// The directory that holds an entry, and the entry's name in it.
struct Place {
    directory: OwnedFd,
    name: CString,
}

impl From<OwnedFd> for TargetRoot {
    /// Takes a directory that is open already, so that it stays the one that was looked at.
    fn from(root: OwnedFd) -> Self {
        Self { root }
    }
}

impl TargetRoot {
    /// Opens `directory`, a path of the host, as the root of a target.
    ///
    /// # Errors
    /// When it is not a directory or may not be opened.
    pub fn open(directory: &Utf8Path) -> Result<Self, TargetError> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match nix::fcntl::open(directory.as_std_path(), flags, Mode::empty()) {
            Ok(root) => Ok(Self { root }),
            Err(errno) => Err(TargetError::Root {
                directory: Utf8PathBuf::from(directory),
                source: errno.into(),
            }),
        }
    }

    /// Opens `directory` anew and puts it in the place of what this handle stood for.
    ///
    /// All who borrow this handle see what is mounted there now; a handle made by [`TargetRoot::try_clone`] does not.
    /// When it fails, the handle stands for what it stood for.
    ///
    /// # Errors
    /// As [`TargetRoot::open`].
    pub fn reopen(&self, directory: &Utf8Path) -> Result<(), TargetError> {
        let opened = Self::open(directory)?;
        replace_descriptor(&opened.root, self.root.as_fd()).map_err(|errno| TargetError::Root {
            directory: Utf8PathBuf::from(directory),
            source: errno.into(),
        })
    }

    /// Returns a second handle on the same root.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn try_clone(&self) -> Result<Self, TargetError> {
        match self.root.try_clone() {
            Ok(root) => Ok(Self { root }),
            Err(source) => Err(TargetError::Path {
                path: TargetPath::root(),
                operation: "open once more",
                source,
            }),
        }
    }

    /// Opens a directory (`O_PATH`), following symbolic links inside the target.
    ///
    /// # Errors
    /// When it is absent, is not a directory or its links go round in a circle.
    pub fn open_directory(&self, path: &TargetPath) -> Result<OwnedFd, TargetError> {
        self.resolve(path, OFlag::O_PATH | OFlag::O_DIRECTORY)
            .map_err(|errno| failed("open", path, errno))
    }

    /// Opens a regular file for reading, following symbolic links inside the target.
    ///
    /// # Errors
    /// When it is absent, may not be read or is not a regular file.
    pub fn open_file(&self, path: &TargetPath) -> Result<File, TargetError> {
        // Non-blocking, so that a planted fifo can't make the build wait for ever.
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = self
            .resolve(path, flags)
            .map_err(|errno| failed("read", path, errno))?;
        let stat = fstat(&file).map_err(|errno| failed("read", path, errno))?;
        match Metadata::of(&stat).kind {
            FileKind::Regular => Ok(File::from(file)),
            kind => Err(TargetError::NotRegular {
                path: path.clone(),
                operation: "read",
                kind,
            }),
        }
    }

    /// Reads a whole file, following symbolic links inside the target.
    ///
    /// # Errors
    /// As [`TargetRoot::open_file`], or when reading fails.
    pub fn read(&self, path: &TargetPath) -> Result<Vec<u8>, TargetError> {
        let mut contents = Vec::new();
        match self.open_file(path)?.read_to_end(&mut contents) {
            Ok(_) => Ok(contents),
            Err(source) => Err(TargetError::Path {
                path: path.clone(),
                operation: "read",
                source,
            }),
        }
    }

    /// Reads a whole file as UTF-8, following symbolic links inside the target.
    ///
    /// # Errors
    /// As [`TargetRoot::read`], or when the contents are not UTF-8.
    pub fn read_to_string(&self, path: &TargetPath) -> Result<String, TargetError> {
        String::from_utf8(self.read(path)?).map_err(|error| TargetError::Path {
            path: path.clone(),
            operation: "read",
            source: std::io::Error::new(std::io::ErrorKind::InvalidData, error.utf8_error()),
        })
    }

    /// Returns what stands at `path`, itself and not what it may link to, or `None` when nothing does.
    ///
    /// # Errors
    /// When looking fails for another reason than absence, such as links that go round in a circle.
    pub fn metadata(&self, path: &TargetPath) -> Result<Option<Metadata>, TargetError> {
        let look = || -> Result<Metadata, Errno> {
            let stat = match self.place(path)? {
                None => fstat(&self.root)?,
                Some(place) => fstatat(&place.directory, &*place.name, AtFlags::AT_SYMLINK_NOFOLLOW)?,
            };
            Ok(Metadata::of(&stat))
        };
        match look() {
            Ok(metadata) => Ok(Some(metadata)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(errno) => Err(failed("look at", path, errno)),
        }
    }

    /// Returns the text of the symbolic link at `path`.
    ///
    /// # Errors
    /// When it is absent, is not a symbolic link or its text is not UTF-8.
    pub fn read_link(&self, path: &TargetPath) -> Result<String, TargetError> {
        let operation = "read the link";
        let place = self.place_of(path, operation)?;
        let text = nix::fcntl::readlinkat(&place.directory, &*place.name)
            .map_err(|errno| failed(operation, path, errno))?;
        text.into_string().map_err(|text| TargetError::LinkNotUtf8 {
            path: path.clone(),
            text: text.to_string_lossy().into_owned(),
        })
    }

    /// Opens `path` inside the root, following symbolic links, the last component's too unless flags forbid it.
    fn resolve(&self, path: &TargetPath, flags: OFlag) -> Result<OwnedFd, Errno> {
        resolve_in_root(self.root.as_fd(), path.as_relative(), flags)
    }

    /// Opens the directory that holds `path`; `None` for the root, which none holds.
    fn place(&self, path: &TargetPath) -> Result<Option<Place>, Errno> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(None);
        };
        let directory = self.resolve(&parent, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
        Ok(Some(Place { directory, name }))
    }

    /// Opens the directory that holds `path`, for an operation that makes no sense on the root.
    fn place_of(&self, path: &TargetPath, operation: &'static str) -> Result<Place, TargetError> {
        match self.place(path) {
            Ok(Some(place)) => Ok(place),
            Ok(None) => Err(failed(operation, path, Errno::EBUSY)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Err(TargetError::NoParent {
                path: path.clone(),
                operation,
                parent: path.parent().unwrap_or_else(TargetPath::root),
            }),
            Err(errno) => Err(failed(operation, path, errno)),
        }
    }
}

impl AsFd for TargetRoot {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

/// Makes the descriptor number `number` stand for what `opened` stands for.
fn replace_descriptor(opened: &OwnedFd, number: BorrowedFd<'_>) -> Result<(), Errno> {
    loop {
        // SAFETY: both numbers are open descriptors of this process, and the second one's owner keeps its number: the
        // kernel exchanges what it stands for in one step.
        let result = unsafe { libc::dup3(opened.as_raw_fd(), number.as_raw_fd(), libc::O_CLOEXEC) };
        match Errno::result(result) {
            // Another thread's `open` holds the number for a moment (`dup(2)`), or a signal came.
            Err(Errno::EBUSY | Errno::EINTR) => {}
            result => return result.map(drop),
        }
    }
}

fn failed(operation: &'static str, path: &TargetPath, errno: Errno) -> TargetError {
    TargetError::Path {
        path: path.clone(),
        operation,
        source: errno.into(),
    }
}
