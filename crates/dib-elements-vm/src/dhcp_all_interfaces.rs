//! `dhcp-all-interfaces`: every network interface with a link asks for its addresses.
//!
//! udev starts a unit for each interface as it appears. The unit's script adds the interface to `/etc/network/interfaces`,
//! unless something configures it already, and ifupdown brings it up.

use dib_core::{Element, HookContext, HookError, PackageMap, Phase, Variable};

use crate::debian_with_systemd;

const SCRIPT: &str = include_str!("dhcp_all_interfaces/dhcp-all-interfaces.sh");
const UNIT: &str = include_str!("dhcp_all_interfaces/dhcp-interface@.service");
const NETWORK_MANAGER: &str = include_str!("dhcp_all_interfaces/network-manager.conf");
/// What has udev start the unit. Source: upstream's rule.
const UDEV_RULE: &str = "SUBSYSTEM==\"net\", KERNEL!=\"lo\", ACTION==\"add|move\", TAG+=\"systemd\", \
                         ENV{SYSTEMD_WANTS}+=\"dhcp-interface@$name.service\"\n";
const INTERFACES: &str = "/etc/network/interfaces";
const DHCLIENT: &str = "/etc/dhcp/dhclient.conf";
/// Stands above what we write into dhclient's configuration.
const OURS: &str = "# Set by the element dhcp-all-interfaces.";

/// Returns the element `dhcp-all-interfaces`.
#[must_use]
pub fn element() -> Element {
    Element::new("dhcp-all-interfaces")
        .about("Has each network interface with a link ask for its addresses by DHCP")
        .depends_on(&["dib-init-system", "package-installs", "pkg-map"])
        .packages(&["dhcp-client", "ifupdown", "ndisc6"])
        .package_map(package_map())
        .variable(
            Variable::new(
                "DIB_DHCP_TIMEOUT",
                "how long an interface waits for a link, and for an address, in seconds",
            )
            .default("30"),
        )
        .variable(Variable::new("DIB_DHCP_CLIENT", "NetworkManager's client for DHCP").default("internal"))
        .variable(
            Variable::new(
                "DIB_DHCP_NETWORK_MANAGER_AUTO",
                "true: where the image has NetworkManager, that alone configures interfaces",
            )
            .default("false"),
        )
        .hook(Phase::Install, "50-dhcp-all-interfaces", dhcp_all_interfaces)
        .hook(
            Phase::Install,
            "60-remove-cloud-image-interfaces",
            remove_cloud_image_interfaces,
        )
}

/// Source: upstream's pkg-map of the element.
fn package_map() -> PackageMap {
    let mut map = PackageMap::new()
        .for_family("debian", "ifupdown", "ifupdown")
        .for_family("debian", "ndisc6", "ndisc6")
        .for_family("redhat", "dhcp-client", "dhclient")
        .for_family("redhat", "ifupdown", "NetworkManager-initscripts-updown")
        .for_family("redhat", "ndisc6", "")
        .for_family("suse", "dhcp-client", "dhcp-client")
        .for_family("gentoo", "dhcp-client", "net-misc/dhcpcd")
        .for_family("gentoo", "ndisc6", "net-misc/ndisc6")
        .by_default("dhcp-client", "isc-dhcp-client")
        .by_default("ifupdown", "")
        .by_default("ndisc6", "");
    for (distribution, release) in [("almalinux", "10"), ("centos", "10-stream"), ("rocky", "10")] {
        map = map
            .for_release(distribution, release, "dhcp-client", "dhcpcd")
            .for_release(distribution, release, "ifupdown", "");
    }
    map
}

