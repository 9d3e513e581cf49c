//! The element `pip-cache`: pip keeps what it downloads for the next build.

use dib_core::{Element, HookContext, HookError, Phase, Variable};

const DIRECTORY: &str = "/tmp/pip";

/// Returns the element `pip-cache`.
#[must_use]
pub fn element() -> Element {
    Element::new("pip-cache")
        .about("Keeps what pip downloads in the image cache, for the next build")
        .variable(Variable::new("PIP_DOWNLOAD_CACHE", "where pip keeps what it downloads").default(DIRECTORY))
        .hook(Phase::Root, "11-pip-cache", pip_cache)
}

/// Binds the directory `pip` of the image cache on the target's `/tmp/pip`.
///
/// # Errors
/// When either can't be made or the kernel refuses.
pub fn pip_cache(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let cache = ctx.image_cache().join("pip");
    ctx.create_host_directory(&cache)?;
    ctx.create_directory(DIRECTORY)?;
    if ctx.is_mounted(DIRECTORY)? {
        ctx.nothing(format!("{DIRECTORY} is mounted already"));
        return Ok(());
    }
    ctx.bind_mount(&cache, DIRECTORY)
}
