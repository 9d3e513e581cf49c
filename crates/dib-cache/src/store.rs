//! What stands on the disk: files under their names, sidecars about them, partial downloads, locks.
//!
//! For a file `name`, the directory holds `name`, `.meta/name.json` about it, `.locks/name.lock`, and while a
//! download is under way `name.partial` with `.meta/name.partial.json`. Everything but the lock is changed only by
//! whoever holds the lock. A partial download never exists without its sidecar, so that pruning finds all of them.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::CacheError;
use crate::http::shown;
use crate::key::{CacheKey, PARTIAL_ENDING};
use crate::sha256::{HashingReader, Sha256};

/// The directory of sidecars, within the cache's.
const SIDECARS: &str = ".meta";

/// The directory of locks, within the cache's.
const LOCKS: &str = ".locks";

/// A cache directory.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    directory: Utf8PathBuf,
}

/// What a server said by which it can tell later whether a file has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

impl Validators {
    /// Returns what shows that two bodies are the same byte for byte: a strong `ETag`, else the time.
    pub(crate) fn strong(&self) -> Option<&str> {
        let strong_etag = self.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
        strong_etag.or(self.last_modified.as_deref())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// What is remembered about a file; times are milliseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sidecar {
    pub(crate) url: String,
    pub(crate) sha256: Sha256,
    pub(crate) size: u64,
    #[serde(flatten)]
    pub(crate) validators: Validators,
    /// When its bytes came.
    pub(crate) fetched_at: u64,
    /// When the server last said that it is current.
    pub(crate) validated_at: u64,
    /// When a fetch last returned it.
    pub(crate) used_at: u64,
}

impl Sidecar {
    /// What can be said of a file that something else put there.
    pub(crate) fn of_unknown_age(url: &Url, body: &Hashed) -> Self {
        Self {
            url: shown(url),
            sha256: body.sha256,
            size: body.size,
            validators: Validators::default(),
            fetched_at: now(),
            validated_at: 0,
            used_at: now(),
        }
    }
}

/// What is remembered about a download under way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PartialSidecar {
    pub(crate) url: String,
    #[serde(flatten)]
    pub(crate) validators: Validators,
}

/// A file of the cache with the sum it was just found to have, open at its start.
#[derive(Debug)]
pub(crate) struct Hashed {
    pub(crate) file: File,
    pub(crate) sha256: Sha256,
    pub(crate) size: u64,
}

