//! `10-debian-networking`: a host name, and interfaces that ask for their addresses.

use dib_core::{HookContext, HookError};

const INTERFACES: &str = "/etc/network/interfaces";
/// What makes ifupdown read the files of a directory; upstream's wording.
const INCLUDED: &str = "source /etc/network/interfaces.d/*";

const WAIT_ONLINE: &str = "systemd-networkd-wait-online.service";
/// What keeps systemd from waiting, in vain and for two minutes, for a network daemon that nobody has configured.
///
/// systemd's presets enable both units at a machine's first boot, though something else configures the interfaces:
/// systemd.preset(5). Where there is a `.network` file of anybody's, netplan's included, waiting makes sense.
const WAIT_ONLY_IF_CONFIGURED: &str = "\
[Unit]
ConditionPathExistsGlob=|/etc/systemd/network/*.network
ConditionPathExistsGlob=|/run/systemd/network/*.network
ConditionPathExistsGlob=|/usr/local/lib/systemd/network/*.network
";

/// Names the host after its distribution and, unless `DIB_APT_MINIMAL_CREATE_INTERFACES` is 0, has each interface of
/// `DIB_NETWORK_INTERFACE_NAMES` use DHCP. What upstream has not: systemd does not wait for its own network daemon where that
/// has nothing to do.
///
/// # Errors
/// When a name is none, or a file can't be written.
pub fn debian_networking(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let distribution = ctx.required("DISTRO_NAME")?;
    let names = interface_names(ctx)?;
    ctx.write("/etc/hostname", format!("{distribution}\n"), 0o644)?;
    if ctx.exists(&format!("/usr/lib/systemd/system/{WAIT_ONLINE}"))? {
        let directory = format!("/etc/systemd/system/{WAIT_ONLINE}.d");
        ctx.create_directory(&directory)?;
        ctx.write(
            &format!("{directory}/configured.conf"),
            WAIT_ONLY_IF_CONFIGURED,
            0o644,
        )?;
    }
    if ctx.variable("DIB_APT_MINIMAL_CREATE_INTERFACES") == Some("0") {
        return Ok(());
    }
    ctx.create_directory("/etc/network/interfaces.d")?;
    let interfaces = if ctx.exists(INTERFACES)? {
        String::from_utf8_lossy(&ctx.read(INTERFACES)?).into_owned()
    } else {
        String::new()
    };
    if !interfaces.lines().any(is_included) {
        ctx.write(INTERFACES, format!("{interfaces}{INCLUDED}\n"), 0o644)?;
    }
    for name in names {
        let text = format!("auto {name}\niface {name} inet dhcp\n");
        ctx.write(&format!("/etc/network/interfaces.d/{name}"), text, 0o644)?;
    }
    Ok(())
}

fn interface_names<'c>(ctx: &'c HookContext<'_>) -> Result<Vec<&'c str>, HookError> {
    let text = ctx.variable("DIB_NETWORK_INTERFACE_NAMES").unwrap_or_default();
    let names: Vec<_> = text.split_ascii_whitespace().collect();
    if names
        .iter()
        .any(|name| name.contains('/') || name.starts_with('.'))
    {
        return Err(HookError::Variable {
            name: "DIB_NETWORK_INTERFACE_NAMES".to_owned(),
            value: text.to_owned(),
            expected: "names of interfaces are needed, separated by spaces".to_owned(),
        });
    }
    Ok(names)
}

fn is_included(line: &str) -> bool {
    ["source", "source-directory"].iter().any(|word| {
        line.strip_prefix(word)
            .is_some_and(|rest| rest.starts_with(" /etc/network/interfaces.d/*"))
    })
}
