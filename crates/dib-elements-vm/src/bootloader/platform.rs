//! The firmware that GRUB is made for.

use dib_core::{Arch, HookContext, HookError, PlannedDisk};

use super::probe::grub_module;

/// The modules that a core image holds besides those for its file system; upstream asks `grub-install` for `part_msdos`,
/// `part_gpt` and `lvm`, and `grub-install` adds what it needs to find the rest.
const MODULES: &[&str] = &[
    "part_msdos",
    "part_gpt",
    "lvm",
    "normal",
    "search",
    "search_fs_uuid",
];

/// A kind of firmware, by GRUB's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Platform {
    /// BIOS.
    Bios,
    /// UEFI on this processor.
    Efi {
        /// GRUB's name for it.
        format: &'static str,
        /// The file that firmware looks for on a removable disk. Source: the UEFI specification, 3.5.1.1.
        file: &'static str,
    },
}

impl Platform {
    /// Lists the firmware that a disk of that layout is for.
    pub(super) fn of(layout: &str, arch: Arch) -> Vec<Self> {
        match (layout, arch) {
            ("mbr" | "gpt", Arch::Amd64 | Arch::I386) => vec![Self::Bios],
            ("efi", Arch::Amd64) => vec![
                Self::Bios,
                Self::Efi {
                    format: "x86_64-efi",
                    file: "BOOTX64.EFI",
                },
            ],
            ("efi", Arch::I386) => vec![
                Self::Bios,
                Self::Efi {
                    format: "i386-efi",
                    file: "BOOTIA32.EFI",
                },
            ],
            ("efi", Arch::Arm64) => vec![Self::Efi {
                format: "arm64-efi",
                file: "BOOTAA64.EFI",
            }],
            ("efi", Arch::Riscv64) => vec![Self::Efi {
                format: "riscv64-efi",
                file: "BOOTRISCV64.EFI",
            }],
            _ => Vec::new(),
        }
    }

    fn format(self) -> &'static str {
        match self {
            Self::Bios => "i386-pc",
            Self::Efi { format, .. } => format,
        }
    }

    /// Puts GRUB's files for this firmware where `grub-install` would.
    pub(super) fn install(self, ctx: &HookContext<'_>) -> Result<(), HookError> {
        let format = self.format();
        let source = format!("/usr/lib/grub/{format}");
        if !ctx.exists(&source)? {
            return Err(HookError::other(format!(
                "the image has no GRUB for {format}: there is no {source}"
            ))
            .hinted("GRUB's packages are not there: is DIB_SKIP_GRUB_PACKAGE_INSTALL set?"));
        }
        let directory = format!("/boot/grub/{format}");
        ctx.remove(&directory)?;
        ctx.create_directory(&directory)?;
        // As grub-install does: the modules, their lists, and what the disk begins with.
        let copy = format!("cp {source}/*.mod {source}/*.lst {directory}/");
        let copy = match self {
            Self::Bios => format!("{copy} && cp {source}/boot.img {directory}/"),
            Self::Efi { .. } => copy,
        };
        ctx.run(&["sh", "-c", &copy], &[])?;
        let begin = format!("{directory}/load.cfg");
        ctx.write(&begin, first_commands(ctx.disk())?, 0o644)?;
        let core = match self {
            Self::Bios => format!("{directory}/core.img"),
            Self::Efi { file, .. } => {
                ctx.create_directory("/boot/efi/EFI/BOOT")?;
                format!("/boot/efi/EFI/BOOT/{file}")
            }
        };
        let mut argv = vec![
            "grub-mkimage",
            "-O",
            format,
            "-o",
            &core,
            "-c",
            &begin,
            "-p",
            prefix(ctx.disk()),
        ];
        argv.extend(MODULES);
        argv.extend(file_system_modules(ctx.disk()));
        match self {
            Self::Bios => argv.push("biosdisk"),
            Self::Efi { .. } => argv.push("fat"),
        }
        ctx.run(&argv, &[])
    }
}

/// Returns the directory of GRUB's files on the file system that holds them.
fn prefix(disk: &PlannedDisk) -> &'static str {
    if disk.file_system_at("/boot").is_some() {
        "/grub"
    } else {
        "/boot/grub"
    }
}

/// Returns the modules that read the file system with GRUB's files on it.
fn file_system_modules(disk: &PlannedDisk) -> Option<&str> {
    let file_system = disk
        .file_system_at("/boot")
        .or_else(|| disk.file_system_at("/"))?;
    Some(grub_module(&file_system.kind))
}

/// Returns the commands by which a core image finds the file system with the rest of GRUB.
fn first_commands(disk: &PlannedDisk) -> Result<String, HookError> {
    let file_system = disk
        .file_system_at("/boot")
        .or_else(|| disk.file_system_at("/"))
        .ok_or_else(|| HookError::other("the disk has no file system that GRUB could be on"))?;
    Ok(format!(
        "search.fs_uuid {} root\nset prefix=($root)'{}'\n",
        file_system.uuid,
        prefix(disk)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_for_certain_firmware() {
        let check = |layout, arch, expected: &[&str]| {
            let formats: Vec<_> = Platform::of(layout, arch)
                .into_iter()
                .map(Platform::format)
                .collect();
            assert_eq!(formats, expected, "{layout} on {arch}");
        };
        check("mbr", Arch::Amd64, &["i386-pc"]);
        check("gpt", Arch::Amd64, &["i386-pc"]);
        check("efi", Arch::Amd64, &["i386-pc", "x86_64-efi"]);
        check("efi", Arch::Arm64, &["arm64-efi"]);
        check("", Arch::Amd64, &[]);
    }
}
