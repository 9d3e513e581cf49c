//! `cloud-init`: installed, started at boot, and set up a little.

use dib_core::{Element, HookContext, HookError, PackageMap, Phase, Variable};

const CONFIGURATION: &str = "/etc/cloud/cloud.cfg";

/// Returns the element `cloud-init`.
#[must_use]
pub fn element() -> Element {
    Element::new("cloud-init")
        .about("Installs cloud-init and starts it at boot")
        .depends_on(&["package-installs"])
        .packages(&["cloud-init"])
        .package_map(PackageMap::new().for_family("gentoo", "cloud-init", "app-emulation/cloud-init"))
        .variable(Variable::new(
            "DIB_CLOUD_INIT_ALLOW_SSH_PWAUTH",
            "anything: cloud-init lets people log in by SSH with a password",
        ))
        .hook(Phase::PostInstall, "20-enable-cloud-init", enable_cloud_init)
        .hook(
            Phase::PostInstall,
            "21-cloud-init-allow-password-auth",
            cloud_init_allow_password_auth,
        )
        .hook(
            Phase::PostInstall,
            "22-cloud-init-ssh_genkeytypes",
            cloud_init_ssh_genkeytypes,
        )
}

/// `20-enable-cloud-init`: has the init system start cloud-init.
///
/// # Errors
/// When the init system's command fails.
pub fn enable_cloud_init(ctx: &HookContext<'_>) -> Result<(), HookError> {
    match ctx.variable("DIB_INIT_SYSTEM") {
        Some("systemd") => {
            let mut command = vec![
                "systemctl",
                "enable",
                "cloud-config.service",
                "cloud-final.service",
                "cloud-init-local.service",
            ];
            // cloud-init 24.3 made one process of its stages. Upstream goes by names of releases.
            let is_one_process = ctx.exists("/usr/lib/systemd/system/cloud-init-main.service")?
                || ctx.exists("/lib/systemd/system/cloud-init-main.service")?;
            command.extend(if is_one_process {
                &["cloud-init-main.service", "cloud-init-network.service"][..]
            } else {
                &["cloud-init.service"][..]
            });
            ctx.run(&command, &[])
        }
        Some("openrc") => {
            for (service, level) in [
                ("cloud-config", "default"),
                ("cloud-final", "default"),
                ("cloud-init-local", "boot"),
                ("cloud-init", "default"),
            ] {
                ctx.run(&["rc-update", "add", service, level], &[])?;
            }
            Ok(())
        }
        _ => {
            ctx.nothing("the image's init system starts cloud-init by itself");
            Ok(())
        }
    }
}

/// `21-cloud-init-allow-password-auth`: has cloud-init allow passwords by SSH where `DIB_CLOUD_INIT_ALLOW_SSH_PWAUTH` is set.
///
/// # Errors
/// When cloud-init's configuration can't be read or written.
pub fn cloud_init_allow_password_auth(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if ctx.variable("DIB_CLOUD_INIT_ALLOW_SSH_PWAUTH").is_none() {
        ctx.nothing("DIB_CLOUD_INIT_ALLOW_SSH_PWAUTH is not set");
        return Ok(());
    }
    change_configuration(ctx, with_password_authentication)
}

/// `22-cloud-init-ssh_genkeytypes`: has cloud-init make SSH host keys of the types that are of use today.
///
/// # Errors
/// When cloud-init's configuration can't be read or written.
pub fn cloud_init_ssh_genkeytypes(ctx: &HookContext<'_>) -> Result<(), HookError> {
    change_configuration(ctx, with_key_types)
}

fn change_configuration(ctx: &HookContext<'_>, change: fn(&str) -> String) -> Result<(), HookError> {
    let Some(metadata) = ctx.metadata(CONFIGURATION)? else {
        ctx.nothing(format!("there is no {CONFIGURATION}"));
        return Ok(());
    };
    let text = String::from_utf8(ctx.read(CONFIGURATION)?)
        .map_err(|_| HookError::other(format!("{CONFIGURATION} is not UTF-8")))?;
    ctx.write(CONFIGURATION, change(&text), metadata.mode)
}

/// Turns `ssh_pwauth` on wherever it is off, or adds it where it is not mentioned.
fn with_password_authentication(text: &str) -> String {
    if !text.contains("ssh_pwauth") {
        return with_line(text, "ssh_pwauth: 1");
    }
    let turned_on = |line: &str| {
        let (start, rest) = line.split_once("ssh_pwauth:")?;
        let (on, rest) = [("0", "1"), ("False", "True"), ("false", "true")]
            .into_iter()
            .find_map(|(off, on)| Some((on, rest.trim_start().strip_prefix(off)?)))?;
        Some(format!("{start}ssh_pwauth: {on}{rest}\n"))
    };
    text.lines()
        .map(|line| turned_on(line).unwrap_or_else(|| format!("{line}\n")))
        .collect()
}

/// Has our key types take the place of others.
fn with_key_types(text: &str) -> String {
    let others: String = text
        .lines()
        .filter(|line| !line.contains("ssh_genkeytypes"))
        .flat_map(|line| [line, "\n"])
        .collect();
    with_line(&others, "ssh_genkeytypes: ['rsa', 'ecdsa', 'ed25519']")
}

fn with_line(text: &str, line: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{text}{end}{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_allowed_wherever_they_are_not() {
        let check = |text, expected| assert_eq!(with_password_authentication(text), expected, "{text:?}");
        check("", "ssh_pwauth: 1\n");
        check("users: []", "users: []\nssh_pwauth: 1\n");
        check("ssh_pwauth:   0\na: 1\n", "ssh_pwauth: 1\na: 1\n");
        check("ssh_pwauth: False # no\n", "ssh_pwauth: True # no\n");
        check("  ssh_pwauth: false\n", "  ssh_pwauth: true\n");
        check("ssh_pwauth: true\n", "ssh_pwauth: true\n");
        check("ssh_pwauth: unchanged\n", "ssh_pwauth: unchanged\n");
    }

    #[test]
    fn key_types_are_ours() {
        let check = |text, expected| assert_eq!(with_key_types(text), expected, "{text:?}");
        let ours = "ssh_genkeytypes: ['rsa', 'ecdsa', 'ed25519']\n";
        check("", ours);
        check("ssh_genkeytypes: [dsa]\n", ours);
        check("a: 1", "a: 1\nssh_genkeytypes: ['rsa', 'ecdsa', 'ed25519']\n");
    }
}
