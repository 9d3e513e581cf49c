//! Arguments and environment become an [`ImageSpec`]: pure, so that every rule of it is a line in a test's table.

mod boot_test;
mod disk;
mod layers;
mod output;
mod package_name;
mod setting;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use dib_core::{Arch, BaseElement, BreakPoints, Freshness, ImageSpec, LoopDevice, Workspace};

pub use output::check_output_place;

use crate::arguments::{ImageOptions, Product};
use crate::elements_path::{self, ELEMENTS_PATH};
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};
use crate::formats;
use crate::layers::LAYERS;
use crate::log::{ConsoleOptions, Explanations, Loudness, Stream, Timestamps};
pub(crate) use setting::Setting;

/// The element that makes a ramdisk where the user names none.
const RAMDISK: &str = "ramdisk";

/// Makes of the options and the environment what the user wants; `arguments` is the command line as it was given.
///
/// An option wins over its variable, and an empty value counts as none.
///
/// # Errors
/// When a value is not understood: the error names the option or variable, and what was expected.
pub fn spec_from(
    options: &ImageOptions,
    environment: &Environment,
    arguments: &[String],
) -> Result<ImageSpec, CliError> {
    let environment = &effective(options, environment);
    let trace = trace(options, environment)?;
    let break_command = environment.get("break_cmd").unwrap_or("bash");
    let break_points = Setting::of_variable(environment, "break")
        .map(|setting| setting.read(|list| BreakPoints::parse(list, break_command)))
        .transpose()?
        .unwrap_or_default();
    let spec = ImageSpec {
        elements: elements(options, environment),
        base: if options.no_base || environment.get("SKIP_BASE") == Some("1") {
            BaseElement::Skipped
        } else {
            BaseElement::Included
        },
        arch: arch(options, environment)?,
        packages: package_name::parse_all(&options.packages, environment)?,
        output: output::output_spec(options, environment)?,
        image_cache: image_cache(options.image_cache.as_deref(), environment)?,
        freshness: if options.offline || environment.get("DIB_OFFLINE").is_some() {
            Freshness::Unchecked
        } else {
            Freshness::Checked
        },
        workspace: workspace(options, environment)?,
        loop_device: if options.loop_device {
            LoopDevice::Attached
        } else {
            LoopDevice::Unused
        },
        trace,
        layers: layers::read(options, environment)?,
        layer_limits: layers::limits(environment)?,
        break_points,
        variables: variables(options, environment, arguments, trace),
        element_environment: BTreeMap::new(),
    };
    // What is wrong with the formats shows now, and not when the tree is built.
    formats::of_outputs(&spec, 0)?;
    Ok(spec)
}

/// Checks that this process may do what the spec asks for.
///
/// # Errors
/// When that takes root, and it is not root.
pub fn check_rights(spec: &ImageSpec) -> Result<(), CliError> {
    if spec.loop_device == LoopDevice::Attached && !nix::unistd::Uid::effective().is_root() {
        return Err(CliError::new(
            ErrorKind::Unavailable,
            "only root can attach a disk to a loop device",
        )
        .hint("leave --loop out: images are written without one, and hardly an element needs it"));
    }
    Ok(())
}

/// Works out where the log goes.
#[must_use]
pub fn console_options(options: &ImageOptions, environment: &Environment, stream: Stream) -> ConsoleOptions {
    let environment = &effective(options, environment);
    let log_file = Setting::find(options.logfile.as_deref(), "--logfile", environment, "LOGFILE")
        .map(|setting| environment.absolute(setting.value));
    let quiet = match environment.get("DIB_QUIET") {
        Some(quiet) => quiet == "1",
        None => log_file.is_some(),
    };
    ConsoleOptions {
        stream,
        loudness: if quiet {
            Loudness::Silenced
        } else {
            Loudness::Shown
        },
        timestamps: match environment.get("DIB_NO_TIMESTAMP") {
            Some("1") => Timestamps::Omitted,
            _ => Timestamps::Written,
        },
        explanations: if options.explain {
            Explanations::Given
        } else {
            Explanations::Omitted
        },
        log_file,
        filter: environment.get("DIB_LOG").unwrap_or("warn").to_owned(),
    }
}

/// Returns the absolute path of the download cache.
///
/// # Errors
/// When there is neither an option nor a variable for it, nor a home directory.
pub fn image_cache(option: Option<&str>, environment: &Environment) -> Result<Utf8PathBuf, CliError> {
    if let Some(setting) = Setting::find(option, "--image-cache", environment, "DIB_IMAGE_CACHE") {
        return Ok(environment.absolute(setting.value));
    }
    let home = environment.get("HOME").ok_or_else(|| {
        CliError::new(
            ErrorKind::Usage,
            "there is no home directory to hold the download cache",
        )
        .hint("name a directory with --image-cache or DIB_IMAGE_CACHE")
    })?;
    Ok(environment.absolute(home).join(".cache/image-create"))
}

