//! From tree to published files.

mod error;
mod one_format;

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::DeviceNode;
pub use error::ImageError;
use one_format::send;

use crate::{
    ByteSize, Checksums, ClusterIndex, ClusterReuse, DiskSpec, Existing, FinishedFile, ImageFormat,
    OutputError, OutputFile, Sums, ThreadError, make_disk,
};

/// Outputs that are written at once. Each uses all cores where it can; two fill the gaps of one another, and more would
/// only take more memory.
const AT_ONCE: usize = 2;

/// What images are made of.
#[derive(Debug, Clone, Copy)]
pub struct ImageSources<'s> {
    /// The finished tree.
    pub tree: &'s Utf8Path,
    /// The device nodes that the tree could not hold.
    pub device_nodes: &'s [DeviceNode],
    /// The clusters of qcow2 images before.
    pub clusters: ClusterReuse<'s>,
}

impl<'s> ImageSources<'s> {
    /// Returns a tree that is all there is.
    #[must_use]
    pub fn of_tree(tree: &'s Utf8Path) -> Self {
        Self {
            tree,
            device_nodes: &[],
            clusters: ClusterReuse::Never,
        }
    }
}

/// One image file that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its path, which also stands in its checksum files as it is given here.
    pub path: Utf8PathBuf,
    /// Its format.
    pub format: ImageFormat,
    /// The checksum files that are wanted beside it.
    pub checksums: Checksums,
    /// What becomes of an older file of the same name.
    pub existing: Existing,
}

/// Something that happens while images are written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The disk is being made: its file systems, partition table and boot code.
    MakingFileSystem {
        /// The disk's size.
        size: ByteSize,
    },
    /// An image is being written.
    Writing {
        /// Its path.
        path: Utf8PathBuf,
        /// Its format.
        format: ImageFormat,
    },
    /// An image has been written so far.
    Progress {
        /// Its path.
        path: Utf8PathBuf,
        /// Bytes of the disk that are done.
        done: u64,
        /// Bytes that are to be done.
        total: u64,
    },
    /// An image has been written, and its checksums taken.
    Written {
        /// Its path.
        path: Utf8PathBuf,
    },
    /// A socket has been left out of an archive.
    SkippedSocket {
        /// The archive's path.
        path: Utf8PathBuf,
        /// The socket.
        socket: std::path::PathBuf,
    },
}

/// An image file that stands under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenImage {
    /// Its path.
    pub path: Utf8PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// The bytes it occupies on the disk.
    pub allocated: u64,
    /// Its checksums, those that were asked for.
    pub sums: Sums,
    /// The name that an older file of the same name has been given.
    pub old_renamed_to: Option<Utf8PathBuf>,
}

/// Images that are complete and have no names yet: dropped, they are gone.
#[derive(Debug)]
pub struct CompleteImages {
    images: Vec<CompleteImage>,
}

#[derive(Debug)]
struct CompleteImage {
    output: Output,
    file: FinishedFile,
    written: Written,
}

/// What is known of an output that has been written.
#[derive(Debug, Default)]
struct Written {
    sums: Sums,
    clusters: Option<ClusterIndex>,
}

impl CompleteImages {
    /// Returns what was wanted, each with the path at which it can be read until it has its name.
    pub fn files(&self) -> impl Iterator<Item = (&Output, &Utf8Path)> {
        self.images
            .iter()
            .map(|image| (&image.output, image.file.temporary_path()))
    }

    /// Returns the index of the clusters of the first qcow2 image that is compressed, and what was wanted there; if
    /// [`ClusterReuse`] asked for it.
    #[must_use]
    pub fn cluster_index(&self) -> Option<(&Output, &ClusterIndex)> {
        self.images
            .iter()
            .find_map(|image| Some((&image.output, image.written.clusters.as_ref()?)))
    }

    /// Puts all of them under their names.
    ///
    /// # Errors
    /// When renaming or removing fails.
    pub fn publish(self) -> Result<Vec<WrittenImage>, ImageError> {
        let publish = |image: CompleteImage| {
            let published = image.file.publish(image.output.existing)?;
            Ok(WrittenImage {
                path: published.path,
                size: published.size,
                allocated: published.allocated,
                sums: image.written.sums,
                old_renamed_to: published.old_renamed_to,
            })
        };
        self.images.into_iter().map(publish).collect()
    }
}

/// Writes the tree in every wanted format; [`CompleteImages::publish`] puts the files under their names.
///
/// The disk is made once: in the first raw output, or as a sparse file in the directory `scratch` that is gone at the
/// end. Nothing stands under an output's name that did not before, and an error leaves nothing behind.
///
/// ```
/// use dib_image::{
///     BlockDeviceConfig, Checksums, DiskSpec, Existing, ImageFormat, ImageSize, ImageSources, Output,
///     RootFileSystem, write_images,
/// };
///
/// let directory = tempfile::tempdir()?;
/// let directory = camino::Utf8Path::from_path(directory.path()).unwrap();
/// std::fs::create_dir_all(directory.join("tree/etc"))?;
/// let output = Output {
///     path: directory.join("image.tar"),
///     format: ImageFormat::Tar,
///     checksums: Checksums::ALL,
///     existing: Existing::Rename,
/// };
/// let layout = BlockDeviceConfig::unpartitioned();
/// let disk = DiskSpec::new(layout, &RootFileSystem::default(), ImageSize::Fitting, None)?;
/// let tree = directory.join("tree");
/// let tree = ImageSources::of_tree(&tree);
/// let images = write_images(tree, &disk, &[output], directory, &mut |_event| {})?.publish()?;
/// assert_eq!(images[0].path, directory.join("image.tar"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When a format can't be written.
pub fn write_images(
    sources: ImageSources<'_>,
    spec: &DiskSpec,
    outputs: &[Output],
    scratch: &Utf8Path,
    report: &mut dyn FnMut(Event),
) -> Result<CompleteImages, ImageError> {
    let files = create(outputs)?;
    // The first raw output is the disk that all others are made of.
    let first_raw = outputs
        .iter()
        .position(|output| output.format == ImageFormat::Raw);
    let in_scratch = match first_raw {
        None if outputs.iter().any(|output| output.format.is_disk()) => {
            Some(OutputFile::create(&scratch.join("disk.raw"))?)
        }
        _ => None,
    };
    let disk = in_scratch.as_ref().or_else(|| files.get(first_raw?));
    if let Some(disk) = disk {
        make_disk(
            sources.tree,
            sources.device_nodes,
            spec,
            (disk.temporary_path(), disk.file()),
            report,
        )?;
    }
    let written = write_outputs(sources, disk.map(OutputFile::file), outputs, &files, report)?;
    complete(outputs, files, written)
}

