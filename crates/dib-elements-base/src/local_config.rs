//! The element `local-config`: the image is for the one who builds it, with his keys and his proxies.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{Element, HookContext, HookError, Phase, Variable};

const KEYS: &str = "ssh-authorized-keys";
const APT_CONFIGURATION: &str = "/etc/apt/apt.conf.d";

/// An address that stands for no machine (RFC 5737), which upstream always has asked for without a proxy.
const NEVER_BY_PROXY: &str = "192.0.2.1";

/// Returns the element `local-config`.
#[must_use]
pub fn element() -> Element {
    Element::new("local-config")
        .about("Leaves the SSH keys and the proxies of the one who builds in the image, so it is for no one else")
        .depends_on(&["package-installs"])
        .variable(
            Variable::new("DIB_LOCAL_CONFIG_USERNAME", "the user of the image who gets the keys").default("root"),
        )
        .hook(Phase::ExtraData, "62-ssh-key", keep_ssh_keys)
        .hook(Phase::PreInstall, "02-proxy-settings", proxy_settings)
        .hook(Phase::Install, "62-ssh-key", install_ssh_keys)
}

/// Keeps the builder's `~/.ssh/authorized_keys` for the phase `install`, whose hooks have another home.
///
/// # Errors
/// When they can't be read or kept.
pub fn keep_ssh_keys(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.depends_on_unknown("who may log in here, which is no part of the image yet");
    let keys = ctx
        .variable("HOME")
        .map(|home| Utf8Path::new(home).join(".ssh/authorized_keys"));
    let (Some(keys), Some(kept)) = (keys.filter(|keys| keys.exists()), kept_keys(ctx)) else {
        ctx.nothing("there are no keys that may log in here");
        return Ok(());
    };
    let contents = ctx.read_host(&keys)?;
    // The mode is the same whatever the umask is.
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&kept);
    file.and_then(|mut file| file.write_all(&contents))
        .map_err(|source| HookError::Host {
            action: "write",
            path: kept.to_string(),
            source,
        })
}

/// Lets those who have the builder's keys log in as `DIB_LOCAL_CONFIG_USERNAME`.
///
/// # Errors
/// When the keys can't be written.
pub fn install_ssh_keys(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let keys = match kept_keys(ctx).map(|kept| ctx.read_host(&kept)) {
        Some(Err(HookError::Host { source, .. })) if source.kind() == ErrorKind::NotFound => None,
        keys => keys.transpose()?,
    };
    let Some(keys) = keys else {
        ctx.nothing("no keys were kept");
        return Ok(());
    };
    let home = match ctx.required("DIB_LOCAL_CONFIG_USERNAME")? {
        "root" => "/root".to_owned(),
        user => format!("/home/{user}"),
    };
    let directory = format!("{home}/.ssh");
    ctx.create_directory(&directory)?;
    ctx.target().set_mode(&directory.parse()?, 0o700)?;
    let path = format!("{directory}/authorized_keys");
    append(ctx, &path, &keys, 0o600)
}

fn kept_keys(ctx: &HookContext<'_>) -> Option<Utf8PathBuf> {
    Some(ctx.hooks_directory()?.join(KEYS))
}

/// Has the image's apt use the builder's proxies, from `http_proxy`, `https_proxy` and `no_proxy`.
///
/// # Errors
/// When a file can't be written.
pub fn proxy_settings(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if !ctx.exists("/etc/apt")? {
        ctx.nothing("the image has no apt, and of others nothing is known here");
        return Ok(());
    }
    ctx.create_directory(APT_CONFIGURATION)?;
    for protocol in ["http", "https"] {
        if let Some(proxy) = ctx.variable(&format!("{protocol}_proxy")) {
            let path = format!("{APT_CONFIGURATION}/02-use-{protocol}-proxy");
            ctx.write(&path, format!("Acquire::{protocol}::Proxy \"{proxy}\";\n"), 0o644)?;
        }
    }
    let mut exceptions = String::new();
    let hosts = ctx.variable("no_proxy").unwrap_or_default().split([',', ' ']);
    for host in hosts.filter(|host| !host.is_empty()).chain([NEVER_BY_PROXY]) {
        writeln!(exceptions, "Acquire::http::Proxy::{host} \"DIRECT\";").expect("writing to a string");
    }
    append(
        ctx,
        &format!("{APT_CONFIGURATION}/02-no-proxy"),
        exceptions.as_bytes(),
        0o644,
    )
}

fn append(ctx: &HookContext<'_>, path: &str, lines: &[u8], mode: u32) -> Result<(), HookError> {
    let mut contents = if ctx.exists(path)? {
        ctx.read(path)?
    } else {
        Vec::new()
    };
    contents.extend_from_slice(lines);
    ctx.write(path, contents, mode)
}
