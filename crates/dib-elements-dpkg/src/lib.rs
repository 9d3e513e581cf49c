//! The elements `dpkg` and `package-installs`, and `apt-conf` and its kin: what every image made of `.deb` packages needs while it is built.
//!
//! They keep daemons from starting, translations from being fetched and `dpkg` from flushing every file to disk; they
//! share the host's cache of packages with the target, use the host's proxy and the user's keys, and install the packages that
//! the elements and the user ask for. Whatever only the build needs is undone in the phase `cleanup`, by a hook that stands in
//! the same file as the one that did it.
//!
//! This crate must not know where a root file system comes from, nor any release of any distribution.
//!
//! In reading order, one file for each hook or group of them:
//! - [`apt_keyring`], [`build_with_http_cache`], [`block_apt_translations`], [`block_daemons`], [`shared_apt_cache`],
//!   [`trim_dpkg`]: the phase `root`;
//! - [`disable_apt_recommends`], [`apt_get_update`]: before packages are installed;
//! - [`apt_get`], [`package_installs`]: how packages come and go, and the element that has them do so;
//! - [`apt_files`]: files for apt that the user has;
//! - [`clean_up_cache`], [`write_dpkg_manifest`]: the end.

pub mod apt_files;
pub mod apt_get;
pub mod apt_get_update;
pub mod apt_keyring;
pub mod block_apt_translations;
pub mod block_daemons;
pub mod build_with_http_cache;
pub mod clean_up_cache;
pub mod disable_apt_recommends;
pub mod package_installs;
pub mod shared_apt_cache;
pub mod trim_dpkg;
pub mod write_dpkg_manifest;

mod present_packages;

use dib_core::{DuplicateElement, Element, Phase, Registry, Variable};

/// Registers the elements of this crate.
///
/// # Errors
/// When the registry holds an element of one of these names already.
pub fn register(registry: &mut Registry) -> Result<(), DuplicateElement> {
    registry.add(element())?;
    registry.add(package_installs::element())?;
    registry.add(apt_files::apt_conf_element())?;
    registry.add(apt_files::apt_sources_element())?;
    registry.add(apt_files::apt_preferences_element())
}

/// Returns the element `dpkg`.
#[must_use]
pub fn element() -> Element {
    Element::new("dpkg")
        .about("Builds on dpkg and apt: quiet, fast, without starting daemons")
        .depends_on(&["install-bin", "manifests", "package-installs"])
        .program("install-packages", apt_get::INSTALL_PACKAGES)
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
        .variable(
            Variable::new(
                "DIB_AVOID_PACKAGES_UPDATE",
                "other than 0: packages that are installed already are not upgraded",
            )
            .default("0"),
        )
        .variable(Variable::new(
            "DIB_ADD_APT_KEYS",
            "a directory of the host with files of keys for apt to trust",
        ))
        .hook(Phase::Root, "09-apt-keyring", apt_keyring::apt_keyring)
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
            disable_apt_recommends::disable_apt_recommends,
        )
        .hook(
            Phase::PreInstall,
            "03-apt-baseline-tools",
            apt_get_update::baseline_tools,
        )
        .hook(
            Phase::PreInstall,
            "99-apt-get-update",
            apt_get_update::apt_get_update,
        )
        .hook(Phase::Install, "00-apt-up-to-date", apt_get_update::up_to_date)
        .hook(
            Phase::Finalise,
            "99-clean-up-cache",
            clean_up_cache::clean_up_cache,
        )
        .hook(
            Phase::Finalise,
            "99-write-dpkg-manifest",
            write_dpkg_manifest::write_dpkg_manifest,
        )
}
