//! The element `openssh-server`: the machine can be reached by SSH.

use dib_core::{Element, HookContext, HookError, PackageMap, PackageRule, Phase, Variable};

use crate::dib_init_system::InitSystem;
use crate::harden_sshd_config;

/// Returns the element `openssh-server`.
#[must_use]
pub fn element() -> Element {
    Element::new("openssh-server")
        .about("Installs OpenSSH's server, starts it at boot, and has it use strong algorithms only")
        .depends_on(&["dib-init-system", "package-installs", "runtime-ssh-host-keys"])
        .package_rule(PackageRule::new("openssh-server"))
        .package_map(
            PackageMap::new()
                .for_family("suse", "openssh-server", "openssh")
                .for_family("gentoo", "openssh-server", "openssh"),
        )
        .variable(
            Variable::new(
                "DIB_OPENSSH_SERVER_HARDENING",
                "other than 1: the server's algorithms stay as its package has them",
            )
            .default("1"),
        )
        .hook(Phase::PostInstall, "80-enable-sshd-service", enable_sshd_service)
        .hook(
            Phase::PostInstall,
            "99-harden-sshd-config",
            harden_sshd_config::harden_sshd_config,
        )
}

/// Has the init system start the server, where its package doesn't see to that.
///
/// # Errors
/// When `DIB_INIT_SYSTEM` is unset or unknown, or when the init system's command fails.
pub fn enable_sshd_service(ctx: &HookContext<'_>) -> Result<(), HookError> {
    match InitSystem::of_image(ctx)? {
        InitSystem::Systemd => {
            let service = match ctx.variable("DISTRO_NAME") {
                Some("debian" | "ubuntu") => "ssh.service",
                _ => "sshd.service",
            };
            ctx.run(&["systemctl", "enable", service], &[])
        }
        InitSystem::Openrc => ctx.run(&["rc-update", "add", "sshd", "default"], &[]),
        other @ (InitSystem::Upstart | InitSystem::Sysv) => {
            ctx.nothing(format!("{other} starts it as it is installed"));
            Ok(())
        }
    }
}
