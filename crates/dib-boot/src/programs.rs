//! QEMU and the firmware on this host.

use std::env;

use camino::{Utf8Path, Utf8PathBuf};

use crate::machine::Firmware;

/// An architecture for which there are machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// `amd64`, in the kernel's words `x86_64`.
    Amd64,
    /// `arm64`, in the kernel's words `aarch64`.
    Arm64,
}

impl Arch {
    /// Returns the architecture of that name, in Debian's words or the kernel's.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "amd64" | "x86_64" => Some(Self::Amd64),
            "arm64" | "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// Returns this host's, if there are machines for it.
    #[must_use]
    pub fn of_host() -> Option<Self> {
        Self::of_name(env::consts::ARCH)
    }
}

/// Something that a machine needs and this host lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is missing on this host; Debian and Ubuntu have it in the package {package}")]
#[non_exhaustive]
pub struct MissingProgram {
    /// The program, or the firmware's file.
    pub what: String,
    /// The package that brings it.
    pub package: &'static str,
}

/// What QEMU's machines of an architecture are run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The architecture.
    pub arch: Arch,
    /// QEMU.
    pub qemu: Utf8PathBuf,
    /// The program that makes overlays.
    pub qemu_img: Utf8PathBuf,
}

/// UEFI firmware: its code, and the variables that a machine gets a copy of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UefiFiles {
    /// The code, only ever read.
    pub code: Utf8PathBuf,
    /// The variables as they are at first.
    pub variables: Utf8PathBuf,
}

/// Where distributions put UEFI for amd64: Debian, Ubuntu; Fedora; Arch.
const UEFI_AMD64: [(&str, &str); 4] = [
    (
        "/usr/share/OVMF/OVMF_CODE_4M.fd",
        "/usr/share/OVMF/OVMF_VARS_4M.fd",
    ),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    (
        "/usr/share/edk2/ovmf/OVMF_CODE.fd",
        "/usr/share/edk2/ovmf/OVMF_VARS.fd",
    ),
    (
        "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
        "/usr/share/edk2/x64/OVMF_VARS.4m.fd",
    ),
];
const UEFI_ARM64: [(&str, &str); 1] = [("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd")];

impl Programs {
    /// Finds the programs on `PATH`.
    ///
    /// # Errors
    /// When one is not there.
    pub fn find(arch: Arch) -> Result<Self, MissingProgram> {
        let (qemu, package) = match arch {
            Arch::Amd64 => ("qemu-system-x86_64", "qemu-system-x86"),
            Arch::Arm64 => ("qemu-system-aarch64", "qemu-system-arm"),
        };
        Ok(Self {
            arch,
            qemu: on_path(qemu, package)?,
            qemu_img: on_path("qemu-img", "qemu-utils")?,
        })
    }

    /// Finds UEFI firmware for the architecture's machines.
    ///
    /// # Errors
    /// When there is none where distributions put it.
    pub fn uefi(&self) -> Result<UefiFiles, MissingProgram> {
        let (places, package): (&[_], _) = match self.arch {
            Arch::Amd64 => (&UEFI_AMD64, "ovmf"),
            Arch::Arm64 => (&UEFI_ARM64, "qemu-efi-aarch64"),
        };
        places
            .iter()
            .find(|(code, variables)| Utf8Path::new(code).exists() && Utf8Path::new(variables).exists())
            .map(|(code, variables)| UefiFiles {
                code: (*code).into(),
                variables: (*variables).into(),
            })
            .ok_or_else(|| MissingProgram {
                what: format!("the firmware {}", places[0].0),
                package,
            })
    }

    /// Returns whether the architecture's machines have that firmware at all.
    #[must_use]
    pub fn has(&self, firmware: Firmware) -> bool {
        self.arch == Arch::Amd64 || firmware == Firmware::Uefi
    }
}

fn on_path(program: &str, package: &'static str) -> Result<Utf8PathBuf, MissingProgram> {
    let path = env::var("PATH").unwrap_or_default();
    path.split(':')
        .filter(|directory| !directory.is_empty())
        .map(|directory| Utf8Path::new(directory).join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| MissingProgram {
            what: format!("the program {program}"),
            package,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_architectures() {
        for (name, expected) in [
            ("amd64", Some(Arch::Amd64)),
            ("x86_64", Some(Arch::Amd64)),
            ("aarch64", Some(Arch::Arm64)),
            ("s390x", None),
        ] {
            assert_eq!(Arch::of_name(name), expected);
        }
    }

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        assert!(on_path("sh", "dash").is_ok());
        assert_eq!(
            on_path("no-such-program", "nothing")
                .expect_err("it is not there")
                .to_string(),
            "the program no-such-program is missing on this host; Debian and Ubuntu have it in the package nothing"
        );
    }
}
