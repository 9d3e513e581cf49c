//! `50-harden-sshd`: the SSH server asks for keys.

use dib_core::{HookContext, HookError};

/// Forbids passwords, and root where `MYORG_ROOT_LOGIN` is not set to something else.
///
/// # Errors
/// When the configuration can't be written.
pub fn harden_sshd(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let root_login = ctx.required("MYORG_ROOT_LOGIN")?;
    ctx.create_directory("/etc/ssh/sshd_config.d")?;
    ctx.write(
        "/etc/ssh/sshd_config.d/50-myorg.conf",
        format!("PasswordAuthentication no\nPermitRootLogin {root_login}\n"),
        0o644,
    )
}
