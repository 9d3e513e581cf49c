//! How large an image a tree needs.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use camino::Utf8Path;

use crate::block_device::FileSystemType;
use crate::partition_table::{PartitionTable, lay_out};
use crate::{ByteSize, DiskSpec, FileSystem, ImageSize, PartitionSize, in_order, swap, xfs};

/// Image sizes are multiples of this, as upstream's are.
pub(crate) const GRANULE: ByteSize = ByteSize::from_kib(64);
/// Sizes of disks with partitions are multiples of this, so that a last partition ends at one, too.
const PARTITIONED_GRANULE: ByteSize = ByteSize::from_mib(1);

/// Measuring a tree failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("failed to measure {path:?}")]
pub struct TreeSizeError {
    path: PathBuf,
    source: io::Error,
}

/// Returns the size of an image for `tree` when the user names none.
///
/// It is upstream's rule: what `du -x` counts, divided by 0.6, the journal added, rounded up to a multiple of 64 KiB. It
/// is never less than two and a half times the journal: mke2fs wants the journal to be less than half of what its
/// tables leave, and a tiny tree asks for no more.
///
/// # Errors
/// When a part of the tree can't be read.
pub fn default_image_size(tree: &Utf8Path, journal: ByteSize) -> Result<ByteSize, TreeSizeError> {
    Ok(with_journal(used_kib(tree, &[])?.saturating_mul(10) / 6, journal))
}

/// Returns the size of the disk that `spec` wants for `tree`, in bytes.
///
/// Where it is to fit the tree, each file system with a share of the disk has the room that upstream gives a whole disk:
/// what other partitions take comes in addition. Upstream adds 525 MiB for the element `block-device-efi`, and nothing else.
pub(crate) fn disk_size(tree: &Utf8Path, spec: &DiskSpec) -> Result<ByteSize, TreeSizeError> {
    if let ImageSize::Exact(size) = spec.size {
        return Ok(size.rounded_up_to(GRANULE));
    }
    fitting_size(tree, spec)
}

/// Returns the size of a disk that fits the tree, whatever size was asked for.
pub(crate) fn fitting_size(tree: &Utf8Path, spec: &DiskSpec) -> Result<ByteSize, TreeSizeError> {
    let mut needs = Vec::new();
    for file_system in &spec.file_systems {
        needs.push((file_system, need(tree, spec, file_system)?));
    }
    let Some(table) = &spec.table else {
        let (_, need) = needs.into_iter().next().expect("a layout has a file system at /");
        return Ok(need);
    };
    Ok(smallest_disk(table, &needs))
}

