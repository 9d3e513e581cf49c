//! The packages of several suites of archives, from indexes that signed releases vouch for.

mod fetch;
mod lists;

use std::collections::HashMap;
use std::sync::Arc;

use dib_cache::{CacheError, InvalidCacheKey, Keyring};

use crate::package::{PackageError, PackageRecord};
use crate::release::{Expiry, ReleaseError, VerifiedRelease};
use crate::sources::Source;
use crate::version;

/// One suite of one archive to take packages from.
#[derive(Debug, Clone)]
pub struct SuiteSource {
    /// The archive's base URI.
    pub base_uri: String,
    /// The suite.
    pub suite: String,
    /// The components.
    pub components: Vec<String>,
    /// Whose signature counts.
    pub keyring: Keyring,
    /// Whether its release may have expired.
    pub expiry: Expiry,
}

/// Packages for one architecture, and the signed releases that vouch for them.
pub struct Archive {
    arch: String,
    suites: Vec<SuiteIndexes>,
    /// In the order of the sources.
    packages: Vec<PackageRecord>,
    by_name: HashMap<Arc<str>, Vec<usize>>,
}

/// A suite's release and its indexes.
struct SuiteIndexes {
    release: VerifiedRelease,
    indexes: Vec<Index>,
}

/// An index as it is listed, decompressed.
struct Index {
    /// Its path in the suite's directory, without an ending for compression.
    path: String,
    text: Arc<str>,
    packages: Vec<PackageRecord>,
}

/// Why an archive's packages can't be known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// A suite's release can't be used.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The suite doesn't have a component.
    #[error("{suite} at {base_uri} has no component {component}, only {found}")]
    NoComponent {
        /// The archive's base URI.
        base_uri: String,
        /// The suite.
        suite: String,
        /// The component that was asked for.
        component: String,
        /// The components there are.
        found: String,
    },
    /// The suite has no packages for an architecture.
    #[error(
        "{suite} at {base_uri} has no packages of {component} for the architecture {arch}, only for {found}"
    )]
    NoArchitecture {
        /// The archive's base URI.
        base_uri: String,
        /// The suite.
        suite: String,
        /// The component.
        component: String,
        /// The architecture that was asked for.
        arch: String,
        /// The architectures there are.
        found: String,
    },
    /// An index can't be had, or isn't what the release says.
    #[error("failed to get the index {url}")]
    Fetch {
        /// Where it is.
        url: String,
        /// What happened.
        source: Box<CacheError>,
    },
    /// The names don't do for a file of the cache.
    #[error("the index {url} can't be kept in the cache")]
    Name {
        /// Where it is.
        url: String,
        /// What is wrong with its name.
        source: InvalidCacheKey,
    },
    /// An index can't be decompressed.
    #[error("failed to decompress the index {url}")]
    Compression {
        /// Where it is.
        url: String,
        /// What the decompressor said.
        source: std::io::Error,
    },
    /// An index is not what its suite's release says, decompressed.
    #[error("the index {url} has {found} bytes decompressed instead of {expected}")]
    Size {
        /// Where it is.
        url: String,
        /// How many bytes the release says.
        expected: u64,
        /// How many there are, at least.
        found: u64,
    },
    /// An index is not text.
    #[error("the index {url} is not UTF-8")]
    NotText {
        /// Where it is.
        url: String,
    },
    /// An index describes a package that can't be used.
    #[error("the index {url} is malformed")]
    Package {
        /// Where it is.
        url: String,
        /// What is wrong with it.
        source: PackageError,
    },
}

impl SuiteSource {
    /// Returns the suites of a source that has binary packages for `arch`. Their releases may have expired where the source
    /// says so; else `expiry` counts.
    #[must_use]
    pub fn of(source: &Source, keyring: &Keyring, arch: &str, expiry: Expiry) -> Vec<Self> {
        let expiry = match source.check_valid_until {
            Some(false) => Expiry::Ignored,
            _ => expiry,
        };
        let has_arch =
            source.architectures.is_empty() || source.architectures.iter().any(|name| name == arch);
        if !has_arch || !source.types.iter().any(|kind| kind == "deb") {
            return Vec::new();
        }
        let suites = source.uris.iter().flat_map(|uri| {
            source.suites.iter().map(move |suite| Self {
                base_uri: uri.trim_end_matches('/').to_owned(),
                suite: suite.clone(),
                components: source.components.clone(),
                keyring: keyring.clone(),
                expiry,
            })
        });
        suites.collect()
    }
}

impl Archive {
    fn new(arch: &str, mut suites: Vec<SuiteIndexes>) -> Self {
        let packages = suites
            .iter_mut()
            .flat_map(|suite| &mut suite.indexes)
            .flat_map(|index| std::mem::take(&mut index.packages))
            .collect();
        Self {
            suites,
            ..Self::of_packages(arch, packages)
        }
    }

    /// Takes packages for which no release vouches.
    pub(crate) fn of_packages(arch: &str, packages: Vec<PackageRecord>) -> Self {
        let mut by_name: HashMap<Arc<str>, Vec<usize>> = HashMap::with_capacity(packages.len());
        for (position, package) in packages.iter().enumerate() {
            match by_name.get_mut(package.name()) {
                Some(positions) => positions.push(position),
                None => {
                    by_name.insert(Arc::from(package.name()), vec![position]);
                }
            }
        }
        Self {
            arch: arch.to_owned(),
            suites: Vec::new(),
            packages,
            by_name,
        }
    }

    /// Returns the architecture that the packages are for.
    #[must_use]
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// Returns all packages in the order of the sources; some are there in several versions.
    #[must_use]
    pub fn packages(&self) -> &[PackageRecord] {
        &self.packages
    }

    /// Returns every version of a package, in the order of the sources.
    pub fn versions(&self, name: &str) -> impl Iterator<Item = &PackageRecord> {
        let positions = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        positions.iter().map(|position| &self.packages[*position])
    }

    /// Returns the version of a package that is preferred: the highest one, of equal ones the first source's. That
    /// is what apt prefers among sources without pins.
    #[must_use]
    pub fn candidate(&self, name: &str) -> Option<&PackageRecord> {
        self.versions(name).reduce(|best, next| {
            if version::compare(next.version(), best.version()).is_gt() {
                next
            } else {
                best
            }
        })
    }

    /// Returns exactly this version of a package, from the first source that has it; `arch` may be `all`.
    #[must_use]
    pub fn find(&self, name: &str, version: &str, arch: &str) -> Option<&PackageRecord> {
        self.versions(name)
            .find(|package| package.version() == version && package.architecture() == arch)
    }

    /// Returns the releases, in the order of the sources.
    pub fn releases(&self) -> impl Iterator<Item = &VerifiedRelease> {
        self.suites.iter().map(|suite| &suite.release)
    }
}

#[cfg(test)]
mod tests;
