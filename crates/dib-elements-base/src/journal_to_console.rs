//! The element `journal-to-console`: what the machine logs shows on its console.

use dib_core::{Element, HookContext, HookError, Phase};

const DIRECTORY: &str = "/etc/systemd/journald.conf.d";

/// Returns the element `journal-to-console`.
#[must_use]
pub fn element() -> Element {
    Element::new("journal-to-console")
        .about("Has systemd's journal go to the console as well")
        .hook(Phase::PostInstall, "30-journal-to-console", journal_to_console)
}

/// Has journald forward what it logs to the console.
///
/// # Errors
/// When its configuration can't be written.
pub fn journal_to_console(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory(DIRECTORY)?;
    ctx.write(
        &format!("{DIRECTORY}/log-to-console.conf"),
        "[Journal]\nForwardToConsole=true\n",
        0o644,
    )
}
