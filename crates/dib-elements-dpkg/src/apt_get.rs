//! Running apt-get in the target, as every hook does that changes its packages.

use std::fs::File;

use dib_core::{Freshness, HookContext, HookError};

use crate::shared_apt_cache::{self, ARCHIVES};

/// The program `install-packages`, by which scripts do the same.
pub const INSTALL_PACKAGES: &str = include_str!("apt_get/install-packages.sh");

/// Has apt-get install, upgrade or remove packages, when it is our turn on the cache that builds share.
///
/// It asks nothing and keeps configuration files that somebody changed.
///
/// # Errors
/// When the turn doesn't come or apt-get fails.
pub fn change_packages(ctx: &HookContext<'_>, arguments: &[&str]) -> Result<(), HookError> {
    let _turn = turn_on_shared_cache(ctx)?;
    depend_on_archives(ctx);
    apt_get(ctx, arguments)
}

/// Says that the hook depends on what apt finds in its archives when it is asked.
pub(crate) fn depend_on_archives(ctx: &HookContext<'_>) {
    ctx.depends_on_unknown("apt's archives");
}

/// Runs apt-get for what leaves the shared cache alone.
pub(crate) fn apt_get(ctx: &HookContext<'_>, arguments: &[&str]) -> Result<(), HookError> {
    let command = [
        "apt-get",
        "--assume-yes",
        "--option",
        "Dpkg::Options::=--force-confold",
        "--option",
        "Dpkg::Options::=--force-confdef",
    ];
    ctx.run(
        &[&command, arguments].concat(),
        &[("DEBIAN_FRONTEND", "noninteractive")],
    )
}

/// Waits for our turn, where the target has the shared cache: apt itself takes no turns on it but fails, even when it only
/// removes packages. The turn ends when the file is dropped. `install-packages` waits for the same lock.
fn turn_on_shared_cache(ctx: &HookContext<'_>) -> Result<Option<File>, HookError> {
    if !ctx.is_mounted(ARCHIVES)? {
        return Ok(None);
    }
    let directory = shared_apt_cache::directory(ctx)?;
    ctx.create_host_directory(&directory)?;
    ctx.lock_host_file(&directory.join("dib.lock")).map(Some)
}

/// Returns whether the build is offline and wants no packages, so that it can do without apt's lists.
pub(crate) fn is_needless(ctx: &HookContext<'_>) -> bool {
    ctx.freshness() == Freshness::Unchecked && ctx.packages().is_empty()
}
