//! The command lines: that of `dib`, and those of the program's other names.

mod boot;
mod cache_url;
mod convert;
mod dib;
mod diff;
mod disk_image_create;
mod element_info;
mod getopt;
mod help;
mod image_files;
mod image_options;
mod run_parts;
mod why;

use std::ffi::OsString;
use std::path::Path;

use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};

pub use boot::{Awaited, BootArguments, FirmwareChoice};
pub use cache_url::CacheUrlArguments;
pub use convert::{ConvertArguments, InputFormat, TreeArguments};
pub use dib::{
    CacheArguments, CacheCommand, CommandName, DibArguments, DibCommand, ElementsArguments, ElementsCommand,
    PruneOptions,
};
pub use diff::{DiffArguments, DiffFormat};
pub use disk_image_create::{DiskImageCreateArguments, RamdiskImageCreateArguments};
pub use element_info::ElementInfoArguments;
pub use image_files::{BuildArguments, ImageFileArguments, ImageFileOptions};
pub use image_options::{ImageOptions, Product};
pub use run_parts::RunPartsArguments;
pub use why::WhyArguments;

/// A command line that was understood.
#[derive(Debug, Clone)]
pub enum CommandLine {
    /// That of `dib`.
    Dib(DibArguments),
    /// That of `disk-image-create`, or of `ramdisk-image-create`.
    DiskImageCreate(Box<ImageOptions>),
    /// That of `diskimage-builder`.
    ImageFiles(ImageFileArguments),
    /// That of `dib-run-parts`.
    RunParts(RunPartsArguments),
    /// That of `element-info`.
    ElementInfo(ElementInfoArguments),
    /// That of `cache-url`.
    CacheUrl(CacheUrlArguments),
}

impl CommandLine {
    /// Understands a command line, whose first argument is the program's name.
    ///
    /// # Errors
    /// When an argument is not understood, and when help or the version is asked for: the error is what to print.
    pub fn parse(arguments: &[OsString]) -> Result<Self, clap::Error> {
        match CommandName::of_program(arguments.first()) {
            CommandName::Dib => DibArguments::try_parse_from(arguments).map(Self::Dib),
            CommandName::DiskImageCreate => {
                let parsed = parse_as_getopt::<DiskImageCreateArguments>(arguments)?;
                Ok(Self::DiskImageCreate(Box::new(parsed.image)))
            }
            CommandName::RamdiskImageCreate => {
                let parsed = parse_as_getopt::<RamdiskImageCreateArguments>(arguments)?;
                Ok(Self::DiskImageCreate(Box::new(ImageOptions {
                    product: Product::Ramdisk,
                    ..parsed.image
                })))
            }
            CommandName::DiskimageBuilder => {
                ImageFileArguments::try_parse_from(arguments).map(Self::ImageFiles)
            }
            CommandName::DibRunParts => RunPartsArguments::try_parse_from(arguments).map(Self::RunParts),
            CommandName::ElementInfo => {
                ElementInfoArguments::try_parse_from(arguments).map(Self::ElementInfo)
            }
            CommandName::CacheUrl => CacheUrlArguments::try_parse_from(arguments).map(Self::CacheUrl),
        }
    }
}

fn parse_as_getopt<T: CommandFactory + FromArgMatches>(arguments: &[OsString]) -> Result<T, clap::Error> {
    let mut command = T::command();
    let matches = command.try_get_matches_from_mut(getopt::expanded(arguments))?;
    T::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

impl CommandName {
    /// Returns the name that a program goes by, given the path it was called by; one that is none of ours is `dib`.
    #[must_use]
    pub fn of_program(path: Option<&OsString>) -> Self {
        let name = path.and_then(|path| Path::new(path).file_name());
        let named = Self::value_variants().iter().copied().find(|candidate| {
            let possible = candidate.to_possible_value();
            possible.is_some_and(|possible| name.is_some_and(|name| name == possible.get_name()))
        });
        named.unwrap_or(Self::Dib)
    }
}

/// Returns a command line's definition, for completions and manual pages.
#[must_use]
pub fn definition(name: CommandName) -> clap::Command {
    match name {
        CommandName::Dib => DibArguments::command(),
        CommandName::DiskImageCreate => DiskImageCreateArguments::command(),
        CommandName::RamdiskImageCreate => RamdiskImageCreateArguments::command(),
        CommandName::DiskimageBuilder => ImageFileArguments::command(),
        CommandName::DibRunParts => RunPartsArguments::command(),
        CommandName::ElementInfo => ElementInfoArguments::command(),
        CommandName::CacheUrl => CacheUrlArguments::command(),
    }
}

#[cfg(test)]
mod tests;
