//! What a disk shall be like: a layout with all that the command line says of it, and every identifier.

mod describe;
mod file_system;
#[cfg(test)]
mod tests;

pub use file_system::FileSystem;

use crate::block_device::{
    BlockDeviceConfig, BlockDeviceError, FileSystemType, LayoutFault, SectorSize, TableConfig, TableKind,
};
use crate::identifier::Identifiers;
use crate::partition_table::{DiskIdentifier, PartitionTable};
use crate::{ByteSize, PartitionType};

/// The root file system, as the command line describes it.
///
/// Its [`Default`] is upstream's. A layout that says something else of its root file system wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootFileSystem {
    /// Its type (`FS_TYPE`).
    pub kind: FileSystemType,
    /// Its label (`--root-label`), or `None` for the usual one: `img-rootfs` for XFS, `cloudimg-rootfs` else.
    pub label: Option<String>,
    /// More options for the program that makes it (`--mkfs-options`).
    pub options: Vec<String>,
    /// The journal of an ext4, of which whole MiB count (`--mkfs-journal-size`, `DIB_JOURNAL_SIZE`).
    pub journal: ByteSize,
    /// Up to how many of its blocks it can grow while it is mounted (`--max-online-resize`).
    pub max_online_resize: Option<u64>,
}

impl Default for RootFileSystem {
    fn default() -> Self {
        Self {
            kind: FileSystemType::Ext4,
            label: None,
            options: Vec::new(),
            journal: ByteSize::from_mib(64),
            max_online_resize: None,
        }
    }
}

/// How an image's size is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSize {
    /// The given size, rounded up to a multiple of 64 KiB (`--image-size`, `DIB_IMAGE_SIZE`).
    Exact(ByteSize),
    /// What the tree needs, with two thirds of that in addition ([`crate::default_image_size`]).
    Fitting,
    /// What the tree needs and the given room in addition (`--image-extra-size`, `DIB_IMAGE_EXTRA_SIZE`).
    FittingWithExtra(ByteSize),
}

/// A disk: its table, its file systems, and what each of them is identified by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSpec {
    pub(crate) disk_name: String,
    pub(crate) size: ImageSize,
    pub(crate) sector_size: SectorSize,
    pub(crate) table: Option<PartitionTable>,
    /// In the layout's order.
    pub(crate) file_systems: Vec<FileSystem>,
    /// The time of `SOURCE_DATE_EPOCH`, in seconds: everything on the disk is of then, and nothing is random.
    pub(crate) seed: Option<u64>,
}

