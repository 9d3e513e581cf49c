//! `devuser`: a user for development, to log in as.

use std::io;

use camino::Utf8PathBuf;
use dib_core::{Element, HookContext, HookError, PackageMap, Phase, Variable};

/// What sets the password. It comes by the environment: arguments are written down in the journal, and everybody on the host
/// can see them.
const SET_PASSWORD: &str = r#"printf '%s:%s\n' "$DIB_DEV_USER_USERNAME" "$DIB_DEV_USER_PASSWORD" | chpasswd"#;

/// Returns the element `devuser`.
#[must_use]
pub fn element() -> Element {
    let variable = |name, about| Variable::new(name, about);
    Element::new("devuser")
        .about("Makes a user for development, with a password, keys and rights as you like")
        .depends_on(&["package-installs"])
        .packages(&["sudo"])
        .package_map(PackageMap::new().for_family("gentoo", "sudo", "app-admin/sudo"))
        .variable(variable("DIB_DEV_USER_USERNAME", "the user's name").default("devuser"))
        .variable(variable(
            "DIB_DEV_USER_GROUPS",
            "more groups that the user is in, separated by commas",
        ))
        .variable(variable(
            "DIB_DEV_USER_SHELL",
            "the user's shell; without it, what useradd gives",
        ))
        .variable(variable(
            "DIB_DEV_USER_PWDLESS_SUDO",
            "anything: the user may do all by sudo, without a password",
        ))
        .variable(variable(
            "DIB_DEV_USER_AUTHORIZED_KEYS",
            "a file of the host with the user's authorized keys; without it, your own public key; /dev/null for none",
        ))
        .variable(variable(
            "DIB_DEV_USER_PASSWORD",
            "the user's password; without it, none is accepted",
        ))
        .hook(Phase::Install, "50-devuser", devuser)
}

/// `50-devuser`: makes the user.
///
/// Upstream has a hook of that name in the phase `extra-data` as well, which copies the keys to where this one finds them.
///
/// # Errors
/// When a variable holds what can't be, when the user can't be made or a file can't be read or written.
pub fn devuser(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let name = user_name(ctx)?;
    let keys = authorized_keys(ctx)?;
    let mut useradd = vec!["useradd", "-m"];
    if let Some(shell) = ctx.variable("DIB_DEV_USER_SHELL") {
        useradd.extend(["-s", shell]);
    }
    useradd.push(name);
    ctx.run(&useradd, &[])?;
    if let Some(groups) = ctx.variable("DIB_DEV_USER_GROUPS") {
        ctx.run(&["usermod", "-a", "-G", groups, name], &[])?;
    }
    if let Some(password) = ctx.variable("DIB_DEV_USER_PASSWORD") {
        if password.contains(['\n', '\0']) {
            return Err(HookError::other("DIB_DEV_USER_PASSWORD is more than one line"));
        }
        ctx.run(&["sh", "-c", SET_PASSWORD], &[("DIB_DEV_USER_USERNAME", name)])?;
    }
    if ctx.variable("DIB_DEV_USER_PWDLESS_SUDO").is_some() {
        allow_everything(ctx, name)?;
    }
    let home = format!("/home/{name}");
    if let Some(keys) = keys {
        let directory = format!("{home}/.ssh");
        ctx.create_directory(&directory)?;
        ctx.write(&format!("{directory}/authorized_keys"), keys, 0o600)?;
    }
    ctx.run(&["chown", "-R", &format!("{name}:{name}"), &home], &[])
}

/// Returns the user's name, which is also the name of files.
fn user_name<'c>(ctx: &'c HookContext<'_>) -> Result<&'c str, HookError> {
    let name = ctx.required("DIB_DEV_USER_USERNAME")?;
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if name.starts_with(['-', '.']) || !name.chars().all(allowed) {
        return Err(HookError::Variable {
            name: "DIB_DEV_USER_USERNAME".to_owned(),
            value: name.to_owned(),
            expected: "letters, digits, - and _ make a user's name".to_owned(),
        });
    }
    Ok(name)
}

/// Lets the user do all by sudo.
fn allow_everything(ctx: &HookContext<'_>, name: &str) -> Result<(), HookError> {
    if !ctx.exists("/etc/sudoers.d")? {
        ctx.create_directory("/etc/sudoers.d")?;
        ctx.run(&["chmod", "0750", "/etc/sudoers.d"], &[])?;
    }
    // sudo does not read files whose names have a dot.
    let path = format!("/etc/sudoers.d/{}", name.replace('.', "_"));
    ctx.write(&path, format!("{name} ALL=(ALL) NOPASSWD:ALL\n"), 0o440)?;
    ctx.run(&["visudo", "-c", "-f", &path], &[])
}

/// Returns the keys to be authorized, or `None` where there are none.
fn authorized_keys(ctx: &HookContext<'_>) -> Result<Option<Vec<u8>>, HookError> {
    let files: Vec<Utf8PathBuf> = match ctx.variable("DIB_DEV_USER_AUTHORIZED_KEYS") {
        Some(path) => vec![path.into()],
        // Upstream knows the first two types only.
        None => ["rsa", "dsa", "ed25519", "ecdsa"]
            .into_iter()
            .filter_map(|kind| Some(format!("{}/.ssh/id_{kind}.pub", ctx.variable("HOME")?).into()))
            .collect(),
    };
    for path in files {
        match ctx.read_host(&path) {
            Ok(keys) if keys.is_empty() => {}
            Ok(keys) => return Ok(Some(keys)),
            Err(HookError::Host { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    ctx.nothing("there is no key to be authorized");
    Ok(None)
}
