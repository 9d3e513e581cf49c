//! The options that describe an image: the same for `dib build`, `dib plan` and `disk-image-create`.
//!
//! Values stay texts here. What they mean is worked out in one place, together with their variables
//! ([`crate::image_spec`]).

use clap::{Args, ValueHint};

/// What is said of options of formats where there is room.
pub(super) const FORMAT_OPTIONS: &str = "\
Options of the outputs' formats, as qemu-img has them after -o: NAME=VALUE, separated by commas.

qcow2: compat, compression_type, cluster_size, lazy_refcounts, refcount_bits.
vhd: subformat (dynamic or fixed).
vmdk: subformat (monolithicSparse or streamOptimized), adapter_type, hwversion.";

/// What is built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Product {
    /// Images of a tree.
    #[default]
    Image,
    /// A kernel and its ramdisk, which a hook leaves beside the output.
    Ramdisk,
}

/// The options that describe an image, and its elements.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a switch of the command line is there or not"
)]
pub struct ImageOptions {
    /// What is built, which is the program's name to say.
    #[arg(skip)]
    pub product: Product,

    /// The elements that make the image, at least one of which provides an operating system.
    ///
    /// They may stand before, between and after options, and one argument may hold several, separated by blanks.
    #[arg(value_name = "ELEMENT")]
    pub elements: Vec<String>,

    /// The image's architecture, in Debian's words or the kernel's: amd64, arm64, … [default: this machine's]
    #[arg(short = 'a', long)]
    pub arch: Option<String>,

    /// The output's path; each type adds its extension. [default: image]
    ///
    /// With a single type, an extension that names it is not doubled.
    #[arg(short = 'o', long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub output: Option<String>,

    /// The types of output, separated by commas: qcow2, raw, raw.zst, vhd, vmdk, tar, tgz, squashfs, docker, oci.
    /// [default: qcow2]
    #[arg(short = 't', long = "type", value_name = "TYPES")]
    pub types: Option<String>,

    /// Log every effect that a hook has; twice for more.
    #[arg(short = 'x', long, action = clap::ArgAction::Count)]
    pub trace: u8,

    /// Don't compress: the output is larger and sooner there.
    #[arg(short = 'u', long)]
    pub uncompressed: bool,

    /// Begin with an empty environment but for what programs need, such as PATH and HOME.
    #[arg(short = 'c', long)]
    pub clear_environment: bool,

    /// Leave out the element base, which otherwise comes along unasked.
    #[arg(short = 'n', long)]
    pub no_base: bool,

    /// More packages to install, separated by commas; may be given several times.
    #[arg(
        short = 'p',
        long = "package",
        visible_alias = "packages",
        value_name = "PACKAGES"
    )]
    pub packages: Vec<String>,

    /// Write checksum files beside the outputs. [of md5 and sha256 unless one is named]
    #[arg(long, value_name = "KINDS", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub checksum: Option<String>,

    /// The disk's size: a number of GiB, or a number with a unit. [default: what the tree needs and two thirds more]
    #[arg(long, value_name = "SIZE")]
    pub image_size: Option<String>,

    /// The room beside the tree on a disk that fits it: a number of GiB, or a number with a unit. (The variable
    /// `DIB_IMAGE_EXTRA_SIZE` counts MiB, as upstream has it.)
    #[arg(long, value_name = "SIZE")]
    pub image_extra_size: Option<String>,

    /// The directory of the download cache. [default: ~/.cache/image-create]
    #[arg(long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub image_cache: Option<String>,

    /// Take what is in the cache as it is, and don't look for something newer.
    #[arg(long)]
    pub offline: bool,

    /// Build on disk, even where memory would hold the tree.
    #[arg(long)]
    pub no_tmpfs: bool,

    /// Build in memory if there is twice as much of it, in GiB. [default: 2]
    #[arg(long, value_name = "GIB")]
    pub min_tmpfs: Option<String>,

    /// The root file system's label, where the disk's layout names none. [default: cloudimg-rootfs, for xfs img-rootfs]
    #[arg(long, value_name = "LABEL")]
    pub root_label: Option<String>,

    /// More options for the program that makes the root file system, as one argument.
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub mkfs_options: Option<String>,

    /// The size up to which the root file system can grow while it is mounted, in its blocks.
    #[arg(long, value_name = "BLOCKS")]
    pub max_online_resize: Option<String>,

    /// The size of the root file system's journal in MiB. [default: 64]
    #[arg(long, value_name = "MIB")]
    pub mkfs_journal_size: Option<String>,

    /// Boot the disk in a virtual machine before the outputs get their names, and fail when it does not come up: with a prompt
    /// for a login, or with cloud-init's last message, on the serial console.
    #[arg(long, value_name = "SIGN", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub boot_test: Option<String>,

    /// How long the disk may take to come up under each firmware, in seconds. [default: 300]
    #[arg(long, value_name = "SECONDS")]
    pub boot_timeout: Option<String>,

    /// Options of the outputs' formats, as qemu-img has them after -o: NAME=VALUE, separated by commas.
    #[arg(long, value_name = "OPTIONS", long_help = FORMAT_OPTIONS)]
    pub qemu_img_options: Option<String>,

    /// What a container image (docker, oci) is called. [default: as the output]
    #[arg(long, value_name = "NAME[:TAG]")]
    pub docker_target: Option<String>,

    /// Where elements get their software from unless `DIB_INSTALLTYPE_<element>` says otherwise, such as package. [default:
    /// source]
    #[arg(long, value_name = "TYPE")]
    pub install_type: Option<String>,

    /// The element that makes the ramdisk, for ramdisk-image-create. [default: ramdisk]
    #[arg(long, value_name = "ELEMENT")]
    pub ramdisk_element: Option<String>,

    /// Give the elements' scripts a disk at a loop device, for those that insist on one. This needs root.
    #[arg(long = "loop")]
    pub loop_device: bool,

    /// Take nothing from builds before, and keep nothing for later ones.
    #[arg(long, conflicts_with = "from")]
    pub no_layers: bool,

    /// Do this hook and all after it again, even where what they do is known: PHASE/HOOK, such as install.d/50-foo, or a phase.
    #[arg(long, value_name = "PHASE/HOOK")]
    pub from: Option<String>,

    /// Log of each piece of work whether it is known from a build before, and why it is done where it is not.
    #[arg(long)]
    pub explain: bool,

    /// Append the log to a file instead of showing it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub logfile: Option<String>,
}
