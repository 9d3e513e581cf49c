//! The command line of `diskimage-builder`, and what it has in common with `dib build -f`.

use camino::Utf8PathBuf;
use clap::{Args, Parser, ValueHint};

use super::{ImageOptions, help};

/// Build the images of YAML files, one after the other.
///
/// Each file is a list of images. What is said of an image are the options of disk-image-create, and its elements;
/// entries of one imagename, in whichever file, are one image. `dib schema` prints what may be said.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "diskimage-builder",
    version,
    after_long_help = help::of_image_files(),
    args_override_self = true,
    // As Python's argparse has it.
    infer_long_args = true,
)]
pub struct ImageFileArguments {
    /// The files.
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<Utf8PathBuf>,

    /// What to do with them.
    #[command(flatten)]
    pub options: ImageFileOptions,
}

/// What to do with the images of files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct ImageFileOptions {
    /// Print the command lines that build the images of the files, and build none.
    #[arg(long)]
    pub dry_run: bool,

    /// Build no further image of the files when one fails.
    #[arg(long)]
    pub stop_on_failure: bool,
}

/// Arguments of `dib build`: an image, or files with images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct BuildArguments {
    /// The image.
    #[command(flatten)]
    pub image: ImageOptions,

    /// Build the images of a YAML file, one after the other; may be given several times.
    ///
    /// What is built stands in the files then, as diskimage-builder has them, and no elements or options of an image stand
    /// beside this one. Variables hold for all images. `dib schema` prints what may be said of an image.
    #[arg(short = 'f', long = "file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<Utf8PathBuf>,

    /// What to do with the files.
    #[command(flatten)]
    pub options: ImageFileOptions,
}