fn effective(options: &ImageOptions, environment: &Environment) -> Environment {
    if options.clear_environment || environment.get("CLEAR_ENV") == Some("1") {
        environment.cleared()
    } else {
        environment.clone()
    }
}

/// Returns the elements that the user asks for; a ramdisk's own comes first.
fn elements(options: &ImageOptions, environment: &Environment) -> Vec<String> {
    let given = options.elements.iter().flat_map(|text| text.split_whitespace());
    let mut elements: Vec<String> = given.map(str::to_owned).collect();
    // Without any, what is wrong is that there are none.
    if options.product == Product::Ramdisk && !elements.is_empty() {
        let own = Setting::find(
            options.ramdisk_element.as_deref(),
            "--ramdisk-element",
            environment,
            "RAMDISK_ELEMENT",
        );
        let own = own.map_or(RAMDISK, |setting| setting.value);
        elements.splice(0..0, own.split_whitespace().map(str::to_owned));
    }
    elements
}

fn trace(options: &ImageOptions, environment: &Environment) -> Result<u8, CliError> {
    let from_variable = Setting::of_variable(environment, "DIB_DEBUG_TRACE")
        .map(|setting| setting.whole_number("a number of levels"))
        .transpose()?
        .unwrap_or(0);
    let sum = from_variable.saturating_add(u64::from(options.trace));
    Ok(u8::try_from(sum).unwrap_or(u8::MAX))
}

fn arch(options: &ImageOptions, environment: &Environment) -> Result<Arch, CliError> {
    let Some(setting) = Setting::find(options.arch.as_deref(), "-a", environment, "ARCH") else {
        return Ok(Arch::of_this_machine());
    };
    let known = |name: &str| Arch::ALL.iter().copied().find(|arch| arch.is_called(name));
    setting.read(|name| known(name).map_or_else(|| name.parse(), Ok))
}

fn workspace(options: &ImageOptions, environment: &Environment) -> Result<Workspace, CliError> {
    let minimum = Setting::find(
        options.min_tmpfs.as_deref(),
        "--min-tmpfs",
        environment,
        "DIB_MIN_TMPFS",
    )
    .map(|setting| setting.whole_number("a whole number of GiB"))
    .transpose()?;
    if options.no_tmpfs || environment.get("DIB_NO_TMPFS").is_some_and(|value| value != "0") {
        return Ok(Workspace::Disk);
    }
    Ok(Workspace::Memory {
        minimum_gib: minimum.unwrap_or(2),
    })
}

/// Returns the variables that hooks see: the environment, and what upstream exports of the arguments. What is said of layers is
/// no matter of the image, and would make each layer another.
fn variables(
    options: &ImageOptions,
    environment: &Environment,
    arguments: &[String],
    trace: u8,
) -> BTreeMap<String, String> {
    let mut variables = environment.variables().clone();
    variables.retain(|name, _| !name.starts_with(LAYERS));
    let mut export = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            variables.insert(name.to_owned(), value.to_owned());
        }
    };
    // Hooks that are run again may be so in another directory.
    let elements_path = elements_path::directories_of(environment);
    let elements_path: Vec<_> = elements_path.iter().map(|directory| directory.as_str()).collect();
    export(
        ELEMENTS_PATH,
        (!elements_path.is_empty())
            .then(|| elements_path.join(":"))
            .as_deref(),
    );
    export(
        "DIB_ARGS",
        Some(&layers::without_its_options(arguments).join(" ")),
    );
    export("DIB_DEBUG_TRACE", Some(&trace.to_string()));
    export("DIB_IMAGE_SIZE", options.image_size.as_deref());
    export("DIB_JOURNAL_SIZE", options.mkfs_journal_size.as_deref());
    export("DIB_MIN_TMPFS", options.min_tmpfs.as_deref());
    export("DIB_IMAGE_EXTRA_SIZE", options.image_extra_size.as_deref());
    export("MAX_ONLINE_RESIZE", options.max_online_resize.as_deref());
    export("DIB_DEFAULT_INSTALLTYPE", options.install_type.as_deref());
    export("DOCKER_TARGET", options.docker_target.as_deref());
    export("LOGFILE", options.logfile.as_deref());
    export("DIB_NO_TMPFS", options.no_tmpfs.then_some("1"));
    export("SKIP_BASE", options.no_base.then_some("1"));
    export("COMPRESS_IMAGE", options.uncompressed.then_some(""));
    variables
}

#[cfg(test)]
mod tests;
