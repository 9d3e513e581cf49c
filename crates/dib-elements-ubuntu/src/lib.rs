//! Ubuntu: the elements `ubuntu`, `ubuntu-minimal` and what both have in common.
//!
//! This crate must not know how a file is downloaded, locked or verified (`dib-cache` does), how a system is made of an
//! archive (`dib-deb` does), nor what is done with the root file system afterwards.
//!
//! In reading order:
//! - [`ubuntu_common`]: what all images of Ubuntu are, with the hooks [`disable_rfc3041`] and [`autoremove`];
//! - [`ubuntu`]: from published images; [`images`] knows what Ubuntu publishes where, and [`cache_ubuntu_tarball`] is the hook;
//! - [`ubuntu_minimal`]: from the archive.

pub mod autoremove;
pub mod cache_ubuntu_tarball;
pub mod disable_rfc3041;
pub mod images;
pub mod ubuntu;
pub mod ubuntu_common;
pub mod ubuntu_minimal;

use dib_core::{DuplicateElement, Registry};

/// Registers the elements of this crate.
///
/// # Errors
/// When the registry holds an element of one of their names already.
pub fn register(registry: &mut Registry) -> Result<(), DuplicateElement> {
    registry.add(ubuntu::element())?;
    registry.add(ubuntu_common::element())?;
    registry.add(ubuntu_minimal::element())
}
