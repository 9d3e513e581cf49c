//! Listing, verifying and pruning what the cache holds.
//!
//! Only files that the cache itself fetched or verified are known to it; whatever else lies in its directory is left
//! alone.

use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};

use crate::cache::Cache;
use crate::error::CacheError;
use crate::key::{CacheKey, PARTIAL_ENDING};
use crate::lock;
use crate::sha256::Sha256;
use crate::store::{Store, as_system_time, failed, now, remove_if_there};

/// A file of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its name.
    pub name: CacheKey,
    /// Where it came from, without a password.
    pub url: String,
    /// The sum it had when it was last verified.
    pub sha256: Sha256,
    /// Its size in bytes when it was last verified.
    pub size: u64,
    /// When its bytes came.
    pub fetched_at: SystemTime,
    /// When a fetch last returned it.
    pub used_at: SystemTime,
}

/// What a file of the cache is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Its bytes are those that were verified.
    Good,
    /// Its bytes have changed.
    Damaged {
        /// The sum it has now.
        found: Sha256,
    },
    /// It is gone.
    Missing,
}

/// Which files to remove; what killed downloads left behind is removed in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prune {
    /// Files that no fetch has returned for so long.
    UnusedFor(Duration),
    /// The files unused for longest, until the rest has at most so many bytes.
    DownToSize(u64),
    /// All files.
    Everything,
}

/// What pruning did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// The files that were removed.
    pub removed: Vec<Entry>,
    /// The partial downloads that were removed.
    pub leftovers: Vec<Utf8PathBuf>,
    /// The names that were left because another process works on them.
    pub in_use: Vec<CacheKey>,
    /// How many bytes are free again.
    pub freed: u64,
}

impl Cache {
    /// Lists the cache's files in order of their names.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn entries(&self) -> Result<Vec<Entry>, CacheError> {
        let mut entries = Vec::new();
        for key in self.keys_with_ending(".json")? {
            if self.store.path(&key).exists()
                && let Some(entry) = self.entry(key)
            {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// Hashes all files of the cache, and returns what each is now; files being fetched are waited for.
    ///
    /// # Errors
    /// When a file can't be read, or a lock isn't released in time.
    pub fn verify(&self) -> Result<Vec<(Entry, Condition)>, CacheError> {
        let mut verified = Vec::new();
        for key in self.keys_with_ending(".json")? {
            let _lock = self.lock(&key)?;
            let hashed = self.store.hash_cached(&key)?;
            let Some(entry) = self.entry(key) else { continue };
            let condition = match hashed {
                None => Condition::Missing,
                Some(hashed) if hashed.sha256 == entry.sha256 => Condition::Good,
                Some(hashed) => Condition::Damaged { found: hashed.sha256 },
            };
            verified.push((entry, condition));
        }
        Ok(verified)
    }

    /// Removes files, and what killed downloads left behind; files that another process works on are left.
    ///
    /// # Errors
    /// When a directory can't be read or a file can't be removed.
    pub fn prune(&self, prune: Prune) -> Result<Pruned, CacheError> {
        let mut pruned = Pruned::default();
        for key in self.keys_with_ending(&format!("{PARTIAL_ENDING}.json"))? {
            self.prune_leftover(key, &mut pruned)?;
        }
        for entry in self.chosen(prune)? {
            let lock_path = self.store.lock_path(&entry.name);
            match lock::try_acquire(&lock_path)? {
                None => pruned.in_use.push(entry.name),
                Some(_lock) => {
                    self.store.remove(&entry.name)?;
                    remove_if_there(&lock_path)?;
                    pruned.freed += entry.size;
                    pruned.removed.push(entry);
                }
            }
        }
        Ok(pruned)
    }

    fn prune_leftover(&self, key: CacheKey, pruned: &mut Pruned) -> Result<(), CacheError> {
        match lock::try_acquire(&self.store.lock_path(&key))? {
            None => pruned.in_use.push(key),
            Some(_lock) => {
                let partial = self.store.partial_path(&key);
                pruned.freed += fs::metadata(&partial).map_or(0, |metadata| metadata.len());
                self.store.discard_partial(&key)?;
                pruned.leftovers.push(partial);
            }
        }
        Ok(())
    }

    fn chosen(&self, prune: Prune) -> Result<Vec<Entry>, CacheError> {
        let mut entries = self.entries()?;
        entries.sort_by_key(|entry| entry.used_at);
        match prune {
            Prune::Everything => {}
            Prune::UnusedFor(age) => {
                let now = as_system_time(now());
                entries.retain(|entry| {
                    now.duration_since(entry.used_at)
                        .is_ok_and(|unused| unused >= age)
                });
            }
            Prune::DownToSize(most) => {
                let mut size: u64 = entries.iter().map(|entry| entry.size).sum();
                entries.retain(|entry| {
                    let excess = size > most;
                    if excess {
                        size -= entry.size;
                    }
                    excess
                });
            }
        }
        Ok(entries)
    }

    fn entry(&self, key: CacheKey) -> Option<Entry> {
        let sidecar = self.store.read_sidecar(&key)?;
        Some(Entry {
            name: key,
            url: sidecar.url,
            sha256: sidecar.sha256,
            size: sidecar.size,
            fetched_at: as_system_time(sidecar.fetched_at),
            used_at: as_system_time(sidecar.used_at),
        })
    }

    /// Returns the names that have a sidecar with this ending, in order.
    fn keys_with_ending(&self, ending: &str) -> Result<Vec<CacheKey>, CacheError> {
        let mut names = Vec::new();
        walk(&self.store, &self.store.sidecars(), &mut names)?;
        names.sort();
        // A name that isn't a key is that of a partial download, or something else put there.
        Ok(names
            .iter()
            .filter_map(|name| CacheKey::new(name.strip_suffix(ending)?).ok())
            .collect())
    }
}

/// Collects the files below `directory`, by their paths relative to the directory of sidecars.
fn walk(store: &Store, directory: &Utf8Path, names: &mut Vec<String>) -> Result<(), CacheError> {
    let entries = match directory.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed("read", directory)(source)),
    };
    for entry in entries {
        let entry = entry.map_err(failed("read", directory))?;
        if entry
            .file_type()
            .map_err(failed("look at", entry.path()))?
            .is_dir()
        {
            walk(store, entry.path(), names)?;
        } else if let Ok(name) = entry.path().strip_prefix(store.sidecars()) {
            names.push(name.to_string());
        }
    }
    Ok(())
}
