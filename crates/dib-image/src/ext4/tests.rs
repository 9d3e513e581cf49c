use std::os::unix::fs::MetadataExt;

use super::*;
use crate::fixture::{self, Fixture, NET_RAW, check_ext4, fixture, run};
use crate::{FileSystemUuid, OutputFile};

fn spec() -> FileSystemSpec {
    FileSystemSpec {
        journal: ByteSize::from_mib(4),
        ..FileSystemSpec::default()
    }
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
    let uuid: FileSystemUuid = "0d1b2c3a-0000-4000-8000-0123456789ab".parse().unwrap();
    let spec = FileSystemSpec {
        uuid: Some(uuid),
        ..spec()
    };
    make_ext4(&fixture.tree, &fixture::device_nodes(), &image, &spec).unwrap();
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
    make_ext4(&fixture.tree, &nodes, &image, &spec()).unwrap();
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
fn the_image_stays_sparse() {
    let fixture = fixture();
    let path = image(&fixture, ByteSize::from_mib(2048));
    make_ext4(&fixture.tree, &[], &path, &FileSystemSpec::default()).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.len(), 2 << 30);
    assert!(metadata.blocks() * 512 < 16 << 20, "{} blocks", metadata.blocks());
}

#[test]
fn a_tree_that_does_not_fit_is_said_with_the_remedy() {
    let fixture = fixture();
    fs::write(fixture.tree.join("huge"), vec![1; 20 << 20]).unwrap();
    for size in [16, 2] {
        let path = image(&fixture, ByteSize::from_mib(size));
        let error = make_ext4(&fixture.tree, &[], &path, &spec()).unwrap_err();
        let Ext4Error::TooSmall { suggested, .. } = error else {
            panic!("{error}")
        };
        let expected = format!(
            "the tree does not fit into an image of {size}MiB; ask for one of {suggested} with --image-size"
        );
        assert_eq!(error.to_string(), expected);
        let path = image(&fixture, suggested);
        make_ext4(&fixture.tree, &[], &path, &spec()).unwrap();
    }
}

#[test]
fn a_device_node_needs_a_real_directory() {
    let fixture = fixture();
    let image = image(&fixture, ByteSize::from_mib(48));
    let mut node = fixture::device_nodes().remove(0);
    // `bin` is a symbolic link, which leads somewhere else on the host than in the image.
    for path in ["/nowhere/null", "/bin/null", "/etc/hostname/null"] {
        node.path = path.parse().unwrap();
        let error = make_ext4(&fixture.tree, &[node.clone()], &image, &spec()).unwrap_err();
        assert!(matches!(error, Ext4Error::NoDirectory(_)), "{error}");
    }
    node.path = "/etc".parse().unwrap();
    let error = make_ext4(&fixture.tree, &[node.clone()], &image, &spec()).unwrap_err();
    assert!(matches!(error, Ext4Error::InTheWay(_)), "{error}");
    node.path = "/dev/a\nquit".parse().unwrap();
    let error = make_ext4(&fixture.tree, &[node], &image, &spec()).unwrap_err();
    assert!(matches!(error, Ext4Error::ControlCharacter(_)), "{error}");
}

#[test]
fn what_debugfs_refuses_is_an_error() {
    let fixture = fixture();
    let image = image(&fixture, ByteSize::from_mib(48));
    let mut node = fixture::device_nodes().remove(0);
    node.major = 1 << 20;
    let error = make_ext4(&fixture.tree, &[node], &image, &spec()).unwrap_err();
    assert!(error.to_string().contains("mknod"), "{error}");
}

#[test]
fn an_output_file_can_be_the_image() {
    let fixture = fixture();
    let output = OutputFile::create(&fixture.scratch.join("final.raw")).unwrap();
    let size = ByteSize::from_mib(48);
    make_ext4_of_size(
        &fixture.tree,
        &[],
        (output.temporary_path(), output.file()),
        &spec(),
        size,
    )
    .unwrap();
    check_ext4(output.temporary_path());
}
