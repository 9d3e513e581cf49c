//! The element `modprobe`: which kernel modules are loaded, and how.

use dib_core::{Element, HookContext, HookError, Phase, Variable};

const DIRECTORY: &str = "/etc/modprobe.d";
const BLACKLIST: &str = "/etc/modprobe.d/blacklist.conf";

/// Returns the element `modprobe`.
#[must_use]
pub fn element() -> Element {
    Element::new("modprobe")
        .about("Keeps kernel modules from being loaded")
        .variable(Variable::new(
            "DIB_MODPROBE_BLACKLIST",
            "the modules that are not loaded by themselves, separated by blanks",
        ))
        .hook(Phase::ExtraData, "50-modprobe-blacklist", modprobe_directory)
        .hook(Phase::Install, "80-modprobe-blacklist", modprobe_blacklist)
}

/// Makes modprobe's directory of configuration, which images of containers lack.
///
/// # Errors
/// When it can't be made.
pub fn modprobe_directory(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory(DIRECTORY)
}

/// Adds the modules of `DIB_MODPROBE_BLACKLIST` to the image's blacklist.
///
/// # Errors
/// When the list can't be read or written.
pub fn modprobe_blacklist(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let Some(modules) = ctx.variable("DIB_MODPROBE_BLACKLIST") else {
        ctx.nothing("DIB_MODPROBE_BLACKLIST is not set");
        return Ok(());
    };
    let (mut list, mode) = match ctx.metadata(BLACKLIST)? {
        Some(metadata) => (ctx.read(BLACKLIST)?, metadata.mode),
        None => (Vec::new(), 0o644),
    };
    for module in modules.split_whitespace() {
        list.extend_from_slice(format!("blacklist {module}\n").as_bytes());
    }
    ctx.create_directory(DIRECTORY)?;
    ctx.write(BLACKLIST, list, mode)
}
