use std::io::Read;
use std::os::unix::fs::FileExt;

use camino::{Utf8Path, Utf8PathBuf};
use flate2::{Decompress, FlushDecompress, Status};
use proptest::prelude::*;

use super::*;
use crate::disk_fixture::{Disk, Stretch, disk, stretch};
use crate::fixture::run;

fn write(disk: &Disk, options: Qcow2Options) -> Utf8PathBuf {
    let path = disk.directory.join("disk.qcow2");
    let out = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .unwrap();
    write_qcow2(&File::open(&disk.raw).unwrap(), &out, &options, &mut |_, _| {}).unwrap();
    path
}

fn all_options() -> Vec<Qcow2Options> {
    let usual = Qcow2Options::default();
    let [small, large] = [512, 2 << 20].map(|size| ClusterSize::new(size).unwrap());
    let [narrow, wide] = [1, 64].map(|bits| RefcountBits::new(bits).unwrap());
    let mut all = Vec::new();
    for compression in [Compression::None, Compression::Zlib, Compression::Zstd] {
        all.extend([
            Qcow2Options { compression, ..usual },
            Qcow2Options {
                compression,
                cluster_size: small,
                refcount_bits: narrow,
                ..usual
            },
            Qcow2Options {
                compression,
                cluster_size: large,
                refcount_bits: wide,
                lazy_refcounts: true,
                ..usual
            },
        ]);
        if compression != Compression::Zstd {
            all.push(Qcow2Options {
                compression,
                version: Qcow2Version::V2,
                ..usual
            });
        }
    }
    all
}

/// Asserts that QEMU finds the image sound and equal to the disk.
fn check(disk: &Disk, options: Qcow2Options) {
    let image = write(disk, options);
    run("qemu-img", &["check", "-f", "qcow2", image.as_str()]);
    run(
        "qemu-img",
        &[
            "compare",
            "-f",
            "raw",
            "-F",
            "qcow2",
            disk.raw.as_str(),
            image.as_str(),
        ],
    );
    let back = disk.directory.join("back.raw");
    run(
        "qemu-img",
        &[
            "convert",
            "-f",
            "qcow2",
            "-O",
            "raw",
            image.as_str(),
            back.as_str(),
        ],
    );
    let mut expected = disk.content.clone();
    expected.resize(expected.len().next_multiple_of(512), 0);
    assert!(
        std::fs::read(back).unwrap() == expected,
        "{options:?}: converted back, the disk is another"
    );
}

const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;

/// Reads an image with a window of 4 KiB, as narrow as QEMU's, and returns the disk.
fn read_strictly(image: &Utf8Path) -> Vec<u8> {
    let image = std::fs::read(image).unwrap();
    let number = |offset: usize| u64::from_be_bytes(image[offset..offset + 8].try_into().unwrap());
    let place = |entry: u64| usize::try_from(entry & !(COPIED | COMPRESSED)).unwrap();
    let size = usize::try_from(number(24)).unwrap();
    let bits = usize::from(image[23]);
    let (length, entries) = (1 << bits, (1 << bits) / 8);
    let is_zstd = image[7] == 3 && image[79] & 8 != 0;
    let l1_table = place(number(40));
    let mut disk = Vec::new();
    for cluster in 0..size.div_ceil(length) {
        let table = place(number(l1_table + cluster / entries * 8));
        let entry = if table == 0 {
            0
        } else {
            number(table + cluster % entries * 8)
        };
        if entry & COMPRESSED != 0 {
            let shift = 62 - (bits - 8);
            let offset = place(entry & ((1 << shift) - 1));
            let sectors = place((entry & !COMPRESSED) >> shift);
            let end = ((offset / 512 + 1 + sectors) * 512).min(image.len());
            let compressed = &image[offset..end];
            if is_zstd {
                let mut cluster = vec![0; length];
                let mut decoder = zstd::stream::Decoder::new(compressed).unwrap();
                decoder.read_exact(&mut cluster).unwrap();
                disk.extend(cluster);
            } else {
                disk.extend(inflate_in_small_steps(compressed, length));
            }
        } else if entry == 0 {
            disk.resize(disk.len() + length, 0);
        } else {
            disk.extend(&image[place(entry)..place(entry) + length]);
        }
    }
    disk.truncate(size);
    disk
}

