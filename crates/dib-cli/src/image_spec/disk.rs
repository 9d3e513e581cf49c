//! What the user says of the disk and its root file system.

use dib_core::OutputSpec;
use dib_image::ByteSize;

use super::setting::Setting;
use crate::arguments::ImageOptions;
use crate::environment::Environment;
use crate::error::CliError;

/// Reads the options and variables that describe the disk, into a spec that is otherwise the usual one.
pub(super) fn read(options: &ImageOptions, environment: &Environment) -> Result<OutputSpec, CliError> {
    let usual = OutputSpec::default();
    let find = |option: &'static str, value: &'_ Option<String>, variable: &'static str| {
        Setting::find(value.as_deref(), option, environment, variable).map(Setting::to_owned_value)
    };
    let size = Setting::find(
        options.image_size.as_deref(),
        "--image-size",
        environment,
        "DIB_IMAGE_SIZE",
    );
    let journal = Setting::find(
        options.mkfs_journal_size.as_deref(),
        "--mkfs-journal-size",
        environment,
        "DIB_JOURNAL_SIZE",
    );
    let max_online_resize = Setting::find(
        options.max_online_resize.as_deref(),
        "--max-online-resize",
        environment,
        "MAX_ONLINE_RESIZE",
    );
    Ok(OutputSpec {
        size: size.map(read_size).transpose()?,
        extra_size: extra_size(options, environment)?,
        root_file_system: environment
            .get("FS_TYPE")
            .map_or(usual.root_file_system, str::to_owned),
        root_label: find("--root-label", &options.root_label, "ROOT_LABEL"),
        mkfs_options: find("--mkfs-options", &options.mkfs_options, "MKFS_OPTS").unwrap_or_default(),
        journal_mib: journal
            .map(|setting| setting.whole_number("a whole number of MiB"))
            .transpose()?
            .unwrap_or(usual.journal_mib),
        max_online_resize: max_online_resize
            .map(|setting| setting.whole_number("a whole number of the file system's blocks"))
            .transpose()?,
        ..usual
    })
}

fn read_size(setting: Setting<'_>) -> Result<u64, CliError> {
    let size = setting.read(str::parse::<ByteSize>)?;
    if size.bytes() == 0 {
        return Err(setting.invalid("a disk has more than 0 bytes"));
    }
    Ok(size.bytes())
}

/// Reads how much room there shall be beside the tree. A number without a unit counts GiB as the option, which is what
/// upstream's help says, and MiB as the variable, which is what upstream does.
fn extra_size(options: &ImageOptions, environment: &Environment) -> Result<Option<u64>, CliError> {
    let option = options
        .image_extra_size
        .as_deref()
        .filter(|value| !value.is_empty());
    let setting = match option {
        Some(value) => Setting {
            value,
            origin: "--image-extra-size",
        },
        None => match Setting::of_variable(environment, "DIB_IMAGE_EXTRA_SIZE") {
            Some(setting) => setting,
            None => return Ok(None),
        },
    };
    let has_unit = setting.value.trim_end().ends_with('B');
    let size = setting.read(str::parse::<ByteSize>)?.bytes();
    Ok(Some(if option.is_some() || has_unit {
        size
    } else {
        size >> 10
    }))
}
