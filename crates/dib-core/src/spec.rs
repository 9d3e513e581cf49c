//! What the user wants: the input of a plan.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::layer_use::LayerLimits;
use crate::{BreakPoints, LayerUse};

/// An image as the user asked for it.
///
/// The command line and the environment become one of these, once, and nothing later reads either.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImageSpec {
    /// The elements asked for, by name.
    pub elements: Vec<String>,
    /// Whether the element `base` comes along unasked.
    pub base: BaseElement,
    /// The image's architecture.
    pub arch: Arch,
    /// More packages to install.
    pub packages: Vec<String>,
    /// The outputs.
    pub output: OutputSpec,
    /// The directory of the download cache.
    pub image_cache: Utf8PathBuf,
    /// Whether the network may be used for what the cache holds.
    pub freshness: Freshness,
    /// Where the tree stands while it is built.
    pub workspace: Workspace,
    /// Whether scripts get the disk at a loop device.
    pub loop_device: LoopDevice,
    /// How much is traced: 0 nothing, 1 the journal, 2 and above more.
    pub trace: u8,
    /// Whether what was done in builds before is done again.
    pub layers: LayerUse,
    /// How much of what is done is kept for later builds.
    pub layer_limits: LayerLimits,
    /// Where the build stops for a shell.
    pub break_points: BreakPoints,
    /// The variables that the user set, by name: the environment and what the arguments add to it.
    pub variables: BTreeMap<String, String>,
    /// The variables that the elements' files in `environment.d` set, as far as they are known before the build.
    pub element_environment: BTreeMap<String, String>,
}

impl ImageSpec {
    /// Makes the spec of an image of these elements that is as ordinary as can be: for this machine's architecture,
    /// named `image`, as qcow2, with a cache in `cache` below the current directory and no variables set.
    #[must_use]
    pub fn of_elements(elements: &[&str]) -> Self {
        Self {
            elements: elements.iter().map(|name| (*name).to_owned()).collect(),
            base: BaseElement::Included,
            arch: Arch::of_this_machine(),
            packages: Vec::new(),
            output: OutputSpec::default(),
            image_cache: "cache".into(),
            freshness: Freshness::Checked,
            workspace: Workspace::Disk,
            loop_device: LoopDevice::Unused,
            trace: 0,
            layers: LayerUse::default(),
            layer_limits: LayerLimits::default(),
            break_points: BreakPoints::default(),
            variables: BTreeMap::new(),
            element_environment: BTreeMap::new(),
        }
    }
}

/// Whether the element `base` comes along unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BaseElement {
    /// It does, as upstream has it.
    Included,
    /// It does not (`-n`).
    Skipped,
}

/// Whether the network may be used for what the cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Freshness {
    /// A cached file is checked against its origin.
    Checked,
    /// A cached file is taken as it is (`--offline`).
    Unchecked,
}

/// Where the tree stands while it is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Workspace {
    /// In memory, when there is at least twice this much of it (GiB), else on disk.
    Memory {
        /// `DIB_MIN_TMPFS`, in GiB.
        minimum_gib: u64,
    },
    /// On disk.
    Disk,
}

/// Whether scripts get the disk at a loop device while the image is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoopDevice {
    /// They don't: images are written without one.
    Unused,
    /// They do, for elements that insist on a block device (`--loop`); root alone can make one.
    Attached,
}

/// The outputs of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputSpec {
    /// The path without an extension.
    pub base: Utf8PathBuf,
    /// The types, each a file of its own; none where a build leaves no image.
    pub types: Vec<ImageType>,
    /// Whether the disk becomes an image.
    pub disk_images: DiskImages,
    /// Whether qcow2 clusters are compressed.
    pub compression: Compression,
    /// Options of the outputs' formats, as `qemu-img` has them: `name=value`, separated by commas.
    pub format_options: String,
    /// What a container image is called, `name[:tag]`, or `None` for the name of the output.
    pub docker_target: Option<String>,
    /// The checksum files to write.
    pub checksums: Vec<ChecksumKind>,
    /// The size of the disk in bytes, or `None` for one that fits the tree.
    pub size: Option<u64>,
    /// The room that is left beside the tree on a disk that fits it, in bytes, or `None` for upstream's two thirds.
    pub extra_size: Option<u64>,
    /// The root file system's type where the disk's layout names none, such as `ext4`.
    pub root_file_system: String,
    /// The root file system's label where the disk's layout names none, or `None` for the type's usual one.
    pub root_label: Option<String>,
    /// More options for the program that makes the root file system, separated by blanks.
    pub mkfs_options: String,
    /// The journal of the root file system, in MiB.
    pub journal_mib: u64,
    /// The size in blocks up to which the root file system can grow while it is mounted, or `None` for the usual one.
    pub max_online_resize: Option<u64>,
    /// What happens to an output that stands there already.
    pub existing: ExistingOutput,
    /// The test that the disk must stand before the outputs get their names, or `None` for none.
    pub boot_test: Option<BootTest>,
}

/// A test that an image boots, in a virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootTest {
    /// What shows that it has booted.
    pub sign: BootSign,
    /// How long it may take under each firmware, in seconds.
    pub limit: u64,
}

/// What shows that an image has booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BootSign {
    /// A prompt for a login on the serial console.
    Login,
    /// cloud-init's last message there.
    CloudInit,
}

impl OutputSpec {
    /// Returns the path of the output of that type.
    #[must_use]
    pub fn path(&self, image_type: ImageType) -> Utf8PathBuf {
        Utf8PathBuf::from(format!("{}.{image_type}", self.base))
    }

