//! Layers on each other: in memory where they have whiteouts, which not everybody may make, and in a store.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use camino::Utf8Path;

use super::{LayeredTree, merged};
use crate::entry::{Attributes, Entries, Entry, Kind};
use crate::{LayerDescription, LayerKey, LayerStore, StoreError};

/// Returns a layer that has these paths, each after its directory.
fn layer(paths: &[(&str, Kind)]) -> Entries {
    let entry = |parent, name: &str, kind| Entry {
        parent,
        name: name.as_bytes().to_vec(),
        kind,
        attributes: Attributes::default(),
    };
    let mut entries = vec![entry(0, "", Kind::Directory)];
    for (path, kind) in paths {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = match parent {
            "" => 0,
            parent => 1 + paths.iter().position(|(path, _)| *path == parent).unwrap(),
        };
        entries.push(entry(u32::try_from(parent).unwrap(), name, kind.clone()));
    }
    Entries(entries)
}

/// Checks which paths layers show, each with the layer that it comes from.
fn check(layers: &[Entries], expected: &[(&str, usize)]) {
    let merged = merged(layers.iter());
    let shown: Vec<(String, usize)> = merged
        .into_iter()
        .map(|(path, place)| (String::from_utf8(path).unwrap(), place.layer))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(path, layer)| ((*path).to_owned(), *layer))
        .collect();
    assert_eq!(shown, expected);
}

fn file() -> Kind {
    Kind::File {
        size: 0,
        extents: Vec::new(),
    }
}

const WHITEOUT: Kind = Kind::Character { major: 0, minor: 0 };

#[test]
fn the_topmost_entry_of_a_path_is_seen() {
    let lower = layer(&[
        ("a", Kind::Directory),
        ("a/x", file()),
        ("a/y", file()),
        ("a0", file()),
    ]);
    let upper = layer(&[("a", Kind::Directory), ("a/y", file()), ("a/z", file())]);
    check(
        &[lower, upper],
        &[("a", 1), ("a/x", 0), ("a/y", 1), ("a/z", 1), ("a0", 0)],
    );
}

#[test]
fn a_whiteout_takes_away_what_is_below_it() {
    let lower = layer(&[
        ("a", Kind::Directory),
        ("a/x", file()),
        ("a0", file()),
        ("b", file()),
    ]);
    // An overlay makes whiteouts as links to one.
    let upper = layer(&[("a", WHITEOUT), ("b", Kind::HardLink { first: 1 })]);
    check(&[lower, upper], &[("a0", 0)]);
}

#[test]
fn an_opaque_directory_and_what_is_none_hide_the_directory_below() {
    let lower = layer(&[
        ("a", Kind::Directory),
        ("a/x", file()),
        ("b", Kind::Directory),
        ("b/x", file()),
    ]);
    let mut upper = layer(&[("a", Kind::Directory), ("a/y", file()), ("b", file())]);
    upper.0[1].attributes.extended = vec![(b"trusted.overlay.opaque".to_vec(), b"y".to_vec())];
    check(&[lower, upper], &[("a", 1), ("a/y", 1), ("b", 1)]);
}

#[test]
fn contents_are_compared_wherever_they_stand() {
    const LARGE: usize = (5 << 20) + 7;
    let directory = tempfile::tempdir().unwrap();
    let directory = Utf8Path::from_path(directory.path()).unwrap();
    let store = LayerStore::open(&directory.join("store"), 1 << 30).unwrap();
    let layer_of = |number: u8, fill: &dyn Fn(&Utf8Path)| {
        let upper = directory.join(number.to_string());
        fs::create_dir(&upper).unwrap();
        fill(&upper);
        let key = LayerKey::from([number; 32]);
        let layer = store.write(&key, &File::open(&upper).unwrap(), &LayerDescription::default());
        [layer.unwrap()]
    };
    let large: Vec<u8> = (0..LARGE).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let first = layer_of(1, &|upper| {
        fs::write(upper.join("large"), &large).unwrap();
        fs::write(upper.join("small"), "one").unwrap();
        fs::write(upper.join("zeros"), vec![0; 1 << 20]).unwrap();
        fs::hard_link(upper.join("small"), upper.join("twin")).unwrap();
    });
    let second = layer_of(2, &|upper| {
        // What comes first moves the rest.
        fs::write(upper.join("before"), "other").unwrap();
        let mut changed = large.clone();
        changed[LARGE - 1] ^= 1;
        fs::write(upper.join("changed"), changed).unwrap();
        fs::write(upper.join("large"), &large).unwrap();
        fs::write(upper.join("small"), "two").unwrap();
        fs::write(upper.join("twin"), "one").unwrap();
        let holes = File::create(upper.join("zeros")).unwrap();
        holes.set_len(1 << 20).unwrap();
        holes.write_all_at(&[0], 600_000).unwrap();
    });
    let (first, second) = (
        LayeredTree::of(&first).unwrap(),
        LayeredTree::of(&second).unwrap(),
    );
    let pairs: Vec<(&[u8], &[u8])> = vec![
        (b"large", b"large"),
        (b"large", b"changed"),
        (b"small", b"small"),
        (b"small", b"twin"),
        (b"twin", b"twin"),
        (b"zeros", b"zeros"),
        (b"none", b"none"),
    ];
    let same = first.have_same_contents(&second, &pairs).unwrap();
    assert_eq!(same, [true, false, false, true, true, true, false]);
    let with_itself: Vec<(&[u8], &[u8])> = vec![(b"large", b"large"), (b"small", b"twin")];
    assert_eq!(
        first.have_same_contents(&first, &with_itself).unwrap(),
        [true, true]
    );
    let mut read = first.read([b"twin".as_slice(), b"large"]).unwrap();
    assert!(read.pop() == Some(Some(large)));
    assert_eq!(read, [Some(b"one".to_vec())]);
    let zeros = vec![0; 1 << 20];
    assert_eq!(
        second.read([b"zeros".as_slice(), b"none"]).unwrap(),
        [Some(zeros), None]
    );
}

#[test]
fn a_damaged_layer_is_no_difference() {
    let directory = tempfile::tempdir().unwrap();
    let directory = Utf8Path::from_path(directory.path()).unwrap();
    let store = LayerStore::open(&directory.join("store"), 1 << 30).unwrap();
    let layers = [1, 2].map(|number: u8| {
        let upper = directory.join(number.to_string());
        fs::create_dir(&upper).unwrap();
        if number == 2 {
            fs::write(upper.join("a"), "first").unwrap();
        }
        fs::write(upper.join("b"), "text").unwrap();
        let key = LayerKey::from([number; 32]);
        let upper = File::open(&upper).unwrap();
        [store.write(&key, &upper, &LayerDescription::default()).unwrap()]
    });
    let trees = layers.each_ref().map(|layers| LayeredTree::of(layers).unwrap());
    let compare = || trees[0].have_same_contents(&trees[1], &[(b"b", b"b")]);
    assert_eq!(compare().unwrap(), [true]);
    let pack = layers[1][0].pack_path();
    let pack = File::options().write(true).open(pack).unwrap();
    pack.write_all_at(b"X", crate::pack::HEADER_SIZE + 5).unwrap();
    assert!(matches!(compare(), Err(StoreError::Damaged { .. })));
}
