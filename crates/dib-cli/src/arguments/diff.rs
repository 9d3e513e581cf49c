//! The arguments of `dib diff`.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum, ValueHint};

/// Arguments of `dib diff`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DiffArguments {
    /// An image, or its path without the extension; the build's report stands beside it.
    #[arg(value_hint = ValueHint::FilePath)]
    pub old: Utf8PathBuf,

    /// The image to compare it with.
    #[arg(value_hint = ValueHint::FilePath)]
    pub new: Utf8PathBuf,

    /// How to print the differences.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: DiffFormat,

    /// The cache that the images were built with [default: `$DIB_IMAGE_CACHE`, or `~/.cache/image-create`].
    #[arg(long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub image_cache: Option<String>,
}

/// How `dib diff` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DiffFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}
