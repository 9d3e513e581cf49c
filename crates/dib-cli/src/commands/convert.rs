//! `dib convert`: a disk in another format. `dib image`: a tree as images, without a build.

use std::fs::File;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{Compression, ImageSpec, ImageType};
use dib_image::{Checksums, Existing, ImageFormat, Output, WrittenImage, convert_disk, write_images};

use crate::arguments::{ConvertArguments, ImageOptions, TreeArguments};
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};
use crate::image_spec::{check_output_place, console_options, spec_from};
use crate::images::{self, Shown};
use crate::log::Stream;
use crate::{Console, disk, formats};

/// Converts a disk.
pub(super) fn convert(arguments: &ConvertArguments, environment: &Environment) -> Result<(), CliError> {
    let format = format(arguments)?;
    let input = open(&environment.absolute(arguments.input.as_str()))?;
    let output = Output {
        path: environment.absolute(arguments.output.as_str()),
        format,
        checksums: if arguments.checksum {
            Checksums::ALL
        } else {
            Checksums::NONE
        },
        existing: Existing::Overwrite,
    };
    shown(&ImageOptions::default(), environment, |console| {
        let mut shown = Shown::new(console);
        let image = convert_disk(&input, &output, &mut |event| shown.event(&event))?;
        Ok(vec![image])
    })
}

/// Writes a tree as images.
pub(super) fn image(
    arguments: &TreeArguments,
    environment: &Environment,
    given: &[String],
) -> Result<(), CliError> {
    let spec = spec_from(&arguments.image, environment, given)?;
    check_output_place(&spec)?;
    let tree = environment.absolute(arguments.tree.as_str());
    shown(&arguments.image, environment, |console| {
        write_tree(&tree, &spec, console)
    })
}

fn write_tree(tree: &Utf8Path, spec: &ImageSpec, console: &Console) -> Result<Vec<WrittenImage>, CliError> {
    let (disk, outputs) = (disk::of_tree(spec)?, images::outputs(spec)?);
    let mut shown = Shown::new(console);
    let scratch = spec.output.directory();
    let images = write_images(tree, &[], &disk, &outputs, scratch, &mut |event| {
        shown.event(&event);
    })?;
    Ok(images.publish()?)
}

/// Opens a console for the work, and shows on it what has been written.
fn shown(
    options: &ImageOptions,
    environment: &Environment,
    work: impl FnOnce(&Console) -> Result<Vec<WrittenImage>, CliError>,
) -> Result<(), CliError> {
    let console = console_options(options, environment, Stream::Stderr).open()?;
    let result = work(&console);
    console.finish();
    for image in result? {
        images::announce(&image, &console);
    }
    Ok(())
}

/// Works out the output's format from the type, or from its name.
fn format(arguments: &ConvertArguments) -> Result<ImageFormat, CliError> {
    let compression = if arguments.uncompressed {
        Compression::Uncompressed
    } else {
        Compression::Compressed
    };
    let disks = || {
        ImageType::ALL
            .iter()
            .copied()
            .filter(|kind| formats::of_disk(*kind, compression).is_some())
    };
    let wanted = match &arguments.image_type {
        Some(name) => disks().find(|kind| kind.name() == name),
        // Of several that fit the longest: a name may end with one's after another's.
        None => disks()
            .filter(|kind| arguments.output.as_str().ends_with(&format!(".{kind}")))
            .max_by_key(|kind| kind.name().len()),
    };
    let format = wanted
        .and_then(|kind| formats::of_disk(kind, compression))
        .ok_or_else(|| {
            let known: Vec<&str> = disks().map(ImageType::name).collect();
            let message = match &arguments.image_type {
                Some(name) => format!(
                    "a disk can't be converted to {name:?}; there are {}",
                    known.join(", ")
                ),
                None => format!(
                    "the name {} ends with no type; there are {}",
                    arguments.output,
                    known.join(", ")
                ),
            };
            CliError::new(ErrorKind::Usage, message).hint("-t names the output's type")
        })?;
    let mut formats = [format];
    formats::apply(
        &mut formats,
        arguments.qemu_img_options.as_deref().unwrap_or_default(),
    )?;
    let [format] = formats;
    Ok(format)
}

fn open(path: &Utf8Path) -> Result<File, CliError> {
    let refuse = |source: io::Error| {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ErrorKind::MissingInput,
            _ => ErrorKind::InputOutput,
        };
        CliError::new(
            kind,
            InputError {
                path: path.to_owned(),
                source,
            },
        )
    };
    let file = File::open(path).map_err(refuse)?;
    let metadata = file.metadata().map_err(refuse)?;
    if metadata.is_file() {
        Ok(file)
    } else {
        Err(refuse(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        )))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("failed to open {path}")]
struct InputError {
    path: Utf8PathBuf,
    source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::InputFormat;

    fn arguments(image_type: Option<&str>, output: &str) -> ConvertArguments {
        ConvertArguments {
            from: InputFormat::Raw,
            image_type: image_type.map(str::to_owned),
            uncompressed: false,
            qemu_img_options: None,
            checksum: false,
            input: "disk.raw".into(),
            output: output.into(),
        }
    }

    #[test]
    fn the_type_is_given_or_in_the_name() {
        let check = |image_type, output, expected: Result<ImageFormat, &str>| {
            let format = format(&arguments(image_type, output)).map_err(|error| error.render());
            match expected {
                Ok(expected) => assert_eq!(format, Ok(expected), "{output}"),
                Err(expected) => {
                    let rendered = format.unwrap_err();
                    assert!(rendered.contains(expected), "{rendered}");
                }
            }
        };
        let qcow2 = || ImageFormat::Qcow2(dib_image::Qcow2Options::default());
        check(None, "x.qcow2", Ok(qcow2()));
        check(Some("qcow2"), "x.raw", Ok(qcow2()));
        check(None, "x.raw.zst", Ok(ImageFormat::RawZst));
        check(None, "x.raw", Ok(ImageFormat::Raw));
        check(
            None,
            "qcow2",
            Err("the name qcow2 ends with no type; there are raw, raw.zst, qcow2, vhd, vmdk"),
        );
        check(
            Some("tar"),
            "x.tar",
            Err("a disk can't be converted to \"tar\"; there are raw,"),
        );
    }

    #[test]
    fn a_conversion_is_complete_or_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(directory.path()).unwrap();
        std::fs::write(directory.join("disk.raw"), vec![7; 100_000]).unwrap();
        let environment = Environment::of(&[]);
        let mut arguments = arguments(None, directory.join("disk.qcow2").as_str());
        arguments.input = directory.join("missing.raw");
        let error = convert(&arguments, &environment).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingInput);
        arguments.input = directory.to_owned();
        let error = convert(&arguments, &environment).unwrap_err();
        assert!(
            error.render().contains("it is not a regular file"),
            "{}",
            error.render()
        );
        assert_eq!(directory.read_dir_utf8().unwrap().count(), 1);
    }
}
