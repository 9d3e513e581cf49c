//! The store of one user is never trusted by another, in a sandbox or not.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

use camino::{Utf8Path, Utf8PathBuf};
use dib_layers::{LayerStore, OpenError};
use nix::unistd::geteuid;

use crate::{Test, in_sandbox, temporary_directory};

pub(crate) const TESTS: &[Test] = &[
    (
        "owner::a_store_of_another_user_is_refused",
        a_store_of_another_user_is_refused,
    ),
    (
        "owner::a_store_is_the_same_user_s_in_a_sandbox",
        a_store_is_the_same_user_s_in_a_sandbox,
    ),
];

/// Returns a directory of another user, below the given one where this user can make such.
fn foreign(directory: &Utf8Path) -> Utf8PathBuf {
    let root = Utf8PathBuf::from("/");
    let user = geteuid().as_raw();
    if fs::metadata(&root).unwrap().uid() != user {
        return root;
    }
    let foreign = directory.join("foreign");
    if !foreign.exists() {
        LayerStore::open(&foreign, 0).unwrap();
        chown(&foreign, Some(user + 1), None).unwrap();
    }
    foreign
}

fn refuses(directory: &Utf8Path) {
    let foreign = foreign(directory);
    let error = LayerStore::open(&foreign, 1 << 30).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("{foreign} belongs to user ")), "{text}");
    let OpenError::OtherOwner { owner, user, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(owner, fs::metadata(&foreign).unwrap().uid());
    assert_eq!(user, geteuid().as_raw());
}

fn a_store_of_another_user_is_refused() {
    let (_guard, directory) = temporary_directory();
    refuses(&directory);
    in_sandbox(|| refuses(&directory));
}

fn a_store_is_the_same_user_s_in_a_sandbox() {
    let (_guard, directory) = temporary_directory();
    let store = directory.join("store");
    LayerStore::open(&store, 1 << 30).unwrap();
    in_sandbox(|| drop(LayerStore::open(&store, 1 << 30).unwrap()));
    LayerStore::open(&store, 1 << 30).unwrap();
}
