//! A Debian archive, natively: from signed indexes to a tree that dpkg has configured.
//!
//! This crate must not know what an element, a hook, a phase or a journal is, and never draws on a terminal. It
//! doesn't read the environment: where sources, keys and caches are is told to it.
//!
//! In reading order:
//! - [`sources`]: which archives there are, from apt's own files.
//! - [`apt_conf`]: what of the host's apt's configuration matters.
//! - [`keys`]: whose signatures count for a source.
//! - [`release`]: an archive's signed list of its indexes.
//! - [`version`], [`relation`]: the order of versions, and what packages say of each other.
//! - [`package`]: one package as an index describes it.
//! - [`archive`]: all packages of the sources, from indexes that signed releases vouch for.
//! - [`bootstrap`]: the packages that a tree begins with.
//! - [`deb_file`]: a package file, read as a stream.
//! - `unpack`, `dpkg_database`: one package into the target, and what dpkg keeps of it.
//! - [`transaction`]: many packages into the target, while they download.
//! - [`mod@resolve`]: which packages a list of names comes to, by apt in the target.
//! - [`mod@configure`]: dpkg configures them.
//! - [`current_lists`]: whether lists and packages are those of this very build.
//! - [`progress`]: what is told meanwhile.
//! - [`installed`]: the packages of a target, as dpkg's database tells.
//! - [`mod@dpkg_manifest`], [`mod@copyright`], [`sbom`]: lists of them: upstream's, and an SPDX document with their licences.

pub mod apt_conf;
pub mod archive;
pub mod bootstrap;
pub mod configure;
pub mod copyright;
pub mod current_lists;
pub mod deb_file;
pub mod dpkg_manifest;
pub mod installed;
pub mod keys;
pub mod package;
pub mod progress;
pub mod relation;
pub mod release;
pub mod resolve;
pub mod sbom;
pub mod sources;
pub mod transaction;
pub mod version;

mod dpkg_database;
mod list_name;
#[cfg(test)]
mod test_archive;
mod unpack;

pub use apt_conf::host_checks_valid_until;
pub use archive::{Archive, ArchiveError, SuiteSource};
pub use bootstrap::{BootstrapError, bootstrap_set};
pub use configure::{ConfigureError, configure};
pub use copyright::{Declaration, parse_copyright};
pub use dpkg_manifest::dpkg_manifest;
pub use installed::{
    InstalledError, InstalledPackage, PackageState, StatusError, installed_packages, parse_status,
};
pub use keys::{KeysError, host_keyrings, keyring_with, source_keyring};
pub use package::{ArchiveLocation, MultiArch, PackageError, PackageRecord};
pub use progress::{Progress, Quiet};
pub use relation::{Alternatives, Comparison, Relation, RelationError};
pub use release::{Expiry, ListedFile, Release, ReleaseError, VerifiedRelease, fetch_release};
pub use resolve::{Recommends, Resolution, ResolveError, Stage, check_names, mark_automatic, resolve};
pub use sbom::{SbomError, SbomSubject, spdx_document};
pub use sources::{HostRelease, SignedBy, Source, SourceError, SourcesError};
pub use transaction::{Ahead, Outcome, Place, Transaction, TransactionError, noninteractive_environment};
pub use unpack::UnpackError;
