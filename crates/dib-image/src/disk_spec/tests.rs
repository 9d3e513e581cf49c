use super::*;

fn table(mkfs: &str) -> String {
    format!(
        "[{{local_loop: {{name: d}}}}, {{partitioning: {{base: d, label: gpt, partitions: [\n\
         {{name: ESP, type: EF00, size: 10MiB, mkfs: {{{mkfs}}}}},\n\
         {{name: root, size: 100%, mkfs: {{mount: {{mount_point: /, fstab: {{fsck-passno: 1}}}}}}}}]}}}}]"
    )
}

fn spec_of(layout: &str, root: &RootFileSystem, seed: Option<u64>) -> Result<DiskSpec, DiskSpecError> {
    let layout = BlockDeviceConfig::parse(layout, "test").unwrap();
    DiskSpec::new(layout, root, ImageSize::Fitting, seed)
}

#[test]
fn a_disk_for_uefi_is_known_by_its_partitions() {
    let check = |layout: &str, expected| {
        let spec = spec_of(layout, &RootFileSystem::default(), None).unwrap();
        assert_eq!(spec.has_efi_system_partition(), expected, "for {layout}");
    };
    let gpt = table("type: vfat");
    let mbr = gpt.replace("gpt", "mbr");
    check(&gpt, true);
    check(&gpt.replace("EF00", "EF02"), false);
    check(&mbr.replace("EF00", "0xEF"), true);
    check(&mbr.replace("EF00", "0x83"), false);
}

fn check_error(layout: &str, expected: &str) {
    let error = spec_of(layout, &RootFileSystem::default(), None).unwrap_err();
    assert_eq!(error.to_string(), format!("test:{expected}"), "for {layout}");
}

#[test]
fn the_command_line_fills_what_the_layout_leaves_open() {
    let root = RootFileSystem {
        kind: FileSystemType::Ext4,
        label: Some("mine".to_owned()),
        options: vec!["-m".to_owned(), "0".to_owned()],
        journal: ByteSize::from_mib(32),
        max_online_resize: Some(1000),
    };
    let spec = spec_of(&table("type: vfat, mount: {mount_point: /boot/efi}"), &root, None).unwrap();
    let made = spec.root();
    assert_eq!(
        (made.label(), made.kind(), made.partition_number()),
        ("mine", FileSystemType::Ext4, Some(2))
    );
    assert_eq!(
        made.options,
        ["-E", "resize=1000", "-i", "4096", "-J", "size=32", "-m", "0"]
    );
    assert_eq!(made.journal, ByteSize::from_mib(32));
    // Only the root file system's journal, and only its options.
    assert_eq!(
        (spec.file_systems[0].label(), spec.file_systems[0].journal),
        ("MKFS_ESP", ByteSize::default())
    );
    assert!(spec.file_systems[0].options.is_empty());
    assert_eq!(
        (spec.root_label(), spec.root_file_system(), spec.boot_label()),
        ("mine", FileSystemType::Ext4, None)
    );

    let own = "[{local_loop: {name: d, mkfs: {name: mkfs_root, type: ext2, label: own, opts: -m 5, mount: {mount_point: /}}}}]";
    let spec = spec_of(own, &root, None).unwrap();
    assert_eq!(
        (spec.root_label(), spec.root_file_system()),
        ("own", FileSystemType::Ext2)
    );
    assert_eq!(spec.root().options, ["-m", "5"]);

    let xfs = RootFileSystem {
        kind: FileSystemType::Xfs,
        ..RootFileSystem::default()
    };
    let spec = DiskSpec::new(BlockDeviceConfig::unpartitioned(), &xfs, ImageSize::Fitting, None).unwrap();
    assert_eq!((spec.root_label(), spec.root().options.len()), ("img-rootfs", 0));
}

#[test]
fn another_name_is_not_the_one_the_command_line_means() {
    let other = "[{local_loop: {name: d, mkfs: {name: other, mount: {mount_point: /}}}}]";
    check_error(other, "1:25: mkfs other has no type");
    let other = other.replace("name: other", "name: other, type: ext4");
    let spec = spec_of(&other, &RootFileSystem::default(), None).unwrap();
    assert_eq!((spec.root_label(), spec.root().options.len()), ("other", 0));
}

