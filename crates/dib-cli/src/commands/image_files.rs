//! `dib build -f` and `diskimage-builder`: the images of files, one build after the other.

use std::ffi::OsString;
use std::io::Write as _;

use camino::Utf8PathBuf;
use dib_core::Registry;

use super::build;
use crate::arguments::{BuildArguments, CommandLine, CommandName, ImageFileOptions, ImageOptions};
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};
use crate::image_file::{self, ImageCommand, ImageFileError};
use crate::log::Stream;
use crate::stdout;

/// Some images of files could not be built.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {all} {} failed", if *all == 1 { "image" } else { "images" })]
struct ImagesFailed {
    failed: usize,
    all: usize,
}

/// What became of an image.
enum Outcome {
    Built,
    Failed(u8),
    NotTried,
}

/// Checks that an image is described by the command line or by files, and not by both.
///
/// # Errors
/// When it is not so.
pub(super) fn check(arguments: &BuildArguments) -> Result<(), CliError> {
    let is_of_files = !arguments.files.is_empty();
    if is_of_files && arguments.image != ImageOptions::default() {
        let error = "elements and options of an image can't stand beside -f";
        return Err(CliError::new(ErrorKind::Usage, error)
            .hint("say it of the image, in the file; variables such as DIB_OFFLINE hold for all images"));
    }
    if !is_of_files && arguments.options != ImageFileOptions::default() {
        let error = "--dry-run and --stop-on-failure are for images of files (-f)";
        return Err(CliError::new(ErrorKind::Usage, error).hint("dib plan prints what a build would do"));
    }
    Ok(())
}

/// Builds the images of files, their logs on `stream`, or prints how they are built. What becomes of each is told on
/// standard error.
///
/// # Errors
/// When the files make no sense, when an image fails (the others are built nevertheless, unless the options say
/// otherwise), and when a build is interrupted.
pub(super) fn run(
    files: &[Utf8PathBuf],
    options: ImageFileOptions,
    registry: &Registry,
    environment: &Environment,
    stream: Stream,
) -> Result<(), CliError> {
    let commands = image_file::read(files)?;
    if options.dry_run {
        let lines = commands.iter().map(|command| format!("{command}\n"));
        return stdout::print(&lines.collect::<String>());
    }
    let mut outcomes = Vec::new();
    let mut interruption = None;
    for command in &commands {
        tell(&format!("{command}\n"));
        match build_one(command, registry, environment, stream) {
            Ok(()) => outcomes.push(Outcome::Built),
            Err(error) => {
                outcomes.push(Outcome::Failed(error.kind().exit_code()));
                if matches!(error.kind(), ErrorKind::Interrupted(_)) {
                    interruption = Some(error);
                    break;
                }
                tell(&error.render());
                if options.stop_on_failure {
                    break;
                }
            }
        }
    }
    outcomes.resize_with(commands.len(), || Outcome::NotTried);
    tell(&summary(&commands, &outcomes));
    let failed = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Outcome::Failed(_)))
        .count();
    match interruption {
        Some(error) => Err(error),
        None if failed > 0 => {
            let all = commands.len();
            Err(CliError::new(ErrorKind::Build, ImagesFailed { failed, all }))
        }
        None => Ok(()),
    }
}

/// Builds an image in the way of the program that its command names.
fn build_one(
    command: &ImageCommand,
    registry: &Registry,
    environment: &Environment,
    stream: Stream,
) -> Result<(), CliError> {
    let argv: Vec<OsString> = std::iter::once(command.program)
        .chain(command.arguments.iter().map(String::as_str))
        .map(OsString::from)
        .collect();
    let no_build = || CliError::new(ErrorKind::Usage, "an element begins as an option does");
    let mut options = match CommandLine::parse(&argv) {
        Ok(CommandLine::DiskImageCreate(options)) => options,
        Ok(_) => return Err(no_build()),
        Err(error) => {
            return super::show_usage(&error, CommandName::DiskImageCreate).and_then(|()| Err(no_build()));
        }
    };
    let environment = if options.clear_environment {
        // The image's own variables are none of those that the user happened to have.
        options.clear_environment = false;
        environment.cleared().with(&command.variables)
    } else {
        environment.with(&command.variables)
    };
    build(
        &options,
        registry.clone(),
        &environment,
        &command.arguments,
        stream,
    )
}

fn summary(commands: &[ImageCommand], outcomes: &[Outcome]) -> String {
    let lines = commands.iter().zip(outcomes).map(|(command, outcome)| {
        let name = &command.name;
        match outcome {
            Outcome::Built => format!("built      {name}\n"),
            Outcome::Failed(code) => format!("failed     {name} (exit code {code})\n"),
            Outcome::NotTried => format!("not tried  {name}\n"),
        }
    });
    lines.collect()
}

fn tell(text: &str) {
    // Nobody is left to tell when the stream is closed.
    let _ = Stream::Stderr.writer().write_all(text.as_bytes());
}

impl From<ImageFileError> for CliError {
    fn from(error: ImageFileError) -> Self {
        let kind = match error {
            ImageFileError::Read { .. } => ErrorKind::MissingInput,
            ImageFileError::Faults(_) => ErrorKind::Configuration,
        };
        Self::new(kind, error)
    }
}
