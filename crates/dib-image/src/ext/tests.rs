use std::os::unix::fs::MetadataExt;

use std::fs::{self, File};

use super::*;
use crate::fixture::{self, Fixture, NET_RAW, check_ext4, fixture, run};
use crate::partition_table::Extent;
use crate::{BlockDeviceConfig, ByteSize, DiskSpec, ImageSize, RootFileSystem};

fn spec_of(layout: &str, seed: Option<u64>) -> DiskSpec {
    let root = RootFileSystem {
        journal: ByteSize::from_mib(4),
        ..RootFileSystem::default()
    };
    let layout = BlockDeviceConfig::parse(layout, "test").unwrap();
    DiskSpec::new(layout, &root, ImageSize::Fitting, seed).unwrap()
}

fn layout(mkfs: &str) -> String {
    format!("[{{local_loop: {{name: image0, mkfs: {{{mkfs}, mount: {{mount_point: /}}}}}}}}]")
}

/// Makes the file system that the layout describes in the whole of the image.
fn make_as(
    layout: &str,
    tree: &Utf8Path,
    nodes: &[DeviceNode],
    image: &Utf8Path,
    seed: Option<u64>,
) -> Result<(), ExtError> {
    let file = File::options().read(true).write(true).open(image).unwrap();
    let length = file.metadata().unwrap().len();
    let room = Room {
        image,
        file: &file,
        extent: Extent { start: 0, length },
        sector_size: 512,
    };
    make_ext(tree, nodes, room, spec_of(layout, seed).root(), seed)
}

fn make(tree: &Utf8Path, nodes: &[DeviceNode], image: &Utf8Path) -> Result<(), ExtError> {
    make_as(&layout("name: mkfs_root"), tree, nodes, image, None)
}

fn image(fixture: &Fixture, size: ByteSize) -> Utf8PathBuf {
    let path = fixture.scratch.join("disk.raw");
    File::create(&path).unwrap().set_len(size.bytes()).unwrap();
    path
}

fn debugfs(image: &Utf8Path, request: &str) -> String {
    run("debugfs", &["-R", request, image.as_str()])
}

/// Returns what stands in a `stat` behind a field's name.
fn field<'a>(stat: &'a str, name: &str) -> &'a str {
    let (_, rest) = stat
        .split_once(name)
        .unwrap_or_else(|| panic!("no {name} in {stat}"));
    rest.split_whitespace().next().unwrap()
}

#[test]
fn everything_is_in_it_and_it_is_sound() {
    let fixture = fixture();
    let image = image(&fixture, ByteSize::from_mib(48));
    let layout = layout("name: mkfs_root, uuid: 0d1b2c3a-0000-4000-8000-0123456789ab");
    make_as(&layout, &fixture.tree, &fixture::device_nodes(), &image, None).unwrap();
    check_ext4(&image);

    let superblock = debugfs(&image, "show_super_stats -h");
    assert_eq!(field(&superblock, "Filesystem volume name:"), "cloudimg-rootfs");
    assert_eq!(
        field(&superblock, "Filesystem UUID:"),
        "0d1b2c3a-0000-4000-8000-0123456789ab"
    );

    for path in [
        "",
        "etc/hostname",
        "usr/bin/passwd",
        "var/mail",
        "etc/same",
        &fixture::long_name(),
    ] {
        let expected = fs::metadata(fixture.tree.join(path)).unwrap();
        let stat = debugfs(&image, &format!("stat /{path}"));
        assert_eq!(
            field(&stat, "Mode:"),
            format!("0{:03o}", expected.mode() & 0o7777),
            "{path}"
        );
        assert_eq!(field(&stat, "User:"), expected.uid().to_string(), "{path}");
        assert_eq!(field(&stat, "Group:"), expected.gid().to_string(), "{path}");
        assert!(
            field(&stat, "mtime:").starts_with(&format!("0x{:08x}", expected.mtime())),
            "{path}: {stat}"
        );
        if expected.is_file() {
            assert_eq!(field(&stat, "Links:"), expected.nlink().to_string(), "{path}");
        }
    }
    assert_eq!(debugfs(&image, "cat /etc/hostname"), "fixture\n");
    assert!(
        debugfs(&image, "cat /etc/same").as_bytes() == String::from_utf8_lossy(&fixture::large()).as_bytes()
    );
    assert!(debugfs(&image, "stat /etc/pipe").contains("Type: FIFO"));
    assert!(debugfs(&image, "stat /bin").contains("Fast link dest: \"/usr/bin\""));

    let value = debugfs(&image, &format!("ea_get -x /usr/bin/ping {}", fixture.capability));
    let bytes: Vec<String> = NET_RAW.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(value.contains(&bytes.join(" ")), "{value}");
}

