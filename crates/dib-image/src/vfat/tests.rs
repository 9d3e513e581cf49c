use std::fs;

use super::*;
use crate::fixture::run_of;
use crate::partition_table::Extent;
use crate::{BlockDeviceConfig, DiskSpec, ImageSize, RootFileSystem};

fn file_system(options: &str) -> FileSystem {
    let layout = format!(
        "[{{local_loop: {{name: d}}}}, {{partitioning: {{base: d, label: mbr, partitions: [\
         {{name: esp, size: 1MiB, mkfs: {{type: vfat, label: esp, uuid: 12AB-34CD, opts: '{options}'}}}}, \
         {{name: root, size: 100%, mkfs: {{mount: {{mount_point: /}}}}}}]}}}}]"
    );
    let layout = BlockDeviceConfig::parse(&layout, "test").unwrap();
    let spec = DiskSpec::new(layout, &RootFileSystem::default(), ImageSize::Fitting, None).unwrap();
    spec.file_systems[0].clone()
}

/// A directory with files of several sizes, many names, and directories in directories.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::create_dir_all(path.join("EFI/BOOT/a long name of a directory")).unwrap();
    fs::create_dir(path.join("EFI/empty")).unwrap();
    fs::write(path.join("EFI/BOOT/BOOTX64.EFI"), pattern(300_001)).unwrap();
    fs::write(path.join("EFI/BOOT/a long name of a directory/x"), "").unwrap();
    for number in 0..150 {
        let name = format!("EFI/empty/a name that takes several entries, number {number}.txt");
        fs::write(path.join(name), format!("{number}\n")).unwrap();
    }
    fs::write(path.join("grub.cfg"), "set x\n").unwrap();
    directory
}

fn pattern(length: u32) -> Vec<u8> {
    (0..length)
        .map(|number| (number / 251).to_le_bytes()[0])
        .collect()
}

/// Makes a file system of so many MiB at 1 MiB, checks it, and returns its bytes.
fn check(mib: u64, sector_size: u64, options: &str, kind: &str) -> Vec<u8> {
    let from = directory();
    let disk = tempfile::NamedTempFile::new().unwrap();
    let extent = Extent {
        start: 1 << 20,
        length: mib << 20,
    };
    disk.as_file().set_len(extent.end() + (1 << 20)).unwrap();
    let room = Room {
        image: Utf8Path::from_path(disk.path()).unwrap(),
        file: disk.as_file(),
        extent,
        sector_size,
    };
    make_vfat(
        Utf8Path::from_path(from.path()).unwrap(),
        room,
        &file_system(options),
    )
    .unwrap();
    let mut around = vec![0; 1 << 20];
    for offset in [0, extent.end()] {
        disk.as_file().read_exact_at(&mut around, offset).unwrap();
        assert!(
            around.iter().all(|byte| *byte == 0),
            "something was written outside of the room"
        );
    }
    let mut bytes = vec![0; usize::try_from(extent.length).unwrap()];
    disk.as_file().read_exact_at(&mut bytes, extent.start).unwrap();
    let own = tempfile::NamedTempFile::new().unwrap();
    fs::write(own.path(), &bytes).unwrap();
    let path = own.path().to_str().unwrap();
    let said = run_of("dosfstools", "fsck.fat", &["-n", "-v", path]);
    assert!(said.contains(kind), "{said}");
    for complaint in [
        "uninitialized",
        "Renamed",
        "Deleting",
        "differences",
        "wrong",
        "Leaving",
    ] {
        assert!(!said.contains(complaint), "{said}");
    }
    bytes
}

#[test]
fn each_width_is_sound() {
    let find = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    for (mib, sector_size, options, kind) in [
        (2, 512, "", "12 bit entries"),
        (16, 512, "", "16 bit entries"),
        (34, 512, "", "32 bit entries"),
        (64, 512, "-F 16 -s 8", "16 bit entries"),
        (64, 4096, "-F16", "16 bit entries"),
        (270, 4096, "", "32 bit entries"),
    ] {
        let bytes = check(mib, sector_size, options, kind);
        assert!(find(&bytes, &pattern(300_001)));
        assert!(find(&bytes, b"BOOTX64 EFI"));
        assert!(find(&bytes, b"ESP        "));
        assert!(find(&bytes, &0x12ab_34cd_u32.to_le_bytes()));
    }
}

#[test]
fn what_a_fat_cannot_hold_is_said() {
    let make = |prepare: &dyn Fn(&std::path::Path), mib: u64| {
        let from = tempfile::tempdir().unwrap();
        prepare(from.path());
        let disk = tempfile::NamedTempFile::new().unwrap();
        let room = Room {
            image: "disk".into(),
            file: disk.as_file(),
            extent: Extent {
                start: 0,
                length: mib << 20,
            },
            sector_size: 512,
        };
        let path = Utf8Path::from_path(from.path()).unwrap();
        let error = make_vfat(path, room, &file_system("")).unwrap_err().to_string();
        error.replace(path.as_str(), "/DIRECTORY")
    };
    let link = |path: &std::path::Path| std::os::unix::fs::symlink("x", path.join("link")).unwrap();
    assert_eq!(
        make(&link, 8),
        "a FAT file system can't hold /DIRECTORY/link, which is neither a file nor a directory"
    );
    let same = |path: &std::path::Path| {
        for name in ["x", "X"] {
            fs::write(path.join(name), "").unwrap();
        }
    };
    assert_eq!(
        make(&same, 8),
        "a FAT file system can't hold the name of /DIRECTORY/x"
    );
    let large = |path: &std::path::Path| fs::write(path.join("x"), vec![0; 2 << 20]).unwrap();
    let expected = "the files in /DIRECTORY do not fit into a FAT file system of 2097152 bytes";
    assert_eq!(make(&large, 2), expected);
    assert_eq!(
        make(&large, 0),
        "no FAT file system with these options can have 0 bytes"
    );
}

#[test]
fn options_are_read_as_mkfs_has_them() {
    let parse = |text: &str| {
        let options: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        VfatOptions::parse(&options).map_err(str::to_owned)
    };
    let options = |width, sectors_per_cluster| {
        Ok(VfatOptions {
            width,
            sectors_per_cluster,
        })
    };
    assert_eq!(parse(""), options(None, None));
    assert_eq!(parse("-F 32 -s1"), options(Some(Width::ThirtyTwo), Some(1)));
    for (text, refused) in [
        ("-F", "-F"),
        ("-F 8", "-F"),
        ("-s 3", "-s"),
        ("-i 1234", "-i"),
        ("-F 16 x", "x"),
    ] {
        assert_eq!(parse(text), Err(refused.to_owned()), "{text}");
    }
}
