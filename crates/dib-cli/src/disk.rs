//! What the disk is like, worked out before anything is built.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{DiskImages, ImageSpec, OutputSpec, Plan, PlannedDisk, PlannedFileSystem, Registry};
use dib_image::{
    BlockDeviceConfig, ByteSize, DiskSpec, FileSystemType, ImageSize, RootFileSystem, SectorSize,
};

use crate::error::{CliError, ErrorKind};

/// The variable by which a user lays out the disk; upstream's name.
const BLOCK_DEVICE_CONFIG: &str = "DIB_BLOCK_DEVICE_CONFIG";
/// The variable by which a user chooses the size of sectors; upstream's name.
const BLOCK_SIZE: &str = "DIB_BLOCK_SIZE";
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Works out what a build does, and what its disk is like.
///
/// # Errors
/// When no plan can be made, or the disk can't be as it is wanted.
pub(crate) fn plan<'r>(registry: &'r Registry, spec: &ImageSpec) -> Result<(Plan<'r>, DiskSpec), CliError> {
    let plan = Plan::resolve(registry, spec)?;
    let output = &plan.spec().output;
    if output.boot_test.is_some() && output.disk_images == DiskImages::Omitted {
        let message = "there is no disk to boot, since the build leaves no image of one";
        return Err(CliError::new(ErrorKind::Usage, message).hint(
            "--boot-test and DIB_BOOT_TEST ask for it; ramdisks and the element no-final-image do without",
        ));
    }
    let disk = disk_spec(&plan)?;
    let plan = plan.with_disk(planned(&disk))?;
    Ok((plan, disk))
}

fn disk_spec(plan: &Plan<'_>) -> Result<DiskSpec, CliError> {
    let layout = with_sector_size(layout(plan)?, plan)?;
    let root = root_of_plan(plan)?;
    let size = image_size(&plan.spec().output);
    DiskSpec::new(layout, &root, size, seed(plan.variables().get(SOURCE_DATE_EPOCH))?).map_err(|error| {
        CliError::new(ErrorKind::Usage, error)
            .hint("the layout is that of an element or of DIB_BLOCK_DEVICE_CONFIG; --root-label and FS_TYPE say more of its root")
    })
}

/// Returns what a plan's disk hangs on, as a text: all but the identifiers that are random where no time is given.
///
/// # Errors
/// When the disk can't be as it is wanted.
pub(crate) fn origin(plan: &Plan<'_>) -> Result<String, CliError> {
    let layout = with_sector_size(layout(plan)?, plan)?;
    let (root, size) = (root_of_plan(plan)?, image_size(&plan.spec().output));
    let seed = seed(plan.variables().get(SOURCE_DATE_EPOCH))?;
    Ok(format!("{layout:?} {root:?} {size:?} {seed:?}"))
}

/// Works out what the disk of a tree that nobody builds is like: one file system.
///
/// # Errors
/// When the file system can't be as it is wanted.
pub(crate) fn of_tree(spec: &ImageSpec) -> Result<DiskSpec, CliError> {
    let (root, size) = (root_file_system(&spec.output)?, image_size(&spec.output));
    let seed = seed(spec.variables.get(SOURCE_DATE_EPOCH).map(String::as_str))?;
    DiskSpec::new(BlockDeviceConfig::unpartitioned(), &root, size, seed)
        .map_err(|error| CliError::new(ErrorKind::Usage, error))
}

/// Gives the disk sectors of the size that the user wants, whatever its layout says.
fn with_sector_size(layout: BlockDeviceConfig, plan: &Plan<'_>) -> Result<BlockDeviceConfig, CliError> {
    let size = match plan.variables().get(BLOCK_SIZE) {
        None | Some("") => return Ok(layout),
        Some("512") => SectorSize::Bytes512,
        Some("4096") => SectorSize::Bytes4096,
        Some(other) => {
            return Err(
                CliError::new(ErrorKind::Usage, format!("{BLOCK_SIZE} is {other:?}"))
                    .hint("sectors have 512 or 4096 bytes"),
            );
        }
    };
    layout
        .with_sector_size(size)
        .map_err(|error| CliError::new(ErrorKind::Usage, error).hint(format!("{BLOCK_SIZE} says so")))
}

