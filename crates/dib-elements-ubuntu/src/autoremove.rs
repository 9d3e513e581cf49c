//! `99-autoremove`: what was only there for something that has gone goes too.

use dib_core::{HookContext, HookError};
use dib_elements_dpkg::apt_get::change_packages;

/// Has apt remove the packages that nobody asked for and nothing needs any more.
///
/// # Errors
/// When `apt-get autoremove` fails.
pub fn autoremove(ctx: &HookContext<'_>) -> Result<(), HookError> {
    change_packages(ctx, &["autoremove"])
}
