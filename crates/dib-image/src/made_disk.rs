//! A disk that has been made and is worked on before it becomes images: where its partitions are, and its boot code.

use std::fs::File;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;

use crate::boot_code::{self, BootCodeError};
use crate::make_disk::{DiskError, lay_out};
use crate::{ByteSize, DiskSpec};

/// A partition of a disk, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedPartition {
    /// Its name in the layout.
    pub name: String,
    /// Its number, counted from 1.
    pub number: u32,
    /// Where it begins, in bytes.
    pub start: u64,
    /// How many bytes it has.
    pub length: u64,
}

/// How much of a disk's first sector is for the code that a BIOS starts.
const CODE: usize = 440;

impl DiskSpec {
    /// Returns where the partitions of the disk lie when it has this size; none where there is no table.
    ///
    /// # Errors
    /// When they don't fit.
    pub fn placed_partitions(&self, size: ByteSize) -> Result<Vec<PlacedPartition>, DiskError> {
        let Some(table) = &self.table else {
            return Ok(Vec::new());
        };
        let partitions = table.config.partitions.iter();
        let places = table.numbers().into_iter().zip(lay_out(self, size)?);
        Ok(partitions
            .zip(places)
            .map(|(partition, (number, extent))| PlacedPartition {
                name: partition.name.clone(),
                number,
                start: extent.start,
                length: extent.length,
            })
            .collect())
    }
}

/// Writes GRUB's boot code onto a disk that has been made, when the tree has it, and nobody has put any there.
///
/// # Errors
/// When the disk has no place for it, or can't be written.
pub fn embed_boot_code(
    tree: &Utf8Path,
    spec: &DiskSpec,
    size: ByteSize,
    (path, disk): (&Utf8Path, &File),
) -> Result<(), DiskError> {
    let Some(table) = &spec.table else {
        return Ok(());
    };
    let mut code = [0; CODE];
    disk.read_exact_at(&mut code, 0)
        .map_err(|source| BootCodeError::Io {
            from: tree.to_owned(),
            image: path.to_owned(),
            source,
        })?;
    if code.iter().all(|byte| *byte == 0) {
        boot_code::embed(tree, table, &lay_out(spec, size)?, (path, disk))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockDeviceConfig, ImageSize, RootFileSystem};

    #[test]
    fn partitions_are_where_the_table_says() {
        let layout = "[{local_loop: {name: disk}}, {partitioning: {base: disk, label: gpt, partitions: [\
                      {name: BSP, type: EF02, size: 2MiB}, {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}]}}]";
        let layout = BlockDeviceConfig::parse(layout, "test").unwrap();
        let spec = DiskSpec::new(layout, &RootFileSystem::default(), ImageSize::Fitting, None).unwrap();
        assert_eq!(spec.disk_name(), "disk");
        let placed = spec.placed_partitions(ByteSize::from_mib(64)).unwrap();
        let shown: Vec<_> = placed
            .iter()
            .map(|partition| (partition.name.as_str(), partition.number, partition.start))
            .collect();
        assert_eq!(shown, [("BSP", 1, 1 << 20), ("root", 2, 3 << 20)]);
        assert_eq!(placed[0].length, 2 << 20);
        assert!(spec.placed_partitions(ByteSize::from_mib(1)).is_err());
    }
}