/// A disk can't be described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskSpecError {
    /// The layout and the command line don't go together.
    #[error(transparent)]
    Layout(#[from] BlockDeviceError),
    /// The kernel has no random bytes for the identifiers.
    #[error("failed to make an identifier")]
    Random(#[from] getrandom::Error),
}

impl DiskSpec {
    /// Says what a disk shall be like.
    ///
    /// What the command line says of the root file system counts for the node `mkfs_root`, and only where the layout says
    /// nothing, as upstream has it. Identifiers are random, or derived from `seed` and the nodes' names where there is one:
    /// the time of `SOURCE_DATE_EPOCH`, in seconds.
    ///
    /// ```
    /// use dib_image::{BlockDeviceConfig, DiskSpec, ImageSize, RootFileSystem};
    ///
    /// let layout = BlockDeviceConfig::unpartitioned();
    /// let disk = DiskSpec::new(layout, &RootFileSystem::default(), ImageSize::Fitting, None)?;
    /// assert_eq!(disk.fstab(), "LABEL=cloudimg-rootfs / ext4 defaults 0 1\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When a label, an identifier or an option is none for its file system, or the root file system can't hold a system.
    pub fn new(
        layout: BlockDeviceConfig,
        root: &RootFileSystem,
        size: ImageSize,
        seed: Option<u64>,
    ) -> Result<Self, DiskSpecError> {
        let identifiers = seed.map_or(Identifiers::Random, Identifiers::Derived);
        let table = layout
            .table
            .map(|table| with_identifiers(table, layout.sector_size, identifiers));
        let table = table.transpose()?;
        let numbers = table.as_ref().map(PartitionTable::numbers).unwrap_or_default();
        let mut file_systems: Vec<FileSystem> = Vec::new();
        for config in layout.file_systems {
            let place = config.place;
            let at = |fault| BlockDeviceError {
                origin: layout.origin.clone(),
                place,
                fault: Box::new(fault),
            };
            let merged = file_system::merge(config, root).map_err(at)?;
            let mut made = FileSystem::of(merged, identifiers, at)?;
            made.partition_number = made.partition.and_then(|index| numbers.get(index).copied());
            if let Some(other) = file_systems.iter().find(|other| other.label == made.label) {
                let (node, other, label) = (made.title(), other.title(), made.label);
                return Err(at(LayoutFault::SharedLabel { node, other, label }).into());
            }
            file_systems.push(made);
        }
        let size = layout.size.map_or(size, ImageSize::Exact);
        let sector_size = layout.sector_size;
        Ok(Self {
            disk_name: layout.disk_name,
            size,
            sector_size,
            table,
            file_systems,
            seed,
        })
    }

    /// Returns the disk's name in the layout, usually `image0`.
    #[must_use]
    pub fn disk_name(&self) -> &str {
        &self.disk_name
    }

    /// Returns the file systems that are mounted, swap included, in the order in which that happens.
    pub fn mounted_file_systems(&self) -> impl Iterator<Item = &FileSystem> {
        let mut mounted: Vec<(&str, &FileSystem)> = self
            .file_systems
            .iter()
            .filter_map(|file_system| Some((file_system.mount_point.as_deref()?, file_system)))
            .collect();
        mounted.sort_by_key(|(mount_point, _)| *mount_point);
        mounted.into_iter().map(|(_, file_system)| file_system)
    }

    /// Returns where file systems are mounted, in the layout's order, which is `DIB_MOUNTPOINTS`'s.
    pub fn mount_points(&self) -> impl Iterator<Item = &str> {
        self.file_systems
            .iter()
            .filter_map(|file_system| file_system.mount_point.as_deref())
    }

    /// Returns the label of the root file system, which is `DIB_ROOT_LABEL`.
    #[must_use]
    pub fn root_label(&self) -> &str {
        &self.root().label
    }

    /// Returns the type of the root file system, which is `DIB_ROOT_FSTYPE`.
    #[must_use]
    pub fn root_file_system(&self) -> FileSystemType {
        self.root().kind
    }

    /// Returns the label of the file system at `/boot`, when there is one, which is `DIB_BOOT_LABEL`.
    #[must_use]
    pub fn boot_label(&self) -> Option<&str> {
        self.mounted_at("/boot")
            .map(|file_system| file_system.label.as_str())
    }

    /// Returns the kind of the partition table, or `None` when there is none.
    #[must_use]
    pub fn table_kind(&self) -> Option<TableKind> {
        self.table.as_ref().map(PartitionTable::kind)
    }

    /// Returns whether one of the partitions is an EFI system partition by its type.
    #[must_use]
    pub fn has_efi_system_partition(&self) -> bool {
        let mut partitions = self.table.iter().flat_map(|table| &table.config.partitions);
        partitions.any(|partition| partition.kind.is_efi_system())
    }

    /// Returns whether one of the partitions is a BIOS boot partition by its type.
    #[must_use]
    pub fn has_bios_boot_partition(&self) -> bool {
        let mut partitions = self.table.iter().flat_map(|table| &table.config.partitions);
        partitions.any(|partition| partition.kind.is_bios_boot())
    }

    /// Returns the size of the disk's sectors.
    #[must_use]
    pub fn sector_size(&self) -> SectorSize {
        self.sector_size
    }

    /// Returns what `/etc/fstab` holds: a line for each mounted file system for which the layout wants one.
    ///
    /// Source: diskimage-builder 3.43, `cmd_writefstab` of `block_device/blockdevice.py`.
    #[must_use]
    pub fn fstab(&self) -> String {
        self.mounted_file_systems()
            .filter_map(FileSystem::fstab_line)
            .collect()
    }

    pub(crate) fn root(&self) -> &FileSystem {
        self.mounted_at("/").expect("a layout has a file system at /")
    }

    fn mounted_at(&self, mount_point: &str) -> Option<&FileSystem> {
        let is_there = |file_system: &&FileSystem| file_system.mount_point.as_deref() == Some(mount_point);
        self.file_systems.iter().find(is_there)
    }
}

fn with_identifiers(
    config: TableConfig,
    sector_size: SectorSize,
    identifiers: Identifiers,
) -> Result<PartitionTable, getrandom::Error> {
    let disk = match config.kind {
        TableKind::Mbr => DiskIdentifier::Mbr(identifiers.number("disk")?),
        TableKind::Gpt => DiskIdentifier::Gpt(identifiers.uuid("disk")?),
    };
    let of_partition = |name: &str| identifiers.uuid(&format!("partition {name}"));
    let guids: Result<Vec<_>, _> = config
        .partitions
        .iter()
        .filter(|partition| matches!(partition.kind, PartitionType::Gpt(_)))
        .map(|partition| of_partition(&partition.name))
        .collect();
    let guids = guids?;
    Ok(PartitionTable {
        config,
        disk,
        guids,
        sector_size,
    })
}
