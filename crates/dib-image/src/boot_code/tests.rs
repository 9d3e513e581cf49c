use super::*;
use crate::partition_table::{lay_out, write_table};
use crate::{BlockDeviceConfig, DiskSpec, ImageSize, RootFileSystem};

const MIB: u64 = 1 << 20;
const SIZE: u64 = 32 * MIB;

struct Prepared {
    guard: tempfile::TempDir,
    tree: Utf8PathBuf,
    table: PartitionTable,
    extents: Vec<Extent>,
    disk: File,
}

/// Makes a disk with a table, and a tree with a boot sector of 0x11 and a core image of so many bytes.
fn prepare(table: &str, core: usize) -> Prepared {
    let layout = format!("[{{local_loop: {{name: d, partitioning: {{{table}}}}}}}]");
    let layout = BlockDeviceConfig::parse(&layout, "test").unwrap();
    let spec = DiskSpec::new(layout, &RootFileSystem::default(), ImageSize::Fitting, Some(7)).unwrap();
    let table = spec.table.unwrap();
    let extents = lay_out(&table, SIZE).unwrap();
    let disk = tempfile::tempfile().unwrap();
    disk.set_len(SIZE).unwrap();
    write_table(&disk, &table, &extents, SIZE).unwrap();
    let guard = tempfile::tempdir().unwrap();
    let tree = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    fs::create_dir_all(tree.join("boot/grub/i386-pc")).unwrap();
    fs::write(tree.join(BOOT), [0x11; 512]).unwrap();
    fs::write(tree.join(CORE), vec![0x22; core]).unwrap();
    Prepared {
        guard,
        tree,
        table,
        extents,
        disk,
    }
}

const MBR: &str =
    "label: mbr, partitions: [{name: root, size: 100%, flags: [primary], mkfs: {mount: {mount_point: /}}}]";
const GPT: &str = "label: gpt, partitions: [{name: BSP, type: EF02, size: 1MiB}, \
                   {name: root, size: 100%, mkfs: {mount: {mount_point: /}}}]";

impl Prepared {
    fn embed(&self) -> Result<(), BootCodeError> {
        embed(
            &self.tree,
            &self.table,
            &self.extents,
            ("disk".into(), &self.disk),
        )
    }

    fn bytes(&self, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.disk.read_exact_at(&mut bytes, offset).unwrap();
        bytes
    }
}

#[test]
fn grub_is_where_a_bios_finds_it() {
    for (table, first) in [(MBR, 1_u64), (GPT, 2048)] {
        let prepared = prepare(table, 1300);
        let before = prepared.bytes(0, 512);
        prepared.embed().unwrap();
        let boot = prepared.bytes(0, 512);
        assert_eq!(boot[..3], [0x11; 3]);
        assert_eq!(boot[0x3..0x5a], before[0x3..0x5a]);
        assert_eq!(boot[0x5a..0x5c], [0x11; 2]);
        assert_eq!(boot[0x5c..0x64], first.to_le_bytes());
        assert_eq!(boot[0x64..0x68], [0xff, 0x11, 0x90, 0x90]);
        assert!(boot[0x68..0x1b8].iter().all(|byte| *byte == 0x11));
        assert_eq!(boot[0x1b8..], before[0x1b8..]);
        let core = prepared.bytes(first * 512, 4 * 512);
        assert!(
            core[..0x1f4]
                .iter()
                .chain(&core[0x200..1300])
                .all(|byte| *byte == 0x22)
        );
        assert_eq!(core[0x1f4..0x1fc], (first + 1).to_le_bytes());
        assert_eq!(core[0x1fc..0x200], [2, 0, 0x20, 0x08]);
        assert!(core[1300..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn a_disk_without_a_place_for_it_stays_as_it_is() {
    for sector_size in [SectorSize::Bytes512, SectorSize::Bytes4096] {
        let mut prepared = prepare(&GPT.replace("EF02", "EF00"), 1300);
        prepared.table.sector_size = sector_size;
        let before = prepared.bytes(0, 4 << 20);
        prepared.embed().unwrap();
        assert!(prepared.bytes(0, 4 << 20) == before);
    }
    let prepared = prepare(MBR, 1300);
    fs::remove_file(prepared.tree.join(CORE)).unwrap();
    let before = prepared.bytes(0, 4 << 20);
    prepared.embed().unwrap();
    assert!(prepared.bytes(0, 4 << 20) == before);
}

#[test]
fn what_can_not_boot_is_an_error() {
    let check = |prepared: &Prepared, expected: &str| {
        let error = prepared.embed().unwrap_err();
        let source = std::error::Error::source(&error)
            .map(|source| format!(": {source}"))
            .unwrap_or_default();
        let said = format!("{error}{source}").replace(prepared.guard.path().to_str().unwrap(), "");
        assert_eq!(said, expected);
    };
    let core = "/boot/grub/i386-pc/core.img";
    check(
        &prepare(MBR, 1_048_065),
        &format!(
            "GRUB's core image {core} is of 1048065 bytes, and the gap before the first partition has room for 1048064"
        ),
    );
    check(
        &prepare(GPT, 1_048_577),
        &format!(
            "GRUB's core image {core} is of 1048577 bytes, and the BIOS boot partition has room for 1048576"
        ),
    );
    let nowhere = "the image has GRUB for a BIOS, but the disk has neither a BIOS boot partition (type EF02, sectors of 512 \
                   bytes) nor an EFI system partition (type EF00)";
    check(&prepare(&GPT.replace("EF02", "8300"), 1300), nowhere);
    let mut large_sectors = prepare(GPT, 1300);
    large_sectors.table.sector_size = SectorSize::Bytes4096;
    check(&large_sectors, nowhere);
    check(&prepare(MBR, 512), &format!("{core} is no core image of GRUB's"));
    let prepared = prepare(MBR, 1300);
    fs::write(prepared.tree.join(BOOT), "short").unwrap();
    check(
        &prepared,
        "/boot/grub/i386-pc/boot.img is no boot sector of GRUB's",
    );
    fs::remove_file(prepared.tree.join(BOOT)).unwrap();
    std::os::unix::fs::symlink("core.img", prepared.tree.join(BOOT)).unwrap();
    check(
        &prepared,
        "failed to copy GRUB's boot code from /boot/grub/i386-pc/boot.img to disk: \
         /boot/grub/i386-pc/boot.img is a symbolic link",
    );
    fs::remove_file(prepared.tree.join(BOOT)).unwrap();
    nix::unistd::mkfifo(
        prepared.tree.join(BOOT).as_std_path(),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    check(
        &prepared,
        "failed to copy GRUB's boot code from /boot/grub/i386-pc/boot.img to disk: \
         /boot/grub/i386-pc/boot.img is not a regular file",
    );
    let prepared = prepare(MBR, 1300);
    let core_file = File::options()
        .write(true)
        .open(prepared.tree.join(CORE))
        .unwrap();
    core_file.set_len(LARGEST + 1).unwrap();
    check(
        &prepared,
        &format!(
            "failed to copy GRUB's boot code from {core} to disk: {core} is too large for a file of GRUB's"
        ),
    );
}
