//! What is mounted below a directory, and unmounting all of it.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};

use super::MountError;
use super::table::{MountEntry, read_mount_table};
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
        let mut mount_points = mount_points_below(read_mount_table().map_err(list)?, &directory);
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

/// Returns the mount points strictly below a directory.
fn mount_points_below(table: Vec<MountEntry>, directory: &Path) -> Vec<PathBuf> {
    table
        .into_iter()
        .map(|mount| mount.at)
        .filter(|at| at.starts_with(directory) && at != directory)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::table::parse;
    use super::*;

    #[test]
    fn mount_points_are_found_below_and_only_there() {
        let table = b"22 1 8:1 / / rw - ext4 /dev/a rw\n\
            30 22 0:5 / /b/mnt rw - tmpfs t rw\n\
            31 30 0:6 / /b/mnt/proc rw - proc p rw\n\
            32 30 0:6 / /b/mnt/a\\040b\\134 rw - proc p rw\n\
            33 22 0:6 / /b/mnt2/proc rw - proc p rw\n";
        let found = mount_points_below(parse(table), Path::new("/b/mnt"));
        assert_eq!(
            found,
            [PathBuf::from("/b/mnt/proc"), PathBuf::from("/b/mnt/a b\\")]
        );
    }
}
