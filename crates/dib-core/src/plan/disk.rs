//! What a plan knows of the disk, without knowing what a disk is.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::{Plan, PlanError, planned_variables};
use crate::ElementName;
use crate::element::BlockDevice;

/// The layout of the disk that an element of the build wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedBlockDevice<'p> {
    /// The element.
    pub element: &'p ElementName,
    /// Its configuration, a YAML document of upstream's block-device configuration.
    pub config: &'p str,
    /// The file that it stands in, where it is one of a directory.
    pub file: Option<&'p Utf8Path>,
}

/// What whoever makes the disk says of it before anything is built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedDisk {
    /// The variables by which hooks learn about it, such as `DIB_ROOT_LABEL`.
    pub variables: BTreeMap<String, String>,
    /// What `/etc/fstab` holds in the image.
    pub fstab: String,
    /// The type of the partition table, `mbr` or `gpt`, where the disk has one.
    pub partition_table: Option<String>,
    /// The file systems that are mounted in the image.
    pub file_systems: Vec<PlannedFileSystem>,
    /// The disk in a few lines, for people.
    pub summary: Vec<String>,
}

/// A file system of the disk that is mounted in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFileSystem {
    /// Where it is mounted, such as `/`.
    pub mount_point: String,
    /// Its type, such as `ext4`.
    pub kind: String,
    /// Its label.
    pub label: String,
    /// Its identifier, as `blkid` prints it.
    pub uuid: String,
    /// The number of its partition, counted from 1, or `None` where it has the disk for itself.
    pub partition: Option<u32>,
}

impl PlannedDisk {
    /// Returns the file system that is mounted there.
    #[must_use]
    pub fn file_system_at(&self, mount_point: &str) -> Option<&PlannedFileSystem> {
        self.file_systems
            .iter()
            .find(|file_system| file_system.mount_point == mount_point)
    }
}

impl Plan<'_> {
    /// Returns the layout of the disk that an element of the build wants, the first by name that wants one.
    #[must_use]
    pub fn block_device(&self) -> Option<PlannedBlockDevice<'_>> {
        let arch = self.spec.arch;
        self.elements.iter().find_map(|planned| {
            let BlockDevice { config, file, .. } = planned.element.block_device_for(arch)?;
            Some(PlannedBlockDevice {
                element: planned.element.name(),
                config,
                file: file.as_deref(),
            })
        })
    }

    /// Says what the disk is like; without that, hooks know nothing of it and the image has the `/etc/fstab` that they leave.
    ///
    /// # Errors
    /// When a variable's default leads back to itself.
    pub fn with_disk(mut self, disk: PlannedDisk) -> Result<Self, PlanError> {
        self.variables = planned_variables(&self.elements, &self.spec, &disk.variables)?;
        self.disk = disk;
        Ok(self)
    }

    /// Returns what is known of the disk.
    #[must_use]
    pub fn disk(&self) -> &PlannedDisk {
        &self.disk
    }
}
