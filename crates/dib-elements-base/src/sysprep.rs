//! The element `sysprep`: an image is no machine yet.

use dib_core::{Element, FileKind, HookContext, HookError, Phase};

const MACHINE_ID: &str = "/etc/machine-id";
const MACHINE_ID_OF_DBUS: &str = "/var/lib/dbus/machine-id";

/// The program `extract-image`, by which scripts of the phase `root` begin with a published image of a disk.
const EXTRACT_IMAGE: &str = include_str!("sysprep/extract-image.sh");

/// Returns the element `sysprep`.
#[must_use]
pub fn element() -> Element {
    Element::new("sysprep")
        .about("Leaves in the image what a first boot has to find")
        .program("extract-image", EXTRACT_IMAGE)
        .hook(Phase::Finalise, "99-clear-machine-id", clear_machine_id)
}

/// Takes the identity that packages' scripts have made from the image, so that each machine gets its own.
///
/// The word `uninitialized` makes systemd treat the next boot as the first one: machine-id(5), "First Boot Semantics".
/// Older versions make a new identity of anything that is none.
///
/// # Errors
/// When a file can't be written.
pub fn clear_machine_id(ctx: &HookContext<'_>) -> Result<(), HookError> {
    // Where it is a link it leads to the other file, on every distribution that makes it one.
    if file_mode(ctx, MACHINE_ID_OF_DBUS)?.is_some() {
        ctx.truncate(MACHINE_ID_OF_DBUS)?;
    }
    if let Some(mode) = file_mode(ctx, MACHINE_ID)? {
        ctx.write(MACHINE_ID, "uninitialized\n", mode)?;
    }
    Ok(())
}

/// Returns the permission bits of what stands at a path, if that is a regular file.
fn file_mode(ctx: &HookContext<'_>, path: &str) -> Result<Option<u32>, HookError> {
    let metadata = ctx.metadata(path)?;
    Ok(metadata
        .filter(|metadata| metadata.kind == FileKind::Regular)
        .map(|metadata| metadata.mode))
}
