//! The element `stable-interface-names`: network interfaces are named by where they are.

use dib_core::{Element, FileKind, HookContext, HookError, Phase};

const RULES: &str = "/etc/udev/rules.d/80-net-name-slot.rules";

/// Returns the element `stable-interface-names`.
#[must_use]
pub fn element() -> Element {
    Element::new("stable-interface-names")
        .about("Names network interfaces by where they are, with biosdevname")
        .depends_on(&["package-installs"])
        .packages(&["biosdevname"])
        .hook(
            Phase::Install,
            "02-stable-interface-names",
            stable_interface_names,
        )
}

/// Removes the link by which an image has udev leave the names as they are.
///
/// # Errors
/// When it can't be removed.
pub fn stable_interface_names(ctx: &HookContext<'_>) -> Result<(), HookError> {
    match ctx.metadata(RULES)? {
        Some(metadata) if metadata.kind == FileKind::Symlink => ctx.remove(RULES),
        _ => {
            ctx.nothing(format!("{RULES} is no link"));
            Ok(())
        }
    }
}
