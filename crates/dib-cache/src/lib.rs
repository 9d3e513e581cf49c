//! Locked, checksum-verified and signature-verified downloads into a cache directory that many processes share.
//!
//! This crate must not know what an element, a distribution or an image is, and it never reads the environment:
//! proxies, the directory and whether the network may be used are told to it. A file under its final name in the
//! cache has been verified before it got that name, and is verified again each time it is used.
//!
//! In reading order:
//! - [`download`]: what to fetch and how to check it, and what comes back.
//! - [`cache`]: the cache itself and its settings; [`Cache::fetch`] is the one call most callers need.
//! - [`key`], [`sha256`], [`sums`], [`openpgp`]: names, sums, lists of sums and signatures over them.
//! - [`progress`]: what a fetch tells while it runs.
//! - [`upkeep`]: listing, verifying and pruning what the cache holds.
//! - `fetch`, `sums_fetch`, `judged_fetch`: the procedures behind the calls; `retry`: one file from the network, with
//!   retries; `http`, `transfer`: one request and one body; `store`, `lock`: what stands on the disk, and who
//!   may change it.
//!
//! ```no_run
//! use dib_cache::{Cache, CacheKey, Check, Download};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::open("/var/cache/dib".into())?;
//! let image = cache.fetch(&Download {
//!     url: "https://example.org/root.tar.xz".to_owned(),
//!     cached_as: CacheKey::new("root.tar.xz")?,
//!     check: Check::Sha256("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse()?),
//! })?;
//! assert_eq!(image.path, "/var/cache/dib/root.tar.xz");
//! # Ok(())
//! # }
//! ```

pub mod cache;
pub mod download;
pub mod error;
pub mod key;
pub mod openpgp;
pub mod progress;
pub mod sha256;
pub mod sums;
pub mod upkeep;

mod fetch;
mod http;
mod judged_fetch;
mod lock;
mod retry;
mod store;
mod sums_fetch;
mod transfer;

pub use cache::{Cache, Proxies, Retries, Timeouts};
pub use download::{
    Check, Download, Judge, Origin, ServedFile, SignaturePolicy, SumsDownload, VerifiedFile, VerifiedSums,
};
pub use error::CacheError;
pub use key::{CacheKey, InvalidCacheKey};
pub use openpgp::{
    Keyring, KeyringError, SignatureError, VerifiedSignature, verify_clearsigned, verify_detached,
};
pub use progress::{Progress, Silent};
pub use sha256::{HashingReader, InvalidSha256, Sha256};
pub use sums::{Sums, SumsError};
pub use upkeep::{Condition, Entry, Prune, Pruned};