/// Finds the disk's layout: the user's, an element's, or one file system over the whole disk.
fn layout(plan: &Plan<'_>) -> Result<BlockDeviceConfig, CliError> {
    let given = plan
        .variables()
        .get(BLOCK_DEVICE_CONFIG)
        .filter(|text| !text.is_empty());
    let parsed = match (given, plan.block_device()) {
        (Some(given), _) => match given.strip_prefix("file://") {
            Some(path) => {
                let path = Utf8Path::new(path);
                let text = fs::read_to_string(path).map_err(|source| {
                    let path = path.to_owned();
                    CliError::new(ErrorKind::Usage, LayoutFileError { path, source })
                        .hint("DIB_BLOCK_DEVICE_CONFIG names it, as file:///absolute/path")
                })?;
                BlockDeviceConfig::parse(&text, path.as_str())
            }
            None => BlockDeviceConfig::parse(given, BLOCK_DEVICE_CONFIG),
        },
        (None, Some(device)) => {
            let name = match device.file {
                Some(file) => file.to_string(),
                None => format!("the layout of element {}", device.element),
            };
            return BlockDeviceConfig::parse(device.config, &name)
                .map_err(|error| CliError::new(ErrorKind::Configuration, error));
        }
        (None, None) => return Ok(BlockDeviceConfig::unpartitioned()),
    };
    parsed.map_err(|error| CliError::new(ErrorKind::Usage, error))
}

#[derive(Debug, thiserror::Error)]
#[error("failed to read the disk's layout from {path}")]
struct LayoutFileError {
    path: Utf8PathBuf,
    source: io::Error,
}

/// Returns what a plan's root file system is like: with the user's wishes, and what the release of its system needs.
fn root_of_plan(plan: &Plan<'_>) -> Result<RootFileSystem, CliError> {
    let mut root = root_file_system(&plan.spec().output)?;
    if plan.variables().get("DIB_RELEASE") == Some("trusty") && root.kind == FileSystemType::Ext4 {
        // Its e2fsck takes the feature for damage.
        root.options
            .splice(0..0, ["-O", "^metadata_csum"].map(str::to_owned));
    }
    Ok(root)
}

fn root_file_system(output: &OutputSpec) -> Result<RootFileSystem, CliError> {
    let kind = output
        .root_file_system
        .parse::<FileSystemType>()
        .map_err(|error| {
            CliError::new(ErrorKind::Usage, error).hint("FS_TYPE names the root file system's type")
        })?;
    Ok(RootFileSystem {
        kind,
        label: output.root_label.clone(),
        options: output
            .mkfs_options
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        journal: ByteSize::from_mib(output.journal_mib),
        max_online_resize: output.max_online_resize,
    })
}

fn image_size(output: &OutputSpec) -> ImageSize {
    match (output.size, output.extra_size) {
        (Some(size), _) => ImageSize::Exact(ByteSize::from_bytes(size)),
        (None, Some(extra)) => ImageSize::FittingWithExtra(ByteSize::from_bytes(extra)),
        (None, None) => ImageSize::Fitting,
    }
}

/// Returns the time from which everything on the disk is derived that would be random else, where there is one.
fn seed(time: Option<&str>) -> Result<Option<u64>, CliError> {
    let time = time.filter(|text| !text.is_empty());
    time.map(|text| {
        text.parse().map_err(|_| {
            CliError::new(ErrorKind::Usage, format!("SOURCE_DATE_EPOCH is {text:?}"))
                .hint("it is a time in seconds since 1970")
        })
    })
    .transpose()
}

