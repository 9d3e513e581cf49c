//! Whatever happens to a pack's bytes is found before they are used.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use dib_layers::{Damage, Layer, LayerDescription, PackName, RestoreError, StoreError};

use crate::listing::assert_same;
use crate::{Place, key};

fn fill(tree: &Path) {
    fs::create_dir(tree.join("directory")).unwrap();
    fs::write(tree.join("directory/small"), b"some bytes").unwrap();
    fs::write(tree.join("large"), vec![1; 1_200_000]).unwrap();
}

/// Finds and restores layer 1, as a build would.
fn use_it(place: &Place) -> Result<Option<Layer>, StoreError> {
    let Some(layer) = place.store.find(&key(1))? else {
        return Ok(None);
    };
    let into = tempfile::tempdir_in(place.path()).unwrap();
    match layer.restore(&File::open(into.path()).unwrap()) {
        Ok(_) => {
            assert_same(&place.path().join("tree").into_std_path_buf(), into.path());
            Ok(Some(layer))
        }
        Err(RestoreError::Store(error)) => Err(error),
        Err(error) => panic!("{error:?}"),
    }
}

/// Makes a whole layer 1, lets `harm` do something to its pack, and returns what using the pack finds.
fn check(place: &Place, harm: impl Fn(&File, u64)) -> Damage {
    let tree = place.path().join("tree").into_std_path_buf();
    drop(place.write(1, &tree));
    assert!(use_it(place).unwrap().is_some(), "the whole layer can be used");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(place.pack(1))
        .unwrap();
    harm(&file, file.metadata().unwrap().len());
    let error = use_it(place).expect_err("a damaged layer was used");
    let StoreError::Damaged { pack, source } = error else {
        panic!("{error:?}")
    };
    assert_eq!(pack, PackName::Layer(key(1)));
    assert!(!place.pack(1).exists(), "the damaged pack is still there");
    assert!(
        use_it(place).unwrap().is_none(),
        "a damaged layer was found again"
    );
    source
}

fn flip(file: &File, offset: u64, bit: u8) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << bit)], offset).unwrap();
}

#[test]
fn a_flipped_bit_is_found_in_every_region() {
    let place = Place::new();
    fill(&place.directory("tree"));
    let flipped = |offset: fn(u64) -> u64| check(&place, |file, size| flip(file, offset(size), 3));
    // The magic, the version, the key, and the zeros after them.
    for offset in [|_| 0, |_| 8, |_| 12, |_| 43, |_| 44, |_| 4095] {
        assert_eq!(flipped(offset), Damage::Header);
    }
    for offset in [|_| 4096, |_| 4096 + 10, |_| 4096 + 1_200_009] {
        assert!(matches!(flipped(offset), Damage::Contents { .. }));
    }
    assert_eq!(flipped(|_| 4096 + 1_200_010), Damage::Index);
    assert_eq!(flipped(|size| size - 96 - 1), Damage::Description);
    assert!(matches!(flipped(|size| size - 96), Damage::Size { .. }));
    assert_eq!(flipped(|size| size - 72), Damage::Index);
    assert_eq!(flipped(|size| size - 40), Damage::Description);
    assert_eq!(flipped(|size| size - 1), Damage::Footer);
}

#[test]
fn any_flipped_bit_is_found() {
    let place = Place::new();
    fill(&place.directory("tree"));
    let size = place
        .write(1, &place.path().join("tree").into_std_path_buf())
        .size();
    // Everything but the contents at every few bytes, and the contents here and there.
    let around = (0..4096).step_by(401).chain(4096 + 1_200_010..size).step_by(3);
    for offset in around.chain((4096..4096 + 1_200_010).step_by(399_989)) {
        check(&place, |file, _| {
            flip(file, offset, u8::try_from(offset % 8).unwrap());
        });
    }
}

#[test]
fn another_length_is_found() {
    let place = Place::new();
    fill(&place.directory("tree"));
    for length in [0, 1, 4095, 4096, 4192, 5000, 1_000_000] {
        check(&place, |file, _| file.set_len(length).unwrap());
    }
    for lost in [1, 50, 96, 97, 300] {
        check(&place, |file, size| file.set_len(size - lost).unwrap());
    }
    check(&place, |file, size| file.set_len(size + 1).unwrap());
    check(&place, |file, size| file.write_all_at(b"more", size).unwrap());
    // What a loss of power leaves: the size is there, the bytes are not.
    check(&place, |file, size| {
        file.set_len(0).unwrap();
        file.set_len(size).unwrap();
    });
}

#[test]
fn a_pack_under_another_key_is_not_used() {
    let place = Place::new();
    fill(&place.directory("tree"));
    drop(place.write(1, &place.path().join("tree").into_std_path_buf()));
    fs::rename(place.pack(1), place.pack(2)).unwrap();
    assert!(!place.has(1));
    let error = place.store.find(&key(2)).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Damaged {
                source: Damage::Header,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!place.has(2));
}

#[test]
fn verifying_names_the_damaged_and_removes_them() {
    let place = Place::new();
    for number in 1..=3 {
        drop(place.write_sized(number, 10_000));
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(place.pack(2))
        .unwrap();
    flip(&file, 5000, 0);
    let verified = place.store.verify().unwrap();
    let damaged: Vec<_> = verified
        .iter()
        .filter(|verified| verified.damage.is_some())
        .collect();
    assert_eq!((verified.len(), damaged.len()), (3, 1));
    assert_eq!(damaged[0].pack, PackName::Layer(key(2)));
    assert!(place.has(1) && !place.has(2) && place.has(3));
}

#[test]
fn a_newer_layer_of_the_key_outlives_the_damage_of_the_older() {
    let place = Place::new();
    drop(place.write_sized(1, 10_000));
    let old = place.store.find(&key(1)).unwrap().unwrap();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(place.pack(1))
        .unwrap();
    flip(&file, 5000, 0);
    let tree = place.directory("tree");
    let upper = File::open(&tree).unwrap();
    drop(
        place
            .store
            .write(&key(1), &upper, &LayerDescription::default())
            .unwrap(),
    );
    assert!(old.verify().is_err());
    assert!(place.has(1), "the newer one went with the older");
}
