//! The subcommands.

mod boot;
mod cache;
mod cache_url;
mod convert;
mod diff;
mod documents;
mod element_info;
mod elements;
mod image_files;
mod run_parts;
mod why;

use dib_core::{HookName, Phase, Plan, Registry};

use crate::arguments::{CommandLine, CommandName, DibCommand, ElementsCommand, ImageOptions};
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};
use crate::image_spec::{check_output_place, check_rights, console_options, spec_from};
use crate::layers::Layers;
use crate::log::{ConsoleOptions, Stream};
use crate::{disk, elements_path, hook_scripts, image_file, pipeline, stdout};

/// Runs a command; `given` is its command line without the program's name.
pub(crate) fn run(
    command_line: &CommandLine,
    mut registry: Registry,
    environment: &Environment,
    given: &[String],
) -> Result<(), CliError> {
    let command = match command_line {
        // Its log is on standard output, where upstream's callers look for it.
        CommandLine::DiskImageCreate(options) => {
            return build(options, registry, environment, given, Stream::Stdout);
        }
        CommandLine::RunParts(arguments) => return run_parts::run(arguments, environment),
        CommandLine::ElementInfo(arguments) => return element_info::run(arguments, registry, environment),
        CommandLine::CacheUrl(arguments) => return cache_url::run(arguments, environment),
        CommandLine::ImageFiles(arguments) => {
            return image_files::run(
                &arguments.files,
                arguments.options,
                &registry,
                environment,
                Stream::Stdout,
            );
        }
        CommandLine::Dib(arguments) => &arguments.command,
    };
    // What stands before an image's own arguments is the subcommand.
    let image_arguments = given.get(1..).unwrap_or_default();
    match command {
        DibCommand::Build(arguments) => {
            image_files::check(arguments)?;
            if arguments.files.is_empty() {
                let options = &arguments.image;
                return build(options, registry, environment, image_arguments, Stream::Stderr);
            }
            image_files::run(
                &arguments.files,
                arguments.options,
                &registry,
                environment,
                Stream::Stderr,
            )
        }
        DibCommand::Plan(options) => {
            let mut spec = spec_from(options, environment, image_arguments)?;
            elements_path::complete(&mut registry, &mut spec)?;
            let (plan, _) = disk::plan(&registry, &spec)?;
            dib_script::hooks_directory::check_files(&plan)?;
            stdout::print(&plan.to_string())?;
            explain_layers(&plan, &console_options(options, environment, Stream::Stderr))
        }
        DibCommand::Elements(arguments) => {
            elements_path::add(&mut registry, &elements_path::directories_of(environment))?;
            let upstream = elements_path::upstream_elements(|name| environment.get(name));
            elements_path::add_where_missing(&mut registry, upstream)?;
            match &arguments.command {
                None | Some(ElementsCommand::List) => stdout::print(&elements::list(&registry)),
                Some(ElementsCommand::Show { name }) => stdout::print(&elements::show(&registry, name)?),
            }
        }
        DibCommand::Boot(arguments) => boot::run(arguments, environment),
        DibCommand::Why(arguments) => why::run(arguments, environment),
        DibCommand::Diff(arguments) => diff::run(arguments, environment),
        DibCommand::Convert(arguments) => convert::convert(arguments, environment),
        DibCommand::Image(arguments) => convert::image(arguments, environment, image_arguments),
        DibCommand::Cache(arguments) => cache::run(arguments, environment),
        DibCommand::Completions { shell, command } => {
            stdout::print(&documents::completions(*shell, *command))
        }
        DibCommand::Schema => stdout::print(&image_file::schema_text()),
        DibCommand::Man { directory } => documents::write_manual(directory),
        DibCommand::Hook { phase, name } => hook(phase, name, registry, environment),
    }
}

/// Says what of a plan was done in builds before, as far as that can be told: a plan is one without it.
fn explain_layers(plan: &Plan<'_>, console: &ConsoleOptions) -> Result<(), CliError> {
    let console = console.open()?;
    let explained = Layers::left_by_builds(plan, &console).and_then(|layers| match layers {
        Some(layers) => {
            let program =
                pipeline::this_program().map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
            layers.explain(plan, &program, &console)
        }
        None => Ok(String::new()),
    });
    if let Err(error) = &explained {
        console.say("what is known from builds before can't be told");
        console.show_error(error);
    }
    console.finish();
    stdout::print(&explained.unwrap_or_default())
}

fn build(
    options: &ImageOptions,
    mut registry: Registry,
    environment: &Environment,
    given: &[String],
    stream: Stream,
) -> Result<(), CliError> {
    let mut spec = spec_from(options, environment, given)?;
    check_output_place(&spec)?;
    check_rights(&spec)?;
    elements_path::complete(&mut registry, &mut spec)?;
    let console = console_options(options, environment, stream);
    if let (Some(log_file), Stream::Stdout) = (&console.log_file, stream) {
        // Upstream's words, which are all that its callers see of such a build.
        stdout::print(&format!("Output logs going to: {log_file}\n"))?;
    }
    pipeline::build(&registry, &spec, &console)
}

fn hook(phase: &str, name: &str, registry: Registry, environment: &Environment) -> Result<(), CliError> {
    let phase: Phase = phase
        .parse()
        .map_err(|error| CliError::new(ErrorKind::Usage, error))?;
    let name: HookName = name
        .parse()
        .map_err(|error| CliError::new(ErrorKind::Usage, error))?;
    let console = console_options(&ImageOptions::default(), environment, Stream::Stderr).open()?;
    let result = hook_scripts::run(
        registry,
        environment.get("TMP_BUILD_DIR").map(camino::Utf8Path::new),
        phase,
        &name,
        &console,
    );
    console.finish();
    result
}

/// Prints the help or version that was asked for, or says what is wrong with the command line.
pub(crate) fn show_usage(usage: &clap::Error, name: CommandName) -> Result<(), CliError> {
    // Nobody is left to tell when the stream is closed.
    let _ = usage.print();
    if usage.use_stderr() {
        Err(match name {
            // Upstream's own status; any other would be that of an executable.
            CommandName::DibRunParts => CliError::silent(1),
            _ => CliError::reported(ErrorKind::Usage.exit_code()),
        })
    } else {
        Ok(())
    }
}
