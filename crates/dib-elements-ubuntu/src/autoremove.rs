//! `99-autoremove`: what was only there for something that has gone goes too.

use dib_core::{HookContext, HookError};

/// Has apt remove the packages that nobody asked for and nothing needs any more.
///
/// # Errors
/// When `apt-get autoremove` fails.
pub fn autoremove(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.run(
        &["apt-get", "--assume-yes", "autoremove"],
        &[("DEBIAN_FRONTEND", "noninteractive")],
    )
}
