//! GRUB's boot code for a BIOS, which lies outside of all file systems.
//!
//! GRUB's own `grub-bios-setup` wants a block device. What it does is little: its first sector goes to the disk's, and its
//! core image, which then finds the rest by itself, to a place between the partition table and the partitions.
//!
//! Source: GRUB 2.06, `grub-core/boot/i386/pc/boot.S` and `diskboot.S`, `include/grub/i386/pc/boot.h`, `util/setup.c`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::partition_table::{BIOS_BOOT, Extent, PartitionTable};
use crate::{SectorSize, TableKind};

/// Boot code could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootCodeError {
    /// A file of GRUB's could not be read, or the disk not be written.
    #[error("failed to copy GRUB's boot code from {from} to {image}")]
    Io {
        /// GRUB's file.
        from: Utf8PathBuf,
        /// The disk's file.
        image: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of GRUB's is not what its name says.
    #[error("{path} is no {expected} of GRUB's")]
    Strange {
        /// The file.
        path: Utf8PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// The disk has nothing that any firmware could boot from.
    #[error(
        "the image has GRUB for a BIOS, but the disk has neither a BIOS boot partition (type EF02, sectors of 512 bytes) nor an \
         EFI system partition (type EF00)"
    )]
    NoPlace,
    /// The core image is larger than the place for it.
    #[error("GRUB's core image {path} is of {size} bytes, and {place} has room for {room}")]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
        /// Its size.
        size: usize,
        /// Where it should go.
        place: &'static str,
        /// How many bytes fit there.
        room: u64,
    },
}

/// Where a tree has GRUB's first sector, and the core image that somebody has made for it.
const BOOT: &str = "boot/grub/i386-pc/boot.img";
const CORE: &str = "boot/grub/i386-pc/core.img";

const SECTOR: usize = 512;
/// What of the first sector belongs to the disk: room for a FAT's parameters, then its identifier, table and signature.
const KEPT: [std::ops::Range<usize>; 2] = [0x003..0x05a, 0x1b8..0x200];
/// Where the first sector holds the core image's first.
const CORE_SECTOR: usize = 0x5c;
/// Where it holds the drive to boot from; this value leaves that to the BIOS.
const DRIVE: (usize, u8) = (0x64, 0xff);
/// Where it jumps over the check for a drive that the BIOS names wrongly. `grub-bios-setup` has these for hard disks.
const DRIVE_CHECK: (usize, [u8; 2]) = (0x66, [0x90, 0x90]);
/// Where the core image's first sector holds the list of the sectors behind it: start, length and segment.
const BLOCK_LIST: usize = 0x1f4;
/// The segment that the sectors behind the core image's first are loaded to.
const SEGMENT: u16 = 0x820;

