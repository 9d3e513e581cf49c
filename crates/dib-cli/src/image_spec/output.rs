//! What comes out of a build, and whether it can be put there.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{ChecksumKind, Compression, DiskImages, ExistingOutput, ImageSpec, ImageType, OutputSpec};
use nix::unistd::{AccessFlags, access};

use super::setting::{Setting, words};
use super::{boot_test, disk};
use crate::arguments::{ImageOptions, Product};
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};

/// Reads the options and variables that describe the outputs.
pub(super) fn output_spec(options: &ImageOptions, environment: &Environment) -> Result<OutputSpec, CliError> {
    let types = types(options, environment)?;
    let compressed = !environment.is_set("COMPRESS_IMAGE")
        || environment
            .get("COMPRESS_IMAGE")
            .is_some_and(|value| value != "0" && value != "false");
    let disk = disk::read(options, environment)?;
    Ok(OutputSpec {
        base: base(options, environment, &types)?,
        compression: if compressed && !options.uncompressed {
            Compression::Compressed
        } else {
            Compression::Uncompressed
        },
        format_options: text(
            options.qemu_img_options.as_deref(),
            "--qemu-img-options",
            environment,
            "QEMU_IMG_OPTIONS",
        )
        .unwrap_or_default(),
        docker_target: text(
            options.docker_target.as_deref(),
            "--docker-target",
            environment,
            "DOCKER_TARGET",
        ),
        checksums: checksums(options, environment)?,
        existing: match environment.get("OVERWRITE_OLD_IMAGE") {
            None | Some("0") => ExistingOutput::Renamed,
            Some(_) => ExistingOutput::Replaced,
        },
        boot_test: boot_test::read(options, environment, &types)?,
        disk_images: match options.product {
            Product::Image => DiskImages::Written,
            Product::Ramdisk => DiskImages::Omitted,
        },
        types,
        ..disk
    })
}

fn text(
    option: Option<&str>,
    name: &'static str,
    environment: &Environment,
    variable: &'static str,
) -> Option<String> {
    Setting::find(option, name, environment, variable).map(Setting::to_owned_value)
}

fn types(options: &ImageOptions, environment: &Environment) -> Result<Vec<ImageType>, CliError> {
    let Some(setting) = Setting::find(options.types.as_deref(), "-t", environment, "IMAGE_TYPES") else {
        return Ok(vec![ImageType::Qcow2]);
    };
    let mut types = Vec::new();
    for value in words(setting.value) {
        let setting = Setting { value, ..setting };
        if value == "aci" {
            return Err(setting
                .invalid("App Container images are of the past, and no program that is kept up reads them")
                .hint("docker and oci are container images"));
        }
        let image_type = setting.read(str::parse)?;
        if !types.contains(&image_type) {
            types.push(image_type);
        }
    }
    if types.is_empty() {
        types.push(ImageType::Qcow2);
    }
    Ok(types)
}

/// Returns the outputs' path without an extension. Only with a single type an extension that names it is left out, as
/// upstream does.
fn base(
    options: &ImageOptions,
    environment: &Environment,
    types: &[ImageType],
) -> Result<Utf8PathBuf, CliError> {
    let default = Setting {
        value: "image",
        origin: "-o",
    };
    let setting =
        Setting::find(options.output.as_deref(), "-o", environment, "IMAGE_NAME").unwrap_or(default);
    let stem = match types {
        [only] => setting
            .value
            .strip_suffix(&format!(".{only}"))
            .unwrap_or(setting.value),
        _ => setting.value,
    };
    let last = stem.rsplit('/').next().unwrap_or_default();
    if ["", ".", ".."].contains(&last) {
        return Err(setting.invalid("the path of a file is expected"));
    }
    Ok(stem.into())
}

fn checksums(options: &ImageOptions, environment: &Environment) -> Result<Vec<ChecksumKind>, CliError> {
    let Some(setting) = Setting::find(
        options.checksum.as_deref(),
        "--checksum",
        environment,
        "DIB_CHECKSUM",
    ) else {
        return Ok(Vec::new());
    };
    match setting.value {
        "0" => Ok(Vec::new()),
        "1" => Ok(ChecksumKind::ALL.to_vec()),
        list => setting.read(|_| words(list).map(str::parse).collect::<Result<Vec<_>, _>>()),
    }
}

/// Checks that the outputs can be created where they are wanted.
///
/// # Errors
/// When their directory is missing or not writable, or a directory has an output's name.
pub fn check_output_place(spec: &ImageSpec) -> Result<(), CliError> {
    let output = &spec.output;
    let directory = output.directory();
    let refuse = |path: &Utf8Path, source: io::Error| {
        CliError::new(
            ErrorKind::CannotCreate,
            OutputPlaceError {
                path: path.to_owned(),
                source,
            },
        )
    };
    let metadata = fs::metadata(directory).map_err(|source| {
        let error = refuse(directory, source);
        if directory.exists() {
            error
        } else {
            error.hint(format!("mkdir -p {directory}"))
        }
    })?;
    if !metadata.is_dir() {
        return Err(refuse(directory, io::ErrorKind::NotADirectory.into()));
    }
    access(directory.as_std_path(), AccessFlags::W_OK | AccessFlags::X_OK)
        .map_err(|errno| refuse(directory, errno.into()))?;
    let beside = Utf8PathBuf::from(format!("{}.d", output.base));
    if beside.exists() && !beside.is_dir() {
        return Err(refuse(&beside, io::ErrorKind::NotADirectory.into()));
    }
    for image_type in &output.types {
        let path = output.path(*image_type);
        if path.is_dir() {
            return Err(refuse(&path, io::ErrorKind::IsADirectory.into()));
        }
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("no output can be created at {path}")]
struct OutputPlaceError {
    path: Utf8PathBuf,
    source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_needs_a_directory_and_a_free_name() {
        let directory = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(directory.path()).unwrap();
        fs::create_dir(directory.join("taken.qcow2")).unwrap();
        fs::write(directory.join("file"), "").unwrap();
        let check = |base: Utf8PathBuf, expected: Option<&str>| {
            let mut spec = ImageSpec::of_elements(&["ubuntu"]);
            spec.output.base = base;
            let rendered = check_output_place(&spec).err().map(|error| {
                assert_eq!(error.kind(), ErrorKind::CannotCreate);
                error.render()
            });
            match expected {
                None => assert_eq!(rendered, None),
                Some(path) => {
                    let beginning = format!("error: no output can be created at {}\n", directory.join(path));
                    assert!(
                        rendered
                            .as_deref()
                            .is_some_and(|text| text.starts_with(&beginning)),
                        "{rendered:?}"
                    );
                }
            }
        };
        check(directory.join("image"), None);
        check(directory.join("missing/image"), Some("missing"));
        check(directory.join("file/image"), Some("file"));
        check(directory.join("taken"), Some("taken.qcow2"));
    }
}
