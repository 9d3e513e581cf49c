//! Images: taken in, found, taken out again, and what happens to them in between.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use dib_layers::{Damage, ImageTakeError, ImageWriteError, LayerKey, LayerStore, PackName, StoreError};
use serde_json::json;

use crate::{Place, key};

/// Bytes that are not all the same.
fn content(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from((at / 7 + at / 4096) % 251).unwrap() ^ seed)
        .collect()
}

/// Makes a file with data, a hole of 8 MiB, data again, and a hole at its end.
fn sparse_file() -> File {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&content(3 << 20, 1), 0).unwrap();
    file.write_all_at(&content(5000, 2), 11 << 20).unwrap();
    file.set_len((30 << 20) + 123).unwrap();
    file
}

fn read(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn write(place: &Place, number: u8, family: &str, length: usize) {
    let file = file_of(&content(length, number));
    let images = place.store.images();
    images
        .write(&key(number), family, &[("disk", &file)], &json!(number))
        .unwrap();
}

fn family(place: &Place, family: &str) -> Vec<LayerKey> {
    let images = place.store.images().candidates(family).unwrap();
    images.iter().map(|image| image.key).collect()
}

fn pack(place: &Place, number: u8) -> std::path::PathBuf {
    place.pack(number).with_extension("image")
}

fn age(place: &Place, number: u8, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    let file = File::open(pack(place, number)).unwrap();
    file.set_modified(then).unwrap();
}

fn flip(place: &Place, number: u8, offset: u64) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(pack(place, number))
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 4], offset).unwrap();
}

#[test]
fn files_come_back_as_they_were() {
    let place = Place::new();
    let images = place.store.images();
    assert!(images.find(&key(1)).unwrap().is_none());
    let (sparse, odd, empty) = (sparse_file(), file_of(&content(1_234_567, 3)), file_of(b"ESP"));
    empty.set_len(0).unwrap();
    odd.set_permissions(fs::Permissions::from_mode(0o640)).unwrap();
    let files = [("clusters", &odd), ("disk.raw", &sparse), ("nothing", &empty)];
    let details = json!({"elements": ["vm", "debian"]});
    drop(images.write(&key(1), "vm debian", &files, &details).unwrap());

    let image = images.find(&key(1)).unwrap().unwrap();
    assert_eq!(*image.details(), details);
    assert_eq!(image.description().family, "vm debian");
    assert!(image.description().created > 1_600_000_000);
    let mut listed = image.files();
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(
        (&*listed[0].name, listed[0].length, listed[0].mode),
        ("clusters", 1_234_567, 0o640)
    );
    assert_eq!(
        (&*listed[1].name, listed[1].length),
        ("disk.raw", (30 << 20) + 123)
    );
    for (name, file) in files {
        let taken = file_of(b"what was there before and must go");
        image.take(name, &taken).unwrap();
        assert!(read(&taken) == read(file), "{name}");
        assert!(image.read(name).unwrap() == read(file), "{name}");
        assert!(
            taken.metadata().unwrap().blocks() * 512 < 8 << 20,
            "{name}'s holes are filled"
        );
    }
    assert!(image.size() < 8 << 20, "a hole takes room in the pack");
    let missing = image.take("initrd", &empty).unwrap_err();
    assert!(matches!(missing, ImageTakeError::Missing { .. }), "{missing:?}");
}

#[test]
fn a_file_that_may_only_be_written_is_filled() {
    let place = Place::new();
    write(&place, 1, "family", 2_000_000);
    let path = place.path().join("published");
    let published = File::create(&path).unwrap();
    let image = place.store.images().find(&key(1)).unwrap().unwrap();
    image.take("disk", &published).unwrap();
    assert!(fs::read(&path).unwrap() == content(2_000_000, 1));
}

#[test]
fn what_is_done_to_a_published_file_is_not_done_to_the_stored_one() {
    let place = Place::new();
    let made = file_of(&content(100_000, 1));
    let images = place.store.images();
    let image = images
        .write(&key(1), "family", &[("disk", &made)], &json!(null))
        .unwrap();
    let taken = tempfile::tempfile().unwrap();
    image.take("disk", &taken).unwrap();
    for published in [&made, &taken] {
        published.write_all_at(b"booted", 4096).unwrap();
        published.set_len(50_000).unwrap();
    }
    image.verify().unwrap();
    assert!(image.read("disk").unwrap() == content(100_000, 1));
}

