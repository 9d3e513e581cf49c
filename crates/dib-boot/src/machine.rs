//! A virtual machine's description, and QEMU's arguments for it.

use std::fmt;
use std::fs;
use std::io;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::accelerator::Accelerator;
use crate::image::DiskImage;
use crate::programs::{Arch, MissingProgram, Programs, UefiFiles};

/// What a machine starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// The PC's old one.
    Bios,
    /// The new one.
    Uefi,
}

impl Firmware {
    /// Returns the name that stands in file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
        }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bios => "BIOS",
            Self::Uefi => "UEFI",
        })
    }
}

/// What a machine is to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Its firmware.
    pub firmware: Firmware,
    /// Its memory in MiB.
    pub memory: u32,
    /// Its processors.
    pub processors: u32,
    /// Its disk's size in bytes, where that is not the image's.
    pub disk_size: Option<u64>,
    /// The size of the disk's sectors in bytes.
    pub sector_size: u32,
    /// The port on this host's loopback that leads to the machine's ssh. With it, the machine reaches other networks; without, none.
    pub ssh_port: Option<u16>,
    /// What makes it run.
    pub accelerator: Accelerator,
}

/// Where a machine's console is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsolePlace {
    /// On QEMU's standard input and output, byte by byte.
    Streams,
    /// On the terminal, where Ctrl-A X ends QEMU.
    Terminal,
}

/// A machine can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// Something is missing on this host.
    #[error(transparent)]
    Missing(#[from] MissingProgram),
    /// A file of the machine can't be made.
    #[error("failed to make {path}")]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The overlay can't be made.
    #[error("qemu-img failed to make an overlay on {image}: {message}")]
    Overlay {
        /// The image.
        image: Utf8PathBuf,
        /// What it said.
        message: String,
    },
}

/// The files of a machine that was prepared, in a directory that only this user can enter; they go away with this.
#[derive(Debug)]
pub struct MachineFiles {
    /// Removes all of them at its end.
    _directory: TempDir,
    place: Utf8PathBuf,
    overlay: Utf8PathBuf,
    uefi: Option<UefiFiles>,
}

impl MachineFiles {
    /// Makes a machine's files below `scratch`: an overlay on the image, and its own copy of the firmware's variables.
    ///
    /// # Errors
    /// When one can't be made, or the firmware is not on this host.
    pub fn prepare(
        programs: &Programs,
        image: &DiskImage,
        machine: &Machine,
        scratch: &Utf8Path,
    ) -> Result<Self, MachineError> {
        let of_machine = match machine.firmware {
            Firmware::Bios => None,
            Firmware::Uefi => Some(programs.uefi()?),
        };
        let file = |path: &Utf8Path, source| MachineError::File {
            path: path.to_owned(),
            source,
        };
        let directory = tempfile::Builder::new()
            .prefix("dib-boot-")
            .tempdir_in(scratch)
            .map_err(|source| file(scratch, source))?;
        let place = path_of(&directory);
        let overlay = place.join("overlay.qcow2");
        make_overlay(programs, image, machine.disk_size, &overlay)?;
        let uefi = match of_machine {
            None => None,
            Some(files) => {
                let variables = place.join("variables.fd");
                // A plain copy would be as read-only as the original may be.
                let content = fs::read(&files.variables).map_err(|source| file(&files.variables, source))?;
                fs::write(&variables, content).map_err(|source| file(&variables, source))?;
                Some(UefiFiles { variables, ..files })
            }
        };
        Ok(Self {
            _directory: directory,
            place,
            overlay,
            uefi,
        })
    }

    /// Returns their directory.
    #[must_use]
    pub fn directory(&self) -> &Utf8Path {
        &self.place
    }

    /// Returns QEMU's arguments for the machine.
    #[must_use]
    pub fn arguments(&self, arch: Arch, machine: &Machine, console: ConsolePlace) -> Vec<String> {
        arguments(arch, machine, &self.overlay, self.uefi.as_ref(), console)
    }
}

fn path_of(directory: &TempDir) -> Utf8PathBuf {
    let path = Utf8Path::from_path(directory.path()).expect("a plain name in a UTF-8 directory is UTF-8");
    path.to_owned()
}

