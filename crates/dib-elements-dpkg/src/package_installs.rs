//! The element `package-installs`: the packages of the plan are installed and removed, by apt.
//!
//! Those of a phase are installed when it begins and removed when it ends. A system made of an archive has them all from
//! the beginning, and there is nothing left to install.

use dib_core::{Element, HookContext, HookError, PackageAction, Phase, PlannedPackage};
use dib_deb::current_lists;

use crate::apt_get::change_packages;
use crate::present_packages::PresentPackages;

/// Returns the element `package-installs`.
#[must_use]
pub fn element() -> Element {
    Element::new("package-installs")
        .about("Installs and removes the packages that elements and the user ask for")
        .depends_on(&["install-bin", "pkg-map"])
        .provides(&["package-installer"])
        .hook(Phase::PreInstall, "10-package-installs", pre_install_installs)
        .hook(Phase::PreInstall, "99-package-uninstalls", pre_install_uninstalls)
        .hook(Phase::Install, "01-package-installs", install_installs)
        .hook(Phase::Install, "99-package-uninstalls", install_uninstalls)
        .hook(
            Phase::PostInstall,
            "00-command-line-packages",
            command_line_packages,
        )
        .hook(Phase::PostInstall, "00-package-installs", post_install_installs)
        .hook(
            Phase::PostInstall,
            "95-package-uninstalls",
            post_install_uninstalls,
        )
}

/// Installs the packages that elements declare for the phase `pre-install`.
///
/// # Errors
/// When `apt-get install` fails.
pub fn pre_install_installs(ctx: &HookContext<'_>) -> Result<(), HookError> {
    install(ctx, &wanted_by_elements(ctx, Phase::PreInstall))
}

/// Removes the packages that are not to stay after the phase `pre-install`.
///
/// # Errors
/// When `apt-get remove` fails.
pub fn pre_install_uninstalls(ctx: &HookContext<'_>) -> Result<(), HookError> {
    uninstall(ctx, Phase::PreInstall)
}

/// Installs the packages that elements declare for the phase `install`.
///
/// # Errors
/// When `apt-get install` fails.
pub fn install_installs(ctx: &HookContext<'_>) -> Result<(), HookError> {
    install(ctx, &wanted_by_elements(ctx, Phase::Install))
}

/// Removes the packages that are not to stay after the phase `install`.
///
/// # Errors
/// When `apt-get remove` fails.
pub fn install_uninstalls(ctx: &HookContext<'_>) -> Result<(), HookError> {
    uninstall(ctx, Phase::Install)
}

/// Installs the packages that the user asked for, after those of the phase `install` as upstream has it.
///
/// # Errors
/// When `apt-get install` fails.
pub fn command_line_packages(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let asked = ctx.packages_of(Phase::PostInstall, PackageAction::Install);
    let asked: Vec<_> = asked
        .filter(|package| package.element.is_none())
        .map(name)
        .collect();
    install(ctx, &asked)
}

/// Installs the packages that elements declare for the phase `post-install`.
///
/// # Errors
/// When `apt-get install` fails.
pub fn post_install_installs(ctx: &HookContext<'_>) -> Result<(), HookError> {
    install(ctx, &wanted_by_elements(ctx, Phase::PostInstall))
}

/// Removes the packages that are not to stay after the phase `post-install`.
///
/// # Errors
/// When `apt-get remove` fails.
pub fn post_install_uninstalls(ctx: &HookContext<'_>) -> Result<(), HookError> {
    uninstall(ctx, Phase::PostInstall)
}

fn wanted_by_elements<'c>(ctx: &'c HookContext<'_>, phase: Phase) -> Vec<&'c str> {
    ctx.packages_of(phase, PackageAction::Install)
        .filter(|package| package.element.is_some())
        .map(name)
        .collect()
}

fn name(package: &PlannedPackage) -> &str {
    &package.name
}

/// Installs packages. Those that are there and won't go by themselves are left to rest where a newer version can't be:
/// apt brings them up to what a source that came later has.
fn install(ctx: &HookContext<'_>, packages: &[&str]) -> Result<(), HookError> {
    if packages.is_empty() {
        ctx.nothing("no packages to install");
        return Ok(());
    }
    if !current_lists::are_current(ctx.target())? {
        return change_packages(ctx, &[&["install"], packages].concat());
    }
    let present = PresentPackages::of(ctx)?;
    let (there, missing): (Vec<_>, Vec<_>) = packages.iter().partition(|name| present.are_to_stay(name));
    if !there.is_empty() {
        ctx.nothing(format!("installed already: {}", there.join(" ")));
    }
    if missing.is_empty() {
        return Ok(());
    }
    change_packages(ctx, &[&["install"], &*missing].concat())
}

/// Removes those of a phase's packages that are there.
fn uninstall(ctx: &HookContext<'_>, phase: Phase) -> Result<(), HookError> {
    let unwanted: Vec<_> = ctx
        .packages_of(phase, PackageAction::Uninstall)
        .map(name)
        .collect();
    if unwanted.is_empty() {
        ctx.nothing("no packages to remove");
        return Ok(());
    }
    let present = PresentPackages::of(ctx)?;
    let (there, missing): (Vec<_>, Vec<_>) = unwanted.iter().partition(|name| present.have(name));
    if !missing.is_empty() {
        ctx.nothing(format!("not installed: {}", missing.join(" ")));
    }
    if there.is_empty() {
        return Ok(());
    }
    change_packages(ctx, &[&["remove"], &*there].concat())
}