#[test]
fn a_stored_file_is_read_here_and_there() {
    let place = Place::new();
    let sparse = sparse_file();
    let image = place
        .store
        .images()
        .write(&key(1), "family", &[("disk", &sparse)], &json!(null))
        .unwrap();
    let stored = image.file("disk").unwrap();
    drop(image);
    assert_eq!(stored.length(), (30 << 20) + 123);
    let whole = read(&sparse);
    for (offset, length) in [
        (0, 10),
        ((3 << 20) - 5, 10),
        ((3 << 20) + 5, 4096),
        ((11 << 20) - 100, 6000),
        ((30 << 20) + 100, 23),
        (0, whole.len()),
    ] {
        let mut bytes = vec![1; length];
        stored.read_exact_at(&mut bytes, offset as u64).unwrap();
        assert!(
            bytes == whole[offset..offset + length],
            "{length} bytes from {offset} on"
        );
    }
    assert!(stored.read_exact_at(&mut [0; 2], (30 << 20) + 122).is_err());
    assert_eq!(stored.read_at(&mut [0; 2], u64::MAX).unwrap(), 0);
    assert!(stored.write_at(b"x", 0).is_err());
    let pruned = place.store.prune(0, Duration::MAX).unwrap();
    assert_eq!(pruned.in_use, [PackName::Image(key(1))], "its file is in use");
}

#[test]
fn an_image_and_a_layer_of_one_key_are_two() {
    let place = Place::new();
    drop(place.write_sized(1, 1000));
    write(&place, 1, "family", 1000);
    assert!(place.has(1));
    fs::copy(place.pack(1), pack(&place, 2)).unwrap();
    fs::copy(pack(&place, 1), pack(&place, 3)).unwrap();
    fs::copy(place.pack(1), pack(&place, 1)).unwrap();
    for number in 1..=3 {
        let error = place.store.images().find(&key(number)).unwrap_err();
        let StoreError::Damaged { pack: name, source } = error else {
            panic!("{error:?}")
        };
        assert_eq!((name, source), (PackName::Image(key(number)), Damage::Header));
        assert!(!pack(&place, number).exists());
    }
    assert!(place.has(1), "the layer is whole");
}

#[test]
fn a_damaged_image_is_named_removed_and_not_used() {
    let place = Place::new();
    let images = place.store.images();
    let check = |offset: fn(u64) -> u64| {
        write(&place, 1, "family", 2_500_000);
        write(&place, 2, "family", 2_500_000);
        let size = fs::metadata(pack(&place, 1)).unwrap().len();
        flip(&place, 1, offset(size));
        let used = images
            .find(&key(1))
            .map_err(ImageTakeError::Store)
            .and_then(|image| {
                let image = image.expect("it was written just now");
                image.take("disk", &tempfile::tempfile().unwrap())
            });
        let Err(ImageTakeError::Store(error @ StoreError::Damaged { .. })) = used else {
            panic!("{used:?}")
        };
        assert!(error.to_string().contains(&key(1).to_string()), "{error}");
        assert!(images.find(&key(1)).unwrap().is_none());
        assert!(!pack(&place, 1).exists());
        assert_eq!(family(&place, "family"), [key(2)]);
    };
    check(|_| 0);
    check(|_| 20);
    check(|_| 4096);
    check(|_| 4096 + (1 << 20));
    check(|_| 4096 + 2_499_999);
    check(|_| 4096 + 2_500_000);
    check(|size| size - 97);
    check(|size| size - 1);
}

#[test]
fn verifying_and_listing_know_images() {
    let place = Place::new();
    for number in 1..=3 {
        write(&place, number, "family", 10_000);
        drop(place.write_sized(number, 10));
    }
    flip(&place, 2, 5000);
    let verified = place.store.verify().unwrap();
    let damaged: Vec<_> = verified
        .iter()
        .filter(|verified| verified.damage.is_some())
        .map(|verified| verified.pack)
        .collect();
    assert_eq!((verified.len(), damaged), (6, vec![PackName::Image(key(2))]));
    flip(&place, 3, 0);
    let images = place.store.images().images().unwrap();
    let listed: Vec<_> = images
        .iter()
        .map(|image| (image.key, image.description.details.clone(), image.files.len()))
        .collect();
    assert_eq!(listed, [(key(1), json!(1), 1)]);
    assert!(!pack(&place, 3).exists());
    assert_eq!(place.store.layers().unwrap().len(), 3);
}

