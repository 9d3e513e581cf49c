use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::disk_fixture::{Disk, Stretch, disk};
use crate::fixture::run;
use crate::qcow2::{
    ClusterSize, Compression, Qcow2Options, RefcountBits, write_qcow2, write_qcow2_with_index,
};

/// Counts what is found in an image.
#[derive(Debug)]
struct Counted {
    image: KnownImage,
    found: AtomicUsize,
    missed: AtomicUsize,
}

impl Counted {
    fn new(image: KnownImage) -> Self {
        Self {
            image,
            found: AtomicUsize::new(0),
            missed: AtomicUsize::new(0),
        }
    }

    fn counts(&self) -> (usize, usize) {
        (
            self.found.load(Ordering::Relaxed),
            self.missed.load(Ordering::Relaxed),
        )
    }
}

impl KnownClusters for Counted {
    fn key(&self) -> &str {
        self.image.key()
    }

    fn find(&self, content: &[u8; 32]) -> Option<KnownCluster> {
        let found = self.image.find(content);
        let count = if found.is_some() {
            &self.found
        } else {
            &self.missed
        };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }
}

/// 40 clusters of text, 10 that can't be compressed, a hole, and 20 that are all alike.
fn stretches() -> Vec<Stretch> {
    vec![
        Stretch::Text(40 << 16),
        Stretch::Random(1, 10 << 16),
        Stretch::Hole(30 << 16),
        Stretch::Same(5, 20 << 16),
    ]
}

fn options(compression: Compression) -> Qcow2Options {
    Qcow2Options {
        compression,
        ..Qcow2Options::default()
    }
}

fn create(disk: &Disk, name: &str) -> (Utf8PathBuf, File) {
    let path = disk.directory.join(name);
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(true);
    (path.clone(), file.open(&path).unwrap())
}

/// Writes the disk without an index: what all others must be equal to.
fn plain(disk: &Disk, options: Qcow2Options) -> Vec<u8> {
    let (path, out) = create(disk, "plain.qcow2");
    write_qcow2(&File::open(&disk.raw).unwrap(), &out, &options, &mut |_, _| {}).unwrap();
    fs::read(path).unwrap()
}

/// Writes the disk, asserts that the image is sound and no other than without an index, and returns its index.
fn indexed(
    disk: &Disk,
    name: &str,
    options: Qcow2Options,
    known: Option<&dyn KnownClusters>,
) -> Option<ClusterIndex> {
    let (path, out) = create(disk, name);
    let raw = File::open(&disk.raw).unwrap();
    let index = write_qcow2_with_index(&raw, &out, &options, known, &mut |_, _| {}).unwrap();
    assert!(fs::read(&path).unwrap() == plain(disk, options), "{options:?}");
    run("qemu-img", &["check", "-f", "qcow2", path.as_str()]);
    let formats = ["compare", "-f", "raw", "-F", "qcow2"];
    run(
        "qemu-img",
        &[&formats[..], &[disk.raw.as_str(), path.as_str()]].concat(),
    );
    index
}

fn image_of(disk: &Disk, name: &str, options: Qcow2Options) -> (Utf8PathBuf, ClusterIndex) {
    let index = indexed(disk, name, options, None).unwrap();
    (disk.directory.join(name), index)
}

fn known(path: &Utf8Path, index: &ClusterIndex) -> Counted {
    Counted::new(KnownImage::new(File::open(path).unwrap(), index.clone()))
}

#[test]
fn the_same_disk_again_is_known_wholly() {
    let disk = disk(&stretches());
    for compression in [Compression::Zlib, Compression::Zstd] {
        let [small, large] = [4096, 2 << 20].map(|size| ClusterSize::new(size).unwrap());
        let usual = options(compression);
        let narrow = Qcow2Options {
            cluster_size: small,
            refcount_bits: RefcountBits::new(1).unwrap(),
            ..usual
        };
        let wide = Qcow2Options {
            cluster_size: large,
            ..usual
        };
        for options in [usual, narrow, wide] {
            let (path, index) = image_of(&disk, "first.qcow2", options);
            let known = known(&path, &index);
            let again = indexed(&disk, "again.qcow2", options, Some(&known)).unwrap();
            assert_eq!(again, index);
            let (found, missed) = known.counts();
            assert!(found > 0 && missed == 0, "{options:?}: {found} {missed}");
        }
    }
}

