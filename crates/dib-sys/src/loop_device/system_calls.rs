//! The requests of loop devices and their partitions, for which nix has no functions.
//!
//! Source: `linux/loop.h`, `linux/blkpg.h` and `linux/fs.h`; `LOOP_CONFIGURE` is of Linux 5.8.

use std::ffi::{c_int, c_longlong};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

const LOOP_CONFIGURE: libc::Ioctl = 0x4C0A;
const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4C82;
const BLKPG: libc::Ioctl = 0x1269;
const FITRIM: libc::Ioctl = 0xC018_5879_u32 as libc::Ioctl;

/// The device goes when its last user does.
const AUTOCLEAR: u32 = 4;
/// It may have partitions.
const PARTITIONS: u32 = 8;
const BLKPG_ADD_PARTITION: c_int = 1;

/// Mirrors `struct loop_info64`.
#[repr(C)]
struct LoopInfo {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// Mirrors `struct loop_config`.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

/// Mirrors `struct blkpg_partition`.
#[repr(C)]
struct Partition {
    start: c_longlong,
    length: c_longlong,
    number: c_int,
    device_name: [u8; 64],
    volume_name: [u8; 64],
}

/// Mirrors `struct blkpg_ioctl_arg`.
#[repr(C)]
struct PartitionRequest {
    operation: c_int,
    flags: c_int,
    length: c_int,
    data: *mut Partition,
}

/// Mirrors `struct fstrim_range`.
#[repr(C)]
struct TrimRange {
    start: u64,
    length: u64,
    least: u64,
}

/// Returns the number of a device that is free.
pub(super) fn free_device(control: BorrowedFd<'_>) -> Result<c_int, Errno> {
    // SAFETY: the request takes no argument.
    Errno::result(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) })
}

/// Has a device show a file.
pub(super) fn configure(device: BorrowedFd<'_>, disk: BorrowedFd<'_>, sector_size: u32) -> Result<(), Errno> {
    // SAFETY: all-zero is a valid value: the structure holds nothing but numbers.
    let mut config: LoopConfig = unsafe { std::mem::zeroed() };
    config.fd = u32::try_from(disk.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    config.block_size = sector_size;
    config.info.flags = AUTOCLEAR | PARTITIONS;
    // SAFETY: the structure is the one that the request reads, and lives through the call.
    Errno::result(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) })?;
    Ok(())
}

/// Makes a partition known.
pub(super) fn add_partition(
    device: BorrowedFd<'_>,
    number: u32,
    start: u64,
    length: u64,
) -> Result<(), Errno> {
    let mut partition = Partition {
        start: c_longlong::try_from(start).map_err(|_| Errno::EINVAL)?,
        length: c_longlong::try_from(length).map_err(|_| Errno::EINVAL)?,
        number: c_int::try_from(number).map_err(|_| Errno::EINVAL)?,
        device_name: [0; 64],
        volume_name: [0; 64],
    };
    let request = PartitionRequest {
        operation: BLKPG_ADD_PARTITION,
        flags: 0,
        length: c_int::try_from(size_of::<Partition>()).map_err(|_| Errno::EINVAL)?,
        data: &raw mut partition,
    };
    // SAFETY: both structures are those that the request reads, and live through the call.
    Errno::result(unsafe { libc::ioctl(device.as_raw_fd(), BLKPG, &raw const request) })?;
    Ok(())
}

/// Has the file system of an open directory give up what it does not use.
pub(super) fn trim(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut range = TrimRange {
        start: 0,
        length: u64::MAX,
        least: 0,
    };
    // SAFETY: the structure is the one that the request reads and writes, and lives through the call.
    Errno::result(unsafe { libc::ioctl(directory.as_raw_fd(), FITRIM, &raw mut range) })?;
    Ok(())
}
