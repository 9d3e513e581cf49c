use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};

use dib_sys::DeviceKind;

use super::*;
use crate::fixture::{self, Fixture, check_ext4, fixture, run, run_of};
use crate::{BlockDeviceConfig, ImageSize, RootFileSystem};

const UNPARTITIONED: &str = "[{local_loop: {name: d, mkfs: {name: mkfs_root, mount: {mount_point: /}}}}]";

fn spec(layout: &str, size: ImageSize, seed: Option<u64>) -> DiskSpec {
    let root = RootFileSystem {
        journal: ByteSize::from_mib(4),
        ..RootFileSystem::default()
    };
    DiskSpec::new(
        BlockDeviceConfig::parse(layout, "test").unwrap(),
        &root,
        size,
        seed,
    )
    .unwrap()
}

fn make(fixture: &Fixture, name: &str, spec: &DiskSpec) -> Result<Utf8PathBuf, DiskError> {
    let path = fixture.scratch.join(name);
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .unwrap();
    make_disk(
        &fixture.tree,
        &fixture::device_nodes(),
        spec,
        (&path, &file),
        &mut |_| {},
    )?;
    Ok(path)
}

/// Copies a partition to a file of its own.
fn partition(disk: &Utf8Path, spec: &DiskSpec, index: usize) -> Utf8PathBuf {
    let file = File::open(disk).unwrap();
    let extents = lay_out(spec, ByteSize::from_bytes(file.metadata().unwrap().len())).unwrap();
    let mut bytes = vec![0; usize::try_from(extents[index].length).unwrap()];
    file.read_exact_at(&mut bytes, extents[index].start).unwrap();
    let path = Utf8PathBuf::from(format!("{disk}.{index}"));
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn each_partition_holds_what_is_its_own() {
    let fixture = fixture();
    fs::create_dir_all(fixture.tree.join("boot/efi/EFI")).unwrap();
    fs::write(fixture.tree.join("boot/efi/EFI/x.efi"), "efi").unwrap();
    fs::write(fixture.tree.join("boot/kernel"), "kernel").unwrap();
    let layout = "
- local_loop: {name: d}
- partitioning:
    base: d
    label: gpt
    partitions:
    - {name: ESP, type: EF00, size: 4MiB, mkfs: {type: vfat, mount: {mount_point: /boot/efi}}}
    - {name: boot, size: 8MiB, mkfs: {type: ext2, mount: {mount_point: /boot}}}
    - {name: swap, type: '8200', size: 1MiB, mkfs: {type: swap, uuid: 0d1b2c3a-0000-4000-8000-0123456789ab, mount: {mount_point: none}}}
    - {name: dev, size: 8MiB, mkfs: {type: ext3, mount: {mount_point: /dev}}}
    - {name: unused, size: 8MiB, mkfs: {type: ext4}}
    - {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}
";
    let spec = spec(layout, ImageSize::Fitting, None);
    let disk = make(&fixture, "disk.raw", &spec).unwrap();
    let [esp, boot, swap, dev, unused, root] = [0, 1, 2, 3, 4, 5].map(|index| partition(&disk, &spec, index));
    run_of("dosfstools", "fsck.fat", &["-n", esp.as_str()]);
    for file_system in [&boot, &dev, &unused, &root] {
        check_ext4(file_system);
    }
    let debugfs = |image: &Utf8Path, request: &str| run("debugfs", &["-R", request, image.as_str()]);
    let names = |image: &Utf8Path, path: &str| {
        let listed = debugfs(image, &format!("ls -p {path}"));
        let mut names: Vec<String> = listed
            .lines()
            .filter_map(|line| line.split('/').nth(5))
            .map(str::to_owned)
            .collect();
        names.retain(|name| !matches!(name.as_str(), "." | ".." | "lost+found" | ""));
        names.sort();
        names
    };
    assert!(names(&root, "/boot").is_empty() && names(&root, "/dev").is_empty());
    assert_eq!(names(&boot, "/"), ["efi", "kernel"]);
    assert!(names(&boot, "/efi").is_empty() && names(&unused, "/").is_empty());
    assert_eq!(names(&dev, "/"), ["log", "loop0", "null"]);
    assert!(debugfs(&dev, "stat /null").contains("number: 01:03"));
    assert_eq!(debugfs(&root, "cat /etc/hostname"), "fixture\n");
    assert!(
        fs::read(&esp)
            .unwrap()
            .windows(11)
            .any(|window| window == b"X       EFI")
    );
    let header = fs::read(&swap).unwrap();
    assert_eq!(&header[4086..4096], b"SWAPSPACE2");
    assert_eq!(header[1024..1036], [1, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(header[1036..1040], [0x0d, 0x1b, 0x2c, 0x3a]);
    assert_eq!(&header[1052..1062], b"mkfs_swap\0");
    // The tree is as it was.
    assert!(fixture.tree.join("boot/efi/EFI/x.efi").is_file());
    assert!(
        fixture
            .scratch
            .read_dir_utf8()
            .unwrap()
            .all(|entry| !entry.unwrap().file_name().starts_with(".dib"))
    );
}

#[test]
fn the_same_tree_gives_the_same_disk_at_a_fixed_time() {
    let fixture = fixture();
    let layout = "
- local_loop: {name: d}
- partitioning:
    base: d
    label: gpt
    partitions:
    - {name: ESP, type: EF00, size: 4MiB, mkfs: {type: vfat, mount: {mount_point: /boot/efi}}}
    - {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}
";
    let made = |name| {
        let spec = spec(layout, ImageSize::Fitting, Some(1_700_000_000));
        fs::read(make(&fixture, name, &spec).unwrap()).unwrap()
    };
    assert!(made("one.raw") == made("other.raw"), "the disks differ");
}

#[test]
fn a_tree_that_does_not_fit_is_said_with_the_remedy() {
    let fixture = fixture();
    fs::write(fixture.tree.join("huge"), vec![1; 20 << 20]).unwrap();
    let mbr = UNPARTITIONED.replace(
        "mkfs: {name: mkfs_root, mount: {mount_point: /}}",
        "partitioning: {label: mbr, partitions: [{name: root, size: 100%, mkfs: {mount: {mount_point: /}}}]}",
    );
    for layout in [UNPARTITIONED, &mbr] {
        for size in [16, 5] {
            let exact = |size| ImageSize::Exact(size);
            let own = spec(layout, exact(ByteSize::from_mib(size)), None);
            let error = make(&fixture, "disk.raw", &own).unwrap_err();
            let DiskError::TooSmall { suggested, .. } = error else {
                panic!("{error}")
            };
            let expected = format!(
                "the tree does not fit into an image of {size}MiB; ask for one of {suggested} with --image-size"
            );
            assert_eq!(error.to_string(), expected);
            make(&fixture, "disk.raw", &spec(layout, exact(suggested), None)).unwrap();
        }
    }
}

#[test]
fn a_partition_that_is_too_small_is_named() {
    let fixture = fixture();
    fs::write(fixture.tree.join("var/huge"), vec![1; 20 << 20]).unwrap();
    let layout = |mkfs: &str| {
        format!(
            "[{{local_loop: {{name: d}}}}, {{partitioning: {{base: d, label: gpt, partitions: [\
             {{name: var, size: 8MiB, mkfs: {{{mkfs}, mount: {{mount_point: /var}}}}}}, \
             {{name: root, size: 100%, mkfs: {{mount: {{mount_point: /}}}}}}]}}}}]"
        )
    };
    let error = |mkfs: &str, size| {
        make(&fixture, "disk.raw", &spec(&layout(mkfs), size, None))
            .unwrap_err()
            .to_string()
    };
    let fitting = ImageSize::Fitting;
    assert_eq!(
        error("type: ext4", fitting),
        "the files at /var do not fit into their partition var of 8MiB"
    );
    assert!(error("type: vfat", fitting).contains("do not fit into a FAT file system of 8388608 bytes"));
    assert!(error("type: xfs", fitting).starts_with("no XFS file system with files in it can be made"));
    let size = ImageSize::Exact(ByteSize::from_mib(9));
    let expected =
        "an image of 9MiB has no room for the partition var; ask for a larger one with --image-size";
    assert_eq!(error("type: ext4", size), expected);
    let size = ImageSize::Exact(ByteSize::from_mib(3 << 20));
    let mbr = layout("type: ext4").replace("gpt", "mbr");
    let error = make(&fixture, "disk.raw", &spec(&mbr, size, None)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an image of 3TiB is more than an MBR can divide, which is 2TiB; take a GPT"
    );
    assert!(fixture.tree.join("var/huge").is_file());
}

#[test]
fn a_device_node_needs_a_file_system_that_has_some() {
    let fixture = fixture();
    fs::create_dir_all(fixture.tree.join("efi")).unwrap();
    let layout = "[{local_loop: {name: d}}, {partitioning: {base: d, label: mbr, partitions: [\
                  {name: efi, size: 4MiB, mkfs: {type: vfat, mount: {mount_point: /efi}}}, \
                  {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}]}}]";
    let spec = spec(layout, ImageSize::Fitting, None);
    let mut nodes = fixture::device_nodes();
    nodes[0].path = "/efi/null".parse().unwrap();
    assert_eq!(nodes[0].kind, DeviceKind::Character);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = Utf8Path::from_path(file.path()).unwrap();
    let error = make_disk(&fixture.tree, &nodes, &spec, (path, file.as_file()), &mut |_| {}).unwrap_err();
    let expected = "the device node /null belongs into a file system of the type vfat, which has none";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_empty_xfs_is_made() {
    let fixture = fixture();
    let layout = "[{local_loop: {name: d}}, {partitioning: {base: d, label: gpt, partitions: [\
                  {name: srv, size: 300MiB, mkfs: {type: xfs, mount: {mount_point: /srv}}}, \
                  {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}]}}]";
    let spec = spec(layout, ImageSize::Fitting, None);
    let disk = make(&fixture, "disk.raw", &spec).unwrap();
    assert!(fs::metadata(&disk).unwrap().blocks() * 512 < 64 << 20);
    run_of(
        "xfsprogs",
        "xfs_repair",
        &["-n", "-f", partition(&disk, &spec, 0).as_str()],
    );
}

#[test]
fn the_image_stays_sparse() {
    let fixture = fixture();
    let root = RootFileSystem::default();
    let size = ImageSize::Exact(ByteSize::from_mib(2048));
    let spec = DiskSpec::new(BlockDeviceConfig::unpartitioned(), &root, size, None).unwrap();
    let metadata = fs::metadata(make(&fixture, "disk.raw", &spec).unwrap()).unwrap();
    assert_eq!(metadata.len(), 2 << 30);
    assert!(metadata.blocks() * 512 < 16 << 20, "{} blocks", metadata.blocks());
}
