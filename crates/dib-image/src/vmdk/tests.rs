use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::disk_fixture::{Disk, Stretch, disk, stretch};
use crate::fixture::run;

const LAYOUTS: [VmdkLayout; 2] = [VmdkLayout::MonolithicSparse, VmdkLayout::StreamOptimized];

fn write(disk: &Disk, layout: VmdkLayout) -> Vec<u8> {
    let (path, file) = disk.create("disk.vmdk");
    let (raw, mut last) = (File::open(&disk.raw).unwrap(), (0, 0));
    let options = VmdkOptions {
        layout,
        ..VmdkOptions::default()
    };
    write_vmdk(&raw, &file, "disk.vmdk", &options, &mut |done, total| {
        last = (done, total);
    })
    .unwrap();
    assert_eq!(last.0, last.1);
    std::fs::read(path).unwrap()
}

/// Reads a VMDK as its specification says, and returns the disk.
fn read(image: &[u8]) -> Vec<u8> {
    let short = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap());
    let long = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap());
    let place = |number: u64| usize::try_from(number).unwrap();
    let header = if long(56) == u64::MAX {
        image.len() - 1024
    } else {
        0
    };
    assert_eq!(&image[header..header + 4], b"KDMV");
    let capacity = place(long(header + 12));
    let directory = place(long(header + 56)) * 512;
    let mut disk = Vec::new();
    for grain in 0..capacity.div_ceil(128) {
        let table = short(directory + grain / 512 * 4) as usize * 512;
        let sector = if table == 0 {
            0
        } else {
            short(table + grain % 512 * 4) as usize
        };
        let start = sector * 512;
        if sector == 0 {
            disk.resize(disk.len() + (64 << 10), 0);
        } else if short(4) == 3 {
            assert_eq!(place(long(start)), grain * 128);
            let length = short(start + 8) as usize;
            let compressed = &image[start + 12..start + 12 + length];
            let before = disk.len();
            flate2::read::ZlibDecoder::new(compressed)
                .read_to_end(&mut disk)
                .unwrap();
            assert_eq!(disk.len(), before + (64 << 10));
        } else {
            disk.extend(&image[start..start + (64 << 10)]);
        }
    }
    disk.truncate(capacity * 512);
    disk
}

fn check(disk: &Disk) {
    for layout in LAYOUTS {
        let image = write(disk, layout);
        let mut expected = disk.content.clone();
        expected.resize(expected.len().next_multiple_of(512), 0);
        assert!(read(&image) == expected, "{layout:?}");
        assert!(
            write(disk, layout) == image,
            "{layout:?}: the same disk gives another image"
        );
        let path = disk.directory.join("disk.vmdk");
        disk.check("vmdk", &path);
        run("qemu-img", &["check", "-f", "vmdk", path.as_str()]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 15, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_disk_comes_back(mut stretches in prop::collection::vec(stretch(), 0..8)) {
        // QEMU can't open one that is empty.
        stretches.push(Stretch::Text(1));
        check(&disk(&stretches));
    }
}

#[test]
fn all_of_a_disk_may_be_a_hole() {
    check(&disk(&[Stretch::Hole(1)]));
    check(&disk(&[Stretch::Hole(40 << 20)]));
}

#[test]
fn a_large_disk_is_sparse_and_has_several_tables() {
    for layout in LAYOUTS {
        let disk = disk(&[Stretch::Text(100_000)]);
        let raw = File::options().write(true).open(&disk.raw).unwrap();
        raw.write_all_at(b"far away", (3 << 30) + 65_000).unwrap();
        raw.set_len(100 << 30).unwrap();
        assert!(write(&disk, layout).len() < 16 << 20, "{layout:?}");
        let image = disk.directory.join("disk.vmdk");
        run(
            "qemu-img",
            &[
                "compare",
                "-f",
                "raw",
                "-F",
                "vmdk",
                disk.raw.as_str(),
                image.as_str(),
            ],
        );
    }
}

#[test]
fn the_descriptor_says_what_it_is() {
    let options = VmdkOptions {
        adapter: VmdkAdapter::LsiLogic,
        hardware_version: 7,
        ..VmdkOptions::default()
    };
    let text = header::descriptor(options, &Geometry::new(1 << 30), "a\"b\nc.vmdk", u32::MAX);
    for line in [
        "CID=fffffffd",
        "createType=\"monolithicSparse\"",
        "RW 2097152 SPARSE \"abc.vmdk\"",
        "ddb.virtualHWVersion = \"7\"",
        "ddb.geometry.cylinders = \"131\"",
        "ddb.geometry.heads = \"255\"",
        "ddb.adapterType = \"lsilogic\"",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} in {text}");
    }
}

#[test]
fn a_disk_that_is_too_large_is_refused() {
    let [raw, out] = [(); 2].map(|()| tempfile::tempfile().unwrap());
    raw.set_len(LARGEST_DISK + 1).unwrap();
    let error = write_vmdk(&raw, &out, "x", &VmdkOptions::default(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, VmdkError::TooLarge(_)), "{error}");
}