#[test]
fn fstab_has_a_line_for_each_that_wants_one() {
    let layout = "
- local_loop: {name: d}
- partitioning:
    base: d
    label: mbr
    partitions:
    - {name: swap, size: 10%, mkfs: {type: swap, mount: {mount_point: swap, fstab: {options: x, fsck-passno: 3}}}}
    - {name: log, size: 10%, mkfs: {type: ext2, label: a b, mount: {mount_point: /var/log, fstab: }}}
    - {name: var, size: 10%, mkfs: {type: ext2, mount: {mount_point: /var}}}
    - {name: boot, size: 10%, mkfs: {type: vfat, label: Boot, mount: {mount_point: /boot, fstab: {options: ro, dump-freq: 1}}}}
    - {name: root, size: 10%, mkfs: {mount: {mount_point: /, fstab: {fsck-passno: 1, options: noatime}}}}
";
    let spec = spec_of(layout, &RootFileSystem::default(), None).unwrap();
    assert_eq!(
        spec.fstab(),
        "LABEL=cloudimg-rootfs / ext4 noatime 0 1\n\
         LABEL=BOOT /boot vfat ro 1 2\n\
         LABEL=a\\040b /var/log ext2 defaults 0 2\n\
         LABEL=mkfs_swap none swap sw 0 0\n"
    );
    assert_eq!(spec.boot_label(), Some("BOOT"));
    assert_eq!(
        spec.mount_points().collect::<Vec<_>>(),
        ["none", "/var/log", "/var", "/boot", "/"]
    );
    let order: Vec<&str> = spec
        .mounted_file_systems()
        .filter_map(FileSystem::mount_point)
        .collect();
    assert_eq!(order, ["/", "/boot", "/var", "/var/log", "none"]);
    let numbers: Vec<Option<u32>> = spec
        .file_systems
        .iter()
        .map(FileSystem::partition_number)
        .collect();
    assert_eq!(numbers, [5, 6, 7, 8, 9].map(Some));
    assert_eq!(
        spec.to_string(),
        "an MBR; as large as its files need, and two thirds more\n\
         5 swap (10%): swap mkfs_swap\n\
         6 log (10%): ext2 a b at /var/log\n\
         7 var (10%): ext2 mkfs_var at /var\n\
         8 boot (10%): vfat BOOT at /boot\n\
         9 root (10%): ext4 cloudimg-rootfs at /"
    );
}

#[test]
fn labels_and_identifiers_suit_their_file_systems() {
    check_error(
        &table("type: vfat, label: twelve-bytes"),
        "2:38: the label \"TWELVE-BYTES\" of mkfs mkfs_ESP is longer than the 11 bytes that vfat has for it",
    );
    check_error(
        &table("type: vfat, label: 'a:b'"),
        "2:38: the label \"A:B\" of mkfs mkfs_ESP has a character that no label of vfat can have",
    );
    check_error(
        &table("type: ext4, label: cloudimg-rootfs"),
        "3:26: mkfs mkfs_root and mkfs mkfs_ESP have the label \"cloudimg-rootfs\" both",
    );
    check_error(
        &table("type: ext4, uuid: root"),
        "2:38: uuid of mkfs mkfs_ESP must be a UUID, xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in hexadecimal digits, not \"root\"",
    );
    check_error(
        &table("type: vfat, uuid: 0d1b2c3a-0000-4000-8000-0123456789ab"),
        "2:38: uuid of mkfs mkfs_ESP must be a FAT's serial number, XXXX-XXXX in hexadecimal digits, not \
         \"0d1b2c3a-0000-4000-8000-0123456789ab\"",
    );
    check_error(
        &table("type: vfat, opts: -F 64"),
        "2:38: mkfs mkfs_ESP: the option \"-F\" is none that can be honoured for vfat",
    );
    check_error(
        &table("type: swap, opts: -f"),
        "2:38: mkfs mkfs_ESP: the option \"-f\" is none that can be honoured for swap",
    );
    let root = "[{local_loop: {name: d, mkfs: {name: mkfs_root, type: vfat, mount: {mount_point: /}}}}]";
    check_error(
        root,
        "1:25: mkfs mkfs_root, mounted at /, is of the type vfat, which can't hold the image's files",
    );
}

#[test]
fn identifiers_are_fixed_by_a_seed_and_names() {
    let spec = |seed| {
        let layout = table("type: vfat, mount: {mount_point: /boot/efi}");
        spec_of(&layout, &RootFileSystem::default(), seed).unwrap()
    };
    assert_eq!(spec(Some(1)), spec(Some(1)));
    let identifiers = |spec: &DiskSpec| {
        let table = spec.table.as_ref().unwrap();
        let file_systems = spec
            .file_systems
            .iter()
            .map(|file_system| file_system.identifier().to_string());
        let guids = table.guids.iter().map(ToString::to_string);
        file_systems
            .chain(guids)
            .chain([format!("{:?}", table.disk)])
            .collect::<std::collections::HashSet<_>>()
    };
    let all = [spec(Some(1)), spec(Some(2)), spec(None), spec(None)].map(|spec| identifiers(&spec));
    assert!(all.iter().all(|identifiers| identifiers.len() == 5), "{all:?}");
    let different: std::collections::HashSet<&String> = all.iter().flatten().collect();
    assert_eq!(different.len(), 20);
    let given = table("type: vfat, uuid: 12ab-34cd");
    let given = spec_of(&given, &RootFileSystem::default(), None).unwrap();
    assert_eq!(given.file_systems[0].identifier().to_string(), "12AB-34CD");
}
