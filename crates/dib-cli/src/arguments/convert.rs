//! The arguments of `dib convert` and `dib image`.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum, ValueHint};

use super::ImageOptions;
use super::image_options::FORMAT_OPTIONS;

/// Arguments of `dib convert`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ConvertArguments {
    /// The input's format.
    #[arg(short = 'f', long = "from", value_enum, value_name = "FORMAT", default_value_t = InputFormat::Raw)]
    pub from: InputFormat,

    /// The output's type: qcow2, raw, raw.zst, vhd or vmdk. [default: what the output's name ends with]
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    pub image_type: Option<String>,

    /// Don't compress a qcow2.
    #[arg(short = 'u', long)]
    pub uncompressed: bool,

    /// Options of the output's format, as qemu-img has them after -o: NAME=VALUE, separated by commas.
    #[arg(long, value_name = "OPTIONS", long_help = FORMAT_OPTIONS)]
    pub qemu_img_options: Option<String>,

    /// Write checksum files, of md5 and sha256, beside the output.
    #[arg(long)]
    pub checksum: bool,

    /// The disk.
    #[arg(value_hint = ValueHint::FilePath)]
    pub input: Utf8PathBuf,

    /// The image's path. An older file of that name is replaced when the new one is complete.
    #[arg(value_hint = ValueHint::FilePath)]
    pub output: Utf8PathBuf,
}

/// What can be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// A disk as it is, holes or none.
    Raw,
}

/// Arguments of `dib image`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct TreeArguments {
    /// The tree, which holds no mounts.
    #[arg(long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub tree: Utf8PathBuf,

    /// The outputs.
    #[command(flatten)]
    pub image: ImageOptions,
}
