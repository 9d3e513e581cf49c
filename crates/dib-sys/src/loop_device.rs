//! A disk's file as a block device, for programs that insist on one. It takes root, and not that of a user namespace.
//!
//! The kernel detaches the device when nobody uses it any more: neither this process nor a mount. So a build that is killed
//! leaves none. Partitions are made known one by one, since not every kernel can read every partition table.

mod system_calls;

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::target_root::resolve_in_root;
use crate::{TargetPath, TargetRoot};

const CONTROL: &str = "/dev/loop-control";
/// How often a free device is asked for: between the answer and the use of it somebody else may take it.
const ATTEMPTS: usize = 50;
/// How often, and how far apart, `/dev` is looked at for a partition that the kernel knows already.
const LOOKS: usize = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// A block device that shows a file, until it is dropped and none of its file systems is mounted.
#[derive(Debug)]
pub struct LoopDevice {
    path: Utf8PathBuf,
    device: File,
}

/// A disk's file could not become a block device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoopError {
    /// The kernel gives no device.
    #[error("failed to get a loop device from /dev/loop-control")]
    NoDevice {
        /// What the kernel said.
        source: io::Error,
    },
    /// The device could not be opened.
    #[error("failed to open {path}")]
    Open {
        /// The device.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file could not be attached.
    #[error("failed to attach the disk to {path}")]
    Attach {
        /// The device.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused a partition.
    #[error("failed to make the partition {number} of {path} known to the kernel")]
    Partition {
        /// The device.
        path: Utf8PathBuf,
        /// The partition's number.
        number: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel knows the partition, and `/dev` does not have it.
    #[error(
        "there is no {path}, though the kernel has that partition: /dev is not the kernel's own (devtmpfs)"
    )]
    NoNode {
        /// The partition's device.
        path: Utf8PathBuf,
    },
    /// What was written to the device did not reach the file.
    #[error("failed to write back what {path} holds")]
    WriteBack {
        /// The device.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

impl LoopDevice {
    /// Attaches a disk's file, which is open for reading and writing, to a free device.
    ///
    /// # Errors
    /// When this process is not root, or the kernel has no loop devices.
    pub fn attach(disk: &File, sector_size: u32) -> Result<Self, LoopError> {
        let no_device = |source| LoopError::NoDevice { source };
        let control = File::options()
            .read(true)
            .write(true)
            .open(CONTROL)
            .map_err(no_device)?;
        let mut last = Errno::EBUSY;
        for _ in 0..ATTEMPTS {
            let number =
                system_calls::free_device(control.as_fd()).map_err(|errno| no_device(errno.into()))?;
            let path = Utf8PathBuf::from(format!("/dev/loop{number}"));
            let device = match File::options().read(true).write(true).open(&path) {
                Ok(device) => device,
                Err(source) => return Err(LoopError::Open { path, source }),
            };
            match system_calls::configure(device.as_fd(), disk.as_fd(), sector_size) {
                Ok(()) => return Ok(Self { path, device }),
                Err(Errno::EBUSY) => last = Errno::EBUSY,
                Err(errno) => {
                    let source = errno.into();
                    return Err(LoopError::Attach { path, source });
                }
            }
        }
        Err(no_device(last.into()))
    }

    /// Returns the device's path, such as `/dev/loop0`.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Returns the device, open for reading and writing.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.device
    }

    /// Makes a partition known to the kernel, unless it has found it by itself, and returns its device. Start and length are
    /// in bytes.
    ///
    /// # Errors
    /// When the kernel refuses, or `/dev` has no node for it.
    pub fn add_partition(&self, number: u32, start: u64, length: u64) -> Result<Utf8PathBuf, LoopError> {
        let path = Utf8PathBuf::from(format!("{}p{number}", self.path));
        let known = Utf8PathBuf::from(path.as_str().replacen("/dev", "/sys/class/block", 1));
        if !known.exists() {
            system_calls::add_partition(self.device.as_fd(), number, start, length).map_err(|errno| {
                LoopError::Partition {
                    path: self.path.clone(),
                    number,
                    source: errno.into(),
                }
            })?;
        }
        // The kernel makes the node at once; where a program makes it instead, that takes a moment.
        for _ in 0..LOOKS {
            if fs::metadata(&path).is_ok() {
                return Ok(path);
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        Err(LoopError::NoNode { path })
    }

    /// Writes all that the device holds back to the disk's file.
    ///
    /// # Errors
    /// When that fails.
    pub fn write_back(&self) -> Result<(), LoopError> {
        self.device.sync_all().map_err(|source| LoopError::WriteBack {
            path: self.path.clone(),
            source,
        })
    }
}

/// Gives what the file system that is mounted at `at` in the target does not use back to its disk, where it knows how.
///
/// # Errors
/// When the kernel fails; a file system that does not know how is no error.
pub fn discard_unused(root: &TargetRoot, at: &TargetPath) -> io::Result<()> {
    let directory = resolve_in_root(
        root.as_fd(),
        at.as_relative(),
        OFlag::O_RDONLY | OFlag::O_DIRECTORY,
    )?;
    match system_calls::trim(directory.as_fd()) {
        Err(errno) if errno != Errno::EOPNOTSUPP && errno != Errno::ENOTTY => Err(errno.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As root a device is there as long as somebody has it; nobody else gets one.
    #[test]
    fn a_device_shows_the_file_and_goes_with_its_last_user() {
        let disk = tempfile::tempfile().unwrap();
        disk.set_len(8 << 20).unwrap();
        let attached = LoopDevice::attach(&disk, 512);
        if !nix::unistd::Uid::effective().is_root() {
            let error = attached.unwrap_err();
            assert!(matches!(error, LoopError::NoDevice { .. }), "{error:?}");
            return;
        }
        let device = attached.unwrap();
        let backing = |device: &Utf8Path| {
            let name = device.file_name().unwrap().to_owned();
            Utf8PathBuf::from(format!("/sys/block/{name}/loop/backing_file"))
        };
        let backing = backing(device.path());
        assert!(backing.exists());
        let partition = device.add_partition(3, 1 << 20, 2 << 20).unwrap();
        assert_eq!(partition, format!("{}p3", device.path()));
        assert_eq!(device.add_partition(3, 1 << 20, 2 << 20).unwrap(), partition);
        std::os::unix::fs::FileExt::write_all_at(
            &File::options().write(true).open(&partition).unwrap(),
            b"here",
            0,
        )
        .unwrap();
        device.write_back().unwrap();
        let mut found = [0; 4];
        std::os::unix::fs::FileExt::read_exact_at(&disk, &mut found, 1 << 20).unwrap();
        assert_eq!(&found, b"here");
        drop(device);
        assert!(!backing.exists());
    }
}
