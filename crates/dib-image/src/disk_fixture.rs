//! Raw disks with data, zeros and holes, for the tests.

use std::fs::File;
use std::os::unix::fs::FileExt;

use camino::Utf8PathBuf;
use proptest::prelude::*;

use crate::fixture::run;

/// A stretch of a disk.
#[derive(Debug, Clone)]
pub(crate) enum Stretch {
    Hole(usize),
    Zeros(usize),
    Same(u8, usize),
    Text(usize),
    Random(u64, usize),
}

impl Stretch {
    /// Returns its bytes; those of a hole are not written.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match *self {
            Self::Hole(length) | Self::Zeros(length) => vec![0; length],
            Self::Same(byte, length) => vec![byte; length],
            Self::Text(length) => b"The quick brown fox jumps over the lazy dog. "
                .iter()
                .copied()
                .cycle()
                .take(length)
                .collect(),
            Self::Random(seed, length) => {
                // splitmix64, for bytes that don't compress.
                let mut state = seed;
                let numbers = std::iter::repeat_with(|| {
                    state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    mixed ^ (mixed >> 27)
                });
                numbers.flat_map(u64::to_le_bytes).take(length).collect()
            }
        }
    }
}

pub(crate) fn stretch() -> impl Strategy<Value = Stretch> {
    let length = 1_usize..300_000;
    prop_oneof![
        length.clone().prop_map(Stretch::Hole),
        (1_usize..2_000_000).prop_map(Stretch::Hole),
        length.clone().prop_map(Stretch::Zeros),
        (any::<u8>(), length.clone()).prop_map(|(byte, length)| Stretch::Same(byte, length)),
        length.clone().prop_map(Stretch::Text),
        (any::<u64>(), length).prop_map(|(seed, length)| Stretch::Random(seed, length)),
    ]
}

pub(crate) struct Disk {
    _guard: tempfile::TempDir,
    pub(crate) directory: Utf8PathBuf,
    pub(crate) raw: Utf8PathBuf,
    pub(crate) content: Vec<u8>,
}

pub(crate) fn disk(stretches: &[Stretch]) -> Disk {
    let guard = tempfile::tempdir().unwrap();
    let directory = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    let raw = directory.join("disk.raw");
    let file = File::create(&raw).unwrap();
    let mut content = Vec::new();
    for stretch in stretches {
        let bytes = stretch.bytes();
        if !matches!(stretch, Stretch::Hole(_)) {
            file.write_all_at(&bytes, content.len() as u64).unwrap();
        }
        content.extend(bytes);
    }
    file.set_len(content.len() as u64).unwrap();
    Disk {
        _guard: guard,
        directory,
        raw,
        content,
    }
}

impl Disk {
    /// Creates an empty file beside the disk.
    pub(crate) fn create(&self, name: &str) -> (Utf8PathBuf, File) {
        let path = self.directory.join(name);
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path);
        (path, file.unwrap())
    }

    /// Asserts that QEMU finds the image, which is of that format in its words, equal to the disk.
    pub(crate) fn check(&self, format: &str, image: &Utf8PathBuf) {
        let (raw, image) = (self.raw.as_str(), image.as_str());
        run("qemu-img", &["compare", "-f", "raw", "-F", format, raw, image]);
        let back = self.directory.join("back.raw");
        run(
            "qemu-img",
            &["convert", "-f", format, "-O", "raw", image, back.as_str()],
        );
        let mut expected = self.content.clone();
        expected.resize(expected.len().next_multiple_of(512), 0);
        assert!(
            std::fs::read(back).unwrap() == expected,
            "converted back, the disk is another"
        );
    }
}