/// Returns the size of the smallest disk on which each file system whose partition is a share has the room it needs.
fn smallest_disk(table: &PartitionTable, needs: &[(&FileSystem, ByteSize)]) -> ByteSize {
    let is_enough = |granules: u64| {
        let Ok(extents) = lay_out(table, granules * PARTITIONED_GRANULE.bytes()) else {
            return false;
        };
        needs.iter().all(|(file_system, need)| {
            let Some(index) = file_system.partition else {
                return true;
            };
            let is_share = matches!(table.config.partitions[index].size, PartitionSize::Share(_));
            !is_share || extents[index].length >= need.bytes()
        })
    };
    // No more than 2 EiB, should no size be enough: making the table says what is wrong then.
    let most = (0..41)
        .map(|power| 1 << power)
        .find(|granules| is_enough(*granules))
        .unwrap_or(1 << 41);
    let (mut too_few, mut enough) = (most / 2, most);
    while enough - too_few > 1 {
        let middle = u64::midpoint(too_few, enough);
        if is_enough(middle) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    ByteSize::from_bytes(enough * PARTITIONED_GRANULE.bytes())
}

/// Returns how large a file system must be, by upstream's rule for the whole disk.
fn need(tree: &Utf8Path, spec: &DiskSpec, file_system: &FileSystem) -> Result<ByteSize, TreeSizeError> {
    let least = match file_system.kind() {
        FileSystemType::Swap => return Ok(ByteSize::from_kib(4 * swap::FEWEST_PAGES)),
        FileSystemType::Xfs => ByteSize::from_bytes(xfs::LEAST_SIZE),
        _ => ByteSize::from_mib(1),
    };
    let Some(own) = file_system.relative_mount_point() else {
        return Ok(least);
    };
    let others = spec
        .file_systems
        .iter()
        .filter_map(FileSystem::relative_mount_point);
    let others: Vec<PathBuf> = others
        .filter(|other| *other != own)
        .map(|other| tree.join(other).into_std_path_buf())
        .collect();
    let directory = if own == "" {
        tree.to_owned()
    } else {
        tree.join(own)
    };
    // Through a symbolic link of the tree the host's files would be measured; making the disk refuses it.
    let mut on_the_way = directory.ancestors().take_while(|path| *path != tree);
    if !directory.is_dir() || on_the_way.any(Utf8Path::is_symlink) {
        return Ok(least);
    }
    let used = used_kib(&directory, &others)?;
    let room = match spec.size {
        ImageSize::FittingWithExtra(extra) if own == "" => used + extra.bytes() / 1024,
        _ => used.saturating_mul(10) / 6,
    };
    Ok(with_journal(room, file_system.journal).max(least))
}

fn with_journal(kib: u64, journal: ByteSize) -> ByteSize {
    let size = ByteSize::from_bytes(ByteSize::from_kib(kib).bytes().saturating_add(journal.bytes()));
    size.max(ByteSize::from_bytes(journal.bytes().saturating_mul(5) / 2))
        .rounded_up_to(GRANULE)
}

/// Returns what the tree occupies in KiB as `du -x` counts: allocated blocks, a hard-linked file once. What is in the
/// directories `without` does not count.
fn used_kib(tree: &Utf8Path, without: &[PathBuf]) -> Result<u64, TreeSizeError> {
    let root = measure(tree.as_std_path(), fs::symlink_metadata(tree))?;
    let device = root.dev();
    let mut blocks = root.blocks();
    let mut linked = HashSet::new();
    let mut level = vec![tree.as_std_path().to_owned()];
    while !level.is_empty() {
        let directories = std::mem::take(&mut level);
        let share = directories.len().div_ceil(in_order::threads());
        let listed: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = directories
                .chunks(share)
                .map(|directories| scope.spawn(|| list(directories, device, without)))
                .collect();
            let joined = threads.into_iter().map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            joined.collect()
        });
        for listed in listed {
            let listed = listed?;
            blocks += listed.blocks;
            level.extend(listed.directories);
            let new = listed.linked.into_iter().filter(|(file, _)| linked.insert(*file));
            blocks += new.map(|(_, blocks)| blocks).sum::<u64>();
        }
    }
    Ok(blocks.div_ceil(2))
}

/// What some directories hold.
#[derive(Default)]
struct Listed {
    /// The blocks of what has one name.
    blocks: u64,
    /// Files that may have several names, by device and number, each with its blocks.
    linked: Vec<((u64, u64), u64)>,
    directories: Vec<PathBuf>,
}

/// Lists directories, but for what is on another file system than `device` and what is in `without`.
fn list(directories: &[PathBuf], device: u64, without: &[PathBuf]) -> Result<Listed, TreeSizeError> {
    let mut listed = Listed::default();
    for directory in directories {
        for entry in measure(directory, fs::read_dir(directory))? {
            let entry = measure(directory, entry)?;
            let metadata = measure(&entry.path(), entry.metadata())?;
            if !metadata.is_dir() && metadata.nlink() > 1 {
                let file = (metadata.dev(), metadata.ino());
                listed.linked.push((file, metadata.blocks()));
                continue;
            }
            if metadata.is_dir() {
                if metadata.dev() != device {
                    continue;
                }
                let path = entry.path();
                if !without.contains(&path) {
                    listed.directories.push(path);
                }
            }
            listed.blocks += metadata.blocks();
        }
    }
    Ok(listed)
}