impl Store {
    /// Makes the directory if it isn't there.
    pub(crate) fn open(directory: &Utf8Path) -> Result<Self, CacheError> {
        fs::create_dir_all(directory).map_err(failed("make the cache directory", directory))?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    pub(crate) fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    pub(crate) fn path(&self, key: &CacheKey) -> Utf8PathBuf {
        self.directory.join(key.as_str())
    }

    pub(crate) fn partial_path(&self, key: &CacheKey) -> Utf8PathBuf {
        self.directory.join(format!("{key}{PARTIAL_ENDING}"))
    }

    pub(crate) fn lock_path(&self, key: &CacheKey) -> Utf8PathBuf {
        self.directory.join(LOCKS).join(format!("{key}.lock"))
    }

    pub(crate) fn sidecar_path(&self, key: &CacheKey) -> Utf8PathBuf {
        self.sidecars().join(format!("{key}.json"))
    }

    pub(crate) fn partial_sidecar_path(&self, key: &CacheKey) -> Utf8PathBuf {
        self.sidecars().join(format!("{key}{PARTIAL_ENDING}.json"))
    }

    pub(crate) fn sidecars(&self) -> Utf8PathBuf {
        self.directory.join(SIDECARS)
    }

    /// Returns what is remembered about a file; an unreadable sidecar is as good as none.
    pub(crate) fn read_sidecar(&self, key: &CacheKey) -> Option<Sidecar> {
        read_json(&self.sidecar_path(key))
    }

    pub(crate) fn write_sidecar(&self, key: &CacheKey, sidecar: &Sidecar) -> Result<(), CacheError> {
        write_json(&self.sidecar_path(key), sidecar)
    }

    pub(crate) fn read_partial_sidecar(&self, key: &CacheKey) -> Option<PartialSidecar> {
        read_json(&self.partial_sidecar_path(key))
    }

    /// Opens and hashes the file of that name.
    pub(crate) fn hash_cached(&self, key: &CacheKey) -> Result<Option<Hashed>, CacheError> {
        let path = self.path(key);
        match File::open(&path) {
            Ok(file) => hash(file, &path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("open", &path)(source)),
        }
    }

    /// Opens and hashes the partial download of that name.
    pub(crate) fn open_partial(&self, key: &CacheKey) -> Result<Option<File>, CacheError> {
        let path = self.partial_path(key);
        match File::options().read(true).write(true).open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("open", &path)(source)),
        }
    }

    /// Starts a partial download: an earlier one goes first, so that its bytes never stand beside a newer sidecar.
    pub(crate) fn create_partial(
        &self,
        key: &CacheKey,
        sidecar: &PartialSidecar,
    ) -> Result<File, CacheError> {
        self.discard_partial(key)?;
        write_json(&self.partial_sidecar_path(key), sidecar)?;
        let path = self.partial_path(key);
        make_parent(&path)?;
        File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(failed("create", &path))
    }

    pub(crate) fn discard_partial(&self, key: &CacheKey) -> Result<(), CacheError> {
        remove_if_there(&self.partial_path(key))?;
        remove_if_there(&self.partial_sidecar_path(key))
    }

    /// Gives a verified partial download its final name. The old sidecar goes first: it must not describe new bytes.
    pub(crate) fn commit_partial(
        &self,
        key: &CacheKey,
        file: &File,
        sidecar: &Sidecar,
    ) -> Result<(), CacheError> {
        let (partial, path) = (self.partial_path(key), self.path(key));
        file.sync_all().map_err(failed("write out", &partial))?;
        remove_if_there(&self.sidecar_path(key))?;
        fs::rename(&partial, &path).map_err(failed("give its name to", &path))?;
        let parent = path.parent().unwrap_or(&self.directory);
        File::open(parent)
            .and_then(|directory| directory.sync_all())
            .map_err(failed("write out", parent))?;
        self.write_sidecar(key, sidecar)?;
        remove_if_there(&self.partial_sidecar_path(key))
    }

    /// Removes a file and what is remembered about it.
    pub(crate) fn remove(&self, key: &CacheKey) -> Result<(), CacheError> {
        remove_if_there(&self.path(key))?;
        remove_if_there(&self.sidecar_path(key))
    }
}

/// Returns the time now, in milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// Returns a time of a sidecar as the standard library's.
pub(crate) fn as_system_time(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_millis(milliseconds))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Hashes a whole file and puts it back to its start.
pub(crate) fn hash(mut file: File, path: &Utf8Path) -> Result<Hashed, CacheError> {
    file.rewind().map_err(failed("read", path))?;
    let (sha256, size) = HashingReader::new(&file).finish().map_err(failed("read", path))?;
    file.rewind().map_err(failed("read", path))?;
    Ok(Hashed { file, sha256, size })
}

pub(crate) fn failed(action: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError::Disk { action, path, source }
}

pub(crate) fn remove_if_there(path: &Utf8Path) -> Result<(), CacheError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

fn make_parent(path: &Utf8Path) -> Result<(), CacheError> {
    path.parent().map_or(Ok(()), |parent| {
        fs::create_dir_all(parent).map_err(failed("make the directory", parent))
    })
}

fn read_json<T: DeserializeOwned>(path: &Utf8Path) -> Option<T> {
    let bytes = fs::read(path).ok()?;
    serde_json::from_slice(&bytes)
        .inspect_err(|error| tracing::debug!(%path, %error, "passing over an unreadable sidecar"))
        .ok()
}

fn write_json<T: Serialize>(path: &Utf8Path, value: &T) -> Result<(), CacheError> {
    make_parent(path)?;
    let bytes = serde_json::to_vec_pretty(value).expect("sidecars have only text keys");
    let unfinished = path.with_extension("json.new");
    fs::write(&unfinished, bytes).map_err(failed("write", &unfinished))?;
    fs::rename(&unfinished, path).map_err(failed("write", path))
}
