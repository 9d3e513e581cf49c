//! From tree to published files.

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::DeviceNode;

use crate::checksums::SummingWriter;
use crate::{
    ByteSize, Checksums, DiskError, DiskSpec, Existing, FinishedFile, FormatOptionError, OutputError,
    OutputFile, Qcow2Error, Qcow2Options, Sums, TarError, make_disk, qcow2, sparse, tar_archive,
};

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

/// An image's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// The tree as an archive.
    Tar,
    /// The disk as it is.
    Raw,
    /// The disk as QEMU's format.
    Qcow2(Qcow2Options),
}

impl ImageFormat {
    /// Returns the names of the format's options.
    #[must_use]
    pub fn option_names(&self) -> &'static [&'static str] {
        match self {
            Self::Qcow2(_) => Qcow2Options::NAMES,
            Self::Tar | Self::Raw => &[],
        }
    }

    /// Sets one of the format's options.
    pub(crate) fn set_option(&mut self, name: &'static str, value: &str) -> Result<(), FormatOptionError> {
        match self {
            Self::Qcow2(options) => options.set(name, value),
            Self::Tar | Self::Raw => Ok(()),
        }
    }

    /// Checks that the format's options go together.
    pub(crate) fn check_options(&self) -> Result<(), FormatOptionError> {
        match self {
            Self::Qcow2(options) => options.check(),
            Self::Tar | Self::Raw => Ok(()),
        }
    }
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
    let files: Result<Vec<OutputFile>, OutputError> = outputs
        .iter()
        .map(|output| OutputFile::create(&output.path))
        .collect();
    let mut files = files?;
    let mut sums = vec![None; outputs.len()];
    for ((output, file), sums) in outputs.iter().zip(&mut files).zip(&mut sums) {
        if output.format == ImageFormat::Tar {
            *sums = Some(write_archive(tree, device_nodes, output, file, report)?);
        }
    }
    write_disks(tree, device_nodes, spec, outputs, &files, scratch, report)?;
    let mut images = Vec::new();
    for ((output, file), sums) in outputs.iter().zip(files).zip(sums) {
        let sums = sums.map_or_else(|| file.sums(output.checksums), Ok)?;
        images.push((output.clone(), file.finish(&sums)?, sums));
    }
    Ok(CompleteImages { images })
}

fn write_archive(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    output: &Output,
    file: &mut OutputFile,
    report: &mut dyn FnMut(Event),
) -> Result<Sums, ImageError> {
    let path = &output.path;
    let io = |source| ImageError::Io {
        path: path.clone(),
        source,
    };
    report(Event::Writing {
        path: path.clone(),
        format: output.format,
    });
    let mut writer = SummingWriter::new(file, output.checksums).map_err(io)?;
    let written = tar_archive::write_tar(tree, device_nodes, &mut writer);
    let written = written.map_err(|source| ImageError::Tar {
        path: path.clone(),
        source,
    })?;
    for socket in written.skipped_sockets {
        report(Event::SkippedSocket {
            path: path.clone(),
            socket,
        });
    }
    writer.finish().map_err(io)
}

/// Makes the disk and writes it in every format that is not an archive's.
fn write_disks(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    spec: &DiskSpec,
    outputs: &[Output],
    files: &[OutputFile],
    scratch: &Utf8Path,
    report: &mut dyn FnMut(Event),
) -> Result<(), ImageError> {
    let first_raw = outputs
        .iter()
        .position(|output| output.format == ImageFormat::Raw);
    let in_scratch = match first_raw {
        Some(_) => None,
        None if outputs.iter().all(|output| output.format == ImageFormat::Tar) => return Ok(()),
        None => Some(OutputFile::create(&scratch.join("disk.raw"))?),
    };
    let disk = in_scratch
        .as_ref()
        .or_else(|| files.get(first_raw?))
        .expect("there is one or the other");
    make_disk(
        tree,
        device_nodes,
        spec,
        (disk.temporary_path(), disk.file()),
        report,
    )?;
    for (number, (output, file)) in outputs.iter().zip(files).enumerate() {
        let path = &output.path;
        if output.format != ImageFormat::Tar {
            report(Event::Writing {
                path: path.clone(),
                format: output.format,
            });
        }
        match &output.format {
            ImageFormat::Raw if Some(number) != first_raw => sparse::copy_sparse(disk.file(), file.file())
                .map_err(|source| ImageError::Io {
                    path: path.clone(),
                    source,
                })?,
            ImageFormat::Tar | ImageFormat::Raw => {}
            ImageFormat::Qcow2(options) => {
                let mut progress = |done, total| {
                    let path = path.clone();
                    report(Event::Progress { path, done, total });
                };
                qcow2::write_qcow2(disk.file(), file.file(), options, &mut progress).map_err(|source| {
                    ImageError::Qcow2 {
                        path: path.clone(),
                        source,
                    }
                })?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