/// Makes an overlay: what the machine writes goes there, and the image below is only read.
fn make_overlay(
    programs: &Programs,
    image: &DiskImage,
    size: Option<u64>,
    overlay: &Utf8Path,
) -> Result<(), MachineError> {
    // A relative path would be looked for beside the overlay.
    let path = image
        .path
        .canonicalize_utf8()
        .map_err(|source| MachineError::File {
            path: image.path.clone(),
            source,
        })?;
    let mut command = Command::new(&programs.qemu_img);
    command.args(["create", "-q", "-f", "qcow2", "-F", image.format.name(), "-b"]);
    command.arg(&path).arg(overlay).stdin(Stdio::null());
    if let Some(size) = size {
        command.arg(size.to_string());
    }
    let output = command.output().map_err(|source| MachineError::File {
        path: overlay.to_owned(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(MachineError::Overlay {
        image: image.path.clone(),
        message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Builds QEMU's arguments. Source: QEMU's manual page, and for `graphics=off`, which has the BIOS and what calls it write to
/// the serial port, its description of `-nographic`.
fn arguments(
    arch: Arch,
    machine: &Machine,
    overlay: &Utf8Path,
    uefi: Option<&UefiFiles>,
    console: ConsolePlace,
) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    let mut add = |option: &str, value: &str| arguments.extend([option.to_owned(), value.to_owned()]);
    match arch {
        Arch::Amd64 => add("-machine", "q35,graphics=off"),
        Arch::Arm64 => add("-machine", "virt,graphics=off"),
    }
    match machine.accelerator {
        Accelerator::Kvm => {
            add("-accel", "kvm");
            add("-cpu", "host");
        }
        Accelerator::Tcg => {
            add("-accel", "tcg,thread=multi");
            add("-cpu", "max");
        }
    }
    add("-smp", &machine.processors.to_string());
    add("-m", &machine.memory.to_string());
    add("-display", "none");
    add("-boot", "strict=on");
    if let Some(files) = uefi {
        let flash = |unit: u8, path: &Utf8Path, more: &str| {
            format!("if=pflash,unit={unit},format=raw{more},file={}", escaped(path))
        };
        add("-drive", &flash(0, &files.code, ",readonly=on"));
        add("-drive", &flash(1, &files.variables, ""));
    }
    add(
        "-drive",
        &format!(
            "if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap,file={}",
            escaped(overlay)
        ),
    );
    let sectors = match machine.sector_size {
        512 => String::new(),
        size => format!(",logical_block_size={size},physical_block_size={size}"),
    };
    add(
        "-device",
        &format!("virtio-blk-pci,drive=disk,bootindex=1{sectors}"),
    );
    let network = match machine.ssh_port {
        None => "user,id=network,restrict=on".to_owned(),
        Some(port) => format!("user,id=network,hostfwd=tcp:127.0.0.1:{port}-:22"),
    };
    add("-netdev", &network);
    // Without a ROM of its own the card is no device to boot from.
    add("-device", "virtio-net-pci,netdev=network,romfile=");
    add("-device", "virtio-rng-pci");
    match console {
        ConsolePlace::Streams => {
            add("-chardev", "stdio,id=console,signal=off");
            add("-serial", "chardev:console");
        }
        ConsolePlace::Terminal => add("-serial", "mon:stdio"),
    }
    if console == ConsolePlace::Streams {
        // A test must not take a loop of reboots for patience.
        arguments.push("-no-reboot".to_owned());
    }
    arguments.extend(["-nodefaults", "-no-user-config"].map(str::to_owned));
    arguments
}

/// Returns a path as it stands in an option's value, where a comma is written twice.
fn escaped(path: &Utf8Path) -> String {
    path.as_str().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(arch: Arch, machine: &Machine, uefi: Option<&UefiFiles>, console: ConsolePlace) -> String {
        let mut text = String::new();
        for argument in arguments(arch, machine, "/tmp/a,b/overlay.qcow2".into(), uefi, console) {
            let separator = if argument.starts_with('-') { "\n" } else { " " };
            text.push_str(separator);
            text.push_str(&argument);
        }
        text.trim_start().to_owned()
    }

    const BIOS: Machine = Machine {
        firmware: Firmware::Bios,
        memory: 1024,
        processors: 2,
        disk_size: None,
        sector_size: 512,
        ssh_port: None,
        accelerator: Accelerator::Tcg,
    };

    #[test]
    fn a_test_under_bios() {
        insta::assert_snapshot!(lines(Arch::Amd64, &BIOS, None, ConsolePlace::Streams), @"
        -machine q35,graphics=off
        -accel tcg,thread=multi
        -cpu max
        -smp 2
        -m 1024
        -display none
        -boot strict=on
        -drive if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap,file=/tmp/a,,b/overlay.qcow2
        -device virtio-blk-pci,drive=disk,bootindex=1
        -netdev user,id=network,restrict=on
        -device virtio-net-pci,netdev=network,romfile=
        -device virtio-rng-pci
        -chardev stdio,id=console,signal=off
        -serial chardev:console
        -no-reboot
        -nodefaults
        -no-user-config
        ");
    }

    #[test]
    fn a_terminal_under_uefi_with_ssh_and_large_sectors() {
        let machine = Machine {
            firmware: Firmware::Uefi,
            sector_size: 4096,
            ssh_port: Some(2222),
            accelerator: Accelerator::Kvm,
            ..BIOS
        };
        let uefi = UefiFiles {
            code: "/code.fd".into(),
            variables: "/variables.fd".into(),
        };
        insta::assert_snapshot!(lines(Arch::Amd64, &machine, Some(&uefi), ConsolePlace::Terminal), @"
        -machine q35,graphics=off
        -accel kvm
        -cpu host
        -smp 2
        -m 1024
        -display none
        -boot strict=on
        -drive if=pflash,unit=0,format=raw,readonly=on,file=/code.fd
        -drive if=pflash,unit=1,format=raw,file=/variables.fd
        -drive if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap,file=/tmp/a,,b/overlay.qcow2
        -device virtio-blk-pci,drive=disk,bootindex=1,logical_block_size=4096,physical_block_size=4096
        -netdev user,id=network,hostfwd=tcp:127.0.0.1:2222-:22
        -device virtio-net-pci,netdev=network,romfile=
        -device virtio-rng-pci
        -serial mon:stdio
        -nodefaults
        -no-user-config
        ");
    }
}
