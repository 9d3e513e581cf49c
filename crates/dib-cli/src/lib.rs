//! The command line: arguments, the build's pipeline, progress and errors; a library too, for downstream binaries.
//!
//! A downstream binary is [`Dib`] with elements of its own:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use dib_cli::Dib;
//! use dib_core::{DuplicateElement, Element, Registry};
//!
//! fn register(registry: &mut Registry) -> Result<(), DuplicateElement> {
//!     registry.add(Element::new("myorg-ssh").packages(&["openssh-server"]))
//! }
//!
//! fn main() -> ExitCode {
//!     Dib::with_builtin_elements().register(register).run()
//! }
//! ```
//!
//! This crate knows all others, and none knows it. It must not know how anything is done: it reads what the user
//! wants, has it done, and shows it.
//!
//! In reading order:
//! - [`arguments`], [`environment`]: what the user gave.
//! - [`image_spec`]: both become an `ImageSpec`; `elements_path`: the user's elements join the program's.
//! - `image_file`: files that hold several images, each of which goes the same way.
//! - `disk`: the plan, and what its disk is like.
//! - [`pipeline`]: the build, in its sandbox; `workspace`, `download_cache`, `hook_scripts`, `formats`, `images`,
//!   `image_usage` and `report` are its parts.
//! - [`log`], [`progress`]: what a build shows.
//! - [`error`]: what went wrong, and the exit codes.
//! - `boot_tests`: whether an image boots; `built_image`: what a build has left of one.
//! - `commands`: every subcommand, and what it prints; `stdout` is where it prints to.

pub mod arguments;
pub mod environment;
pub mod error;
pub mod image_spec;
pub mod log;
pub mod pipeline;
pub mod progress;

mod attached_disk;
mod boot_tests;
mod built_image;
mod commands;
mod disk;
mod download_cache;
mod elements_path;
mod formats;
mod hook_scripts;
mod image_file;
mod image_usage;
mod images;
mod kept_images;
mod layers;
mod quantities;
mod report;
mod stdout;
mod workspace;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use dib_core::{DuplicateElement, Registry};

use arguments::{CommandLine, CommandName};
use environment::Environment;

pub use error::{CliError, ErrorKind};
pub use log::{ConsoleOptions, Explanations, Loudness, Stream, Timestamps};
pub use progress::{Console, Step};

/// The program: the elements it knows, and its command lines.
#[derive(Debug, Default)]
pub struct Dib {
    registry: Registry,
    duplicate: Option<DuplicateElement>,
}

impl Dib {
    /// Makes a program that knows no element.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a program that knows the elements that come with it.
    #[must_use]
    pub fn with_builtin_elements() -> Self {
        Self::new()
            .register(dib_elements_base::register)
            .register(dib_elements_dpkg::register)
            .register(dib_elements_debian::register)
            .register(dib_elements_ubuntu::register)
            .register(dib_elements_vm::register)
    }

    /// Adds elements. That a name is taken shows when the program runs.
    #[must_use]
    pub fn register(mut self, register: fn(&mut Registry) -> Result<(), DuplicateElement>) -> Self {
        if let Err(duplicate) = register(&mut self.registry) {
            self.duplicate.get_or_insert(duplicate);
        }
        self
    }

    /// Runs the command that this process was called with, and shows what goes wrong.
    ///
    /// Called by one of upstream's names, such as `disk-image-create`, the program understands that one's command line, else
    /// that of `dib`. The process
    /// must have one thread still, as one is at the start of `main`: only such a process can make a sandbox.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        match self.run_command(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Nobody is left to tell when standard error is closed.
                let _ = Stream::Stderr.writer().write_all(error.render().as_bytes());
                ExitCode::from(error.kind().exit_code())
            }
        }
    }

    fn run_command(self, arguments: &[OsString]) -> Result<(), CliError> {
        if let Some(duplicate) = self.duplicate {
            return Err(duplicate.into());
        }
        let command_line = match CommandLine::parse(arguments) {
            Ok(command_line) => command_line,
            Err(error) => return commands::show_usage(&error, CommandName::of_program(arguments.first())),
        };
        let (environment, warnings) = Environment::read()?;
        for warning in warnings {
            let _ = writeln!(Stream::Stderr.writer(), "warning: {warning}");
        }
        let given: Vec<String> = arguments
            .iter()
            .skip(1)
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        commands::run(&command_line, self.registry, &environment, &given)
    }
}
