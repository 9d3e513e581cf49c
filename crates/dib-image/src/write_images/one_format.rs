//! One output, written in its format.

use std::fs::File;
use std::sync::mpsc::Sender;

use camino::Utf8Path;

use super::{Event, ImageError, ImageSources, Output};
use crate::checksums::SummingWriter;
use crate::{
    ClusterIndex, ClusterReuse, ImageFormat, OutputFile, Sums, TarError, TarReport, container, qcow2,
    raw_zst, sparse, squashfs, tar_archive, vhd, vmdk,
};

/// Writes the tree into the output's file and returns the checksums that are wanted.
pub(super) fn write_tree(
    sources: ImageSources<'_>,
    output: &Output,
    file: &OutputFile,
    events: &Sender<Event>,
) -> Result<Sums, ImageError> {
    let ImageSources {
        tree, device_nodes, ..
    } = sources;
    let path = &output.path;
    match &output.format {
        ImageFormat::SquashFs { time } => {
            let made = squashfs::make_squashfs(tree, device_nodes, file.temporary_path(), *time);
            made.map_err(|source| ImageError::SquashFs {
                path: path.clone(),
                source,
            })?;
        }
        ImageFormat::Container(kind, options) => {
            let written = container::write_container(tree, device_nodes, file.file(), *kind, options);
            report_skipped(written, path, events)?;
        }
        format => {
            let io = |source| ImageError::Io {
                path: path.clone(),
                source,
            };
            let mut writer = SummingWriter::new(file.file(), output.checksums).map_err(io)?;
            let written = match format {
                ImageFormat::Tgz => tar_archive::write_tgz(tree, device_nodes, &mut writer),
                _ => tar_archive::write_tar(tree, device_nodes, &mut writer),
            };
            report_skipped(written, path, events)?;
            return writer.finish().map_err(io);
        }
    }
    Ok(file.sums(output.checksums)?)
}

fn report_skipped(
    written: Result<TarReport, TarError>,
    path: &Utf8Path,
    events: &Sender<Event>,
) -> Result<(), ImageError> {
    let written = written.map_err(|source| ImageError::Tar {
        path: path.to_owned(),
        source,
    })?;
    for socket in written.skipped_sockets {
        send(
            events,
            Event::SkippedSocket {
                path: path.to_owned(),
                socket,
            },
        );
    }
    Ok(())
}

/// Writes the disk into the output's file and returns the checksums that are wanted, and the clusters' index if there is
/// one.
pub(super) fn write_disk(
    disk: &File,
    reuse: ClusterReuse<'_>,
    output: &Output,
    file: &OutputFile,
    events: &Sender<Event>,
) -> Result<(Sums, Option<ClusterIndex>), ImageError> {
    let path = &output.path;
    let io = |source| ImageError::Io {
        path: path.clone(),
        source,
    };
    let mut progress = |done, total| {
        let path = path.clone();
        send(events, Event::Progress { path, done, total });
    };
    let mut index = None;
    match &output.format {
        ImageFormat::Qcow2(options) => {
            let file = file.file();
            let written = match reuse {
                ClusterReuse::Never => qcow2::write_qcow2(disk, file, options, &mut progress).map(|()| None),
                ClusterReuse::Recorded => {
                    qcow2::write_qcow2_with_index(disk, file, options, None, &mut progress)
                }
                ClusterReuse::Known(known) => {
                    qcow2::write_qcow2_with_index(disk, file, options, Some(known), &mut progress)
                }
            };
            index = written.map_err(|source| ImageError::Qcow2 {
                path: path.clone(),
                source,
            })?;
        }
        ImageFormat::Vhd(options) => {
            vhd::write_vhd(disk, file.file(), options, &mut progress).map_err(|source| ImageError::Vhd {
                path: path.clone(),
                source,
            })?;
        }
        ImageFormat::Vmdk(options) => {
            let name = path.file_name().unwrap_or_default();
            vmdk::write_vmdk(disk, file.file(), name, options, &mut progress).map_err(|source| {
                ImageError::Vmdk {
                    path: path.clone(),
                    source,
                }
            })?;
        }
        ImageFormat::RawZst => {
            let mut writer = SummingWriter::new(file.file(), output.checksums).map_err(io)?;
            raw_zst::write_raw_zst(disk, &mut writer, &mut progress).map_err(io)?;
            return Ok((writer.finish().map_err(io)?, None));
        }
        _ => sparse::copy_sparse(disk, file.file()).map_err(io)?,
    }
    Ok((file.sums(output.checksums)?, index))
}

/// Sends an event to who reports them; it is there as long as anything is written.
pub(super) fn send(events: &Sender<Event>, event: Event) {
    let _ = events.send(event);
}
