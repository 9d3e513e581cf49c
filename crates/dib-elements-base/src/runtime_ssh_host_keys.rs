//! The element `runtime-ssh-host-keys`: each machine makes its own SSH host keys when it first boots.

use dib_core::{Element, HookContext, HookError, PackageMap, PackageRule, Phase};

use crate::dib_init_system::InitSystem;

/// What makes the keys.
const SCRIPT: &str = include_str!("runtime-ssh-host-keys.sh");
/// What runs it, where systemd is the init system.
const SYSTEMD_UNIT: &str = include_str!("ssh-keygen.service");
/// What runs it, where upstart is.
const UPSTART_JOB: &str = include_str!("ssh-keygen.conf");

/// Returns the element `runtime-ssh-host-keys`.
#[must_use]
pub fn element() -> Element {
    Element::new("runtime-ssh-host-keys")
        .about("Leaves no SSH host keys in the image; a machine makes its own at its first boot")
        .depends_on(&["dib-init-system"])
        .package_rule(PackageRule::new("openssh-client"))
        .package_map(
            PackageMap::new()
                .for_family("redhat", "openssh-client", "openssh")
                .for_family("suse", "openssh-client", "openssh")
                .for_family("gentoo", "openssh-client", ""),
        )
        .hook(Phase::Install, "20-install-ssh-keygen", install_ssh_keygen)
        .hook(Phase::PostInstall, "80-ssh-keygen", enable_ssh_keygen)
        .hook(Phase::Cleanup, "90-remove-ssh-host-keys", remove_ssh_host_keys)
}

/// Installs what makes the keys, and what has the init system run it.
///
/// # Errors
/// When `DIB_INIT_SYSTEM` is unset or unknown, or when a file can't be written.
pub fn install_ssh_keygen(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory("/usr/local/sbin")?;
    ctx.write("/usr/local/sbin/runtime-ssh-host-keys.sh", SCRIPT, 0o755)?;
    let (directory, name, contents) = match InitSystem::of_image(ctx)? {
        InitSystem::Systemd if is_supported(ctx) => {
            ("/usr/lib/systemd/system", "ssh-keygen.service", SYSTEMD_UNIT)
        }
        InitSystem::Upstart => ("/etc/init", "ssh-keygen.conf", UPSTART_JOB),
        InitSystem::Systemd | InitSystem::Openrc | InitSystem::Sysv => return Ok(()),
    };
    ctx.create_directory(directory)?;
    ctx.write(&format!("{directory}/{name}"), contents, 0o644)
}

/// Has systemd run what makes the keys; upstart runs every job there is.
///
/// # Errors
/// When `DIB_INIT_SYSTEM` is unset or unknown, or when `systemctl` fails.
pub fn enable_ssh_keygen(ctx: &HookContext<'_>) -> Result<(), HookError> {
    match InitSystem::of_image(ctx)? {
        InitSystem::Systemd if is_supported(ctx) => {
            ctx.run(&["systemctl", "enable", "ssh-keygen.service"], &[])
        }
        other => {
            ctx.nothing(format!(
                "there is nothing to enable for {other} on this distribution"
            ));
            Ok(())
        }
    }
}

/// Returns whether the distribution's server leaves the making of keys to us; others make theirs when they start.
fn is_supported(ctx: &HookContext<'_>) -> bool {
    matches!(ctx.variable("DISTRO_NAME"), Some("debian" | "ubuntu"))
}

/// Removes the keys that the server's package has made.
///
/// # Errors
/// When one can't be removed.
pub fn remove_ssh_host_keys(ctx: &HookContext<'_>) -> Result<(), HookError> {
    for path in ctx.files_below("/etc/ssh")? {
        let name = path.rsplit('/').next().unwrap_or_default();
        if name.starts_with("ssh_host") {
            ctx.remove(&path)?;
        }
    }
    Ok(())
}
