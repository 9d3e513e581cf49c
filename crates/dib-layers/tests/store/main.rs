//! The store as its users see it, in one process and as any user.
#![expect(clippy::unwrap_used, reason = "tests fail by panics")]

mod damage;
mod images;
mod life;
#[path = "../shared/listing.rs"]
mod listing;
mod random;
mod round_trip;

use std::fs::File;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;
use dib_layers::{Layer, LayerDescription, LayerKey, LayerStore};

/// A store, and a place for trees beside it.
struct Place {
    guard: tempfile::TempDir,
    store: LayerStore,
}

impl Place {
    fn new() -> Self {
        Self::with_limit(1 << 30)
    }

    fn with_limit(limit: u64) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().join("store")).unwrap();
        let store = LayerStore::open(&path, limit).unwrap();
        Self { guard, store }
    }

    fn path(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.guard.path().to_owned()).unwrap()
    }

    /// Opens the store once more, with another limit.
    fn reopen(&mut self, limit: u64) {
        self.store = LayerStore::open(&self.path().join("store"), limit).unwrap();
    }

    /// Makes an empty directory.
    fn directory(&self, name: &str) -> PathBuf {
        let path = self.guard.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    }

    fn write(&self, key: u8, upper: &Path) -> Layer {
        let upper = File::open(upper).unwrap();
        self.store
            .write(&self::key(key), &upper, &LayerDescription::default())
            .unwrap()
    }

    /// Writes a layer with one file of so many bytes.
    fn write_sized(&self, key: u8, size: usize) -> Layer {
        let upper = tempfile::tempdir_in(self.guard.path()).unwrap();
        std::fs::write(upper.path().join("file"), vec![key; size]).unwrap();
        self.write(key, upper.path())
    }

    fn has(&self, key: u8) -> bool {
        self.store.find(&self::key(key)).unwrap().is_some()
    }

    fn pack(&self, key: u8) -> PathBuf {
        self.guard
            .path()
            .join(format!("store/v2/{}.layer", self::key(key)))
    }
}

fn key(number: u8) -> LayerKey {
    LayerKey::from([number; 32])
}
