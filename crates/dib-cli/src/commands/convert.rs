//! `dib convert`: a disk in another format. `dib image`: a tree as images, without a build.

use std::fs::File;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use dib_boot::{DiskFormat, DiskImage};
use dib_core::{Compression, ImageSpec, ImageType};
use dib_image::{
    Checksums, Existing, ImageFormat, ImageSources, Output, WrittenImage, convert_disk, remove_leftovers,
    write_images,
};

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
        clear(output.path.parent(), console);
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
    refuse_what_is_of_builds(&spec)?;
    let tree = environment.absolute(arguments.tree.as_str());
    std::fs::read_dir(&tree).map_err(|source| refusal(&tree, source))?;
    shown(&arguments.image, environment, |console| {
        write_tree(&tree, &spec, console)
    })
}

fn write_tree(tree: &Utf8Path, spec: &ImageSpec, console: &Console) -> Result<Vec<WrittenImage>, CliError> {
    let (disk, outputs) = (disk::of_tree(spec)?, images::outputs(spec)?);
    let scratch = spec.output.directory();
    clear(Some(scratch), console);
    let mut shown = Shown::new(console);
    let images = write_images(
        ImageSources::of_tree(tree),
        &disk,
        &outputs,
        scratch,
        &mut |event| {
            shown.event(&event);
        },
    )?;
    Ok(images.publish()?)
}

/// Refuses what would be passed over, such as a boot test: what is made of a tree has nothing to boot with.
fn refuse_what_is_of_builds(spec: &ImageSpec) -> Result<(), CliError> {
    let what = if let Some(element) = spec.elements.first() {
        format!("no element is built here, and {element:?} is none of a tree")
    } else if spec.output.boot_test.is_some() {
        "a tree becomes one file system, which has no boot loader to be tested".to_owned()
    } else {
        return Ok(());
    };
    Err(CliError::new(ErrorKind::Usage, what).hint("dib build makes disks that boot, of elements"))
}

/// Removes what was left beside an output by those who were killed.
fn clear(directory: Option<&Utf8Path>, console: &Console) {
    // What can't be removed stands in nobody's way.
    let removed = directory.map(remove_leftovers).and_then(Result::ok);
    for path in removed.unwrap_or_default() {
        console.say(&format!("removed {path}, which was left unfinished"));
    }
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

fn refusal(path: &Utf8Path, source: io::Error) -> CliError {
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
}

fn open(path: &Utf8Path) -> Result<File, CliError> {
    let refuse = |source| refusal(path, source);
    let file = File::open(path).map_err(refuse)?;
    let metadata = file.metadata().map_err(refuse)?;
    if !metadata.is_file() {
        return Err(refuse(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        )));
    }
    // Taken for a raw disk, an image of another format would become the content of a disk.
    let format = DiskImage::open(path)?.format;
    if format == DiskFormat::Raw {
        Ok(file)
    } else {
        let message = format!("{path} is not a raw disk, but in QEMU's words {}", format.name());
        Err(CliError::new(ErrorKind::Usage, message).hint(format!(
            "qemu-img convert -f {} -O raw makes a raw disk of it",
            format.name()
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

    #[test]
    fn an_image_of_another_format_is_no_raw_disk() {
        let directory = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(directory.path()).unwrap();
        let mut content = vec![0; 4096];
        content[..4].copy_from_slice(b"QFI\xfb");
        for (name, expected) in [
            (
                "disk.qcow2",
                "disk.qcow2 is not a raw disk, but in QEMU's words qcow2",
            ),
            (
                "disk.raw",
                "disk.raw does not hold what its name says: it is a qcow2 image",
            ),
        ] {
            let mut arguments = arguments(None, directory.join("new.vhd").as_str());
            arguments.input = directory.join(name);
            std::fs::write(&arguments.input, &content).unwrap();
            let error = convert(&arguments, &Environment::of(&[])).unwrap_err();
            assert!(error.render().contains(expected), "{}", error.render());
            assert!(!arguments.output.exists());
        }
    }

    #[test]
    fn a_tree_is_neither_built_nor_booted() {
        let check = |change: fn(&mut ImageSpec), expected: Option<&str>| {
            let mut spec = ImageSpec::of_elements(&[]);
            change(&mut spec);
            let error = refuse_what_is_of_builds(&spec).err();
            let rendered = error.map(|error| error.render()).unwrap_or_default();
            assert!(rendered.contains(expected.unwrap_or_default()), "{rendered}");
            assert_eq!(rendered.is_empty(), expected.is_none());
        };
        check(|_| {}, None);
        check(|spec| spec.elements.push("vm".to_owned()), Some("\"vm\""));
        let boot_test = |spec: &mut ImageSpec| {
            spec.output.boot_test = Some(dib_core::BootTest {
                sign: dib_core::BootSign::Login,
                limit: 1,
            });
        };
        check(boot_test, Some("no boot loader"));
    }
}
