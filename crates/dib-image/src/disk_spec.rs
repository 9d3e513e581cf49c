//! What a disk shall be like: a layout with all that the command line says of it, and every identifier.

mod describe;
#[cfg(test)]
mod tests;

use camino::Utf8Path;

use crate::block_device::{
    BlockDeviceConfig, BlockDeviceError, FileSystemConfig, FileSystemType, FstabConfig, LayoutFault,
    SectorSize, TableConfig, TableKind,
};
use crate::identifier::{FileSystemIdentifier, Identifiers, parse_volume_id};
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
    pub(crate) size: ImageSize,
    pub(crate) sector_size: SectorSize,
    pub(crate) table: Option<PartitionTable>,
    /// In the layout's order.
    pub(crate) file_systems: Vec<FileSystem>,
    /// The time of `SOURCE_DATE_EPOCH`, in seconds: everything on the disk is of then, and nothing is random.
    pub(crate) seed: Option<u64>,
}

/// A file system of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    name: String,
    kind: FileSystemType,
    label: String,
    identifier: FileSystemIdentifier,
    mount_point: Option<String>,
    fstab: Option<FstabConfig>,
    pub(crate) partition: Option<usize>,
    partition_number: Option<u32>,
    /// Options for the program that makes it.
    pub(crate) options: Vec<String>,
    /// The journal that is counted among what the file system needs.
    pub(crate) journal: ByteSize,
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

/// The name of the file system of which the command line speaks.
const ROOT_NODE: &str = "mkfs_root";

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
                fault,
            };
            let merged = merge(config, root).map_err(at)?;
            let mut made = file_system(merged, identifiers, at)?;
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
            size,
            sector_size,
            table,
            file_systems,
            seed,
        })
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

impl FileSystem {
    /// Returns the name of its node in the layout, such as `mkfs_root`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its type.
    #[must_use]
    pub fn kind(&self) -> FileSystemType {
        self.kind
    }

    /// Returns its label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns what it is identified by.
    #[must_use]
    pub fn identifier(&self) -> FileSystemIdentifier {
        self.identifier
    }

    /// Returns where it is mounted: an absolute path, or `none` for swap.
    #[must_use]
    pub fn mount_point(&self) -> Option<&str> {
        self.mount_point.as_deref()
    }

    /// Returns the number of its partition, counted from 1, or `None` when it has the disk for itself.
    #[must_use]
    pub fn partition_number(&self) -> Option<u32> {
        self.partition_number
    }

    /// Returns the path in the tree below which its files are, or `None` when it has none.
    pub(crate) fn relative_mount_point(&self) -> Option<&Utf8Path> {
        let path = self.mount_point.as_deref()?.strip_prefix('/')?;
        Some(Utf8Path::new(path))
    }

    fn title(&self) -> String {
        format!("mkfs {}", self.name)
    }

