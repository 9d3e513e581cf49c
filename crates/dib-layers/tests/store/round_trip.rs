//! What is written comes back.

use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use dib_layers::{LayerDescription, LayerInput, RestoreError, WriteError};
use nix::sys::stat::{Mode, SFlag, mknod};
use rustix::fs::{XattrFlags, setxattr};

use crate::listing::{assert_same, listing};
use crate::{Place, key};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Makes one of everything that any user can make.
fn fill(tree: &Path) {
    let old = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_007, 123_456_789);
    fs::create_dir_all(tree.join("usr/bin/deep/er")).unwrap();
    fs::write(tree.join("usr/bin/passwd"), b"#!").unwrap();
    set_mode(&tree.join("usr/bin/passwd"), 0o4755);
    fs::write(tree.join("empty"), b"").unwrap();
    fs::write(tree.join("read-only"), b"x").unwrap();
    File::open(tree.join("read-only"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    setxattr(
        tree.join("read-only"),
        "user.note",
        b"\0kept\n",
        XattrFlags::empty(),
    )
    .unwrap();
    set_mode(&tree.join("read-only"), 0o444);
    fs::write(tree.join("large"), vec![0xa5; (3 << 20) + 17]).unwrap();
    set_mode(&tree.join("large"), 0o640);
    let sparse = File::create(tree.join("sparse")).unwrap();
    sparse.set_len(50 << 20).unwrap();
    sparse.write_all_at(b"island", 20 << 20).unwrap();
    File::create(tree.join("hole")).unwrap().set_len(1 << 20).unwrap();
    fs::write(tree.join("linked"), b"twice").unwrap();
    fs::hard_link(tree.join("linked"), tree.join("usr/linked too")).unwrap();
    symlink("../nowhere/\u{fc}", tree.join("usr/link")).unwrap();
    fs::hard_link(tree.join("usr/link"), tree.join("usr/same link")).unwrap();
    let name = std::ffi::OsStr::from_bytes(b"not \xff utf-8\n");
    fs::write(tree.join(name), b"y").unwrap();
    let read_write = Mode::S_IRUSR | Mode::S_IWUSR;
    mknod(&tree.join("fifo"), SFlag::S_IFIFO, read_write, 0).unwrap();
    mknod(&tree.join("socket"), SFlag::S_IFSOCK, read_write, 0).unwrap();
    fs::create_dir(tree.join("closed")).unwrap();
    fs::write(tree.join("closed/inside"), b"z").unwrap();
    set_mode(&tree.join("closed"), 0o2550);
    setxattr(
        tree.join("usr"),
        "user.note",
        b"of a directory",
        XattrFlags::empty(),
    )
    .unwrap();
    File::open(tree.join("usr")).unwrap().set_modified(old).unwrap();
    set_mode(tree, 0o1755);
    File::open(tree).unwrap().set_modified(old).unwrap();
}

#[test]
fn every_kind_of_entry_comes_back_as_it_was() {
    let place = Place::new();
    let (tree, again) = (place.directory("tree"), place.directory("again"));
    fill(&tree);
    let written = place.write(1, &tree);
    let layer = place.store.find(&key(1)).unwrap().unwrap();
    let report = layer.restore(&File::open(&again).unwrap()).unwrap();
    assert_same(&tree, &again);
    assert_eq!(report.entries, listing(&tree).len() as u64 - 1);
    assert_eq!(layer.description().sizes.entries, report.entries);
    assert_eq!(layer.description().sizes.bytes, report.bytes);
    assert_eq!((layer.digest(), layer.size()), (written.digest(), written.size()));
    assert_eq!(layer.size(), fs::metadata(place.pack(1)).unwrap().len());
    let blocks = fs::metadata(again.join("sparse")).unwrap().blocks();
    assert!(blocks * 512 < 10 << 20, "the holes were filled: {blocks} blocks");
}

#[test]
fn an_empty_layer_is_a_layer() {
    let place = Place::new();
    let (tree, again) = (place.directory("tree"), place.directory("again"));
    place.write(1, &tree);
    let layer = place.store.find(&key(1)).unwrap().unwrap();
    assert_eq!(layer.restore(&File::open(&again).unwrap()).unwrap().entries, 0);
    assert_same(&tree, &again);
}

#[test]
fn the_same_tree_gives_the_same_digest_and_a_change_another() {
    let place = Place::new();
    let tree = place.directory("tree");
    fill(&tree);
    let first = place.write(1, &tree).digest();
    let second = place.write(2, &tree);
    assert_eq!(second.digest(), first);
    set_mode(&tree.join("large"), 0o600);
    assert_ne!(place.write(3, &tree).digest(), first);
}

#[test]
fn a_description_and_paths_come_back() {
    let place = Place::new();
    let tree = place.directory("tree");
    fs::create_dir(tree.join("etc")).unwrap();
    fs::write(tree.join("etc/fstab"), b"").unwrap();
    let description = LayerDescription {
        phase: "install".to_owned(),
        hook: "50-thing".to_owned(),
        element: "thing".to_owned(),
        inputs: vec![LayerInput {
            name: "variable THING".to_owned(),
            value: "1".to_owned(),
        }],
        journal: vec![serde_json::json!({"wrote": "/etc/fstab"})],
        created: 1_700_000_000,
        ..LayerDescription::default()
    };
    let upper = File::open(&tree).unwrap();
    drop(place.store.write(&key(1), &upper, &description).unwrap());
    let layer = place.store.find(&key(1)).unwrap().unwrap();
    assert_eq!(layer.description().hook, "50-thing");
    assert_eq!(layer.description().journal, description.journal);
    assert_eq!(layer.description().inputs, description.inputs);
    let paths = layer.paths().unwrap();
    let shown: Vec<(&str, bool)> = paths
        .iter()
        .map(|path| (path.path.as_str(), path.is_directory))
        .collect();
    assert_eq!(shown, [("/etc", true), ("/etc/fstab", false)]);
}

#[test]
fn a_store_can_be_moved() {
    let mut place = Place::new();
    let (tree, again) = (place.directory("tree"), place.directory("again"));
    fill(&tree);
    place.write(1, &tree);
    fs::rename(place.path().join("store"), place.path().join("moved")).unwrap();
    place.store = dib_layers::LayerStore::open(&place.path().join("moved"), 1 << 30).unwrap();
    let layer = place.store.find(&key(1)).unwrap().unwrap();
    layer.restore(&File::open(&again).unwrap()).unwrap();
    assert_same(&tree, &again);
}

#[test]
fn what_cannot_be_read_leaves_nothing() {
    let place = Place::new();
    let upper = place.directory("tree");
    let file = File::open(&upper).unwrap();
    fs::remove_dir(&upper).unwrap();
    fs::write(&upper, b"a file now").unwrap();
    let not_a_directory = File::open(&upper).unwrap();
    let error = place
        .store
        .write(&key(1), &not_a_directory, &LayerDescription::default());
    assert!(matches!(error, Err(WriteError::Entry { .. })), "{error:?}");
    drop(file);
    assert_eq!(place.store.layers().unwrap(), []);
    assert_eq!(
        fs::read_dir(place.path().join("store/v2")).unwrap().count(),
        1,
        "only the lock is there"
    );
}

#[test]
fn nothing_is_restored_over_what_is_there() {
    let place = Place::new();
    let (tree, again) = (place.directory("tree"), place.directory("again"));
    fs::write(tree.join("file"), b"new").unwrap();
    fs::write(again.join("file"), b"old").unwrap();
    let layer = place.write(1, &tree);
    let error = layer.restore(&File::open(&again).unwrap()).unwrap_err();
    assert!(
        matches!(&error, RestoreError::Entry { path, .. } if path == "/file"),
        "{error:?}"
    );
    assert_eq!(fs::read(again.join("file")).unwrap(), b"old");
}
