//! The way from a base to the layers that were made on it: a directory for each base, a file for each layer.

use std::fs::{self, File};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};

use super::chain::Digest;
use crate::{LayerKey, LayerStore};

/// Leads from bases to layers. A way that is lost costs the time to make the layer again, and a way to nowhere is one that
/// leads to no layer: so neither is an error.
#[derive(Debug)]
pub(super) struct Index {
    directory: Utf8PathBuf,
}

impl Index {
    pub(super) fn in_directory(directory: &Utf8Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// Returns the keys of the layers that were made on a base, the newest first.
    pub(super) fn candidates(&self, base: &Digest) -> Vec<LayerKey> {
        let mut keys: Vec<(SystemTime, LayerKey)> = self
            .of(base)
            .read_dir_utf8()
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let time = entry.metadata().and_then(|metadata| metadata.modified()).ok()?;
                Some((time, entry.file_name().parse().ok()?))
            })
            .collect();
        keys.sort_by(|left, right| right.cmp(left));
        keys.into_iter().map(|(_, key)| key).collect()
    }

    /// Leads from a base to a layer.
    pub(super) fn remember(&self, base: &Digest, key: &LayerKey) {
        let directory = self.of(base);
        let _ = fs::create_dir_all(&directory).and_then(|()| File::create(directory.join(key.to_string())));
    }

    /// Leads no longer from a base to a layer that is gone.
    pub(super) fn forget(&self, base: &Digest, key: &LayerKey) {
        let directory = self.of(base);
        let _ = fs::remove_file(directory.join(key.to_string()));
        // It stays when it leads to others.
        let _ = fs::remove_dir(&directory);
    }

    fn of(&self, base: &Digest) -> Utf8PathBuf {
        self.directory.join(base.to_string())
    }
}

/// Removes from the directory `bases`, which leads to a store's layers, what leads to none any more.
pub fn forget_gone(store: &LayerStore, bases: &Utf8Path) {
    let index = Index::in_directory(bases);
    let entries = bases.read_dir_utf8().into_iter().flatten().flatten();
    for base in entries.filter_map(|entry| entry.file_name().parse().ok()) {
        for key in index.candidates(&base) {
            if !store.has(&key) {
                index.forget(&base, &key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_nothing_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        let store = LayerStore::open(&path.join("packs"), 1 << 20).unwrap();
        let (bases, upper) = (path.join("bases"), path.join("upper"));
        fs::create_dir(&upper).unwrap();
        let (base, other) = (LayerKey::from([1; 32]), LayerKey::from([2; 32]));
        let (there, gone) = (LayerKey::from([3; 32]), LayerKey::from([4; 32]));
        let description = crate::LayerDescription::default();
        drop(
            store
                .write(&there, &File::open(&upper).unwrap(), &description)
                .unwrap(),
        );
        let index = Index::in_directory(&bases);
        for (base, key) in [(&base, &there), (&base, &gone), (&other, &gone)] {
            index.remember(base, key);
        }
        forget_gone(&store, &bases);
        assert_eq!(index.candidates(&base), [there]);
        assert_eq!(bases.read_dir_utf8().unwrap().count(), 1);
    }

    #[test]
    fn a_base_leads_to_its_layers_until_they_are_gone() {
        let directory = tempfile::tempdir().unwrap();
        let index = Index::in_directory(Utf8Path::from_path(directory.path()).unwrap());
        let (base, other) = (LayerKey::from([1; 32]), LayerKey::from([2; 32]));
        let keys = [LayerKey::from([3; 32]), LayerKey::from([4; 32])];
        for key in &keys {
            index.remember(&base, key);
        }
        let mut found = index.candidates(&base);
        found.sort();
        assert_eq!(found, keys);
        assert!(index.candidates(&other).is_empty());
        for key in &keys {
            index.forget(&base, key);
        }
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }
}
