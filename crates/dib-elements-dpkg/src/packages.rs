//! Installing packages with apt in the target.

use dib_core::{Freshness, HookContext, HookError};

use crate::shared_apt_cache::ARCHIVES;

/// Keeps apt from installing what packages merely recommend, in the build and in the image.
///
/// # Errors
/// When the configuration can't be written.
pub fn disable_apt_recommends(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let configuration = "APT::Install-Recommends \"0\";\nApt::Install-Suggests \"0\";\n";
    ctx.create_directory("/etc/apt/apt.conf.d")?;
    ctx.write("/etc/apt/apt.conf.d/95disable-recommends", configuration, 0o644)
}

/// Fetches apt's lists of packages; not when the build is offline and installs nothing.
///
/// # Errors
/// When `apt-get update` fails.
pub fn apt_get_update(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if ctx.freshness() == Freshness::Unchecked && ctx.packages().is_empty() {
        ctx.nothing("offline, and no packages to install");
        return Ok(());
    }
    apt_get(ctx, &["update"])
}

/// Installs the packages that elements declare.
///
/// # Errors
/// When `apt-get install` fails.
pub fn package_installs(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let declared = ctx.packages().iter().filter(|package| package.element.is_some());
    install(
        ctx,
        &declared.map(|package| package.name.as_str()).collect::<Vec<_>>(),
    )
}

/// Installs the packages that the user asked for, after those of the phase `install` as upstream has it.
///
/// # Errors
/// When `apt-get install` fails.
pub fn command_line_packages(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let asked = ctx.packages().iter().filter(|package| package.element.is_none());
    install(
        ctx,
        &asked.map(|package| package.name.as_str()).collect::<Vec<_>>(),
    )
}

/// Removes downloaded packages from the image, unless `DIB_DISABLE_APT_CLEANUP` is 1.
///
/// # Errors
/// When `apt-get clean` fails.
pub fn clean_up_cache(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if ctx.variable("DIB_DISABLE_APT_CLEANUP") == Some("1") {
        ctx.nothing("DIB_DISABLE_APT_CLEANUP is 1");
        return Ok(());
    }
    if ctx.is_mounted(ARCHIVES)? {
        ctx.nothing(format!("{ARCHIVES} is the shared cache"));
        return Ok(());
    }
    apt_get(ctx, &["clean"])
}

fn install(ctx: &HookContext<'_>, packages: &[&str]) -> Result<(), HookError> {
    if packages.is_empty() {
        ctx.nothing("no packages to install");
        return Ok(());
    }
    // Apt takes no turns with other builds on the cache they share: it fails.
    let _lock = if ctx.is_mounted(ARCHIVES)? {
        Some(ctx.lock_in_cache("apt")?)
    } else {
        None
    };
    apt_get(ctx, &[&["install"], packages].concat())
}

/// Runs apt-get so that it asks nothing and keeps configuration files that somebody changed.
fn apt_get(ctx: &HookContext<'_>, arguments: &[&str]) -> Result<(), HookError> {
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