fn inflate_in_small_steps(mut deflated: &[u8], length: usize) -> Vec<u8> {
    let mut inflate = Decompress::new_with_window_bits(false, 12);
    let mut out = Vec::new();
    loop {
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let mut step = [0; 500];
        let status = inflate
            .decompress(deflated, &mut step, FlushDecompress::None)
            .unwrap();
        out.extend(&step[..usize::try_from(inflate.total_out() - written).unwrap()]);
        deflated = &deflated[usize::try_from(inflate.total_in() - read).unwrap()..];
        if status == Status::StreamEnd {
            assert_eq!(out.len(), length);
            return out;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_disk_comes_back(
        stretches in prop::collection::vec(stretch(), 0..12),
        options in prop::sample::select(all_options()),
    ) {
        let disk = disk(&stretches);
        check(&disk, options);
        let mut expected = disk.content.clone();
        expected.resize(expected.len().next_multiple_of(512), 0);
        let read = read_strictly(&disk.directory.join("disk.qcow2"));
        prop_assert!(read == expected);
    }
}

#[test]
fn an_empty_disk_and_a_hole_are_sound() {
    for stretches in [
        vec![],
        vec![Stretch::Hole(1)],
        vec![Stretch::Hole(5_000_000)],
        vec![Stretch::Same(1, 1)],
    ] {
        for options in all_options() {
            check(&disk(&stretches), options);
        }
    }
}

#[test]
fn a_large_sparse_disk_has_several_l2_tables_and_takes_little() {
    let disk = disk(&[Stretch::Text(100_000)]);
    let raw = File::options().write(true).open(&disk.raw).unwrap();
    let far = (3 << 30) + 65_000;
    raw.write_all_at(b"far away", far).unwrap();
    raw.set_len(20 << 30).unwrap();
    let image = write(&disk, Qcow2Options::default());
    assert!(std::fs::metadata(&image).unwrap().len() <= 8 << 16);
    run("qemu-img", &["check", "-f", "qcow2", image.as_str()]);
    run(
        "qemu-img",
        &[
            "compare",
            "-f",
            "raw",
            "-F",
            "qcow2",
            disk.raw.as_str(),
            image.as_str(),
        ],
    );
}

#[test]
fn more_than_one_refcount_block_is_sound() {
    // A refcount block counts 32768 clusters, which are 2 GiB: a sparse image file reaches that in no time.
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut layout = Layout::new(file.as_file(), 4 << 30, &Qcow2Options::default());
    for cluster in 0..33_000 {
        layout.store(cluster, b"").unwrap();
    }
    layout.finish().unwrap();
    run(
        "qemu-img",
        &["check", "-f", "qcow2", file.path().to_str().unwrap()],
    );
}

#[test]
fn the_result_depends_on_content_and_options_alone() {
    let disk = disk(&[
        Stretch::Text(3_000_000),
        Stretch::Random(1, 2_000_000),
        Stretch::Same(5, 4_000_000),
    ]);
    let first = std::fs::read(write(&disk, Qcow2Options::default())).unwrap();
    for _ in 0..3 {
        assert!(std::fs::read(write(&disk, Qcow2Options::default())).unwrap() == first);
    }
}

#[test]
fn progress_ends_at_the_total() {
    let disk = disk(&[
        Stretch::Text(3_000_001),
        Stretch::Hole(1_000_000),
        Stretch::Text(10),
    ]);
    let out = tempfile::tempfile().unwrap();
    let mut reports = Vec::new();
    let raw = File::open(&disk.raw).unwrap();
    write_qcow2(&raw, &out, &Qcow2Options::default(), &mut |done, total| {
        reports.push((done, total));
    })
    .unwrap();
    assert!(reports.is_sorted());
    let (done, total) = *reports.last().unwrap();
    assert_eq!(done, total);
}

#[test]
fn a_disk_that_qemu_would_not_open_is_refused() {
    let largest = layout::largest_disk(ClusterSize::default());
    assert_eq!(largest, 2 << 50);
    let cluster_size = ClusterSize::new(512).unwrap();
    let largest = layout::largest_disk(cluster_size);
    assert_eq!(largest, 128 << 30);
    let raw = tempfile::tempfile().unwrap();
    raw.set_len(largest + 1).unwrap();
    let out = tempfile::tempfile().unwrap();
    let options = Qcow2Options {
        cluster_size,
        ..Qcow2Options::default()
    };
    let error = write_qcow2(&raw, &out, &options, &mut |_, _| {}).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("a disk of 137438953984 bytes is larger than QEMU opens"),
        "{text}"
    );
}
