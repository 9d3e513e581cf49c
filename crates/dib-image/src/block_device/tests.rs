use super::*;

const DISK: &str = "- local_loop: {name: disk}\n";

fn check_error(text: &str, expected: &str) {
    let error = BlockDeviceConfig::parse(text, "disk.yaml").unwrap_err();
    assert_eq!(error.to_string(), format!("disk.yaml:{expected}"), "for {text}");
}

/// Checks what is wrong with a table of these partitions, which begin in the third line.
fn check_partitions(label: &str, partitions: &str, expected: &str) {
    let text =
        format!("{DISK}- partitioning: {{base: disk, label: {label}, partitions: [\n{partitions}]}}\n");
    check_error(&text, expected);
}

#[test]
fn both_forms_say_the_same() {
    let nested = "
- local_loop:
    name: image0
    size: 2GiB
- partitioning:
    base: image0
    label: mbr
    align: 2MiB
    partitions:
      - name: root
        flags: [boot, primary]
        size: 54%
        mkfs:
          type: ext4
          opts: -O ^metadata_csum
          mount:
            mount_point: /
            fstab: {options: noatime, fsck-passno: 1}
      - name: var
        type: '0x82'
        size: 100%
        mkfs: {type: vfat, label: varlog, uuid: 12AB-34CD, mount: {mount_point: /var}}
";
    let flat = "
- fstab: {base: mount_mkfs_root, name: fstab_root, fsck-passno: 1, options: noatime}
- mkfs: {base: root, name: mkfs_root, type: ext4, opts: ' -O  ^metadata_csum '}
- mount: {base: mkfs_root, name: mount_mkfs_root, mount_point: /}
- mount: {base: mkfs_var, name: mount_mkfs_var, mount_point: /var}
- mkfs: {base: var, name: mkfs_var, label: varlog, uuid: 12AB-34CD, type: vfat}
- partitioning:
    base: image0
    name: mbr
    label: mbr
    align: 2MiB
    partitions:
      - {base: image0, name: root, flags: [primary, boot], size: 54%}
      - {base: image0, name: var, size: 100%, type: '82'}
- local_loop: {name: image0, size: 2GiB}
";
    let read = |text| {
        let mut config = BlockDeviceConfig::parse(text, "test").unwrap();
        for file_system in &mut config.file_systems {
            file_system.place = None;
        }
        config
    };
    let config = read(nested);
    assert_eq!(config, read(flat));
    let table = config.table.unwrap();
    assert_eq!((table.kind, table.align), (TableKind::Mbr, 2 << 20));
    assert_eq!(config.size, Some(ByteSize::from_mib(2048)));
    let [root, var] = table.partitions.as_slice() else {
        panic!("{table:?}")
    };
    assert_eq!(
        (root.is_bootable, root.is_logical, root.kind),
        (true, false, PartitionType::Mbr(0x83))
    );
    assert_eq!(
        (var.is_bootable, var.is_logical, var.kind),
        (false, true, PartitionType::Mbr(0x82))
    );
    let [root, var] = config.file_systems.as_slice() else {
        panic!("{:?}", config.file_systems)
    };
    assert_eq!(
        root.options.as_deref(),
        Some(["-O".to_owned(), "^metadata_csum".to_owned()].as_slice())
    );
    assert_eq!((root.partition, var.partition), (Some(0), Some(1)));
    assert_eq!(var.mount.as_ref().unwrap().fstab, None);
}

#[test]
fn nodes_may_stand_within_the_disk() {
    let text = "
- local_loop:
    name: disk
    block_size: 4096
    partitioning:
      label: gpt
      partitions:
      - {name: BSP, type: EF02, size: 8MiB}
      - {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}
";
    let config = BlockDeviceConfig::parse(text, "test").unwrap();
    assert_eq!(
        (config.sector_size, config.table_kind()),
        (SectorSize::Bytes4096, Some(TableKind::Gpt))
    );
    let names: Vec<&str> = config
        .file_systems
        .iter()
        .map(|file_system| file_system.name.as_str())
        .collect();
    assert_eq!(names, ["mkfs_root"]);
    let unpartitioned = BlockDeviceConfig::unpartitioned();
    assert_eq!(
        (unpartitioned.table_kind(), unpartitioned.file_systems.len()),
        (None, 1)
    );
}

