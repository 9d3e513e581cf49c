//! From what the user wants to what `dib-image` writes.

use std::collections::BTreeMap;
use std::fs::File;

use camino::{Utf8Path, Utf8PathBuf};
use dib_boot::{DiskFormat, DiskImage};
use dib_core::{Build, ChecksumKind, ExistingOutput, ImageSpec, OutputSpec};
use dib_image::{
    Checksums, ClusterReuse, CompleteImages, DiskSpec, Event, Existing, ImageFormat, ImageSources, Output,
    WrittenImage, write_images, write_images_of_disk,
};

use indicatif::BinaryBytes;

use crate::kept_images::KeptImages;
use crate::workspace::BuildDirectory;
use crate::{CliError, Console, Step, boot_tests, formats, image_usage};

/// Writes the images of a build whose tree is final, and made into a disk already where there is one; `kept` are those of
/// builds before. They are complete then and have no names yet.
///
/// # Errors
/// When one can't be written; then none is.
pub(crate) fn write(
    build: &Build<'_>,
    disk: &DiskSpec,
    made: Option<&File>,
    kept: Option<&KeptImages<'_>>,
    directory: &BuildDirectory,
    console: &Console,
) -> Result<Option<CompleteImages>, CliError> {
    if let Some(usage) = image_usage::report(&directory.tree(), &build.variables)? {
        console.say(&usage);
    }
    let outputs = outputs(build.plan.spec())?;
    if outputs.is_empty() {
        // Whatever the build is for, a hook has left it.
        return Ok(None);
    }
    let mut shown = Shown::new(console);
    let nodes = build.device_nodes();
    let (tree, scratch) = (directory.tree(), directory.scratch());
    let mut show = |event| shown.event(&event);
    let known = kept.and_then(KeptImages::clusters);
    let sources = ImageSources {
        tree: &tree,
        device_nodes: &nodes,
        clusters: match (kept, &known) {
            (None, _) => ClusterReuse::Never,
            (Some(_), None) => ClusterReuse::Recorded,
            (Some(_), Some(known)) => ClusterReuse::Known(known),
        },
    };
    let images = match made {
        Some(made) => write_images_of_disk(sources, made, &outputs, &mut show)?,
        None => write_images(sources, disk, &outputs, &scratch, &mut show)?,
    };
    drop(shown);
    Ok(Some(images))
}

/// Tests images that have no names yet, if that is wanted: what does not boot gets none.
///
/// # Errors
/// When a test fails.
pub(crate) fn test(
    images: &CompleteImages,
    build: &Build<'_>,
    disk: &DiskSpec,
    directory: &BuildDirectory,
    console: &Console,
) -> Result<(), CliError> {
    let output = &build.plan.spec().output;
    if let Some(test) = &output.boot_test {
        let found = images
            .files()
            .find_map(|(output, path)| Some((disk_image(&output.format, path)?, output.path.as_path())));
        let (image, name) = found.expect("a test is asked for with a disk among the types alone");
        let reports = boot_tests::reports_of(&output.base);
        let place = (reports.as_path(), directory.scratch());
        boot_tests::of_build(test, build.plan.spec().arch, (&image, name, disk), place, console)?;
    }
    Ok(())
}

/// Returns the outputs that are wanted.
///
/// # Errors
/// When the options are none of their formats'.
pub(crate) fn outputs(spec: &ImageSpec) -> Result<Vec<Output>, CliError> {
    let output = &spec.output;
    let formats = formats::of_outputs(spec, jiff::Timestamp::now().as_second())?;
    let types = output.types.iter().zip(formats);
    let outputs = types.map(|(image_type, format)| Output {
        path: output.path(*image_type),
        format,
        checksums: checksums(output),
        existing: existing(output),
    });
    Ok(outputs.collect())
}

/// Says what has been written.
pub(crate) fn announce(image: &WrittenImage, console: &Console) {
    if let Some(old) = &image.old_renamed_to {
        console.say(&format!("an older image is now {old}"));
    }
    console.say(&format!(
        "image {}: {}, of which {} are allocated",
        image.path,
        BinaryBytes(image.size),
        BinaryBytes(image.allocated)
    ));
}

/// Returns a file as the image that QEMU sees, if it is one. All of them hold the same disk.
fn disk_image(format: &ImageFormat, path: &Utf8Path) -> Option<DiskImage> {
    let format = match format {
        ImageFormat::Raw => DiskFormat::Raw,
        ImageFormat::Qcow2(_) => DiskFormat::Qcow2,
        ImageFormat::Vhd(_) => DiskFormat::Vhd,
        ImageFormat::Vmdk(_) => DiskFormat::Vmdk,
        _ => return None,
    };
    Some(DiskImage {
        path: path.to_owned(),
        format,
    })
}

fn checksums(output: &OutputSpec) -> Checksums {
    Checksums {
        md5: output.checksums.contains(&ChecksumKind::Md5),
        sha256: output.checksums.contains(&ChecksumKind::Sha256),
    }
}

fn existing(output: &OutputSpec) -> Existing {
    match output.existing {
        ExistingOutput::Renamed => Existing::Rename,
        ExistingOutput::Replaced => Existing::Overwrite,
    }
}

/// Shows how far the writing is.
pub(crate) struct Shown<'c> {
    console: &'c Console,
    /// What is under way: making the disk, or writing the image at a path.
    steps: BTreeMap<Option<Utf8PathBuf>, Step>,
}

impl<'c> Shown<'c> {
    pub(crate) fn new(console: &'c Console) -> Self {
        Self {
            console,
            steps: BTreeMap::new(),
        }
    }

    /// Shows something that happens.
    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::MakingFileSystem { size } => {
                let name = format!("making the disk ({})", BinaryBytes(size.bytes()));
                self.steps.insert(None, self.console.step(&name));
            }
            Event::Writing { path, .. } => {
                // Images are made of the disk that is made now.
                self.steps.remove(&None);
                let step = self.console.step(&format!("writing {path}"));
                self.steps.insert(Some(path.clone()), step);
            }
            Event::Progress { path, done, total } => {
                if let Some(step) = self.steps.get(&Some(path.clone())) {
                    step.advance_to(*done, *total);
                }
            }
            Event::Written { path } => drop(self.steps.remove(&Some(path.clone()))),
            Event::SkippedSocket { path, socket } => {
                self.console
                    .say(&format!("left the socket {} out of {path}", socket.display()));
            }
            _ => {}
        }
    }
}