#[test]
fn a_family_keeps_the_four_used_last() {
    let place = Place::new();
    let images = place.store.images();
    write(&place, 9, "another family", 10);
    age(&place, 9, 90_000);
    for number in 1..=4 {
        write(&place, number, "family", 10);
        age(&place, number, 1000 - u64::from(number));
    }
    assert_eq!(family(&place, "family"), [4, 3, 2, 1].map(key));
    drop(images.find(&key(1)).unwrap());
    write(&place, 5, "family", 10);
    age(&place, 5, 1);
    age(&place, 1, 10);
    assert_eq!(family(&place, "family"), [5, 1, 4, 3].map(key));
    let in_use = images.find(&key(3)).unwrap();
    age(&place, 3, 5000);
    write(&place, 6, "family", 10);
    assert!(pack(&place, 3).exists(), "it is in use");
    drop(in_use);
    write(&place, 7, "family", 10);
    assert!(!pack(&place, 3).exists() && !pack(&place, 4).exists());
    assert_eq!(family(&place, "family").len(), 4);
    assert_eq!(family(&place, "another family"), [key(9)]);
    assert_eq!(family(&place, "no family"), []);
}

#[test]
fn images_and_layers_share_the_limit() {
    let place = Place::with_limit(350_000);
    let images = place.store.images();
    drop(place.write_sized(1, 100_000));
    write(&place, 2, "family", 100_000);
    drop(place.write_sized(3, 100_000));
    for (number, seconds) in [(1, 400), (3, 100)] {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        File::open(place.pack(number))
            .unwrap()
            .set_modified(then)
            .unwrap();
    }
    let in_use = images.find(&key(2)).unwrap().unwrap();
    age(&place, 2, 5000);
    write(&place, 4, "family", 100_000);
    assert!(
        !place.pack(1).exists(),
        "it was used least recently of what is not in use"
    );
    assert!(pack(&place, 2).exists() && place.pack(3).exists() && pack(&place, 4).exists());
    drop(in_use);
    age(&place, 2, 5000);
    drop(place.write_sized(5, 100_000));
    assert!(!pack(&place, 2).exists());

    let too_large = file_of(&content(400_000, 1));
    let error = images.write(&key(6), "family", &[("disk", &too_large)], &json!(null));
    assert!(
        matches!(error, Err(ImageWriteError::NoRoom { limit: 350_000, .. })),
        "{error:?}"
    );
    assert!(place.pack(3).exists(), "nothing goes for what can't be kept");
    assert_eq!(place.store.prune(0, Duration::MAX).unwrap().size, 0);
    assert_eq!(images.images().unwrap(), []);
}

#[test]
fn what_can_not_be_kept_is_refused() {
    let place = Place::new();
    let images = place.store.images();
    let file = file_of(b"x");
    let directory = File::open(place.path()).unwrap();
    for names in [
        &[""][..],
        &[".."],
        &["a/b"],
        &["a\0"],
        &["disk", "manifest", "disk"],
    ] {
        let files: Vec<_> = names.iter().map(|name| (*name, &file)).collect();
        let error = images.write(&key(1), "family", &files, &json!(null)).unwrap_err();
        assert!(matches!(error, ImageWriteError::Name { .. }), "{error:?}");
    }
    let error = images
        .write(&key(1), "family", &[("disk", &directory)], &json!(null))
        .unwrap_err();
    assert!(matches!(error, ImageWriteError::Source { .. }), "{error:?}");
    assert_eq!(fs::read_dir(place.path().join("store/v2")).unwrap().count(), 1);
    drop(images.write(&key(1), "family", &[], &json!(null)).unwrap());
    assert_eq!(images.find(&key(1)).unwrap().unwrap().files(), []);
}

#[test]
fn a_newer_image_of_the_key_takes_the_place_of_the_older() {
    let place = Place::new();
    let images = place.store.images();
    write(&place, 1, "family", 10);
    let old = images.find(&key(1)).unwrap().unwrap();
    let new = file_of(b"new");
    drop(
        images
            .write(&key(1), "family", &[("disk", &new)], &json!(null))
            .unwrap(),
    );
    assert_eq!(old.read("disk").unwrap(), content(10, 1));
    assert_eq!(
        images.find(&key(1)).unwrap().unwrap().read("disk").unwrap(),
        b"new"
    );
}

#[test]
fn images_move_with_their_store() {
    let place = Place::new();
    write(&place, 1, "family", 100_000);
    let (from, to) = (place.path().join("store"), place.path().join("moved"));
    fs::rename(from, &to).unwrap();
    let images = LayerStore::open(&to, 1 << 30).unwrap().images();
    let image = images.find(&key(1)).unwrap().unwrap();
    assert_eq!(image.read("disk").unwrap(), content(100_000, 1));
}
