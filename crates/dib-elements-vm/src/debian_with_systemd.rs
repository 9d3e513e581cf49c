//! What the elements that put services into the image ask for: Debian or Ubuntu, with systemd.

use dib_core::{HookContext, HookError};

/// Returns whether the image is Debian or Ubuntu and starts its services by systemd.
pub(crate) fn is_given(ctx: &HookContext<'_>) -> bool {
    matches!(ctx.variable("DISTRO_NAME"), Some("debian" | "ubuntu"))
        && ctx.variable("DIB_INIT_SYSTEM") == Some("systemd")
}

/// Fails where the image is another; `element` is who can't do without.
pub(crate) fn require(ctx: &HookContext<'_>, element: &str) -> Result<(), HookError> {
    if is_given(ctx) {
        return Ok(());
    }
    let or_none = |name| ctx.variable(name).unwrap_or("unset");
    let message = format!(
        "{element} can be had on Debian and Ubuntu with systemd only: DISTRO_NAME is {}, DIB_INIT_SYSTEM is {}",
        or_none("DISTRO_NAME"),
        or_none("DIB_INIT_SYSTEM"),
    );
    Err(HookError::other(message).hinted(format!(
        "leave {element} out, or have a directory of that name on ELEMENTS_PATH take its place"
    )))
}
