//! What is mounted below a directory, and unmounting all of it.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};

use super::MountError;
use crate::{TargetPath, TargetRoot};

/// Unmounts everything that is mounted below the target's root.
///
/// What still uses a mount keeps it until it ends; for everybody else it is gone at once.
///
/// # Errors
/// When the kernel does not tell what is mounted, or refuses to unmount something.
pub fn unmount_all(root: &TargetRoot) -> Result<(), MountError> {
    unmount_all_but(root, &[])
}

/// Unmounts as [`unmount_all`] does, but leaves what is mounted at the paths `kept`.
///
/// # Errors
/// As [`unmount_all`].
pub fn unmount_all_but(root: &TargetRoot, kept: &[TargetPath]) -> Result<(), MountError> {
    let list = |source| MountError::List { source };
    let fd = root.as_fd().as_raw_fd();
    let directory = fs::read_link(format!("/proc/self/fd/{fd}")).map_err(list)?;
    let kept: Vec<PathBuf> = kept
        .iter()
        .map(|path| directory.join(path.as_relative()))
        .collect();
    loop {
        let table = fs::read("/proc/self/mountinfo").map_err(list)?;
        let mut mount_points = mount_points_below(&table, &directory);
        mount_points.retain(|path| !kept.contains(path));
        // An outer mount takes the inner ones along. In a user namespace it has to: what came into it as one tree, as
        // the host's /sys does, can't be taken apart there.
        let Some(outermost) = mount_points.iter().min_by_key(|path| path.components().count()) else {
            return Ok(());
        };
        umount2(outermost, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW).map_err(|errno| {
            MountError::UnmountHost {
                at: outermost.display().to_string(),
                source: errno.into(),
            }
        })?;
    }
}

/// Returns the mount points strictly below a directory, in the order in which they were mounted.
///
/// Source: `proc_pid_mountinfo(5)`: the fifth field is the mount point, in which blanks, tabs, newlines and backslashes
/// are written as a backslash and three octal digits.
fn mount_points_below(table: &[u8], directory: &Path) -> Vec<PathBuf> {
    table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(|field| PathBuf::from(std::ffi::OsString::from_vec(unescape(field))))
        .filter(|path| {
            path.starts_with(directory) && path.as_os_str().as_bytes() != directory.as_os_str().as_bytes()
        })
        .collect()
}

fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_found_below_and_only_there() {
        let table = b"22 1 8:1 / / rw - ext4 /dev/a rw\n\
            30 22 0:5 / /b/mnt rw - tmpfs t rw\n\
            31 30 0:6 / /b/mnt/proc rw - proc p rw\n\
            32 30 0:6 / /b/mnt/a\\040b\\134 rw - proc p rw\n\
            33 22 0:6 / /b/mnt2/proc rw - proc p rw\n";
        let found = mount_points_below(table, Path::new("/b/mnt"));
        assert_eq!(
            found,
            [PathBuf::from("/b/mnt/proc"), PathBuf::from("/b/mnt/a b\\")]
        );
    }
}
