//! `enable-serial-console`: one can log in at every serial port.

use dib_core::{Element, HookContext, HookError, Phase};

use crate::debian_with_systemd;

/// What starts a getty at each port that has a chip behind it (type 4 is the 16550A).
///
/// Upstream's rule starts `getty@`. systemd starts `serial-getty@` by itself at the port that is the kernel's console, and two of
/// them at one port would read each other's input.
const UDEV_RULE: &str = "SUBSYSTEM==\"tty\", ACTION==\"add\", ATTRS{type}==\"4\", TAG+=\"systemd\", \
                         ENV{SYSTEMD_WANTS}+=\"serial-getty@$name.service\"\n";

/// Returns the element `enable-serial-console`.
#[must_use]
pub fn element() -> Element {
    Element::new("enable-serial-console")
        .about("Lets people log in at every serial port that there is")
        .depends_on(&["dib-init-system"])
        .hook(Phase::Install, "20-stty", stty)
}

/// `20-stty`: installs udev's rule.
///
/// # Errors
/// When the image is neither Debian nor Ubuntu with systemd, or when the rule can't be written.
pub fn stty(ctx: &HookContext<'_>) -> Result<(), HookError> {
    debian_with_systemd::require(ctx, "enable-serial-console")?;
    ctx.create_directory("/etc/udev/rules.d")?;
    ctx.write("/etc/udev/rules.d/99-serial-console.rules", UDEV_RULE, 0o644)
}
