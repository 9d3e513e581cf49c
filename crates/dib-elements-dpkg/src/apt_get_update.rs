//! `03-apt-baseline-tools`, `99-apt-get-update` and `00-apt-up-to-date`: apt's lists are current, and so are the packages.
//!
//! A system that this very build has made of an archive is both already, as a mark in it says until its sources change.

use dib_core::{HookContext, HookError, PackageAction, Phase};
use dib_deb::current_lists;

use crate::apt_get::{apt_get, change_packages, depend_on_archives, is_needless};

const BY_BASE: &str = "base is a directory, whose scripts do it";

const OF_THIS_BUILD: &str = "lists and packages are of this very build";

/// Fetches apt's lists where packages are to be installed in the phase `pre-install`, before they are.
///
/// Upstream does so in its element `base`; it is here since `base` knows no package manager. The name is another, so that
/// upstream's `base` can be part of the build, which does it then.
///
/// # Errors
/// When `apt-get update` fails.
pub fn baseline_tools(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if has_base_of_scripts(ctx) {
        ctx.nothing(BY_BASE);
        return Ok(());
    }
    if ctx
        .packages_of(Phase::PreInstall, PackageAction::Install)
        .next()
        .is_none()
    {
        ctx.nothing("no packages to install in this phase");
        return Ok(());
    }
    update(ctx)
}

/// Fetches apt's lists, after the hooks that may have changed its sources; not when the build is offline and installs
/// nothing.
///
/// # Errors
/// When `apt-get update` fails.
pub fn apt_get_update(ctx: &HookContext<'_>) -> Result<(), HookError> {
    update(ctx)
}

fn update(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if is_needless(ctx) {
        ctx.nothing("offline, and no packages to install");
        return Ok(());
    }
    if current_lists::are_current(ctx.target())? {
        ctx.nothing(OF_THIS_BUILD);
        return Ok(());
    }
    depend_on_archives(ctx);
    apt_get(ctx, &["update"])
}

/// Upgrades all packages, unless `DIB_AVOID_PACKAGES_UPDATE` is other than 0; not when the build is offline and installs
/// nothing.
///
/// Upstream has this in its element `base`, by a command of the package manager's element. Here it is that element's own, but
/// only works where `base` is part of the build: who leaves `base` out wants packages as they are.
///
/// # Errors
/// When `apt-get dist-upgrade` fails.
pub fn up_to_date(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let reason = if !ctx.has_element("base") {
        "the build is without base"
    } else if has_base_of_scripts(ctx) {
        BY_BASE
    } else if ctx
        .variable("DIB_AVOID_PACKAGES_UPDATE")
        .is_some_and(|value| value != "0")
    {
        "DIB_AVOID_PACKAGES_UPDATE is not 0"
    } else if is_needless(ctx) {
        "offline, and no packages to install"
    } else if current_lists::are_current(ctx.target())? {
        OF_THIS_BUILD
    } else {
        return change_packages(ctx, &["dist-upgrade"]);
    };
    ctx.nothing(reason);
    Ok(())
}

/// Returns whether `base` is a directory, such as upstream's.
fn has_base_of_scripts(ctx: &HookContext<'_>) -> bool {
    ctx.elements()
        .any(|element| element.name().as_str() == "base" && element.directory().is_some())
}
