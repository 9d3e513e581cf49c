//! The way into the target between fork and exec, and things of the target in other places for one command alone.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::libc;

use crate::{TargetPath, TargetRoot};

/// What a command sees in another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The directory or file of the target.
    pub source: TargetPath,
    /// Where the command sees it: an existing directory or file.
    pub at: TargetPath,
}

/// The way into the target, with all memory that it takes. The descriptors are the caller's to keep open.
pub(super) struct Entry {
    root: i32,
    working_directory: i32,
    namespace: Option<Namespace>,
}

/// A mount namespace of the command's own.
struct Namespace {
    /// The target's root, as the host names it.
    root: CString,
    working_directory: CString,
    binds: Vec<(CString, CString)>,
}

impl Entry {
    /// Prepares the way to a working directory in the target, which is also open.
    pub(super) fn of(
        root: &TargetRoot,
        working_directory: &TargetPath,
        open: BorrowedFd<'_>,
        binds: &[Bind],
    ) -> io::Result<Self> {
        let namespace = (!binds.is_empty()).then(|| Namespace::of(root, working_directory, binds));
        Ok(Self {
            root: root.as_fd().as_raw_fd(),
            working_directory: open.as_raw_fd(),
            namespace: namespace.transpose()?,
        })
    }

    /// Goes there. It is called in a child that has been forked, so it allocates nothing.
    pub(super) fn enter(&self) -> io::Result<()> {
        match &self.namespace {
            None => enter_root(self.root, self.working_directory)?,
            Some(namespace) => namespace.enter(self.root)?,
        }
        // SAFETY: takes no pointer that it reads from.
        Errno::result(unsafe { libc::setgroups(0, std::ptr::null()) })?;
        // SAFETY: umask takes any mode and only sets a number of this process.
        unsafe { libc::umask(0o022) };
        Ok(())
    }
}

fn enter_root(root: i32, working_directory: i32) -> io::Result<()> {
    // SAFETY: plain system calls on numbers and constant strings; failures come back as -1.
    unsafe {
        Errno::result(libc::fchdir(root))?;
        Errno::result(libc::chroot(c".".as_ptr()))?;
        Errno::result(libc::fchdir(working_directory))?;
    }
    Ok(())
}

impl Namespace {
    fn of(root: &TargetRoot, working_directory: &TargetPath, binds: &[Bind]) -> io::Result<Self> {
        // A descriptor stands for a directory of the namespace in which it was opened, so the path is needed.
        let root = std::fs::read_link(format!("/proc/self/fd/{}", root.as_fd().as_raw_fd()))?;
        let binds = binds
            .iter()
            .map(|bind| Ok((text(&bind.source)?, text(&bind.at)?)));
        Ok(Self {
            root: CString::new(root.into_os_string().into_vec())?,
            working_directory: text(working_directory)?,
            binds: binds.collect::<io::Result<_>>()?,
        })
    }

    /// Enters the namespace, the target, whose descriptor is `root`, and the working directory. The binds are made when
    /// `/` is the target's root, so that no symbolic link leads out of it.
    fn enter(&self, root: i32) -> io::Result<()> {
        // SAFETY: plain system calls on numbers, constant strings and strings that `self` owns; failures come back as -1.
        unsafe {
            Errno::result(libc::unshare(libc::CLONE_NEWNS))?;
            let nothing = std::ptr::null();
            let private = libc::MS_REC | libc::MS_PRIVATE;
            mount(nothing, c"/", private)?;
            Errno::result(libc::chdir(self.root.as_ptr()))?;
            if identity(root, c"")? != identity(libc::AT_FDCWD, c".")? {
                return Err(Errno::ESTALE.into());
            }
            Errno::result(libc::chroot(c".".as_ptr()))?;
            for (source, at) in &self.binds {
                mount(source.as_ptr(), at, libc::MS_BIND)?;
            }
            Errno::result(libc::chdir(self.working_directory.as_ptr()))?;
        }
        Ok(())
    }
}

fn text(path: &TargetPath) -> io::Result<CString> {
    Ok(CString::new(path.to_string())?)
}

/// # Safety
/// `source` is null or points to a string that ends with NUL.
unsafe fn mount(source: *const libc::c_char, at: &CStr, flags: libc::c_ulong) -> io::Result<()> {
    let (kind, data) = (std::ptr::null(), std::ptr::null());
    // SAFETY: the caller vouches for `source`, and null stands for no type and no options.
    Errno::result(unsafe { libc::mount(source, at.as_ptr(), kind, flags, data) })?;
    Ok(())
}

/// Returns the device and inode of a path below a descriptor, or of the descriptor itself.
fn identity(directory: i32, path: &CStr) -> io::Result<(u64, u64)> {
    // SAFETY: an all-zero `stat` is a valid value for the kernel to overwrite.
    let mut answer: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with NUL, and the answer goes to a live variable.
    let result = unsafe { libc::fstatat(directory, path.as_ptr(), &raw mut answer, libc::AT_EMPTY_PATH) };
    Errno::result(result)?;
    Ok((answer.st_dev, answer.st_ino))
}