#[test]
fn another_disk_takes_what_it_shares() {
    let first = disk(&stretches());
    let (path, index) = image_of(&first, "first.qcow2", options(Compression::Zlib));
    // 41 clusters whose content the image has not, in front of those that it has.
    let mut others = vec![Stretch::Random(7, 40 << 16), Stretch::Same(9, 1 << 16)];
    others.extend(stretches());
    let second = disk(&others);
    let known = known(&path, &index);
    let index = indexed(&second, "second.qcow2", options(Compression::Zlib), Some(&known)).unwrap();
    assert_eq!(known.counts(), (70, 41));
    // What an image was given it has: the next needs no other.
    let (path, known) = (second.directory.join("second.qcow2"), index);
    let known = self::known(&path, &known);
    indexed(&second, "third.qcow2", options(Compression::Zlib), Some(&known)).unwrap();
    assert_eq!(known.counts(), (111, 0));
}

#[test]
fn damaged_and_missing_clusters_are_compressed_again() {
    let disk = disk(&stretches());
    let options = options(Compression::Zlib);
    let (path, index) = image_of(&disk, "first.qcow2", options);
    let first = index.find(&digest_of(&disk.content[..1 << 16]));
    let Some(&IndexedCluster::Compressed { offset, length, .. }) = first else {
        panic!("{first:?}")
    };
    let image = File::options().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    image.read_exact_at(&mut byte, offset).unwrap();
    image.write_all_at(&[byte[0] ^ 1], offset).unwrap();
    let damaged = known(&path, &index);
    assert_eq!(
        indexed(&disk, "again.qcow2", options, Some(&damaged)),
        Some(index.clone())
    );
    assert_eq!(damaged.counts(), (69, 1));
    // Cut off behind the first: all others that are compressed are gone, and those that are not need no bytes.
    image.write_all_at(&byte, offset).unwrap();
    image.set_len(offset + u64::from(length)).unwrap();
    let cut = known(&path, &index);
    assert_eq!(
        indexed(&disk, "again.qcow2", options, Some(&cut)),
        Some(index.clone())
    );
    assert_eq!(cut.counts(), (11, 59));
    // No image at all.
    image.set_len(0).unwrap();
    let empty = known(&path, &index);
    assert_eq!(indexed(&disk, "again.qcow2", options, Some(&empty)), Some(index));
    assert_eq!(empty.counts(), (10, 60));
}

#[test]
fn clusters_of_another_key_are_not_looked_at() {
    let disk = disk(&stretches());
    let (path, index) = image_of(&disk, "first.qcow2", options(Compression::Zlib));
    let known = known(&path, &index);
    indexed(&disk, "again.qcow2", options(Compression::Zstd), Some(&known)).unwrap();
    let other_size = Qcow2Options {
        cluster_size: ClusterSize::new(1 << 15).unwrap(),
        ..Qcow2Options::default()
    };
    indexed(&disk, "again.qcow2", other_size, Some(&known)).unwrap();
    assert_eq!(known.counts(), (0, 0));
    let uncompressed = indexed(&disk, "again.qcow2", options(Compression::None), Some(&known));
    assert_eq!((uncompressed, known.counts()), (None, (0, 0)));
}

#[test]
fn an_empty_disk_has_an_empty_index() {
    let disk = disk(&[Stretch::Hole(1 << 20)]);
    let (path, index) = image_of(&disk, "first.qcow2", options(Compression::Zlib));
    assert_eq!(index.clusters(), 0);
    let known = known(&path, &index);
    indexed(&disk, "again.qcow2", options(Compression::Zlib), Some(&known)).unwrap();
    assert_eq!(known.counts(), (0, 0));
}
