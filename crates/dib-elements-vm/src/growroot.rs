//! `growroot`: the root file system takes all of the disk that the machine has.
//!
//! With XFS the package `xfsprogs` has to be asked for: which file system there is, no plan of packages knows.

use dib_core::{Element, HookContext, HookError, PackageMap, Phase};

use crate::debian_with_systemd;

/// What grows the partition and its file system.
const SCRIPT: &str = include_str!("growroot/growroot.sh");
/// What runs it at each boot; at a disk that is taken whole it changes nothing.
const UNIT: &str = include_str!("growroot/growroot.service");

/// Returns the element `growroot`.
#[must_use]
pub fn element() -> Element {
    Element::new("growroot")
        .about("Grows the root partition and its file system to the size of the disk, at boot")
        .depends_on(&["dib-init-system"])
        .packages(&["growpart", "e2fsprogs"])
        .package_map(
            PackageMap::new()
                .for_family("debian", "growpart", "cloud-utils")
                .for_family("redhat", "growpart", "cloud-utils-growpart")
                .for_family("gentoo", "growpart", "sys-fs/growpart")
                .for_family("gentoo", "e2fsprogs", "sys-fs/e2fsprogs"),
        )
        .hook(Phase::Install, "20-install-growroot", install_growroot)
        .hook(Phase::PostInstall, "80-growroot", growroot)
}

/// Installs the script as `/usr/local/sbin/growroot`, and its unit.
///
/// # Errors
/// When the image is neither Debian nor Ubuntu with systemd, or when a file can't be written.
pub fn install_growroot(ctx: &HookContext<'_>) -> Result<(), HookError> {
    debian_with_systemd::require(ctx, "growroot")?;
    ctx.create_directory("/usr/local/sbin")?;
    ctx.write("/usr/local/sbin/growroot", SCRIPT, 0o755)?;
    ctx.create_directory("/usr/lib/systemd/system")?;
    ctx.write("/usr/lib/systemd/system/growroot.service", UNIT, 0o644)
}

/// Has systemd run it.
///
/// # Errors
/// When `systemctl` fails, or when the root file system is XFS and nothing in the image can make that grow.
pub fn growroot(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let is_xfs = ctx.variable("DIB_ROOT_FSTYPE") == Some("xfs");
    if is_xfs && !ctx.exists("/usr/sbin/xfs_growfs")? {
        return Err(
            HookError::other("the root file system is XFS, and the image has no xfs_growfs")
                .hinted("ask for the package xfsprogs, as by -p xfsprogs, or leave growroot out"),
        );
    }
    ctx.run(&["systemctl", "enable", "growroot.service"], &[])
}
