//! The element `dpkg`: what every image made of `.deb` packages needs while it is built.
//!
//! It keeps daemons from starting, translations from being fetched and `dpkg` from flushing every file to disk; it
//! shares the host's cache of packages with the target, uses the host's proxy, and installs the packages that the
//! elements and the user ask for. Whatever only the build needs is undone in the phase `cleanup`, by a hook that
//! stands in the same file as the one that did it.
//!
//! This crate must not know where a root file system comes from, nor any release of any distribution.
//!
//! In reading order, one file for each hook or pair of them:
//! - [`build_with_http_cache`], [`block_apt_translations`], [`block_daemons`], [`shared_apt_cache`], [`trim_dpkg`]: the
//!   phase `root`;
//! - [`packages`]: `pre-install` to `finalise`.

pub mod block_apt_translations;
pub mod block_daemons;
pub mod build_with_http_cache;
pub mod packages;
pub mod shared_apt_cache;
pub mod trim_dpkg;

use dib_core::{DuplicateElement, Element, Phase, Registry, Variable};

/// Registers the element `dpkg`.
///
/// # Errors
/// When the registry holds an element of that name already.
pub fn register(registry: &mut Registry) -> Result<(), DuplicateElement> {
    registry.add(element())
}

/// Returns the element `dpkg`.
#[must_use]
pub fn element() -> Element {
    Element::new("dpkg")
        .about("Builds on dpkg and apt: quiet, fast, without starting daemons; installs packages")
        .provides(&["package-installer"])
        .variable(Variable::new(
            "DISTRO_NAME",
            "the distribution's name, by which package caches are told apart",
        ))
        .variable(Variable::new(
            "http_proxy",
            "the proxy for apt while the image is built",
        ))
        .variable(
            Variable::new(
                "DIB_APT_LOCAL_CACHE",
                "0: packages are not kept in the image cache",
            )
            .default("1"),
        )
        .variable(
            Variable::new(
                "DIB_DISABLE_APT_CLEANUP",
                "1: downloaded packages stay in the image",
            )
            .default("0"),
        )
        .hook(
            Phase::Root,
            "50-build-with-http-cache",
            build_with_http_cache::build_with_http_cache,
        )
        .hook(
            Phase::Cleanup,
            "50-remove-img-build-proxy",
            build_with_http_cache::remove_img_build_proxy,
        )
        .hook(
            Phase::Root,
            "60-block-apt-translations",
            block_apt_translations::block_apt_translations,
        )
        .hook(Phase::Root, "99-block-daemons", block_daemons::block_daemons)
        .hook(
            Phase::Cleanup,
            "40-unblock-daemons",
            block_daemons::unblock_daemons,
        )
        .hook(
            Phase::Root,
            "99-shared_apt_cache",
            shared_apt_cache::shared_apt_cache,
        )
        .hook(Phase::Root, "99-trim-dpkg", trim_dpkg::trim_dpkg)
        .hook(Phase::Cleanup, "60-untrim-dpkg", trim_dpkg::untrim_dpkg)
        .hook(
            Phase::PreInstall,
            "00-disable-apt-recommends",
            packages::disable_apt_recommends,
        )
        .hook(Phase::PreInstall, "99-apt-get-update", packages::apt_get_update)
        .hook(Phase::Install, "01-package-installs", packages::package_installs)
        .hook(
            Phase::PostInstall,
            "00-command-line-packages",
            packages::command_line_packages,
        )
        .hook(Phase::Finalise, "99-clean-up-cache", packages::clean_up_cache)
}
