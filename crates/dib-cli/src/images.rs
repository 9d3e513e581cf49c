//! From what the user wants to what `dib-image` writes.

use camino::Utf8Path;
use dib_boot::{DiskFormat, DiskImage};
use dib_core::{Build, ChecksumKind, Compression, ExistingOutput, ImageType, OutputSpec};
use dib_image::{
    Checksums, DiskSpec, Event, Existing, ImageFormat, Output, Qcow2Options, WrittenImage, write_images,
};

use indicatif::BinaryBytes;

use crate::workspace::BuildDirectory;
use crate::{CliError, Console, Step, boot_tests};

/// Writes the images of a build whose tree is final.
///
/// # Errors
/// When one can't be written; then none is.
pub(crate) fn write(
    build: &Build<'_>,
    disk: &DiskSpec,
    directory: &BuildDirectory,
    console: &Console,
) -> Result<Vec<WrittenImage>, CliError> {
    let output = &build.plan.spec().output;
    let outputs: Vec<Output> = output
        .types
        .iter()
        .map(|image_type| one(output, *image_type))
        .collect();
    let mut shown = Shown { console, step: None };
    let nodes = build.device_nodes();
    let images = write_images(
        &directory.tree(),
        &nodes,
        disk,
        &outputs,
        &directory.scratch(),
        &mut |event| {
            shown.event(&event);
        },
    )?;
    shown.step = None;
    // What does not boot gets no name.
    if let Some(test) = &output.boot_test {
        let disk = images
            .files()
            .find_map(|(output, path)| Some((disk_image(output.format, path)?, output.path.as_path())));
        let (disk, name) = disk.expect("a test is asked for with a disk among the types alone");
        let reports = boot_tests::reports_of(&output.base);
        let place = (reports.as_path(), directory.scratch());
        boot_tests::of_build(test, build.plan.spec().arch, (&disk, name), place, console)?;
    }
    Ok(images.publish()?)
}

/// Returns a file as the image that QEMU sees, if it is one. All of them hold the same disk.
fn disk_image(format: ImageFormat, path: &Utf8Path) -> Option<DiskImage> {
    let format = match format {
        ImageFormat::Raw => DiskFormat::Raw,
        ImageFormat::Qcow2(_) => DiskFormat::Qcow2,
        ImageFormat::Tar => return None,
    };
    Some(DiskImage {
        path: path.to_owned(),
        format,
    })
}

fn one(output: &OutputSpec, image_type: ImageType) -> Output {
    Output {
        path: output.path(image_type),
        format: format(output, image_type),
        checksums: Checksums {
            md5: output.checksums.contains(&ChecksumKind::Md5),
            sha256: output.checksums.contains(&ChecksumKind::Sha256),
        },
        existing: match output.existing {
            ExistingOutput::Renamed => Existing::Rename,
            ExistingOutput::Replaced => Existing::Overwrite,
        },
    }
}

fn format(output: &OutputSpec, image_type: ImageType) -> ImageFormat {
    match image_type {
        ImageType::Tar => ImageFormat::Tar,
        ImageType::Raw => ImageFormat::Raw,
        ImageType::Qcow2 => ImageFormat::Qcow2(Qcow2Options {
            compression: match output.compression {
                Compression::Compressed => dib_image::Compression::default(),
                Compression::Uncompressed => dib_image::Compression::None,
            },
            ..Qcow2Options::default()
        }),
    }
}

/// Shows how far the writing is.
struct Shown<'c> {
    console: &'c Console,
    step: Option<Step>,
}

impl Shown<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::MakingFileSystem { size } => {
                self.begin(&format!("making the file system ({})", BinaryBytes(size.bytes())));
            }
            Event::Writing { path, .. } => self.begin(&format!("writing {path}")),
            Event::Progress { done, total, .. } => {
                if let Some(step) = &self.step {
                    step.advance_to(*done, *total);
                }
            }
            Event::SkippedSocket { path, socket } => {
                self.console
                    .say(&format!("left the socket {} out of {path}", socket.display()));
            }
            _ => {}
        }
    }
}

impl Shown<'_> {
    /// Ends the step before, then begins this one.
    fn begin(&mut self, name: &str) {
        self.step = None;
        self.step = Some(self.console.step(name));
    }
}
