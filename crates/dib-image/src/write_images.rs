//! From tree to published files.

mod one_format;

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::DeviceNode;
use one_format::{Sources, send};

use crate::{
    ByteSize, Checksums, DiskError, DiskSpec, Existing, FinishedFile, ImageFormat, OutputError, OutputFile,
    Qcow2Error, SquashFsError, Sums, TarError, ThreadError, VhdError, VmdkError, make_disk,
};

/// Outputs that are written at once. Each uses all cores where it can; two fill the gaps of one another, and more would
/// only take more memory.
const AT_ONCE: usize = 2;

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
    images: Vec<(Output, FinishedFile, Sums)>,
}

impl CompleteImages {
    /// Returns what was wanted, each with the path at which it can be read until it has its name.
    pub fn files(&self) -> impl Iterator<Item = (&Output, &Utf8Path)> {
        self.images
            .iter()
            .map(|(output, file, _)| (output, file.temporary_path()))
    }

    /// Puts all of them under their names.
    ///
    /// # Errors
    /// When renaming or removing fails.
    pub fn publish(self) -> Result<Vec<WrittenImage>, ImageError> {
        let publish = |(output, file, sums): (Output, FinishedFile, Sums)| {
            let published = file.publish(output.existing)?;
            Ok(WrittenImage {
                path: published.path,
                size: published.size,
                allocated: published.allocated,
                sums,
                old_renamed_to: published.old_renamed_to,
            })
        };
        self.images.into_iter().map(publish).collect()
    }
}

/// Writing images failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The disk could not be made.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// An archive could not be written.
    #[error("failed to write {path}")]
    Tar {
        /// The archive.
        path: Utf8PathBuf,
        /// Why.
        source: TarError,
    },
    /// A qcow2 image could not be written.
    #[error("failed to write {path}")]
    Qcow2 {
        /// The image.
        path: Utf8PathBuf,
        /// Why.
        source: Qcow2Error,
    },
    /// A SquashFS could not be made.
    #[error("failed to write {path}")]
    SquashFs {
        /// The image.
        path: Utf8PathBuf,
        /// Why.
        source: SquashFsError,
    },
    /// A VHD could not be written.
    #[error("failed to write {path}")]
    Vhd {
        /// The image.
        path: Utf8PathBuf,
        /// Why.
        source: VhdError,
    },
    /// A VMDK could not be written.
    #[error("failed to write {path}")]
    Vmdk {
        /// The image.
        path: Utf8PathBuf,
        /// Why.
        source: VmdkError,
    },
    /// The threads that write could not be started.
    #[error(transparent)]
    Thread(#[from] ThreadError),
    /// A raw disk could not be copied, or bytes not be summed.
    #[error("failed to write {path}")]
    Io {
        /// The image.
        path: Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be created or published.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Writes the tree in every wanted format; [`CompleteImages::publish`] puts the files under their names.
///
/// The disk is made once: in the first raw output, or as a sparse file in the directory `scratch` that is gone at the
/// end. `device_nodes` are those the tree could not hold. Nothing stands under an output's name that did not before, and an
/// error leaves nothing behind.
///
/// ```
/// use dib_image::{
///     BlockDeviceConfig, Checksums, DiskSpec, Existing, ImageFormat, ImageSize, Output, RootFileSystem, write_images,
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
/// let images = write_images(&tree, &[], &disk, &[output], directory, &mut |_event| {})?.publish()?;
/// assert_eq!(images[0].path, directory.join("image.tar"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When a format can't be written.
pub fn write_images(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
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
            tree,
            device_nodes,
            spec,
            (disk.temporary_path(), disk.file()),
            report,
        )?;
    }
    let sources = Sources { tree, device_nodes };
    let sums = write_outputs(sources, disk.map(OutputFile::file), outputs, &files, report)?;
    complete(outputs, files, sums)
}

/// Writes a tree, and the disk that has been made of it, in every wanted format, as [`write_images`] does.
///
/// # Errors
/// When a format can't be written.
pub fn write_images_of_disk(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    disk: &File,
    outputs: &[Output],
    report: &mut dyn FnMut(Event),
) -> Result<CompleteImages, ImageError> {
    let files = create(outputs)?;
    let sources = Sources { tree, device_nodes };
    let sums = write_outputs(sources, Some(disk), outputs, &files, report)?;
    complete(outputs, files, sums)
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
    sums: Vec<Sums>,
) -> Result<CompleteImages, ImageError> {
    let mut images = Vec::new();
    for ((output, file), sums) in outputs.iter().zip(files).zip(sums) {
        images.push((output.clone(), file.finish(&sums)?, sums));
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
    let sources = Sources {
        tree: Utf8Path::new(""),
        device_nodes: &[],
    };
    let outputs = std::slice::from_ref(output);
    let sums = write_outputs(sources, Some(disk), outputs, std::slice::from_ref(&file), report)?.remove(0);
    let images = vec![(output.clone(), file.finish(&sums)?, sums)];
    Ok(CompleteImages { images }.publish()?.remove(0))
}

/// Writes the outputs into their files and returns their checksums; with an error, those not begun yet are left.
fn write_outputs(
    sources: Sources<'_>,
    disk: Option<&File>,
    outputs: &[Output],
    files: &[OutputFile],
    report: &mut dyn FnMut(Event),
) -> Result<Vec<Sums>, ImageError> {
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
    sources: Sources<'_>,
    disk: Option<&File>,
    output: &Output,
    file: &OutputFile,
    events: &Sender<Event>,
) -> Result<Sums, ImageError> {
    let path = output.path.clone();
    let format = output.format.clone();
    send(events, Event::Writing { path, format });
    let sums = match disk.filter(|_| output.format.is_disk()) {
        // It is there already.
        Some(disk) if std::ptr::eq(disk, file.file()) => file.sums(output.checksums)?,
        Some(disk) => one_format::write_disk(disk, output, file, events)?,
        None => one_format::write_tree(sources, output, file, events)?,
    };
    send(
        events,
        Event::Written {
            path: output.path.clone(),
        },
    );
    Ok(sums)
}

#[cfg(test)]
mod tests;