/// Writes GRUB's boot code onto a disk, when the tree has it and the disk has a place for it.
///
/// That place is the gap before the first partition of an MBR, and the BIOS boot partition of a GPT. A BIOS boots from no
/// disk with sectors of 4096 bytes. A disk without a place must be one for UEFI: else nothing would boot it, and
/// `grub-install`, in upstream's hands, fails as well.
pub(crate) fn embed(
    tree: &Utf8Path,
    table: &PartitionTable,
    extents: &[Extent],
    (image, file): (&Utf8Path, &File),
) -> Result<(), BootCodeError> {
    let (boot_path, core_path) = (tree.join(BOOT), tree.join(CORE));
    let io = |from: &Utf8Path| {
        let (from, image) = (from.to_owned(), image.to_owned());
        move |source| BootCodeError::Io { from, image, source }
    };
    let boot = read(tree, BOOT).map_err(io(&boot_path))?;
    let core = read(tree, CORE).map_err(io(&core_path))?;
    let (Some(boot), Some(mut core)) = (boot, core) else {
        return Ok(());
    };
    let Some((place, room)) = place_for_core(table, extents) else {
        let mut partitions = table.config.partitions.iter();
        let is_for_uefi = partitions.any(|partition| partition.kind.is_efi_system());
        return if is_for_uefi {
            Ok(())
        } else {
            Err(BootCodeError::NoPlace)
        };
    };
    let mut boot: [u8; SECTOR] = boot.try_into().map_err(|_| BootCodeError::Strange {
        path: boot_path.clone(),
        expected: "boot sector",
    })?;
    let sectors = core.len().div_ceil(SECTOR);
    let size = core.len();
    core.resize(sectors * SECTOR, 0);
    let behind = u16::try_from(sectors.saturating_sub(1))
        .ok()
        .filter(|behind| *behind > 0);
    let behind = behind.ok_or_else(|| BootCodeError::Strange {
        path: core_path.clone(),
        expected: "core image",
    })?;
    if u64::try_from(core.len()).expect("64 bits hold a length") > room.length {
        let (path, room) = (core_path, room.length);
        return Err(BootCodeError::TooLarge {
            path,
            size,
            place,
            room,
        });
    }
    let first = room.start / 512;
    core[BLOCK_LIST..BLOCK_LIST + 8].copy_from_slice(&(first + 1).to_le_bytes());
    core[BLOCK_LIST + 8..BLOCK_LIST + 10].copy_from_slice(&behind.to_le_bytes());
    core[BLOCK_LIST + 10..BLOCK_LIST + 12].copy_from_slice(&SEGMENT.to_le_bytes());
    file.write_all_at(&core, room.start).map_err(io(&core_path))?;

    let mut own = [0; SECTOR];
    file.read_exact_at(&mut own, 0).map_err(io(&boot_path))?;
    for range in KEPT {
        boot[range.clone()].copy_from_slice(&own[range]);
    }
    boot[CORE_SECTOR..CORE_SECTOR + 8].copy_from_slice(&first.to_le_bytes());
    boot[DRIVE.0] = DRIVE.1;
    boot[DRIVE_CHECK.0..DRIVE_CHECK.0 + 2].copy_from_slice(&DRIVE_CHECK.1);
    file.write_all_at(&boot, 0).map_err(io(&boot_path))
}

/// Returns the place for a core image, and its name, when there is one.
fn place_for_core(table: &PartitionTable, extents: &[Extent]) -> Option<(&'static str, Extent)> {
    if table.sector_size != SectorSize::Bytes512 {
        return None;
    }
    match table.kind() {
        TableKind::Mbr => {
            // Before the first partition stands its own record, when it is a logical one.
            let end = extents
                .iter()
                .map(|extent| extent.start)
                .min()?
                .min(table.config.align);
            let length = end.checked_sub(512)?;
            Some((
                "the gap before the first partition",
                Extent { start: 512, length },
            ))
        }
        TableKind::Gpt => {
            let kinds = table
                .config
                .partitions
                .iter()
                .map(|partition| partition.kind.gpt());
            let (_, extent) = kinds.zip(extents).find(|(kind, _)| *kind == Some(BIOS_BOOT))?;
            Some(("the BIOS boot partition", *extent))
        }
    }
}

/// More than this is no file of GRUB's: a core image is loaded to where a processor of 16 bits reaches.
const LARGEST: u64 = 16 << 20;

/// Reads a file of the tree when it is there. No symbolic link is followed, for it would lead out of the tree.
fn read(tree: &Utf8Path, path: &str) -> io::Result<Option<Vec<u8>>> {
    let mut whole = tree.to_owned();
    let refuse = |whole: &Utf8Path, what: &str| {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{whole} is {what}"),
        ))
    };
    let mut last = None;
    for name in path.split('/') {
        whole.push(name);
        match fs::symlink_metadata(&whole) {
            Ok(metadata) if metadata.is_symlink() => return refuse(&whole, "a symbolic link"),
            Ok(metadata) => last = Some(metadata),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    match last {
        // Reading anything else might never end.
        Some(metadata) if !metadata.is_file() => refuse(&whole, "not a regular file"),
        Some(metadata) if metadata.len() > LARGEST => refuse(&whole, "too large for a file of GRUB's"),
        _ => fs::read(whole).map(Some),
    }
}

#[cfg(test)]
mod tests;
