//! Room, age, use and owners.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use dib_layers::{LayerDescription, LayerStore, OpenError, PackName, WriteError};

use crate::{Place, key};

/// Makes a layer look as if it had last been used so many seconds ago.
fn age(place: &Place, number: u8, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    File::open(place.pack(number))
        .unwrap()
        .set_modified(then)
        .unwrap();
}

fn size_of(place: &Place) -> u64 {
    let files = fs::read_dir(place.path().join("store/v2")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn the_least_recently_used_make_way_and_none_in_use() {
    let place = Place::with_limit(350_000);
    for number in 1..=3 {
        drop(place.write_sized(number, 100_000));
        age(&place, number, 1000 - u64::from(number));
    }
    let in_use = place.store.find(&key(1)).unwrap().unwrap();
    age(&place, 1, 5000);
    drop(place.write_sized(4, 100_000));
    assert!(size_of(&place) <= 350_000);
    assert!(place.has(1) && !place.has(2) && place.has(3) && place.has(4));
    drop(in_use);
    age(&place, 1, 5000);
    drop(place.write_sized(5, 100_000));
    assert!(!place.has(1), "it is not in use any more");
}

#[test]
fn finding_a_layer_makes_it_used() {
    let place = Place::with_limit(250_000);
    for number in 1..=2 {
        drop(place.write_sized(number, 100_000));
        age(&place, number, 1000 - u64::from(number));
    }
    assert!(place.has(1));
    drop(place.write_sized(3, 100_000));
    assert!(place.has(1) && !place.has(2) && place.has(3));
}

#[test]
fn what_has_no_room_is_not_kept() {
    let place = Place::with_limit(150_000);
    let upper = place.directory("tree");
    let write = || {
        let upper = File::open(&upper).unwrap();
        place
            .store
            .write(&key(9), &upper, &LayerDescription::default())
            .map(drop)
    };
    let in_use = place.write_sized(1, 100_000);
    fs::write(upper.join("file"), vec![0; 100_000]).unwrap();
    assert!(
        matches!(write(), Err(WriteError::NoRoom { limit: 150_000, .. })),
        "all is in use"
    );
    assert!(place.has(1));
    fs::write(upper.join("file"), vec![0; 200_000]).unwrap();
    drop(in_use);
    assert!(
        matches!(write(), Err(WriteError::NoRoom { .. })),
        "it is larger than the store"
    );
    assert!(place.has(1), "nothing goes for what can't be kept");
    assert_eq!(fs::read_dir(place.path().join("store/v2")).unwrap().count(), 2);
}

#[test]
fn a_layer_in_use_outlives_one_that_takes_its_name() {
    let place = Place::new();
    drop(place.write_sized(1, 1000));
    let old = place.store.find(&key(1)).unwrap().unwrap();
    let upper = place.directory("tree");
    let new = place.write(1, &upper);
    assert_ne!(old.digest(), new.digest());
    old.verify().unwrap();
    assert_eq!(place.store.find(&key(1)).unwrap().unwrap().digest(), new.digest());
}

#[test]
fn pruning_is_by_age_and_by_size() {
    let place = Place::new();
    for number in 1..=4 {
        drop(place.write_sized(number, 100_000));
        age(&place, number, 10_000 * (5 - u64::from(number)));
    }
    let day = Duration::from_secs(86_400);
    assert_eq!(place.store.prune(u64::MAX, day).unwrap().removed, []);
    let pruned = place.store.prune(u64::MAX, Duration::from_secs(35_000)).unwrap();
    assert_eq!(
        pruned.removed.iter().map(|(pack, _)| *pack).collect::<Vec<_>>(),
        [PackName::Layer(key(1))]
    );
    let in_use = place.store.find(&key(2)).unwrap().unwrap();
    age(&place, 2, 90_000);
    let pruned = place.store.prune(0, day).unwrap();
    assert_eq!(pruned.in_use, [PackName::Layer(key(2))]);
    assert_eq!(pruned.size, in_use.size());
    assert_eq!(place.store.layers().unwrap().len(), 1);
    drop(in_use);
    assert_eq!(place.store.prune(0, day).unwrap().size, 0);
    assert_eq!(place.store.layers().unwrap(), []);
}

#[test]
fn layers_are_listed_by_last_use() {
    let place = Place::new();
    for number in 1..=3 {
        drop(place.write_sized(number, 1000));
        age(&place, number, 1000);
    }
    age(&place, 2, 10);
    age(&place, 3, 100);
    let keys: Vec<_> = place
        .store
        .layers()
        .unwrap()
        .iter()
        .map(|layer| layer.key)
        .collect();
    assert_eq!(keys, [key(2), key(3), key(1)]);
    let again: Vec<_> = place
        .store
        .layers()
        .unwrap()
        .iter()
        .map(|layer| layer.key)
        .collect();
    assert_eq!(again, keys, "listing is no use");
}

#[test]
fn leftovers_of_the_dead_go_and_those_of_the_living_stay() {
    let mut place = Place::new();
    let directory = place.path().join("store/v2");
    fs::write(directory.join(".unfinished-00"), vec![0; 1000]).unwrap();
    fs::write(directory.join(".unfinished-01"), vec![0; 1000]).unwrap();
    let living = File::open(directory.join(".unfinished-01")).unwrap();
    living.lock().unwrap();
    fs::write(directory.join("README"), b"not the store's").unwrap();
    place.reopen(1 << 30);
    assert!(!directory.join(".unfinished-00").exists());
    assert!(directory.join(".unfinished-01").exists());
    assert_eq!(place.store.prune(0, Duration::ZERO).unwrap().size, 1000);
    assert!(directory.join("README").exists());
    drop(living);
    assert_eq!(place.store.prune(0, Duration::ZERO).unwrap().size, 0);
}

#[test]
fn a_store_that_others_may_write_to_is_refused() {
    for part in ["store", "store/v2"] {
        let place = Place::new();
        let path = place.path().join(part);
        for mode in [0o770, 0o702, 0o777] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = LayerStore::open(&place.path().join("store"), 0).unwrap_err();
            assert!(matches!(error, OpenError::WritableByOthers { .. }), "{error:?}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        LayerStore::open(&place.path().join("store"), 0).unwrap();
    }
}

#[test]
fn a_store_is_closed_to_others() {
    let place = Place::new();
    drop(place.write_sized(1, 10));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(place.path().join("store").as_std_path()), 0o700);
    assert_eq!(mode(place.path().join("store/v2").as_std_path()), 0o700);
    assert_eq!(mode(&place.pack(1)), 0o600);
}

#[test]
fn a_link_in_the_place_of_the_packs_is_not_followed() {
    let place = Place::new();
    let elsewhere = place.directory("elsewhere");
    let directory = place.path().join("store/v2");
    fs::remove_dir_all(&directory).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &directory).unwrap();
    assert!(LayerStore::open(&place.path().join("store"), 0).is_err());
}
