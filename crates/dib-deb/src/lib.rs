//! A Debian archive, natively: from signed indexes to a tree that dpkg has configured.
//!
//! This crate must not know what an element, a hook, a phase or a journal is, and never draws on a terminal. It
//! doesn't read the environment: where sources, keys and caches are is told to it.
//!
//! In reading order:
//! - [`package`]: one package as an index describes it.

pub mod package;

pub use package::{ArchiveLocation, MultiArch, PackageError, PackageRecord};
