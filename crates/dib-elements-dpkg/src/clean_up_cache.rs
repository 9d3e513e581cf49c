//! `99-clean-up-cache`: downloaded packages don't stay in the image.

use dib_core::{HookContext, HookError};

use crate::apt_get::apt_get;
use crate::shared_apt_cache::ARCHIVES;

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
