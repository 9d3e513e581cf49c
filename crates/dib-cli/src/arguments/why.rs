//! The arguments of `dib why`.

use camino::Utf8PathBuf;
use clap::{Args, ValueHint};

/// Arguments of `dib why`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct WhyArguments {
    /// The image, or its path without the extension; the build's report stands beside it.
    #[arg(value_hint = ValueHint::FilePath)]
    pub image: Utf8PathBuf,

    /// The path in the image.
    pub path: String,

    /// The cache that the image was built with [default: `$DIB_IMAGE_CACHE`, or `~/.cache/image-create`].
    #[arg(long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub image_cache: Option<String>,
}