/// Says what hooks and people may know of the disk.
fn planned(disk: &DiskSpec) -> PlannedDisk {
    let mount_points: Vec<&str> = disk.mount_points().collect();
    let variables = [
        ("DIB_ROOT_LABEL", disk.root_label().to_owned()),
        ("DIB_ROOT_FSTYPE", disk.root_file_system().to_string()),
        ("DIB_BOOT_LABEL", disk.boot_label().unwrap_or_default().to_owned()),
        ("DIB_MOUNTPOINTS", mount_points.join("|")),
    ];
    let file_systems = disk.mounted_file_systems().map(|file_system| PlannedFileSystem {
        mount_point: file_system.mount_point().unwrap_or_default().to_owned(),
        kind: file_system.kind().to_string(),
        label: file_system.label().to_owned(),
        uuid: file_system.identifier().to_string(),
        partition: file_system.partition_number(),
    });
    PlannedDisk {
        variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        fstab: disk.fstab(),
        partition_table: disk.table_kind().map(|kind| kind.to_string()),
        file_systems: file_systems.collect(),
        summary: disk.to_string().lines().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use dib_core::Element;

    use super::*;

    fn registry() -> Registry {
        let mut registry = Registry::new();
        let layout = "- local_loop: {name: image0}\n- partitioning:\n    base: image0\n    label: mbr\n    \
                      partitions: [{name: root, flags: [primary], size: 100%, mkfs: {mount: {mount_point: /, fstab: {}}}}]\n";
        for element in [
            Element::new("base"),
            Element::new("tiny").provides(&["operating-system"]),
            Element::new("one-partition").block_device(layout),
        ] {
            registry.add(element).unwrap();
        }
        registry
    }

    fn planned_for(elements: &[&str], variables: &[(&str, &str)]) -> Result<PlannedDisk, CliError> {
        let registry = registry();
        let mut spec = ImageSpec::of_elements(elements);
        for (name, value) in variables {
            spec.variables.insert((*name).to_owned(), (*value).to_owned());
        }
        plan(&registry, &spec).map(|(plan, _)| plan.disk().clone())
    }

    #[test]
    fn a_disk_is_laid_out_by_an_element_or_not_at_all() {
        let plain = planned_for(&["tiny"], &[]).unwrap();
        assert_eq!(plain.partition_table, None);
        assert_eq!(plain.fstab, "LABEL=cloudimg-rootfs / ext4 defaults 0 1\n");
        let partitioned = planned_for(&["tiny", "one-partition"], &[]).unwrap();
        assert_eq!(partitioned.partition_table.as_deref(), Some("mbr"));
        assert_eq!(partitioned.file_system_at("/").unwrap().partition, Some(1));
        assert_eq!(
            partitioned.variables.get("DIB_MOUNTPOINTS").map(String::as_str),
            Some("/")
        );
    }

    #[test]
    fn what_an_image_hangs_on_has_the_needs_of_its_release() {
        let registry = registry();
        let origin_for = |release: &str| {
            let mut spec = ImageSpec::of_elements(&["tiny"]);
            spec.variables
                .insert("DIB_RELEASE".to_owned(), release.to_owned());
            origin(&plan(&registry, &spec).unwrap().0).unwrap()
        };
        assert_ne!(origin_for("trusty"), origin_for("xenial"));
        assert_eq!(origin_for("xenial"), origin_for("noble"));
    }

    #[test]
    fn the_user_lays_it_out_in_words_or_in_a_file() {
        let words =
            "[{local_loop: {name: a, mkfs: {name: mkfs_root, label: mine, mount: {mount_point: /}}}}]";
        let disk = planned_for(&["tiny", "one-partition"], &[(BLOCK_DEVICE_CONFIG, words)]).unwrap();
        assert_eq!(
            disk.variables.get("DIB_ROOT_LABEL").map(String::as_str),
            Some("mine")
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), words).unwrap();
        let url = format!("file://{}", file.path().display());
        let disk = planned_for(&["tiny"], &[(BLOCK_DEVICE_CONFIG, &url)]).unwrap();
        assert_eq!(
            disk.variables.get("DIB_ROOT_LABEL").map(String::as_str),
            Some("mine")
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |variable: &str, value: &str, expected: &str| {
            let error = planned_for(&["tiny"], &[(variable, value)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            let text = error.render();
            assert!(text.contains(expected), "{text}");
        };
        check(BLOCK_DEVICE_CONFIG, "file:///no/such/file", "/no/such/file");
        check(
            BLOCK_DEVICE_CONFIG,
            "- mkfs: {nome: a}",
            "DIB_BLOCK_DEVICE_CONFIG",
        );
        check(
            SOURCE_DATE_EPOCH,
            "yesterday",
            "SOURCE_DATE_EPOCH is \"yesterday\"",
        );
    }

    #[test]
    fn a_seed_makes_the_same_identifiers() {
        let disk = || planned_for(&["tiny", "one-partition"], &[(SOURCE_DATE_EPOCH, "1700000000")]).unwrap();
        assert_eq!(disk(), disk());
    }
}
