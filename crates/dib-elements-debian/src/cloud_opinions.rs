//! `10-cloud-opinions`: what Debian's cloud images have beyond the minimal one.

use dib_core::{HookContext, HookError};
use dib_deb::current_lists;
use dib_elements_dpkg::apt_get::change_packages;

const INIT_PACKAGE: &str = "DIB_DEBIAN_ALT_INIT_PACKAGE";
/// What `debian-minimal` brings.
const PRESENT_INIT: &str = "systemd-sysv";
const SUDOERS: &str = "/etc/sudoers.d/debian-cloud-init";

/// Makes the user `debian`, who may do all by sudo, where `DIB_DEBIAN_CLOUD_INIT_HELPER` is set, and installs the package of
/// `DIB_DEBIAN_ALT_INIT_PACKAGE` where that is another init.
///
/// Releases before jessie, which upstream treats otherwise here, are not built.
///
/// # Errors
/// When the user can't be made, the package not be installed or a file not be written.
pub fn cloud_opinions(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if ctx.variable("DIB_DEBIAN_CLOUD_INIT_HELPER").is_some() {
        ctx.run(
            &[
                "adduser",
                "--gecos",
                "Debian-cloud-init-user",
                "--disabled-password",
                "--quiet",
                "debian",
            ],
            &[],
        )?;
        ctx.create_directory("/etc/sudoers.d")?;
        ctx.write(SUDOERS, "debian ALL=(ALL) NOPASSWD:ALL\n", 0o440)?;
    }
    let init = ctx.variable(INIT_PACKAGE).unwrap_or(PRESENT_INIT);
    if init == "sysvinit" {
        return Ok(());
    }
    if init != PRESENT_INIT {
        let packages: Vec<_> = init.split_ascii_whitespace().collect();
        if packages.iter().any(|package| package.starts_with('-')) {
            return Err(HookError::Variable {
                name: INIT_PACKAGE.to_owned(),
                value: init.to_owned(),
                expected: "names of packages are needed".to_owned(),
            });
        }
        change_packages(ctx, &[&["install"], &*packages].concat())?;
    }
    // The package sysvinit would take the place of systemd's init.
    let were_current = current_lists::are_current(ctx.target())?;
    ctx.create_directory("/etc/apt/preferences.d")?;
    ctx.write(
        "/etc/apt/preferences.d/sysvinit",
        "Package: sysvinit\nPin: origin \"\"\nPin-Priority: -1\n",
        0o644,
    )?;
    // It prefers no other version of anything that is there.
    if were_current {
        current_lists::mark(ctx.target())?;
    }
    Ok(())
}
