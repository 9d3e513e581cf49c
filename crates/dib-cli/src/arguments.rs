//! The two command lines: `dib` and `disk-image-create`.

mod boot;
mod convert;
mod dib;
mod disk_image_create;
mod help;
mod image_options;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{CommandFactory, Parser};

pub use boot::{Awaited, BootArguments, FirmwareChoice};
pub use convert::{ConvertArguments, InputFormat, TreeArguments};
pub use dib::{
    CacheArguments, CacheCommand, CommandName, DibArguments, DibCommand, ElementsArguments, ElementsCommand,
    PruneOptions,
};
pub use disk_image_create::{DiskImageCreateArguments, RefusedOptions};
pub use image_options::ImageOptions;

/// The name under which the program understands upstream's command line.
pub const DISK_IMAGE_CREATE: &str = "disk-image-create";

/// A command line that was understood.
#[derive(Debug, Clone)]
pub enum CommandLine {
    /// That of `dib`.
    Dib(DibArguments),
    /// That of `disk-image-create`.
    DiskImageCreate(Box<DiskImageCreateArguments>),
}

impl CommandLine {
    /// Understands a command line, whose first argument is the program's name.
    ///
    /// # Errors
    /// When an argument is not understood, and when help or the version is asked for: the error is what to print.
    pub fn parse(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let name = arguments.first().and_then(|path| Path::new(path).file_name());
        if name == Some(OsStr::new(DISK_IMAGE_CREATE)) {
            DiskImageCreateArguments::try_parse_from(arguments)
                .map(Box::new)
                .map(Self::DiskImageCreate)
        } else {
            DibArguments::try_parse_from(arguments).map(Self::Dib)
        }
    }
}

/// Returns a command line's definition, for completions and manual pages.
#[must_use]
pub fn definition(name: CommandName) -> clap::Command {
    match name {
        CommandName::Dib => DibArguments::command(),
        CommandName::DiskImageCreate => DiskImageCreateArguments::command(),
    }
}

#[cfg(test)]
mod tests;
