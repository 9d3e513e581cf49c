//! A tree as text, written without the code that is tested.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{lgetxattr, llistxattr};

/// Lists everything about every entry of a tree that a layer must keep, by paths.
pub(crate) fn listing(root: &Path) -> BTreeMap<String, String> {
    let mut listing = BTreeMap::new();
    let mut inodes = HashMap::new();
    list(root, root, &mut inodes, &mut listing);
    listing
}

fn list(root: &Path, path: &Path, inodes: &mut HashMap<u64, String>, listing: &mut BTreeMap<String, String>) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
    let name = name.escape_ascii().to_string();
    let mut line = format!(
        "{:o} {}:{} {}.{:09}",
        metadata.mode(),
        metadata.uid(),
        metadata.gid(),
        metadata.mtime(),
        metadata.mtime_nsec()
    );
    let kind = metadata.file_type();
    if kind.is_file() {
        write!(line, " {} bytes {:x?}", metadata.len(), digest(path)).unwrap();
    } else if kind.is_symlink() {
        let text = fs::read_link(path).unwrap();
        write!(line, " -> {}", text.as_os_str().as_bytes().escape_ascii()).unwrap();
    } else if kind.is_char_device() || kind.is_block_device() {
        write!(line, " device {:x}", metadata.rdev()).unwrap();
    }
    if !kind.is_dir() {
        let first = inodes.entry(metadata.ino()).or_insert_with(|| name.clone());
        if *first != name {
            write!(line, " linked to {first}").unwrap();
        }
    }
    let mut names = vec![0; 4096];
    let length = llistxattr(path, &mut names[..]).unwrap();
    let mut attributes: Vec<&[u8]> = names[..length].split(|byte| *byte == 0).collect();
    attributes.sort_unstable();
    for attribute in attributes.into_iter().filter(|name| !name.is_empty()) {
        let mut value = vec![0; 65536];
        let length = lgetxattr(path, attribute, &mut value[..]).unwrap();
        write!(
            line,
            " {}={}",
            attribute.escape_ascii(),
            // Words are told apart by blanks, and a value may be any bytes.
            value[..length].escape_ascii().to_string().replace(' ', "\\x20")
        )
        .unwrap();
    }
    listing.insert(name, line);
    if kind.is_dir() {
        let mut paths: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort_unstable();
        for path in paths {
            list(root, &path, inodes, listing);
        }
    }
}

fn digest(path: &Path) -> Vec<u8> {
    use sha2::Digest;
    sha2::Sha256::digest(fs::read(path).unwrap())[..4].to_vec()
}

/// Asserts that two trees are the same, and shows the entries that are not.
pub(crate) fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (listing(one), listing(other));
    let different = |name: &&String| one.get(*name) != other.get(*name);
    let names: Vec<&String> = one.keys().chain(other.keys()).filter(different).collect();
    for name in &names {
        assert_eq!(one.get(*name), other.get(*name), "{name:?} differs");
    }
}
