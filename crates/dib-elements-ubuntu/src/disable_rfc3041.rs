//! `80-disable-rfc3041`: a server's IPv6 addresses stay the same.

use dib_core::{HookContext, HookError};

const SETTINGS: &str = "\
# A server keeps its address: no temporary ones as of RFC 8981, which was RFC 3041.
# Ubuntu's own default is otherwise: https://bugs.launchpad.net/ubuntu/+source/procps/+bug/1068756
net.ipv6.conf.all.use_tempaddr=0
net.ipv6.conf.default.use_tempaddr=0
";

/// Turns IPv6's temporary addresses off, which Ubuntu's own settings turn on.
///
/// # Errors
/// When the settings can't be written.
pub fn disable_rfc3041(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory("/etc/sysctl.d")?;
    ctx.write("/etc/sysctl.d/99-cloudimg-ipv6.conf", SETTINGS, 0o644)
}
