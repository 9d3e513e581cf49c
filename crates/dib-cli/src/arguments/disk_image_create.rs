//! The command line of `disk-image-create`, as upstream's callers know it.

use clap::{Args, Parser};

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

    /// What is understood but not done yet.
    #[command(flatten)]
    pub refused: RefusedOptions,
}

/// Upstream's options that are not supported yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct RefusedOptions {
    /// The element that makes a ramdisk.
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pub ramdisk_element: Option<String>,

    /// How elements install by default.
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pub install_type: Option<String>,
}

impl RefusedOptions {
    /// Returns the first of the options that was given.
    #[must_use]
    pub fn first_given(&self) -> Option<&'static str> {
        [
            ("--ramdisk-element", &self.ramdisk_element),
            ("--install-type", &self.install_type),
        ]
        .into_iter()
        .find(|(_, value)| value.is_some())
        .map(|(name, _)| name)
    }
}
