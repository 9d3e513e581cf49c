//! `10-cloud-opinions`: what Debian's cloud images have beyond the minimal one.

use dib_core::{HookContext, HookError};

const SUDOERS: &str = "/etc/sudoers.d/debian-cloud-init";

/// Makes the user `debian`, who may do all by sudo, where `DIB_DEBIAN_CLOUD_INIT_HELPER` is set.
///
/// Releases before jessie, which upstream treats otherwise here, are not built.
///
/// # Errors
/// When the user can't be made or a file not be written.
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
    // The package sysvinit would take the place of systemd's init.
    ctx.create_directory("/etc/apt/preferences.d")?;
    ctx.write(
        "/etc/apt/preferences.d/sysvinit",
        "Package: sysvinit\nPin: origin \"\"\nPin-Priority: -1\n",
        0o644,
    )
}
