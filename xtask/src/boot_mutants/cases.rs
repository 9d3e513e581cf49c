//! The ways in which images are broken, and what the boot test must say of each.

use super::disk::Disk;
use crate::task_error::TaskError;

/// The image that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// For a BIOS, with one partition.
    Mbr,
    /// For both, with an EFI system partition first.
    Efi,
}

impl Kind {
    /// The elements that make it.
    pub(super) fn elements(self) -> &'static [&'static str] {
        match self {
            Self::Mbr => &["vm", "block-device-mbr", "debian-minimal"],
            Self::Efi => &["vm", "block-device-efi", "debian-minimal"],
        }
    }
}

/// An image that is broken in one way.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) break_it: fn(&Disk) -> Result<(), TaskError>,
    /// How long the machine may take, in seconds.
    pub(super) limit: &'static str,
    /// More options for `dib boot --test`.
    pub(super) options: &'static [&'static str],
    /// Texts one of which the message must contain.
    pub(super) points_at: &'static [&'static str],
}

/// Long enough for a system to miss a device, which it waits 90 seconds for.
const LIMIT: &str = "300";
/// Where grub.cfg is in the root file system.
const GRUB_CFG: &str = "/boot/grub/grub.cfg";
/// The last bytes of the first sector that are boot code, and those of its signature.
const BOOT_CODE: usize = 440;
const SIGNATURE: u64 = 510;
/// The first partition's entry in an MBR, and in it the first sector.
const PARTITION: u64 = 446;
const FIRST_SECTOR: u64 = PARTITION + 8;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "no kernel",
        kind: Kind::Mbr,
        break_it: |disk| disk.remove(&disk.in_boot("vmlinuz")?),
        limit: LIMIT,
        options: &[],
        points_at: &["GRUB could not load the kernel"],
    },
    Case {
        name: "a kernel of zeros",
        kind: Kind::Mbr,
        break_it: |disk| disk.replace(&disk.in_boot("vmlinuz")?, &[0; 1 << 20]),
        limit: LIMIT,
        options: &[],
        points_at: &["GRUB could not load the kernel"],
    },
    Case {
        name: "no initrd",
        kind: Kind::Mbr,
        break_it: |disk| disk.remove(&disk.in_boot("initrd")?),
        limit: LIMIT,
        options: &[],
        points_at: &["GRUB could not load the initramfs"],
    },
    Case {
        name: "half an initrd",
        kind: Kind::Mbr,
        break_it: |disk| {
            let initrd = disk.in_boot("initrd")?;
            let content = disk.read(&initrd)?;
            disk.replace(&initrd, &content[..content.len() / 2])
        },
        limit: LIMIT,
        options: &[],
        points_at: &["the initrd in /boot is damaged or cut off"],
    },
    Case {
        name: "another root label on the file system",
        kind: Kind::Mbr,
        break_it: |disk| disk.relabel("elsewhere"),
        limit: LIMIT,
        options: &[],
        points_at: &["the initramfs did not find the root file system"],
    },
    Case {
        name: "another root label on the kernel's command line",
        kind: Kind::Mbr,
        break_it: |disk| disk.edit(GRUB_CFG, "root=LABEL=cloudimg-rootfs", "root=LABEL=elsewhere"),
        limit: LIMIT,
        options: &[],
        points_at: &["the initramfs did not find the root file system"],
    },
    Case {
        name: "no grub.cfg",
        kind: Kind::Mbr,
        break_it: |disk| disk.remove(GRUB_CFG),
        limit: LIMIT,
        options: &[],
        points_at: &["GRUB has no configuration"],
    },
    Case {
        name: "a damaged core image",
        kind: Kind::Mbr,
        break_it: |disk| disk.write_at(512 * 4, &[0xa5; 512 * 16]),
        limit: "60",
        options: &[],
        points_at: &[
            "GRUB is damaged: look at its core image",
            "look at the boot code and at GRUB's core image",
            "look at the boot code, and at GRUB's core image",
        ],
    },
    Case {
        name: "no boot code",
        kind: Kind::Mbr,
        break_it: |disk| disk.write_at(0, &[0; BOOT_CODE]),
        limit: LIMIT,
        options: &[],
        points_at: &["claims no way to boot"],
    },
    Case {
        name: "no boot signature",
        kind: Kind::Mbr,
        break_it: |disk| disk.write_at(SIGNATURE, &[0; 2]),
        limit: LIMIT,
        options: &["--firmware", "bios"],
        points_at: &["the BIOS found nothing to boot"],
    },
    Case {
        name: "a partition that begins elsewhere",
        kind: Kind::Mbr,
        break_it: |disk| disk.write_at(FIRST_SECTOR, &4096_u32.to_le_bytes()),
        limit: LIMIT,
        options: &[],
        points_at: &["GRUB did not find the root file system"],
    },
    Case {
        name: "no init",
        kind: Kind::Mbr,
        break_it: |disk| disk.remove("/usr/sbin/init"),
        limit: LIMIT,
        options: &[],
        points_at: &["the root file system has no first process that runs"],
    },
    Case {
        name: "a UUID in fstab that no file system has",
        kind: Kind::Mbr,
        break_it: |disk| {
            let mut fstab = disk.read("/etc/fstab")?;
            fstab.extend(b"UUID=00000000-1111-2222-3333-444444444444 /srv ext4 defaults 0 2\n");
            disk.replace("/etc/fstab", &fstab)
        },
        limit: LIMIT,
        options: &[],
        points_at: &[
            "look at the labels and UUIDs in /etc/fstab",
            "look at /etc/fstab and at its failed units",
        ],
    },
    Case {
        name: "an empty EFI system partition",
        kind: Kind::Efi,
        break_it: |disk| disk.mtools("mdeltree", &["::EFI"]),
        limit: LIMIT,
        options: &["--firmware", "uefi"],
        points_at: &["UEFI found no boot loader"],
    },
    Case {
        name: "a boot loader for UEFI that is a text",
        kind: Kind::Efi,
        break_it: |disk| {
            disk.mtools("mdel", &["::EFI/BOOT/BOOTX64.EFI"])?;
            disk.mtools("mcopy", &["/etc/hosts", "::EFI/BOOT/BOOTX64.EFI"])
        },
        limit: LIMIT,
        options: &["--firmware", "uefi"],
        points_at: &["UEFI found no boot loader"],
    },
    Case {
        name: "a GPT without partitions",
        kind: Kind::Efi,
        break_it: |disk| disk.write_at(1024, &[0; 128 * 128]),
        limit: LIMIT,
        options: &[],
        points_at: &["claims no way to boot"],
    },
];
