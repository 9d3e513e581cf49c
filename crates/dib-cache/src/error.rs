//! What can go wrong with a fetch or with the cache's upkeep.

use std::io;
use std::time::Duration;

use camino::Utf8PathBuf;

use crate::openpgp::SignatureError;
use crate::sha256::Sha256;
use crate::sums::SumsError;

/// Why a fetch, or an operation on the cache, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// A file or directory of the cache can't be read or changed.
    #[error("failed to {action} {path}")]
    Disk {
        /// What was being done, as a verb.
        action: &'static str,
        /// The path it was done to.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The URL can't be used.
    #[error("{url:?} is not a URL to fetch from: {reason}")]
    InvalidUrl {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file and the list of sums that should vouch for it, or its signature, have one name in the cache.
    #[error("{name:?} would be the name of both a file and its list of sums or signature in the cache")]
    NameClash {
        /// The name.
        name: String,
    },
    /// The network may not be used, and the file is not there.
    #[error("not in the cache and offline: {url}")]
    Offline {
        /// Where the file would come from.
        url: String,
    },
    /// The file is there but is not the right one, and the network may not be used to get a better one.
    #[error("{path} is damaged or outdated: its sum is {found} instead of {expected} (from {url})")]
    BadAndOffline {
        /// The file in the cache.
        path: Utf8PathBuf,
        /// Where a better one would come from.
        url: String,
        /// The sum it should have.
        expected: Sha256,
        /// The sum it has.
        found: Sha256,
    },
    /// Another process held the lock for too long.
    #[error("waited {} seconds in vain for {holder} to release the lock {path}", waited.as_secs())]
    Locked {
        /// The lock's file.
        path: Utf8PathBuf,
        /// Who holds it.
        holder: String,
        /// For how long this process waited.
        waited: Duration,
    },
    /// The HTTP client can't be set up.
    #[error("failed to set up the HTTP client")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A proxy's URL can't be used.
    #[error("{proxy:?} is not the URL of a proxy")]
    InvalidProxy {
        /// The proxy as given.
        proxy: String,
        /// What is wrong with it.
        source: reqwest::Error,
    },
    /// This machine trusts nobody.
    #[error("no certificates to trust are installed (package ca-certificates), so {url} can't be checked")]
    NoTrustedCertificates {
        /// What was to be fetched.
        url: String,
    },
    /// The request or the body failed on the way.
    #[error("failed to fetch {url}")]
    Transfer {
        /// What was being fetched.
        url: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// The server answered with an error.
    #[error("{url} answered {status}")]
    Status {
        /// What was being fetched.
        url: String,
        /// The status code and its meaning.
        status: String,
    },
    /// The body ended early.
    #[error("{url} ended after {received} of {expected} bytes")]
    Cut {
        /// What was being fetched.
        url: String,
        /// How many bytes there are.
        received: u64,
        /// How many bytes there should be.
        expected: u64,
    },
    /// The server did not do what was asked in a way that makes the answer useless.
    #[error("{url} answered nonsense: {problem}")]
    Nonsense {
        /// What was being fetched.
        url: String,
        /// What is wrong with the answer.
        problem: &'static str,
    },
    /// The body is longer than a file of its kind may be.
    #[error("{url} is longer than {most} bytes, which is more than a file of its kind may have")]
    TooLong {
        /// What was being fetched.
        url: String,
        /// The limit in bytes.
        most: u64,
    },
    /// Every try failed.
    #[error("gave up after {tries} tries")]
    GaveUp {
        /// How many tries were made.
        tries: u32,
        /// The last try's error.
        source: Box<CacheError>,
    },
    /// A redirect would leave the encrypted connection.
    #[error("{from} redirects to {to}, which would go on without encryption")]
    InsecureRedirect {
        /// The URL that redirected.
        from: String,
        /// The URL it redirected to.
        to: String,
    },
    /// Redirects don't end.
    #[error("{url} was redirected more than {most} times, last to {to}")]
    TooManyRedirects {
        /// What was being fetched.
        url: String,
        /// The last target.
        to: String,
        /// The limit.
        most: usize,
    },
    /// The file is not what it should be, even when fetched past all caches.
    #[error("{url} has the sum {found} instead of {expected}, also when fetched past caches")]
    Mismatch {
        /// What was fetched.
        url: String,
        /// The sum it should have.
        expected: Sha256,
        /// The sum it has.
        found: Sha256,
    },
    /// The bytes are not what they must be, also when fetched past caches.
    #[error("{url} is refused")]
    Refused {
        /// What was fetched.
        url: String,
        /// What the caller found wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The list of sums doesn't name the file.
    #[error("{name:?} is not listed in {sums_url}")]
    NotListed {
        /// The name looked for.
        name: String,
        /// Where the list came from.
        sums_url: String,
    },
    /// The list of sums can't be read.
    #[error("{url} is not a list of SHA-256 sums")]
    Sums {
        /// Where the list came from.
        url: String,
        /// What is wrong with it.
        source: SumsError,
    },
    /// The signature over the list of sums is not good.
    #[error("signature {signature_url} does not vouch for {sums_url}")]
    Signature {
        /// Where the list came from.
        sums_url: String,
        /// Where the signature came from.
        signature_url: String,
        /// Which of sums, signature and key is wrong.
        source: SignatureError,
    },
}