    fn fstab_line(&self) -> Option<String> {
        let (mount_point, fstab) = (self.mount_point.as_deref()?, self.fstab.as_ref()?);
        // A blank would end the field (fstab(5)).
        let escaped = |text: &str| {
            text.replace('\\', "\\134")
                .replace(' ', "\\040")
                .replace('\t', "\\011")
        };
        let (options, dump_frequency, check_pass) = if self.kind == FileSystemType::Swap {
            ("sw", 0, 0)
        } else {
            (fstab.options.as_str(), fstab.dump_frequency, fstab.check_pass)
        };
        let (label, mount_point, kind) = (escaped(&self.label), escaped(mount_point), self.kind);
        Some(format!(
            "LABEL={label} {mount_point} {kind} {options} {dump_frequency} {check_pass}\n"
        ))
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

/// A file system whose settings are complete.
struct Merged {
    config: FileSystemConfig,
    kind: FileSystemType,
    label: String,
    options: Vec<String>,
    journal: ByteSize,
}

/// Adds what the command line says, and what upstream takes for granted.
fn merge(config: FileSystemConfig, root: &RootFileSystem) -> Result<Merged, LayoutFault> {
    let is_meant = config.name == ROOT_NODE;
    let node = || format!("mkfs {}", config.name);
    let Some(kind) = config.kind.or_else(|| is_meant.then_some(root.kind)) else {
        return Err(LayoutFault::Missing {
            node: node(),
            key: "type",
        });
    };
    let is_root = config
        .mount
        .as_ref()
        .is_some_and(|mount| mount.mount_point == "/");
    if is_root && matches!(kind, FileSystemType::Vfat | FileSystemType::Swap) {
        return Err(LayoutFault::RootType { node: node(), kind });
    }
    let usual_label = match kind {
        FileSystemType::Xfs => "img-rootfs",
        _ => "cloudimg-rootfs",
    };
    let label = match &config.label {
        Some(label) => label.clone(),
        None if is_meant => root.label.clone().unwrap_or_else(|| usual_label.to_owned()),
        None => config.name.clone(),
    };
    let label = if kind == FileSystemType::Vfat {
        label.to_uppercase()
    } else {
        label
    };
    let options = match &config.options {
        Some(options) => options.clone(),
        None if is_meant => root_options(kind, root),
        None => Vec::new(),
    };
    // Upstream counts it whatever options the layout has.
    let has_journal = is_root && kind == FileSystemType::Ext4;
    let journal = if has_journal {
        root.journal
    } else {
        ByteSize::default()
    };
    Ok(Merged {
        config,
        kind,
        label,
        options,
        journal,
    })
}

/// Composes the options of the command line.
///
/// Source: diskimage-builder 3.43, what `lib/disk-image-create` does with `MKFS_OPTS`.
fn root_options(kind: FileSystemType, root: &RootFileSystem) -> Vec<String> {
    let mut options = Vec::new();
    if let Some(blocks) = root.max_online_resize {
        options.extend(["-E".to_owned(), format!("resize={blocks}")]);
    }
    if kind == FileSystemType::Ext4 {
        let journal = format!("size={}", root.journal.bytes() >> 20);
        options.extend(["-i", "4096", "-J"].map(str::to_owned));
        options.push(journal);
    }
    options.extend(root.options.iter().cloned());
    options
}

fn file_system(
    merged: Merged,
    identifiers: Identifiers,
    at: impl Fn(LayoutFault) -> BlockDeviceError,
) -> Result<FileSystem, DiskSpecError> {
    let Merged {
        config,
        kind,
        label,
        options,
        journal,
    } = merged;
    let node = format!("mkfs {}", config.name);
    let longest = kind.longest_label();
    if label.len() > longest {
        return Err(at(LayoutFault::LongLabel {
            node,
            label,
            longest,
            kind,
        })
        .into());
    }
    let is_allowed = |character: char| match kind {
        FileSystemType::Vfat => {
            character.is_ascii_graphic() && !"\"*+,./:;<=>?[\\]|".contains(character) || character == ' '
        }
        _ => !character.is_control(),
    };
    if label.is_empty() || !label.chars().all(is_allowed) {
        return Err(at(LayoutFault::LabelCharacter { node, label, kind }).into());
    }
    if let Some(option) = unknown_option(kind, &options) {
        let option = option.to_owned();
        return Err(at(LayoutFault::Options { node, option, kind }).into());
    }
    let subject = format!("file system {}", config.name);
    let identifier = match (&config.identifier, kind) {
        (None, FileSystemType::Vfat) => FileSystemIdentifier::VolumeId(identifiers.number(&subject)?),
        (None, _) => FileSystemIdentifier::Uuid(identifiers.uuid(&subject)?),
        (Some(text), kind) => given_identifier(text, kind).map_err(|wanted| {
            let (key, found) = ("uuid", text.clone());
            at(LayoutFault::Value {
                node,
                key,
                wanted,
                found,
            })
        })?,
    };
    let (mount_point, fstab) = config.mount.map(|mount| (mount.mount_point, mount.fstab)).unzip();
    let is_swap = kind == FileSystemType::Swap;
    Ok(FileSystem {
        name: config.name,
        kind,
        label,
        identifier,
        // Swap is nowhere, whatever the layout says.
        mount_point: mount_point.map(|path| if is_swap { "none".to_owned() } else { path }),
        fstab: fstab.flatten(),
        partition: config.partition,
        partition_number: None,
        options,
        journal,
    })
}

/// Reads an identifier that the layout gives, or returns what it should be.
fn given_identifier(text: &str, kind: FileSystemType) -> Result<FileSystemIdentifier, &'static str> {
    if kind == FileSystemType::Vfat {
        let id = parse_volume_id(text).ok_or("a FAT's serial number, XXXX-XXXX in hexadecimal digits")?;
        return Ok(FileSystemIdentifier::VolumeId(id));
    }
    let uuid = text
        .parse()
        .map_err(|_| "a UUID, xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in hexadecimal digits")?;
    Ok(FileSystemIdentifier::Uuid(uuid))
}

/// Returns the first option that can't be honoured.
fn unknown_option(kind: FileSystemType, options: &[String]) -> Option<&str> {
    match kind {
        FileSystemType::Ext2 | FileSystemType::Ext3 | FileSystemType::Ext4 | FileSystemType::Xfs => None,
        FileSystemType::Vfat => crate::vfat::VfatOptions::parse(options).err(),
        FileSystemType::Swap => options.first().map(String::as_str),
    }
}