fn measure<T>(path: &Path, result: io::Result<T>) -> Result<T, TreeSizeError> {
    result.map_err(|source| TreeSizeError {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockDeviceConfig, RootFileSystem};

    fn spec(layout: &BlockDeviceConfig, size: ImageSize) -> DiskSpec {
        let root = RootFileSystem {
            journal: ByteSize::from_mib(4),
            ..RootFileSystem::default()
        };
        DiskSpec::new(layout.clone(), &root, size, None).unwrap()
    }

    #[test]
    fn partitions_come_in_addition_to_what_the_root_file_system_needs() {
        let (_guard, path) = tree();
        let layout = "
- local_loop: {name: disk}
- partitioning:
    base: disk
    label: gpt
    partitions:
    - {name: ESP, type: EF00, size: 30MiB, mkfs: {type: vfat, mount: {mount_point: /sub}}}
    - {name: BSP, type: EF02, size: 8MiB}
    - {name: root, size: 50%, mkfs: {mount: {mount_point: /}}}
    - {name: more, size: 100%}
";
        let layout = BlockDeviceConfig::parse(layout, "test").unwrap();
        let spec = spec(&layout, ImageSize::FittingWithExtra(ByteSize::from_mib(10)));
        let size = disk_size(&path, &spec).unwrap();
        let extents = lay_out(spec.table.as_ref().unwrap(), size.bytes()).unwrap();
        let own = ByteSize::from_kib(used_kib(&path, &[path.join("sub").into()]).unwrap());
        let need = own.bytes() + ByteSize::from_mib(14).bytes();
        assert!(extents[2].length >= need, "{extents:?}");
        let smaller = size.bytes() - PARTITIONED_GRANULE.bytes();
        let extents = lay_out(spec.table.as_ref().unwrap(), smaller).unwrap();
        assert!(extents[2].length < need, "{extents:?}");
    }

    #[test]
    fn a_mount_point_that_leads_out_of_the_tree_is_not_measured() {
        let (_guard, path) = tree();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::create_dir(elsewhere.path().join("efi")).unwrap();
        fs::write(elsewhere.path().join("efi/large"), vec![7; 20 << 20]).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), path.join("boot")).unwrap();
        let layout = "
- local_loop: {name: disk}
- partitioning:
    base: disk
    label: gpt
    partitions:
    - {name: ESP, type: EF00, size: 50%, mkfs: {type: vfat, mount: {mount_point: /boot/efi}}}
    - {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}
";
        let spec = spec(
            &BlockDeviceConfig::parse(layout, "test").unwrap(),
            ImageSize::Fitting,
        );
        let file_system = &spec.file_systems[0];
        assert_eq!(need(&path, &spec, file_system).unwrap(), ByteSize::from_mib(1));
    }

    fn tree() -> (tempfile::TempDir, camino::Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        fs::create_dir(path.join("sub")).unwrap();
        fs::write(path.join("sub/large"), vec![7; 3_000_000]).unwrap();
        fs::write(path.join("small"), "x").unwrap();
        fs::hard_link(path.join("sub/large"), path.join("again")).unwrap();
        std::os::unix::fs::symlink("/", path.join("outside")).unwrap();
        (directory, path)
    }

    #[test]
    fn counts_as_du_does() {
        let (_guard, path) = tree();
        let du = std::process::Command::new("du")
            .args(["-s", "-x", "-k"])
            .arg(&path)
            .output()
            .unwrap();
        let du: u64 = String::from_utf8(du.stdout)
            .unwrap()
            .split('\t')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(used_kib(&path, &[]).unwrap(), du);
    }

    #[test]
    fn follows_the_rule() {
        let (_guard, path) = tree();
        let used = used_kib(&path, &[]).unwrap();
        let size = default_image_size(&path, ByteSize::from_mib(1)).unwrap();
        let expected = ByteSize::from_kib(used * 10 / 6 + 1024)
            .bytes()
            .next_multiple_of(65_536);
        assert_eq!(size.bytes(), expected);
        assert_eq!(
            default_image_size(&path, ByteSize::from_mib(64)).unwrap(),
            ByteSize::from_mib(160)
        );
    }

    #[test]
    fn an_exact_size_is_rounded_and_an_extra_added() {
        let (_guard, path) = tree();
        let size = |size| disk_size(&path, &spec(&BlockDeviceConfig::unpartitioned(), size)).unwrap();
        assert_eq!(
            size(ImageSize::Exact(ByteSize::from_bytes(100_000))).bytes(),
            131_072
        );
        let used = ByteSize::from_kib(used_kib(&path, &[]).unwrap());
        let extra = size(ImageSize::FittingWithExtra(ByteSize::from_mib(10)));
        let expected = ByteSize::from_bytes(used.bytes() + ByteSize::from_mib(14).bytes());
        assert_eq!(extra, expected.rounded_up_to(GRANULE));
    }

    #[test]
    fn a_tree_that_is_missing_is_named() {
        let error = default_image_size("nowhere".into(), ByteSize::from_mib(1)).unwrap_err();
        assert_eq!(error.to_string(), r#"failed to measure "nowhere""#);
    }
}
