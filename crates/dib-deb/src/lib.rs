//! A Debian archive, natively: from signed indexes to a tree that dpkg has configured.
//!
//! This crate must not know what an element, a hook, a phase or a journal is, and never draws on a terminal. It
//! doesn't read the environment: where sources, keys and caches are is told to it.
//!
//! In reading order:
//! - [`sources`]: which archives there are, from apt's own files.
//! - [`version`], [`relation`]: the order of versions, and what packages say of each other.
//! - [`package`]: one package as an index describes it.

pub mod package;
pub mod relation;
pub mod sources;
pub mod version;

pub use package::{ArchiveLocation, MultiArch, PackageError, PackageRecord};
pub use relation::{Alternatives, Comparison, Relation, RelationError};
pub use sources::{HostRelease, SignedBy, Source, SourceError, SourcesError};