/// Writes a tree, and the disk that has been made of it, in every wanted format, as [`write_images`] does.
///
/// # Errors
/// When a format can't be written.
pub fn write_images_of_disk(
    sources: ImageSources<'_>,
    disk: &File,
    outputs: &[Output],
    report: &mut dyn FnMut(Event),
) -> Result<CompleteImages, ImageError> {
    let files = create(outputs)?;
    let written = write_outputs(sources, Some(disk), outputs, &files, report)?;
    complete(outputs, files, written)
}

/// Has somebody fill the file of each output with an image that is there already.
///
/// # Errors
/// When a file can't be created or filled.
pub fn copy_images(
    outputs: &[Output],
    fill: &mut dyn FnMut(&Output, &File) -> std::io::Result<()>,
) -> Result<CompleteImages, ImageError> {
    let files = create(outputs)?;
    let mut written = Vec::new();
    for (output, file) in outputs.iter().zip(&files) {
        fill(output, file.file()).map_err(|source| ImageError::Io {
            path: output.path.clone(),
            source,
        })?;
        written.push(Written {
            sums: file.sums(output.checksums)?,
            clusters: None,
        });
    }
    complete(outputs, files, written)
}

fn create(outputs: &[Output]) -> Result<Vec<OutputFile>, OutputError> {
    outputs
        .iter()
        .map(|output| OutputFile::create(&output.path))
        .collect()
}

fn complete(
    outputs: &[Output],
    files: Vec<OutputFile>,
    written: Vec<Written>,
) -> Result<CompleteImages, ImageError> {
    let mut images = Vec::new();
    for ((output, file), written) in outputs.iter().zip(files).zip(written) {
        images.push(CompleteImage {
            output: output.clone(),
            file: file.finish(&written.sums)?,
            written,
        });
    }
    Ok(CompleteImages { images })
}

/// Writes a raw disk in another format, as a whole or not at all.
///
/// # Errors
/// When the disk can't be read or the image can't be written.
pub fn convert_disk(
    disk: &File,
    output: &Output,
    report: &mut dyn FnMut(Event),
) -> Result<WrittenImage, ImageError> {
    let file = OutputFile::create(&output.path)?;
    let sources = ImageSources::of_tree(Utf8Path::new(""));
    let outputs = std::slice::from_ref(output);
    let written = write_outputs(sources, Some(disk), outputs, std::slice::from_ref(&file), report)?;
    let images = complete(outputs, vec![file], written)?;
    Ok(images.publish()?.remove(0))
}

/// Writes the outputs into their files and returns what is known of each; with an error, those not begun yet are left.
fn write_outputs(
    sources: ImageSources<'_>,
    disk: Option<&File>,
    outputs: &[Output],
    files: &[OutputFile],
    report: &mut dyn FnMut(Event),
) -> Result<Vec<Written>, ImageError> {
    // What takes longest comes first, so that it is not what all wait for in the end.
    let mut order: Vec<usize> = (0..outputs.len()).collect();
    order.sort_by_key(|number| !matches!(outputs[*number].format, ImageFormat::SquashFs { .. }));
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let write_some = |events: Sender<Event>| {
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let Some(number) = order.get(next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            let (output, file) = (&outputs[*number], &files[*number]);
            let result = write_output(sources, disk, output, file, &events);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((*number, result));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let (events, received) = channel();
        let mut writers = Vec::new();
        for _ in 0..outputs.len().min(AT_ONCE) {
            let (events, write_some) = (events.clone(), &write_some);
            let builder = thread::Builder::new().name("output".to_owned());
            let writer = builder.spawn_scoped(scope, move || write_some(events));
            writers.push(writer.map_err(ThreadError::from)?);
        }
        drop(events);
        received.into_iter().for_each(&mut *report);
        let done = writers.into_iter().flat_map(|writer| {
            writer
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        Ok::<_, ImageError>(done.collect::<Vec<_>>())
    })?;
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

fn write_output(
    sources: ImageSources<'_>,
    disk: Option<&File>,
    output: &Output,
    file: &OutputFile,
    events: &Sender<Event>,
) -> Result<Written, ImageError> {
    let path = output.path.clone();
    let format = output.format.clone();
    send(events, Event::Writing { path, format });
    let (sums, clusters) = match disk.filter(|_| output.format.is_disk()) {
        // It is there already.
        Some(disk) if std::ptr::eq(disk, file.file()) => (file.sums(output.checksums)?, None),
        Some(disk) => one_format::write_disk(disk, sources.clusters, output, file, events)?,
        None => (one_format::write_tree(sources, output, file, events)?, None),
    };
    send(
        events,
        Event::Written {
            path: output.path.clone(),
        },
    );
    Ok(Written { sums, clusters })
}

#[cfg(test)]
mod tests;
