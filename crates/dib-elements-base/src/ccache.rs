//! `01-ccache`: compilers in the target keep their results on the host.

use dib_core::{HookContext, HookError};

const MOUNT_POINT: &str = "/tmp/ccache";

/// Binds `DIB_CCACHE_DIR` on `/tmp/ccache`. Run again, it does nothing; the mount dies with the sandbox.
///
/// # Errors
/// When the directory can't be made or bound.
pub fn ccache(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if ctx.is_mounted(MOUNT_POINT)? {
        ctx.nothing(format!("{MOUNT_POINT} is a mount already"));
        return Ok(());
    }
    let directory = ctx.required("DIB_CCACHE_DIR")?.into();
    ctx.create_host_directory(directory)?;
    ctx.create_directory(MOUNT_POINT)?;
    ctx.bind_mount(directory, MOUNT_POINT)
}
