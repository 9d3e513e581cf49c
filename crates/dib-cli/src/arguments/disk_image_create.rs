//! The command lines of `disk-image-create` and `ramdisk-image-create`, as upstream's callers know them.

use clap::Parser;

use super::{ImageOptions, help};

/// Build a disk image out of elements.
///
/// Runs the elements' hooks in a sandbox, phase by phase, and writes the finished tree as image files. It needs
/// neither root nor a loop device.
#[derive(Debug, Clone, Default, Parser)]
#[command(
    name = "disk-image-create",
    version,
    after_long_help = help::of_build("disk-image-create"),
    args_override_self = true,
    // As getopt_long has it.
    infer_long_args = true,
)]
pub struct DiskImageCreateArguments {
    /// The image.
    #[command(flatten)]
    pub image: ImageOptions,
}

/// Build a kernel and its ramdisk out of elements.
///
/// The element ramdisk, or the one that --ramdisk-element names, comes along unasked: its hooks leave OUTPUT.kernel and
/// OUTPUT.initramfs beside the output's path. No disk image is written.
#[derive(Debug, Clone, Default, Parser)]
#[command(
    name = "ramdisk-image-create",
    version,
    after_long_help = help::of_ramdisk(),
    args_override_self = true,
    infer_long_args = true,
)]
pub struct RamdiskImageCreateArguments {
    /// The image.
    #[command(flatten)]
    pub image: ImageOptions,
}
