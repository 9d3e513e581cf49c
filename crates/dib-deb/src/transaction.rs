//! Packages from their archives into the target, unpacked but not configured.
//!
//! Packages come in two waves. The first are those without which no script runs: their files are put into the empty
//! target, and only then the scripts run that dpkg would have run before (`preinst`), in the order in which the
//! packages depend on each other. Of the others the script runs first, as dpkg has it. Downloads and unpacking go on
//! side by side within a wave, and every package is unpacked as it arrives, by as many threads as there are
//! processors.
//!
//! A package whose script diverts files or sets their owners can't be unpacked beside others: dpkg itself unpacks it,
//! alone, at the end ([`Outcome::unpacked_by_dpkg`]).

mod ahead;
mod scripts;
mod wave;

use std::collections::BTreeMap;

use dib_cache::{Cache, CacheError, InvalidCacheKey};
use dib_sys::command::CommandError;
use dib_sys::{TargetError, TargetPath, TargetRoot};

pub use self::ahead::Ahead;
pub use self::scripts::noninteractive_environment;
use crate::PackageRecord;
use crate::dpkg_database::{self, Triggers};
use crate::progress::Progress;
use crate::unpack::{Claims, UnpackError, Unpacked};

/// Where what is shared by all steps of a transaction is.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Where packages are downloaded to.
    pub cache: &'a Cache,
    /// The tree that packages are unpacked into.
    pub target: &'a TargetRoot,
    /// All variables that programs in the target see.
    pub environment: &'a BTreeMap<String, String>,
    /// Who is told how far the work has come.
    pub progress: &'a dyn Progress,
}

/// Packages on their way into a target.
pub struct Transaction<'a> {
    place: Place<'a>,
    ahead: Option<&'a Ahead>,
    claims: Claims,
    /// By rank: the position among all packages of the transaction.
    packages: Vec<Member>,
}

/// A package of the transaction, in the order of the ranks.
struct Member {
    record: PackageRecord,
    state: State,
}