    /// Returns the directory that the outputs stand in.
    #[must_use]
    pub fn directory(&self) -> &Utf8Path {
        self.base
            .parent()
            .filter(|parent| !parent.as_str().is_empty())
            .unwrap_or(Utf8Path::new("."))
    }
}

impl Default for OutputSpec {
    /// Upstream's: a compressed `image.qcow2` as large as it needs to be, labelled `cloudimg-rootfs`.
    fn default() -> Self {
        Self {
            base: "image".into(),
            types: vec![ImageType::Qcow2],
            disk_images: DiskImages::Written,
            compression: Compression::Compressed,
            format_options: String::new(),
            docker_target: None,
            checksums: Vec::new(),
            size: None,
            extra_size: None,
            root_file_system: "ext4".to_owned(),
            root_label: None,
            mkfs_options: String::new(),
            journal_mib: 64,
            max_online_resize: None,
            existing: ExistingOutput::Renamed,
            boot_test: None,
        }
    }
}

/// Whether the disk becomes an image, as it usually does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskImages {
    /// It becomes one of each type of a disk that is asked for.
    Written,
    /// It becomes none: `ramdisk-image-create` leaves a kernel and a ramdisk.
    Omitted,
}

/// Whether qcow2 clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    /// They are.
    Compressed,
    /// They are not (`-u`).
    Uncompressed,
}

/// What happens to an output that stands there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExistingOutput {
    /// It is renamed with the time.
    Renamed,
    /// It is replaced (`OVERWRITE_OLD_IMAGE`).
    Replaced,
}

macro_rules! named {
    ($(#[$doc:meta])* $type:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type { $($(#[$variant_doc])* #[serde(rename = $name)] $variant,)* }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the name that the user writes.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                Self::ALL.iter().copied().find(|known| known.name() == text).ok_or_else(|| UnknownName {
                    what: $what,
                    name: text.to_owned(),
                    known: &[$($name,)*],
                })
            }
        }
    };
}

named! {
    /// A type of output file, named as its extension.
    ImageType, "image type" {
        /// The tree as a tar archive.
        Tar = "tar",
        /// The tree as a tar archive compressed with gzip.
        Tgz = "tgz",
        /// The tree as a SquashFS file system.
        SquashFs = "squashfs",
        /// The tree as a container image that `docker load` takes.
        Docker = "docker",
        /// The tree as a container image in an OCI layout.
        Oci = "oci",
        /// The disk, byte for byte.
        Raw = "raw",
        /// The disk, compressed with zstd.
        RawZst = "raw.zst",
        /// The disk in QEMU's format.
        Qcow2 = "qcow2",
        /// The disk in the format of Virtual PC, Hyper-V and Azure.
        Vhd = "vhd",
        /// The disk in the format of `VMware`.
        Vmdk = "vmdk",
    }
}

named! {
    /// A kind of checksum file, named as its extension.
    ChecksumKind, "checksum" {
        /// MD5, as `md5sum` prints it.
        Md5 = "md5",
        /// SHA-256, as `sha256sum` prints it.
        Sha256 = "sha256",
    }
}

named! {
    /// An architecture, by Debian's name.
    Arch, "architecture" {
        /// 64-bit x86.
        Amd64 = "amd64",
        /// 64-bit ARM.
        Arm64 = "arm64",
        /// 32-bit ARM with hardware floating point.
        Armhf = "armhf",
        /// 32-bit x86.
        I386 = "i386",
        /// 64-bit POWER, little-endian.
        Ppc64el = "ppc64el",
        /// 64-bit RISC-V.
        Riscv64 = "riscv64",
        /// IBM Z.
        S390x = "s390x",
    }
}

impl ImageType {
    /// Returns whether an image of this type is a disk, and no mere tree.
    #[must_use]
    pub fn is_disk(self) -> bool {
        match self {
            Self::Tar | Self::Tgz | Self::SquashFs | Self::Docker | Self::Oci => false,
            Self::Raw | Self::RawZst | Self::Qcow2 | Self::Vhd | Self::Vmdk => true,
        }
    }
}

impl Arch {
    /// Returns the architecture of this program, which is the image's where the user names none.
    #[must_use]
    pub fn of_this_machine() -> Self {
        match std::env::consts::ARCH {
            "aarch64" => Self::Arm64,
            "arm" => Self::Armhf,
            "x86" => Self::I386,
            "powerpc64" => Self::Ppc64el,
            "riscv64" => Self::Riscv64,
            "s390x" => Self::S390x,
            _ => Self::Amd64,
        }
    }

    /// Returns whether it goes by that name, be it Debian's or the kernel's.
    #[must_use]
    pub fn is_called(self, name: &str) -> bool {
        let of_kernel: &[&str] = match self {
            Self::Amd64 => &["x86_64"],
            Self::Arm64 => &["aarch64"],
            Self::Armhf => &["armhfp", "armv7l"],
            Self::I386 => &["i486", "i586", "i686", "x86"],
            Self::Ppc64el => &["ppc64le"],
            Self::Riscv64 | Self::S390x => &[],
        };
        self.name() == name || of_kernel.contains(&name)
    }
}

/// A name that is not one of a known set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} {name:?}; there are {known}", known = known.join(", "))]
pub struct UnknownName {
    /// What was to be named.
    pub what: &'static str,
    /// The name given.
    pub name: String,
    /// The names there are.
    pub known: &'static [&'static str],
}
