//! What to fetch, how to check it, and what comes back.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::sync::Arc;

use camino::Utf8PathBuf;

use crate::key::CacheKey;
use crate::openpgp::{Keyring, VerifiedSignature};
use crate::sha256::Sha256;
use crate::sums::Sums;

/// A file to fetch.
#[derive(Debug, Clone)]
pub struct Download {
    /// Where it comes from, over `http` or `https`.
    pub url: String,
    /// The name it has in the cache.
    pub cached_as: CacheKey,
    /// What it must be.
    pub check: Check,
}

/// How a download is checked before it gets its name in the cache.
#[derive(Debug, Clone)]
pub enum Check {
    /// By a sum the caller knows.
    Sha256(Sha256),
    /// By the sum that a list names for exactly this file name.
    ListedIn(SumsDownload, String),
    /// By what the caller makes of its bytes, of which there may be 64 MiB.
    Judged(Judge),
    /// Not at all, which is told as a warning.
    Unverified,
}

/// Judges a whole file, such as one that is signed around itself: an error refuses it.
#[derive(Clone)]
pub struct Judge(Arc<JudgeFn>);

type JudgeFn = dyn Fn(&[u8]) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync;

/// A list of sums to fetch.
#[derive(Debug, Clone)]
pub struct SumsDownload {
    /// Where the list comes from, over `http` or `https`.
    pub url: String,
    /// The name the list has in the cache; its signature is kept under the same name with `.gpg` added.
    pub cached_as: CacheKey,
    /// Who must have signed the list.
    pub signature: SignaturePolicy,
}

/// Whether a list of sums must be signed.
#[derive(Debug, Clone)]
pub enum SignaturePolicy {
    /// A detached signature at `url` must have been made by a key of `keyring`.
    Detached {
        /// Where the signature comes from.
        url: String,
        /// The key that must have made it.
        keyring: Keyring,
    },
    /// No signature is looked for, which is told as a warning.
    Off,
}

/// A file of the cache whose bytes have just been verified.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifiedFile {
    /// Its path in the cache.
    pub path: Utf8PathBuf,
    /// The sum of its bytes.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
    /// How it came to be there.
    pub origin: Origin,
    /// The file itself, open and at its start: it stays what was verified when the name gets another file later.
    pub file: File,
}

/// A file that a cache has given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedFile {
    /// Its name in the cache.
    pub name: CacheKey,
    /// Its size in bytes.
    pub size: u64,
}

/// How a file came to be in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Its bytes were downloaded by this fetch.
    Downloaded,
    /// It was in the cache, and the server said just now that it is current (status 304).
    Revalidated,
    /// It was in the cache, and no request was needed or allowed.
    Cached,
}

/// A list of sums, with what vouches for it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifiedSums {
    /// Its path in the cache.
    pub path: Utf8PathBuf,
    /// How it came to be there.
    pub origin: Origin,
    /// The signature, unless it was switched off.
    pub signature: Option<VerifiedSignature>,
    pub(crate) sums: Sums,
}

impl Judge {
    /// Takes a function that returns why the bytes are refused, if they are.
    pub fn new<E, F>(judge: F) -> Self
    where
        E: Error + Send + Sync + 'static,
        F: Fn(&[u8]) -> Result<(), E> + Send + Sync + 'static,
    {
        Self(Arc::new(move |bytes| judge(bytes).map_err(Into::into)))
    }

    pub(crate) fn judge(&self, bytes: &[u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        (self.0)(bytes)
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Judge(..)")
    }
}

impl VerifiedSums {
    /// Returns the sum of the file with exactly this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Sha256> {
        self.sums.get(name)
    }

    /// Returns the listed file names in order of their bytes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sums.names()
    }
}