#[test]
fn a_document_is_a_list_of_nodes() {
    check_error(
        "a: 1\n",
        "1:1: the configuration of the disk must be a list, not a mapping",
    );
    check_error(
        "",
        "1:1: the configuration of the disk must be a list, not nothing",
    );
    check_error("- [\n", "1:3: unclosed bracket '['");
    let one = "an entry must be one node, a mapping with one key out of local_loop, partitioning, mkfs, mount, fstab";
    check_error("- x\n", &format!("1:3: {one}"));
    check_error("- {mkfs: {}, mount: {}}\n", &format!("1:3: {one}"));
    check_error(
        "- loop: {}\n",
        "1:3: there is no node \"loop\"; there are local_loop, partitioning, mkfs, mount, fstab",
    );
    let lvm = BlockDeviceConfig::parse("- lvm: {name: x}\n", "x").unwrap_err();
    assert!(
        lvm.to_string()
            .starts_with("x:1:3: logical volumes (lvm) can't be made"),
        "{lvm}"
    );
    check_error("[]", " one local_loop must be there, the disk, and there are 0");
    check_error(
        &DISK.repeat(2),
        "2:3: local_loop disk has the name of local_loop disk",
    );
    check_error(
        &format!("{DISK}- local_loop: {{name: other}}\n"),
        "2:3: one local_loop must be there, the disk, and there are 2",
    );
}

#[test]
fn keys_are_known_and_there() {
    check_error(
        "- local_loop: {size: 1GiB}\n",
        "1:3: the node local_loop has no name",
    );
    check_error("- mkfs: {type: ext4}\n", "1:3: the node mkfs has no base");
    check_error(
        "- local_loop: {name: d, sise: 1}\n",
        "1:25: local_loop d has no key \"sise\"; it has name, size, block_size",
    );
    check_error(
        "- local_loop: {name: d, block_size: 1024}\n",
        "1:37: block_size of local_loop d must be 512 or 4096, not \"1024\"",
    );
    check_error(
        "- local_loop: {name: d, size: 10%}\n",
        "1:31: local_loop d: \"10%\" is a share, but of nothing",
    );
    check_error(
        &format!("{DISK}- partitioning: {{base: disk, partitions: [{{name: r, size: 100%}}]}}\n"),
        "2:3: partitioning partitioning_disk has no label",
    );
    check_error(
        &format!("{DISK}- partitioning: {{base: disk, label: gpt}}\n"),
        "2:3: partitioning partitioning_disk has no partitions",
    );
    check_partitions(
        "bsd",
        "{name: r, size: 100%}",
        "2:37: label of partitioning partitioning_disk must be mbr or gpt, not \"bsd\"",
    );
    check_partitions("gpt", "{size: 1%}", "3:1: a partition has no name");
    check_partitions("gpt", "{name: r}", "3:1: the partition r has no size");
    check_partitions(
        "gpt",
        "{name: r, size: 1XB}",
        "3:17: the partition r: \"1XB\" is not a size: a number with one of the units B, K, M, G, T, KB … TB, KiB … TiB, or with %",
    );
    check_partitions(
        "gpt",
        "{name: r, size: 101%}",
        "3:17: the partition r: the size \"101%\" is more than all there is",
    );
    check_partitions(
        "gpt",
        "{name: r, size: 1%, flags: [bios]}",
        "3:29: a flag of the partition r must be boot or primary, not \"bios\"",
    );
    check_partitions(
        "mbr",
        "{name: r, size: 1%, type: EF00}",
        "3:27: the partition r: \"EF00\" is no type for an mbr, which has one of 01 to ff, such as 83",
    );
    check_partitions(
        "gpt",
        "{name: r, size: 1%, color: red}",
        "3:21: the partition r has no key \"color\"; it has name, base, type, size, flags",
    );
}

#[test]
fn partitions_have_room() {
    let primary = |name: &str| format!("{{name: {name}, size: 1%, flags: [primary]}},\n");
    check_partitions(
        "gpt",
        &primary("r"),
        "3:29: the partition r of a gpt can't be primary, for only an mbr makes that difference",
    );
    let five: String = ["a", "b", "c", "d", "e"].map(primary).concat();
    let too_many = "an mbr has room for 4 primary partitions, or 3 beside logical ones;";
    check_partitions("mbr", &five, &format!("7:1: {too_many} e is one too many"));
    let beside = ["a", "b", "c", "d"].map(primary).concat() + "{name: l, size: 1%}";
    check_partitions("mbr", &beside, &format!("6:1: {too_many} d is one too many"));
    check_partitions(
        "mbr",
        &format!("{{name: l, size: 1%}},\n{}", primary("p")),
        "4:1: the primary partition p stands behind one that is not; primary ones come first",
    );
    check_partitions(
        "gpt",
        "{name: all, size: 100%},\n{name: more, size: 8MiB}",
        "4:1: the partition more has no room, for all before it takes all there is",
    );
    let many: Vec<String> = (0..129)
        .map(|number| format!("{{name: p{number}, size: 1MiB}},\n"))
        .collect();
    let many = many.concat();
    check_partitions("gpt", &many, "131:1: a gpt has room for 128 partitions");
    check_error(
        "- local_loop: {name: d, block_size: 4096}\n- partitioning: {base: d, label: mbr, partitions: [{name: r, size: 1%}]}\n",
        "1:3: an mbr counts sectors of 512 bytes; a disk with sectors of 4096 bytes needs a gpt",
    );
}

