use proptest::prelude::*;

use super::*;
use crate::disk_fixture::{Disk, Stretch, disk, stretch};

const LAYOUTS: [VhdLayout; 2] = [VhdLayout::Dynamic, VhdLayout::Fixed];

fn write(disk: &Disk, layout: VhdLayout) -> Vec<u8> {
    let (path, file) = disk.create("disk.vhd");
    let (raw, mut last) = (File::open(&disk.raw).unwrap(), (0, 0));
    write_vhd(&raw, &file, &VhdOptions { layout }, &mut |done, total| {
        last = (done, total);
    })
    .unwrap();
    assert_eq!(last.0, last.1);
    std::fs::read(path).unwrap()
}

/// Reads a VHD as its specification says, and returns the disk.
fn read(image: &[u8]) -> Vec<u8> {
    let long =
        |at: usize| usize::try_from(u64::from_be_bytes(image[at..at + 8].try_into().unwrap())).unwrap();
    let short = |at: usize| u32::from_be_bytes(image[at..at + 4].try_into().unwrap());
    let footer = image.len() - 512;
    check_sum(&image[footer..], 64);
    assert_eq!(&image[footer..footer + 8], b"conectix");
    let size = long(footer + 48);
    if short(footer + 60) == 2 {
        assert_eq!(size, footer);
        return image[..footer].to_owned();
    }
    assert_eq!(image[..512], image[footer..]);
    let header = long(footer + 16);
    check_sum(&image[header..header + 1024], 36);
    let (table, blocks, block) = (long(header + 16), short(header + 28), short(header + 32));
    let mut disk = Vec::new();
    for number in 0..blocks as usize {
        match short(table + number * 4) {
            u32::MAX => disk.resize(disk.len() + block as usize, 0),
            sector => {
                let start = sector as usize * 512;
                assert!(image[start..start + 512].iter().all(|byte| *byte == 0xff));
                disk.extend(&image[start + 512..start + 512 + block as usize]);
            }
        }
    }
    disk.truncate(size);
    disk
}

fn check_sum(bytes: &[u8], at: usize) {
    let stored = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    assert_eq!(stored, !(sum(&bytes[..at]) + sum(&bytes[at + 4..])));
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
        disk.check("vpc", &disk.directory.join("disk.vhd"));
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
fn sizes_are_kept_whatever_the_cylinders() {
    for sectors in [1_usize, 4095, 4096, 4097, 68 << 11, 12_345] {
        check(&disk(&[Stretch::Text(100), Stretch::Hole(sectors * 512 - 100)]));
    }
}

#[test]
fn a_large_disk_is_sparse() {
    let disk = disk(&[Stretch::Text(100_000)]);
    File::options()
        .write(true)
        .open(&disk.raw)
        .unwrap()
        .set_len(300 << 30)
        .unwrap();
    assert!(write(&disk, VhdLayout::Dynamic).len() < 4 << 20);
    crate::fixture::run(
        "qemu-img",
        &[
            "compare",
            "-f",
            "raw",
            "-F",
            "vpc",
            disk.raw.as_str(),
            disk.directory.join("disk.vhd").as_str(),
        ],
    );
}

#[test]
fn geometries_are_those_of_the_appendix() {
    for (mib, expected) in [
        (1_u64, [0, 30, 4, 17]),
        (127, [0x03, 0xfb, 15, 17]),
        (1024, [0x08, 0x20, 16, 63]),
    ] {
        let [high, low, heads, per_track] = geometry(mib << 11);
        let cylinders = (u64::from(high) << 8) | u64::from(low);
        assert!(cylinders * u64::from(heads) * u64::from(per_track) <= mib << 11);
        assert_eq!([high, low, heads, per_track], expected, "{mib} MiB");
    }
    assert_eq!(geometry(u64::MAX), [0xff, 0xff, 16, 255]);
}

#[test]
fn a_disk_that_is_too_large_is_refused() {
    let [raw, out] = [(); 2].map(|()| tempfile::tempfile().unwrap());
    raw.set_len(LARGEST_DISK + 1).unwrap();
    let error = write_vhd(&raw, &out, &VhdOptions::default(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, VhdError::TooLarge(_)), "{error}");
}
