//! The formats of a build's outputs, with their options.

use dib_core::{Arch, Compression, ImageSpec, ImageType};
use dib_image::{
    ContainerKind, ContainerOptions, ContainerReference, ImageFormat, Qcow2Options, VhdOptions, VmdkOptions,
    apply_options,
};

use crate::error::{CliError, ErrorKind};

const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Returns the format of each output, in the order of their types; `now` is the time in seconds since 1970.
///
/// # Errors
/// When the options are none of the formats', or a container image can't be called as it is to be.
pub(crate) fn of_outputs(spec: &ImageSpec, now: i64) -> Result<Vec<ImageFormat>, CliError> {
    let formats: Result<Vec<ImageFormat>, CliError> = spec
        .output
        .types
        .iter()
        .map(|image_type| of_type(spec, *image_type, now))
        .collect();
    let mut formats = formats?;
    apply(&mut formats, &spec.output.format_options)?;
    Ok(formats)
}

/// Applies options as `qemu-img` has them.
///
/// # Errors
/// When they are none of the formats'.
pub(crate) fn apply(formats: &mut [ImageFormat], options: &str) -> Result<(), CliError> {
    apply_options(formats, options).map_err(|error| {
        CliError::new(ErrorKind::Usage, error)
            .hint("--qemu-img-options gives options of formats, as name=value and separated by commas")
    })
}

/// Returns the format of a disk, without any options; none for what holds a tree alone.
pub(crate) fn of_disk(image_type: ImageType, compression: Compression) -> Option<ImageFormat> {
    Some(match image_type {
        ImageType::Raw => ImageFormat::Raw,
        ImageType::RawZst => ImageFormat::RawZst,
        ImageType::Qcow2 => ImageFormat::Qcow2(Qcow2Options {
            compression: match compression {
                Compression::Compressed => dib_image::Compression::default(),
                Compression::Uncompressed => dib_image::Compression::None,
            },
            ..Qcow2Options::default()
        }),
        ImageType::Vhd => ImageFormat::Vhd(VhdOptions::default()),
        ImageType::Vmdk => ImageFormat::Vmdk(VmdkOptions::default()),
        ImageType::Tar | ImageType::Tgz | ImageType::SquashFs | ImageType::Docker | ImageType::Oci => {
            return None;
        }
    })
}

fn of_type(spec: &ImageSpec, image_type: ImageType, now: i64) -> Result<ImageFormat, CliError> {
    let container = |kind| Ok(ImageFormat::Container(kind, container_options(spec, now)?));
    match image_type {
        ImageType::Tgz => Ok(ImageFormat::Tgz),
        ImageType::SquashFs => Ok(ImageFormat::SquashFs {
            time: fixed_time(spec),
        }),
        ImageType::Docker => container(ContainerKind::Docker),
        ImageType::Oci => container(ContainerKind::Oci),
        image_type => Ok(of_disk(image_type, spec.output.compression).unwrap_or(ImageFormat::Tar)),
    }
}

fn container_options(spec: &ImageSpec, now: i64) -> Result<ContainerOptions, CliError> {
    let (architecture, variant) = match spec.arch {
        Arch::Armhf => ("arm", Some("v7")),
        Arch::I386 => ("386", None),
        Arch::Ppc64el => ("ppc64le", None),
        arch => (arch.name(), None),
    };
    Ok(ContainerOptions {
        reference: reference(spec)?,
        architecture: architecture.to_owned(),
        variant: variant.map(str::to_owned),
        created: fixed_time(spec)
            .and_then(|time| i64::try_from(time).ok())
            .unwrap_or(now),
    })
}

/// Returns what a container image is called: as the user says, else as the output.
fn reference(spec: &ImageSpec) -> Result<ContainerReference, CliError> {
    let output = &spec.output;
    let name = output.docker_target.as_deref();
    let name = name.or_else(|| output.base.file_name()).unwrap_or_default();
    name.parse().map_err(|error| {
        CliError::new(ErrorKind::Usage, error).hint("--docker-target NAME[:TAG] names the container image")
    })
}

/// Returns the time that stands for the present where two builds shall give the same image.
fn fixed_time(spec: &ImageSpec) -> Option<u64> {
    spec.variables.get(SOURCE_DATE_EPOCH)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formats(change: impl FnOnce(&mut ImageSpec)) -> Result<Vec<ImageFormat>, String> {
        let mut spec = ImageSpec::of_elements(&["debian-minimal"]);
        spec.output.base = "out/debian".into();
        change(&mut spec);
        of_outputs(&spec, 77).map_err(|error| error.render())
    }

    #[test]
    fn every_type_has_a_format() {
        let formats = formats(|spec| spec.output.types = ImageType::ALL.to_vec()).unwrap();
        assert_eq!(formats.len(), ImageType::ALL.len());
        for (image_type, format) in ImageType::ALL.iter().zip(&formats) {
            assert_eq!(
                of_disk(*image_type, Compression::Compressed).is_some(),
                format.is_disk()
            );
        }
    }

    #[test]
    fn options_reach_the_formats_that_have_them() {
        let formats = formats(|spec| {
            spec.output.types = vec![ImageType::Tar, ImageType::Qcow2];
            spec.output.format_options = "compat=0.10".to_owned();
        });
        let expected = Qcow2Options {
            version: dib_image::Qcow2Version::V2,
            ..Qcow2Options::default()
        };
        assert_eq!(formats, Ok(vec![ImageFormat::Tar, ImageFormat::Qcow2(expected)]));
    }

    #[test]
    fn an_option_that_none_has_is_refused() {
        let error = formats(|spec| spec.output.format_options = "speed=1".to_owned()).unwrap_err();
        assert!(
            error.starts_with("error: there is no option \"speed\"; there are cluster_size,"),
            "{error}"
        );
        assert!(error.contains("--qemu-img-options"), "{error}");
    }

    #[test]
    fn a_container_is_called_as_the_output_or_as_the_user_says() {
        let container = |target: Option<&str>, base: &str| {
            let formats = formats(|spec| {
                spec.output.types = vec![ImageType::Docker];
                spec.output.docker_target = target.map(str::to_owned);
                spec.output.base = base.into();
                spec.arch = Arch::Armhf;
            })?;
            let [ImageFormat::Container(ContainerKind::Docker, options)] = formats.as_slice() else {
                panic!("{formats:?}");
            };
            assert_eq!(
                (options.architecture.as_str(), options.variant.as_deref()),
                ("arm", Some("v7"))
            );
            assert_eq!(options.created, 77);
            Ok::<_, String>(options.reference.to_string())
        };
        assert_eq!(container(None, "out/debian"), Ok("debian:latest".to_owned()));
        assert_eq!(
            container(Some("team/x:1"), "out/debian"),
            Ok("team/x:1".to_owned())
        );
        let error = container(None, "out/Debian").unwrap_err();
        assert!(error.contains("--docker-target"), "{error}");
    }
}