#[test]
fn nodes_stand_on_what_carries_them() {
    let with = |more: &str| format!("{DISK}{more}");
    let root = "- mkfs: {base: disk, name: r, mount: {name: m, mount_point: /}}\n";
    check_error(
        &with("- mkfs: {base: dsik}\n"),
        "2:3: mkfs mkfs_dsik stands on \"dsik\", which is nowhere",
    );
    check_error(
        &with(&format!("{root}- mount: {{base: disk, mount_point: /x}}\n")),
        "3:3: mount mount_disk stands on local_loop disk, but only a file system (mkfs) can carry it",
    );
    check_error(
        &with(&format!("{root}- fstab: {{base: r}}\n")),
        "3:3: fstab fstab_r stands on mkfs r, but only a mount can carry it",
    );
    check_error(
        &with(&format!("{root}- mkfs: {{base: disk, name: s}}\n")),
        "3:3: mkfs s and mkfs r stand on disk both",
    );
    check_error(
        &with(&format!("{root}- mount: {{base: r, name: n, mount_point: /x}}\n")),
        "3:3: mount n and mount m stand on r both",
    );
    check_error(
        &with(
            "- partitioning: {base: disk, label: gpt, partitions: [{name: p, size: 1%}]}\n- mkfs: {base: disk, name: r}\n",
        ),
        "3:3: mkfs r stands on local_loop disk, but only a partition can carry it",
    );
    // A ring of nodes has one somewhere that stands on what can't carry it.
    check_error(
        &with("- mkfs: {name: a, base: b}\n- mount: {name: b, base: a, mount_point: /}\n"),
        "2:3: mkfs a stands on mount b, but only the disk can carry it",
    );
    check_error(
        &with("- partitioning: {base: dsik, label: gpt, partitions: [{name: p, size: 1%}]}\n"),
        "2:3: partitioning partitioning_dsik stands on \"dsik\", which is nowhere",
    );
    check_error(
        &with("- mkfs: {base: disk, name: disk}\n"),
        "2:3: mkfs disk has the name of local_loop disk",
    );
}

#[test]
fn one_file_system_is_the_root() {
    let partitions = |more: &str| {
        format!(
            "{DISK}- partitioning: {{base: disk, label: gpt, partitions: [\n\
             {{name: a, size: 1%, mkfs: {{mount: {{mount_point: /x}}}}}},\n{{name: b, size: 1%, mkfs: {{{more}}}}}]}}\n"
        )
    };
    check_error(&partitions("type: ext4"), " no file system is mounted at /");
    check_error(
        &partitions("mount: {mount_point: /x}"),
        "4:28: mount mount_mkfs_b and mount mount_mkfs_a are mounted at /x both",
    );
    let wanted = "must be an absolute path without \".\" and \"..\"";
    for point in ["x", "/x/../y", "//x", "/x/"] {
        check_error(
            &partitions(&format!("mount: {{mount_point: {point}}}")),
            &format!("4:49: mount_point of mount mount_mkfs_b {wanted}, not \"{point}\""),
        );
    }
    check_error(
        &partitions("mount: {mount_point: /, fstab: {options: 'a b'}}"),
        "4:69: options of fstab fstab_mount_mkfs_b must be options without blanks between them, not \"a b\"",
    );
    check_error(
        &partitions("mount: {mount_point: /, fstab: {fsck-passno: first}}"),
        "4:73: fsck-passno of fstab fstab_mount_mkfs_b must be a number, not \"first\"",
    );
    check_error(
        &partitions("type: zfs"),
        "4:34: mkfs mkfs_b: no file system of the type \"zfs\" can be made; there are ext2, ext3, ext4, vfat, xfs and swap",
    );
}

proptest::proptest! {
    #[test]
    fn no_text_panics(
        words in proptest::collection::vec(
            "(- |  |\n|: |, |\\[|\\]|\\{|\\}|local_loop|partitioning|partitions|mkfs|mount|fstab|name|base|size|100%|1MiB|label|gpt|mbr|d|/)",
            0..60,
        )
    ) {
        let _ = BlockDeviceConfig::parse(&words.concat(), "test");
    }
}