/// `50-dhcp-all-interfaces`: configures `NetworkManager` where there is one, and installs script, unit and udev's rule unless
/// that is enough.
///
/// # Errors
/// When `DIB_DHCP_TIMEOUT` is no number of seconds, when the image is neither Debian nor Ubuntu with systemd, or when a file
/// can't be written.
pub fn dhcp_all_interfaces(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let timeout = timeout(ctx)?;
    let seconds = timeout.to_string();
    if ctx.exists("/etc/NetworkManager")? {
        let client = ctx.variable("DIB_DHCP_CLIENT").unwrap_or("internal");
        let text = NETWORK_MANAGER
            .replace("@CLIENT@", client)
            .replace("@TIMEOUT@", &seconds);
        ctx.create_directory("/etc/NetworkManager/conf.d")?;
        ctx.write("/etc/NetworkManager/conf.d/00-main.conf", text, 0o644)?;
        if ctx.variable("DIB_DHCP_NETWORK_MANAGER_AUTO") == Some("true") {
            return Ok(());
        }
    }
    debian_with_systemd::require(ctx, "dhcp-all-interfaces")?;
    ctx.create_directory("/usr/local/sbin")?;
    ctx.write(
        "/usr/local/sbin/dhcp-all-interfaces.sh",
        SCRIPT.replace("@TIMEOUT@", &seconds),
        0o755,
    )?;
    if let Some(metadata) = ctx.metadata(DHCLIENT)? {
        let text = String::from_utf8_lossy(&ctx.read(DHCLIENT)?).into_owned();
        ctx.write(DHCLIENT, with_timeout(&text, timeout), metadata.mode)?;
    }
    ctx.create_directory("/usr/lib/systemd/system")?;
    // The script waits as long for a link as ifup does for an address.
    let both = (u64::from(timeout) * 2).to_string();
    ctx.write(
        "/usr/lib/systemd/system/dhcp-interface@.service",
        UNIT.replace("@TIMEOUT@", &both),
        0o644,
    )?;
    ctx.create_directory("/etc/udev/rules.d")?;
    ctx.write("/etc/udev/rules.d/99-dhcp-all-interfaces.rules", UDEV_RULE, 0o644)
}

/// `60-remove-cloud-image-interfaces`: takes away what configures interfaces by name, but for the loopback interface.
///
/// # Errors
/// When a file can't be removed or written.
pub fn remove_cloud_image_interfaces(ctx: &HookContext<'_>) -> Result<(), HookError> {
    for path in ctx.files_below("/etc/sysconfig/network-scripts")? {
        if path.contains("/ifcfg-") && !path.contains("/ifcfg-lo") {
            ctx.remove(&path)?;
        }
    }
    for path in ctx.files_below("/etc/network/interfaces.d")? {
        ctx.remove(&path)?;
    }
    if !ctx.exists(INTERFACES)? {
        return Ok(());
    }
    let mut text = "auto lo\niface lo inet loopback\n\n".to_owned();
    if ctx.exists("/etc/network/interfaces.d")? {
        text += "source /etc/network/interfaces.d/*\n\n";
    }
    ctx.write(INTERFACES, text, 0o644)
}

fn timeout(ctx: &HookContext<'_>) -> Result<u32, HookError> {
    let value = ctx.variable("DIB_DHCP_TIMEOUT").unwrap_or("30");
    match value.parse() {
        Ok(seconds) if seconds > 0 => Ok(seconds),
        _ => Err(HookError::Variable {
            name: "DIB_DHCP_TIMEOUT".to_owned(),
            value: value.to_owned(),
            expected: "a number of seconds is needed, above 0".to_owned(),
        }),
    }
}

/// Returns dhclient's configuration with our time in place of its own, and without when it would try again.
fn with_timeout(text: &str, seconds: u32) -> String {
    let setting = format!("{OURS}\ntimeout {seconds};");
    let is = |line: &str, keyword: &str| line.starts_with(&format!("{keyword} "));
    let mut lines: Vec<String> = Vec::new();
    let mut is_set = false;
    for line in text.lines().filter(|line| *line != OURS) {
        if is(line, "timeout") {
            lines.push(setting.clone());
            is_set = true;
        } else if is(line, "retry") {
            lines.push(format!("{OURS}\n# {line}"));
        } else {
            lines.push(line.to_owned());
        }
    }
    if !is_set {
        lines.push(setting);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dhclient_waits_as_long_as_it_shall() {
        let check = |text: &str, expected: &str| {
            let expected = expected.replace("OURS", OURS);
            assert_eq!(with_timeout(text, 7), expected, "{text:?}");
        };
        check("", "OURS\ntimeout 7;\n");
        check(
            "#timeout 60;\nretry 60;\nsend x;\n",
            "#timeout 60;\nOURS\n# retry 60;\nsend x;\nOURS\ntimeout 7;\n",
        );
        check("timeout 60;\nx;", "OURS\ntimeout 7;\nx;\n");
        check(
            "x;\nOURS\ntimeout 60;\n".replace("OURS", OURS).as_str(),
            "x;\nOURS\ntimeout 7;\n",
        );
    }
}