#[test]
fn device_nodes_are_in_it() {
    let fixture = fixture();
    let image = image(&fixture, ByteSize::from_mib(48));
    let mut nodes = fixture::device_nodes();
    let mut odd = nodes[0].clone();
    odd.path = r#"/etc/an "odd" name # <12>"#.parse().unwrap();
    nodes.push(odd);
    make(&fixture.tree, &nodes, &image).unwrap();
    check_ext4(&image);

    let null = debugfs(&image, "stat /dev/null");
    assert!(
        null.contains("Type: character special") && null.contains("number: 01:03"),
        "{null}"
    );
    assert_eq!(
        (field(&null, "Mode:"), field(&null, "mtime:")),
        ("0666", "0x3a7b8372:00000000")
    );
    let loop0 = debugfs(&image, "stat /dev/loop0");
    assert!(
        loop0.contains("Type: block special") && loop0.contains("number: 07:00"),
        "{loop0}"
    );
    assert_eq!(
        (field(&loop0, "Mode:"), field(&loop0, "Group:")),
        ("0660", "70000")
    );
    let log = debugfs(&image, "stat /dev/log");
    assert!(log.contains("number: 01:11"), "it took the socket's place: {log}");
    assert!(debugfs(&image, "ls /etc").contains(r#"an "odd" name # <12>"#));
}

#[test]
fn a_device_node_needs_a_real_directory() {
    let fixture = fixture();
    let image = image(&fixture, ByteSize::from_mib(48));
    let mut node = fixture::device_nodes().remove(0);
    // `bin` is a symbolic link, which leads somewhere else on the host than in the image.
    for path in ["/nowhere/null", "/bin/null", "/etc/hostname/null"] {
        node.path = path.parse().unwrap();
        let error = make(&fixture.tree, &[node.clone()], &image).unwrap_err();
        assert!(matches!(error, ExtError::NoDirectory(_)), "{error}");
    }
    node.path = "/etc".parse().unwrap();
    let error = make(&fixture.tree, &[node.clone()], &image).unwrap_err();
    assert!(matches!(error, ExtError::InTheWay(_)), "{error}");
    node.path = "/dev/a\nquit".parse().unwrap();
    let error = make(&fixture.tree, &[node], &image).unwrap_err();
    assert!(matches!(error, ExtError::ControlCharacter(_)), "{error}");
}

#[test]
fn what_debugfs_refuses_is_an_error() {
    let fixture = fixture();
    let image = image(&fixture, ByteSize::from_mib(48));
    let mut node = fixture::device_nodes().remove(0);
    node.major = 1 << 20;
    let error = make(&fixture.tree, &[node], &image).unwrap_err();
    assert!(error.to_string().contains("mknod"), "{error}");
}

#[test]
fn what_has_no_room_is_told_apart() {
    let fixture = fixture();
    fs::write(fixture.tree.join("huge"), vec![1; 20 << 20]).unwrap();
    for size in [16, 2] {
        let error = make(&fixture.tree, &[], &image(&fixture, ByteSize::from_mib(size))).unwrap_err();
        assert!(matches!(error, ExtError::TooSmall(_)), "{error}");
    }
}

#[test]
fn each_of_the_types_is_made_at_its_offset() {
    let fixture = fixture();
    for (kind, journal) in [("ext2", false), ("ext3", true), ("ext4", true)] {
        let path = image(&fixture, ByteSize::from_mib(64));
        let layout = layout(&format!("name: root, type: {kind}"));
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let room = Room {
            image: &path,
            file: &file,
            extent: Extent {
                start: 3 << 20,
                length: 60 << 20,
            },
            sector_size: 4096,
        };
        let nodes = fixture::device_nodes();
        make_ext(&fixture.tree, &nodes, room, spec_of(&layout, None).root(), None).unwrap();
        let at = format!("{path}?offset={}", 3 << 20);
        run("e2fsck", &["-fn", &at]);
        let superblock = debugfs(Utf8Path::new(&at), "show_super_stats -h");
        assert_eq!(field(&superblock, "Filesystem volume name:"), "root");
        assert_eq!(field(&superblock, "Block size:"), "4096");
        assert_eq!(field(&superblock, "Block count:"), (60 << 8).to_string());
        assert_eq!(superblock.contains("has_journal"), journal, "{superblock}");
        assert_eq!(superblock.contains("extent"), kind == "ext4", "{superblock}");
        assert_eq!(debugfs(Utf8Path::new(&at), "cat /etc/hostname"), "fixture\n");
        assert!(debugfs(Utf8Path::new(&at), "stat /dev/null").contains("number: 01:03"));
    }
}

#[test]
fn the_same_tree_gives_the_same_bytes_at_a_fixed_time() {
    const TIME: u64 = 1_700_000_000;
    let fixture = fixture();
    let layout = layout("name: mkfs_root");
    let made = |read_at| {
        let hostname = File::open(fixture.tree.join("etc/hostname")).unwrap();
        let read_at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(read_at);
        hostname
            .set_times(fs::FileTimes::new().set_accessed(read_at))
            .unwrap();
        let path = image(&fixture, ByteSize::from_mib(48));
        make_as(
            &layout,
            &fixture.tree,
            &fixture::device_nodes(),
            &path,
            Some(TIME),
        )
        .unwrap();
        check_ext4(&path);
        let stat = debugfs(&path, "stat /etc/hostname");
        for name in ["ctime:", "atime:", "crtime:"] {
            assert_eq!(field(&stat, name), format!("0x{TIME:x}:00000000"), "{name}");
        }
        assert_eq!(field(&stat, "mtime:").split(':').next(), Some("0x3a7b8372"));
        let superblock = debugfs(&path, "show_super_stats -h");
        for name in ["Filesystem created:", "Last write time:", "Last checked:"] {
            let (_, rest) = superblock.split_once(name).unwrap();
            assert!(
                rest.trim_start().starts_with("Tue Nov 14 22:13:20 2023"),
                "{name} {rest}"
            );
        }
        fs::read(&path).unwrap()
    };
    assert!(made(1_000_000_000) == made(1_100_000_000), "the images differ");
}

#[test]
fn inodes_are_found_wherever_their_descriptors_are() {
    const TIME: u64 = 1_700_000_000;
    let fixture = fixture();
    // mke2fs turns to meta_bg by itself where groups are many.
    for options in [
        "-g 1024",
        "-b 1024 -O meta_bg,^resize_inode",
        "-b 1024 -O meta_bg,^resize_inode,^sparse_super,^64bit",
    ] {
        // Enough groups for a second block of descriptors.
        let path = image(&fixture, ByteSize::from_mib(600));
        let layout = layout(&format!("name: mkfs_root, opts: '{options} -J size=4 -N 60000'"));
        make_as(&layout, &fixture.tree, &[], &path, Some(TIME)).unwrap();
        run("e2fsck", &["-fn", path.as_str()]);
        let stat = debugfs(&path, "stat /etc/hostname");
        for name in ["ctime:", "atime:"] {
            assert!(
                field(&stat, name).starts_with(&format!("0x{TIME:x}")),
                "{options}: {stat}"
            );
        }
    }
}
