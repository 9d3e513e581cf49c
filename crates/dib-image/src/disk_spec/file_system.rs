//! A file system of a disk: what the layout says of it, what the command line adds, and what identifies it.

use camino::Utf8Path;

use super::{DiskSpecError, RootFileSystem};
use crate::ByteSize;
use crate::block_device::{BlockDeviceError, FileSystemConfig, FileSystemType, FstabConfig, LayoutFault};
use crate::identifier::{FileSystemIdentifier, Identifiers, parse_volume_id};

/// A file system of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    pub(super) name: String,
    pub(super) kind: FileSystemType,
    pub(super) label: String,
    pub(super) identifier: FileSystemIdentifier,
    pub(super) mount_point: Option<String>,
    pub(super) fstab: Option<FstabConfig>,
    pub(crate) partition: Option<usize>,
    pub(super) partition_number: Option<u32>,
    /// Options for the program that makes it.
    pub(crate) options: Vec<String>,
    /// The journal that is counted among what the file system needs.
    pub(crate) journal: ByteSize,
}

/// The name of the file system of which the command line speaks.
const ROOT_NODE: &str = "mkfs_root";

impl FileSystem {
    /// Completes a file system with what identifies it.
    pub(super) fn of(
        merged: Merged,
        identifiers: Identifiers,
        at: impl Fn(LayoutFault) -> BlockDeviceError,
    ) -> Result<Self, DiskSpecError> {
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
        Ok(Self {
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

    pub(super) fn title(&self) -> String {
        format!("mkfs {}", self.name)
    }

    pub(super) fn fstab_line(&self) -> Option<String> {
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

/// A file system whose settings are complete.
pub(super) struct Merged {
    config: FileSystemConfig,
    kind: FileSystemType,
    label: String,
    options: Vec<String>,
    journal: ByteSize,
}

/// Adds what the command line says, and what upstream takes for granted.
pub(super) fn merge(config: FileSystemConfig, root: &RootFileSystem) -> Result<Merged, LayoutFault> {
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
