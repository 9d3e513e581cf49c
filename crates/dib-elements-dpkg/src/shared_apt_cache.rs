//! `99-shared_apt_cache`: packages that apt downloads stay in the image cache for the next build.

use camino::Utf8PathBuf;
use dib_core::{HookContext, HookError};

/// Where apt keeps the packages it has downloaded.
pub(crate) const ARCHIVES: &str = "/var/cache/apt/archives";

/// Binds `$DIB_IMAGE_CACHE/apt/$DISTRO_NAME` on apt's directory of archives, unless `DIB_APT_LOCAL_CACHE` is 0.
///
/// The mount is gone before the phase `finalise`, so that emptying apt's cache there leaves the shared one alone.
///
/// # Errors
/// When `DISTRO_NAME` is unset or no name for a directory, or when the directory can't be made or bound.
pub fn shared_apt_cache(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if ctx.variable("DIB_APT_LOCAL_CACHE") == Some("0") {
        ctx.nothing("DIB_APT_LOCAL_CACHE is 0");
        return Ok(());
    }
    let directory = directory(ctx)?;
    if ctx.is_mounted(ARCHIVES)? {
        ctx.nothing(format!("{ARCHIVES} is a mount already"));
        return Ok(());
    }
    ctx.create_host_directory(&directory)?;
    ctx.create_directory(ARCHIVES)?;
    ctx.bind_mount(&directory, ARCHIVES)
}

/// Returns the directory of the host that is bound there.
///
/// # Errors
/// When `DISTRO_NAME` is unset or no name for a directory.
pub(crate) fn directory(ctx: &HookContext<'_>) -> Result<Utf8PathBuf, HookError> {
    let distribution = ctx.required("DISTRO_NAME")?;
    if distribution.contains('/') || distribution.starts_with('.') {
        return Err(HookError::Variable {
            name: "DISTRO_NAME".to_owned(),
            value: distribution.to_owned(),
            expected: "a name for a directory is needed".to_owned(),
        });
    }
    Ok(ctx.image_cache().join("apt").join(distribution))
}
