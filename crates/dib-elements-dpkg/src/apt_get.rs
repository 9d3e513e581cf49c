//! Running apt-get in the target.

use std::fs::File;

use dib_core::{Freshness, HookContext, HookError};

use crate::shared_apt_cache::ARCHIVES;

/// Runs apt-get so that it asks nothing and keeps configuration files that somebody changed.
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

/// Waits for our turn on the cache that builds share, where the target has it: apt itself takes no turns on it but fails.
/// The turn ends when the file is dropped.
pub(crate) fn turn_on_shared_cache(ctx: &HookContext<'_>) -> Result<Option<File>, HookError> {
    if ctx.is_mounted(ARCHIVES)? {
        Ok(Some(ctx.lock_in_cache("apt")?))
    } else {
        Ok(None)
    }
}

/// Returns whether the build is offline and wants no packages, so that it can do without apt's lists.
pub(crate) fn is_needless(ctx: &HookContext<'_>) -> bool {
    ctx.freshness() == Freshness::Unchecked && ctx.packages().is_empty()
}
