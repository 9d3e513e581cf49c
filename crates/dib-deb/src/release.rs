//! An archive's signed list of its indexes: `InRelease`, or `Release` with `Release.gpg`.

mod fetch;

use std::collections::HashMap;

use dib_cache::{CacheError, InvalidCacheKey, Sha256};
use jiff::Timestamp;

use crate::package::field;

pub(crate) use fetch::is_absent;
pub use fetch::{VerifiedRelease, fetch_release};

/// What a release file says, as far as it is of use here; the format is described by the Debian wiki's
/// "DebianRepository/Format".
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Release {
    /// The suite's name, such as `stable`.
    pub suite: Option<String>,
    /// The release's code name, such as `bookworm`.
    pub codename: Option<String>,
    /// When it was made.
    pub date: Option<Timestamp>,
    /// Until when it may be used.
    pub valid_until: Option<Timestamp>,
    /// Whether files may be fetched by their sums.
    pub by_hash: bool,
    /// The architectures, `all` perhaps among them.
    pub architectures: Vec<String>,
    /// The components.
    pub components: Vec<String>,
    /// Whether packages for all architectures are listed only in an index of their own.
    pub separate_all: bool,
    files: HashMap<String, ListedFile>,
}

/// A file that a release lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedFile {
    /// Its sum.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
}

/// Whether a release's `Valid-Until` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// A release that isn't valid any more at this time is refused.
    CheckedAt(Timestamp),
    /// Releases are used however old they are, as for a snapshot of an archive.
    Ignored,
}

/// Why a release can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// It can't be had, or its signature isn't good.
    #[error("failed to get the release file of {suite} at {base_uri}")]
    Fetch {
        /// The archive's base URI.
        base_uri: String,
        /// The suite.
        suite: String,
        /// What happened.
        source: Box<CacheError>,
    },
    /// The archive has no release file.
    #[error("{base_uri} has no suite {suite}: there is neither {url} nor a Release with Release.gpg")]
    NoRelease {
        /// The archive's base URI.
        base_uri: String,
        /// The suite.
        suite: String,
        /// Where `InRelease` would be.
        url: String,
    },
    /// The archive has a release file without a signature.
    #[error(
        "the release file {url} is not signed (there is neither InRelease nor Release.gpg), so it is not used"
    )]
    Unsigned {
        /// Where the release file is.
        url: String,
    },
    /// The names don't do for a file of the cache.
    #[error("the suite {suite:?} at {base_uri:?} can't be used")]
    Name {
        /// The archive's base URI.
        base_uri: String,
        /// The suite.
        suite: String,
        /// What is wrong with them.
        source: InvalidCacheKey,
    },
    /// An archive without suites is not read.
    #[error("the suite {suite:?} at {base_uri} ends with a slash: archives without suites can't be used")]
    Flat {
        /// The archive's base URI.
        base_uri: String,
        /// The suite.
        suite: String,
    },
    /// The text says something that can't be.
    #[error("{url} has a field {field} that can't be used: {value:?}")]
    BadField {
        /// Where the release file is.
        url: String,
        /// The field's name.
        field: &'static str,
        /// What stands there, or its beginning.
        value: String,
    },
    /// The release is of another suite than was asked for.
    #[error("{url} is the release of {found}, not of {suite}")]
    OtherSuite {
        /// Where the release file is.
        url: String,
        /// The suite that was asked for.
        suite: String,
        /// What it calls itself.
        found: String,
    },
    /// The release is too old.
    #[error("{url} expired on {valid_until}: its mirror is out of date, or this machine's clock is wrong")]
    Expired {
        /// Where the release file is.
        url: String,
        /// Until when it was valid.
        valid_until: Timestamp,
    },
}

impl Release {
    /// Reads a release's text, which came from `url`.
    ///
    /// # Errors
    /// When a date, a sum or a size is malformed.
    pub fn parse(text: &str, url: &str) -> Result<Self, ReleaseError> {
        // Whatever stands after a blank line is not part of the one stanza.
        let stanza = text.split("\n\n").next().unwrap_or_default();
        let value = |name| field(stanza, name).map(str::to_owned);
        let words = |name| {
            field(stanza, name)
                .unwrap_or_default()
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect()
        };
        let bad = |field: &'static str, value: &str| ReleaseError::BadField {
            url: url.to_owned(),
            field,
            value: value.chars().take(120).collect(),
        };
        let date = |name| {
            field(stanza, name)
                .map(|value| parse_date(value).ok_or_else(|| bad(name, value)))
                .transpose()
        };
        let files = field(stanza, "SHA256")
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| parse_file(line).ok_or_else(|| bad("SHA256", line)))
            .collect::<Result<_, _>>()?;
        let architectures: Vec<String> = words("Architectures");
        // The field with this name says that the indexes of the architectures hold them, too.
        let separate_all = architectures.iter().any(|arch| arch == "all")
            && field(stanza, "No-Support-for-Architecture-all") != Some("Packages");
        Ok(Self {
            suite: value("Suite"),
            codename: value("Codename"),
            date: date("Date")?,
            valid_until: date("Valid-Until")?,
            by_hash: field(stanza, "Acquire-By-Hash").is_some_and(|value| value.eq_ignore_ascii_case("yes")),
            architectures,
            components: words("Components"),
            separate_all,
            files,
        })
    }

    /// Returns what is listed for a path, which is relative to the suite's directory.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<ListedFile> {
        self.files.get(path).copied()
    }

    /// Checks that this is the release of `suite`, and not expired.
    fn check(&self, url: &str, suite: &str, expiry: Expiry) -> Result<(), ReleaseError> {
        let names: Vec<&str> = [&self.suite, &self.codename]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        // A suite such as `buster/updates` has a release that calls itself `buster`.
        let is_named = |name: &str| name == suite || suite.split('/').next() == Some(name);
        if !names.is_empty() && !names.iter().any(|name| is_named(name)) {
            return Err(ReleaseError::OtherSuite {
                url: url.to_owned(),
                suite: suite.to_owned(),
                found: names.join(" or "),
            });
        }
        match (expiry, self.valid_until) {
            (Expiry::CheckedAt(now), Some(valid_until)) if now > valid_until => Err(ReleaseError::Expired {
                url: url.to_owned(),
                valid_until,
            }),
            _ => Ok(()),
        }
    }
}

/// Reads a date as RFC 5322 has it, with `UTC` for its `GMT`, as archives write it.
fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text
        .strip_suffix("UTC")
        .map_or_else(|| text.to_owned(), |text| format!("{text}GMT"));
    jiff::fmt::rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(&text)
        .ok()
}

fn parse_file(line: &str) -> Option<(String, ListedFile)> {
    let mut words = line.split_ascii_whitespace();
    let (sha256, size, path) = (words.next()?, words.next()?, words.next()?);
    let file = ListedFile {
        sha256: sha256.parse().ok()?,
        size: size.parse().ok()?,
    };
    words.next().is_none().then(|| (path.to_owned(), file))
}

#[cfg(test)]
mod tests;
