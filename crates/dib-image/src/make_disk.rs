//! A tree becomes a disk: partition table, file systems and boot code in one sparse file.

use std::fs::File;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::DeviceNode;

use crate::aside::{Aside, AsideError};
use crate::block_device::FileSystemType;
use crate::boot_code::{self, BootCodeError};
use crate::disk_spec::FileSystem;
use crate::ext::{self, ExtError};
use crate::partition_table::{self, Extent};
use crate::room::Room;
use crate::vfat::{self, VfatError};
use crate::xfs::{self, XfsError};
use crate::{ByteSize, DiskSpec, Event, PartitionSize, ToolError, TreeSizeError, swap, tree_size};

/// Making a disk failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The tree could not be measured.
    #[error(transparent)]
    TreeSize(#[from] TreeSizeError),
    /// The disk is too small for the tree.
    #[error("the tree does not fit into an image of {size}; ask for one of {suggested} with --image-size")]
    TooSmall {
        /// The disk's size.
        size: ByteSize,
        /// A size that holds the tree.
        suggested: ByteSize,
        /// What the program said.
        source: Box<ToolError>,
    },
    /// A partition, which is of the size that the layout gives it, is too small for its files.
    #[error("the files at {mount_point} do not fit into their partition {partition} of {size}")]
    PartitionTooSmall {
        /// Where its file system is mounted.
        mount_point: String,
        /// The partition.
        partition: String,
        /// Its size.
        size: ByteSize,
        /// What the program said.
        source: Box<ToolError>,
    },
    /// The disk is too small for its partitions.
    #[error(
        "an image of {size} has no room for the partition {partition}; ask for a larger one with --image-size"
    )]
    NoRoom {
        /// The disk's size.
        size: ByteSize,
        /// The first partition that has none.
        partition: String,
    },
    /// The disk is larger than its table can say.
    #[error("an image of {0} is more than an MBR can divide, which is 2TiB; take a GPT")]
    TooLargeForMbr(ByteSize),
    /// An ext2, ext3 or ext4 file system could not be made.
    #[error(transparent)]
    Ext(#[from] ExtError),
    /// A FAT file system could not be made.
    #[error(transparent)]
    Vfat(#[from] VfatError),
    /// An XFS file system could not be made.
    #[error(transparent)]
    Xfs(#[from] XfsError),
    /// Room for swapping, or the partition table, could not be written.
    #[error("failed to write {path}")]
    Write {
        /// The disk's file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A device node belongs into a file system that has none.
    #[error("the device node {node} belongs into a file system of the type {kind}, which has none")]
    DeviceNode {
        /// The device node's path in the image.
        node: dib_sys::TargetPath,
        /// The file system's type.
        kind: FileSystemType,
    },
    /// A part of the tree could not be put aside.
    #[error(transparent)]
    Aside(#[from] AsideError),
    /// The boot code could not be written.
    #[error(transparent)]
    BootCode(#[from] BootCodeError),
}

/// Makes a disk of the tree in an empty file.
///
/// The file gets the size that the disk shall have and stays sparse. While the file systems are made, what belongs to
/// other file systems than the root's stands beside the tree, in a directory that is gone at the end; the tree then is as it
/// was. GRUB's boot code is written where the tree has GRUB's images for it (see [`crate::boot_code`]).
///
/// # Errors
/// When the files don't fit, a program is missing or fails, or a file system can't hold what the tree has for it.
pub fn make_disk(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    spec: &DiskSpec,
    (path, file): (&Utf8Path, &File),
    report: &mut dyn FnMut(Event),
) -> Result<(), DiskError> {
    let size = tree_size::disk_size(tree, spec)?;
    report(Event::MakingFileSystem { size });
    let write = |source| DiskError::Write {
        path: path.to_owned(),
        source,
    };
    let extents = lay_out(spec, size)?;
    file.set_len(size.bytes()).map_err(write)?;

    let disk = Disk {
        tree,
        spec,
        size,
        path,
        file,
        extents,
    };
    let others = spec
        .file_systems
        .iter()
        .filter_map(FileSystem::relative_mount_point);
    let aside = Aside::put(tree, others.filter(|path| *path != ""), spec.seed)?;
    let mut device_nodes = DeviceNodes::new(device_nodes);
    // The inner ones first, so that each takes the device nodes that are its own.
    let mut file_systems: Vec<&FileSystem> = spec.file_systems.iter().collect();
    file_systems.sort_by_key(|file_system| std::cmp::Reverse(file_system.relative_mount_point()));
    for file_system in file_systems {
        disk.make(file_system, &aside, &mut device_nodes)?;
    }
    aside.put_back()?;

    if let Some(table) = &spec.table {
        partition_table::write_table(file, table, &disk.extents, size.bytes()).map_err(write)?;
        boot_code::embed(tree, table, &disk.extents, (path, file))?;
    }
    Ok(())
}

/// Returns where the partitions lie on a disk of that size.
pub(crate) fn lay_out(spec: &DiskSpec, size: ByteSize) -> Result<Vec<Extent>, DiskError> {
    let Some(table) = &spec.table else {
        return Ok(Vec::new());
    };
    if table.kind() == crate::TableKind::Mbr && size.bytes() / 512 > u64::from(u32::MAX) {
        return Err(DiskError::TooLargeForMbr(size));
    }
    partition_table::lay_out(table, size.bytes()).map_err(|no_room| {
        let partition = no_room.partition;
        DiskError::NoRoom { size, partition }
    })
}

struct Disk<'d> {
    tree: &'d Utf8Path,
    spec: &'d DiskSpec,
    size: ByteSize,
    path: &'d Utf8Path,
    file: &'d File,
    /// Where the partitions lie.
    extents: Vec<Extent>,
}

impl Disk<'_> {
    fn make(
        &self,
        file_system: &FileSystem,
        aside: &Aside,
        nodes: &mut DeviceNodes,
    ) -> Result<(), DiskError> {
        let whole = Extent {
            start: 0,
            length: self.size.bytes(),
        };
        let room = Room {
            image: self.path,
            file: self.file,
            extent: file_system.partition.map_or(whole, |index| self.extents[index]),
            sector_size: self.spec.sector_size.bytes(),
        };
        let write = |source| DiskError::Write {
            path: self.path.to_owned(),
            source,
        };
        if file_system.kind() == FileSystemType::Swap {
            return swap::make_swap(room, file_system).map_err(write);
        }
        let own = file_system.relative_mount_point();
        // Without a mount point it holds nothing.
        let directory = own.map_or(aside.empty(), |own| aside.path_of(own).unwrap_or(self.tree));
        let nodes = own.map(|own| nodes.take_below(own)).unwrap_or_default();
        if let Some(node) = nodes.first().filter(|_| !file_system.kind().is_ext()) {
            let (node, kind) = (node.path.clone(), file_system.kind());
            return Err(DiskError::DeviceNode { node, kind });
        }
        match file_system.kind() {
            FileSystemType::Vfat => vfat::make_vfat(directory, room, file_system)?,
            FileSystemType::Xfs => xfs::make_xfs(directory, room, file_system, self.spec.seed)?,
            _ => ext::make_ext(directory, &nodes, room, file_system, self.spec.seed)
                .map_err(|error| self.explain(error, file_system, room))?,
        }
        Ok(())
    }

    /// Says what to do about files that don't fit.
    fn explain(&self, error: ExtError, file_system: &FileSystem, room: Room<'_>) -> DiskError {
        let ExtError::TooSmall(source) = error else {
            return error.into();
        };
        let source = Box::new(source);
        let partition = self
            .spec
            .table
            .as_ref()
            .zip(file_system.partition)
            .map(|(table, index)| &table.config.partitions[index]);
        if let Some(partition) =
            partition.filter(|partition| matches!(partition.size, PartitionSize::Bytes(_)))
        {
            return DiskError::PartitionTooSmall {
                mount_point: file_system.mount_point().unwrap_or("none").to_owned(),
                partition: partition.name.clone(),
                size: ByteSize::from_bytes(room.extent.length),
                source,
            };
        }
        // What it would have been without a wish, or where that is not more, half as much again.
        let size = self.size;
        let larger = ByteSize::from_bytes(size.bytes().saturating_add(size.bytes() / 2));
        let usual = tree_size::fitting_size(self.tree, self.spec)
            .ok()
            .filter(|usual| *usual > size);
        let suggested = usual.unwrap_or(larger).rounded_up_to(ByteSize::from_mib(1));
        DiskError::TooSmall {
            size,
            suggested,
            source,
        }
    }
}

/// The device nodes that no file system has taken yet.
struct DeviceNodes(Vec<DeviceNode>);

impl DeviceNodes {
    fn new(nodes: &[DeviceNode]) -> Self {
        Self(nodes.to_vec())
    }

    /// Takes those below a directory, with paths as they are within it.
    fn take_below(&mut self, directory: &Utf8Path) -> Vec<DeviceNode> {
        let is_below = |node: &DeviceNode| Utf8Path::new(node.path.as_relative()).starts_with(directory);
        let (own, others) = self.0.drain(..).partition(is_below);
        self.0 = others;
        let own: Vec<DeviceNode> = own;
        own.into_iter()
            .map(|mut node| {
                let relative = Utf8Path::new(node.path.as_relative())
                    .strip_prefix(directory)
                    .map(Utf8Path::as_str);
                let path = format!("/{}", relative.unwrap_or_default());
                node.path = path.parse().expect("the end of a path in the target is one, too");
                node
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