enum State {
    Waiting,
    Unpacked(Box<Unpacked>),
    /// dpkg is to unpack it, for this reason.
    ForDpkg(&'static str),
}

/// What a transaction did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many packages are unpacked.
    pub packages: usize,
    /// The packages that dpkg unpacked alone, each with the reason.
    pub unpacked_by_dpkg: Vec<(String, &'static str)>,
}

/// Why a transaction failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// A package can't be had.
    #[error("failed to fetch the package {package}")]
    Fetch {
        /// The package and its version.
        package: String,
        /// Where it was to come from; the source names it too.
        url: String,
        /// What the cache said.
        source: Box<CacheError>,
    },
    /// A package's name or version can't be part of a file's name.
    #[error("the package {package} can't be kept in the cache")]
    Name {
        /// The package and its version.
        package: String,
        /// What is wrong with it.
        source: InvalidCacheKey,
    },
    /// A package can't be unpacked.
    #[error("failed to unpack the package {package} from {url}")]
    Unpack {
        /// The package and its version.
        package: String,
        /// Where it came from.
        url: String,
        /// What went wrong.
        source: Box<UnpackError>,
    },
    /// A script that runs before a package is unpacked failed.
    #[error("the script that prepares the unpacking of {package} failed")]
    Script {
        /// The package.
        package: String,
        /// How it ended, with its last lines.
        source: CommandError,
    },
    /// dpkg could not unpack a package that only it can unpack.
    #[error("dpkg failed to unpack {package}")]
    Dpkg {
        /// The package.
        package: String,
        /// How it ended, with its last lines.
        source: CommandError,
    },
    /// dpkg's database or a directory of the tree can't be written.
    #[error("failed to prepare the target for packages")]
    Target(#[from] TargetError),
    /// The directories that the packages share can't be given their owners and modes.
    #[error("failed to finish the directories of the packages")]
    Directories(#[source] dib_archive::ExtractError),
    /// A thread could not be started.
    #[error("failed to start a thread")]
    Thread(#[source] std::io::Error),
}

impl<'a> Transaction<'a> {
    /// Begins with the target as it is: empty, or with what the caller put there.
    ///
    /// `/bin`, `/sbin`, `/lib` and where the architecture has it `/lib64` become symbolic links into `/usr` unless they
    /// are there, since packages still name files by both paths.
    ///
    /// # Errors
    /// When the target can't be written.
    pub fn begin(place: Place<'a>, architecture: &str) -> Result<Self, TransactionError> {
        let mut directories = vec!["bin", "sbin", "lib"];
        // The architectures whose dynamic loader has a path in `/lib64` by their ABI.
        if ["amd64", "loong64", "ppc64", "ppc64el"].contains(&architecture) {
            directories.push("lib64");
        }
        for name in directories {
            let (link, directory) = (path(&format!("/{name}")), path(&format!("/usr/{name}")));
            if place.target.metadata(&link)?.is_none() {
                place.target.create_directory_all(&directory, 0o755)?;
                place.target.symlink(&format!("usr/{name}"), &link)?;
            }
        }
        dpkg_database::create(place.target)?;
        Ok(Self {
            place,
            ahead: None,
            claims: Claims::default(),
            packages: Vec::new(),
        })
    }

    /// Takes packages that are decompressed there already from memory.
    #[must_use]
    pub fn with_ahead(self, ahead: &'a Ahead) -> Self {
        Self {
            ahead: Some(ahead),
            ..self
        }
    }

    /// Fetches and unpacks the packages without which no script runs, then runs their scripts.
    ///
    /// # Errors
    /// When a package can't be had or unpacked, or a script fails.
    pub fn unpack_bootstrap(&mut self, packages: &[PackageRecord]) -> Result<(), TransactionError> {
        let added = self.add(packages);
        self.run_wave(added.clone(), wave::Scripts::Later)?;
        self.run_scripts_after(added)
    }

    /// Fetches and unpacks packages; those that are in the transaction already are passed over.
    ///
    /// # Errors
    /// As [`Transaction::unpack_bootstrap`].
    pub fn unpack(&mut self, packages: &[PackageRecord]) -> Result<(), TransactionError> {
        let is_new = |record: &&PackageRecord| {
            let is_same = |member: &Member| member.record.sha256() == record.sha256();
            !self.packages.iter().any(is_same)
        };
        let packages: Vec<_> = packages.iter().filter(is_new).cloned().collect();
        let added = self.add(&packages);
        self.run_wave(added, wave::Scripts::First)
    }

    /// Writes dpkg's database, and has dpkg unpack what only it can unpack.
    ///
    /// # Errors
    /// When the database can't be written, or dpkg fails.
    pub fn finish(mut self) -> Result<Outcome, TransactionError> {
        let mut triggers = Triggers::default();
        let mut stanzas = Vec::new();
        for member in &self.packages {
            let State::Unpacked(unpacked) = &member.state else {
                continue;
            };
            dpkg_database::write_list(self.place.target, &unpacked.database_name, &unpacked.paths)?;
            if let Some(file) = &unpacked.triggers {
                triggers.take(&unpacked.database_name, file);
            }
            stanzas.push(unpacked.stanza.clone());
        }
        triggers.write(self.place.target)?;
        dpkg_database::add_to_status(self.place.target, stanzas)?;
        let unpacked_by_dpkg = self.unpack_by_dpkg()?;
        Ok(Outcome {
            packages: self.packages.len(),
            unpacked_by_dpkg,
        })
    }

    /// Adds packages and returns their ranks.
    fn add(&mut self, packages: &[PackageRecord]) -> std::ops::Range<usize> {
        let first = self.packages.len();
        self.packages.extend(packages.iter().map(|record| Member {
            record: record.clone(),
            state: State::Waiting,
        }));
        first..self.packages.len()
    }
}

/// Parses a path that is known to be one.
fn path(text: &str) -> TargetPath {
    text.parse()
        .expect("names of packages and our own paths have no part that climbs")
}

fn unpack_error(record: &PackageRecord, source: impl Into<UnpackError>) -> TransactionError {
    TransactionError::Unpack {
        package: record.to_string(),
        url: record.url(),
        source: Box::new(source.into()),
    }
}

#[cfg(test)]
mod tests;
