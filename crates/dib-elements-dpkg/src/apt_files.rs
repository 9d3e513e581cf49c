//! The elements `apt-conf`, `apt-sources` and `apt-preferences`: the user's own files for apt.

use std::fmt::Write as _;

use camino::Utf8Path;
use dib_core::{Element, HookContext, HookError, Phase, Variable};

/// Returns the element `apt-conf`.
#[must_use]
pub fn apt_conf_element() -> Element {
    Element::new("apt-conf")
        .about("Gives the image an apt.conf of the user's")
        .variable(Variable::new(
            "DIB_APT_CONF",
            "a file of the host for /etc/apt/apt.conf",
        ))
        .hook(
            Phase::ExtraData,
            "99-override-default-apt-conf",
            override_default_apt_conf,
        )
}

/// Returns the element `apt-sources`.
#[must_use]
pub fn apt_sources_element() -> Element {
    Element::new("apt-sources")
        .about("Gives the image a sources.list of the user's")
        .variable(Variable::new(
            "DIB_APT_SOURCES",
            "a file of the host for /etc/apt/sources.list",
        ))
        .hook(
            Phase::ExtraData,
            "99-override-default-apt-sources",
            override_default_apt_sources,
        )
}

/// Returns the element `apt-preferences`.
#[must_use]
pub fn apt_preferences_element() -> Element {
    Element::new("apt-preferences")
        .about("Keeps the image's packages at the versions of an earlier image")
        .variable(Variable::new(
            "DIB_DPKG_MANIFEST",
            "the manifest of packages of an earlier image, a file of the host",
        ))
        .hook(Phase::ExtraData, "99-set-apt-package-pins", set_apt_package_pins)
}

/// Copies the file that `DIB_APT_CONF` names to `/etc/apt/apt.conf`.
///
/// # Errors
/// When it names no file, or when the copy can't be written.
pub fn override_default_apt_conf(ctx: &HookContext<'_>) -> Result<(), HookError> {
    match file_of_user(ctx, "DIB_APT_CONF")? {
        Some(contents) => ctx.write("/etc/apt/apt.conf", contents, 0o644),
        None => Ok(()),
    }
}

/// Copies the file that `DIB_APT_SOURCES` names to `/etc/apt/sources.list`.
///
/// # Errors
/// When it names no file or one that is empty, or when the copy can't be written.
pub fn override_default_apt_sources(ctx: &HookContext<'_>) -> Result<(), HookError> {
    match file_of_user(ctx, "DIB_APT_SOURCES")? {
        Some(contents) if contents.is_empty() => Err(empty(ctx, "DIB_APT_SOURCES")),
        Some(contents) => ctx.write("/etc/apt/sources.list", contents, 0o644),
        None => Ok(()),
    }
}

/// Pins each package of the manifest that `DIB_DPKG_MANIFEST` names to its version there, in `/etc/apt/preferences`.
///
/// # Errors
/// When it names no manifest of packages, or when the pins can't be written.
pub fn set_apt_package_pins(ctx: &HookContext<'_>) -> Result<(), HookError> {
    const VARIABLE: &str = "DIB_DPKG_MANIFEST";
    let Some(manifest) = file_of_user(ctx, VARIABLE)? else {
        return Ok(());
    };
    let manifest: serde_json::Value =
        serde_json::from_slice(&manifest).map_err(|error| HookError::Variable {
            name: VARIABLE.to_owned(),
            value: ctx.variable(VARIABLE).unwrap_or_default().to_owned(),
            expected: format!("the file is no manifest of packages ({error})"),
        })?;
    let mut pins = String::new();
    for entry in manifest["packages"].as_array().into_iter().flatten() {
        if let (Some(package), Some(version)) = (entry["package"].as_str(), entry["version"].as_str()) {
            write!(
                pins,
                "Package: {package}\nPin: version {version}\nPin-Priority: 1001\n\n"
            )
            .expect("writing to a string");
        }
    }
    if pins.is_empty() {
        ctx.nothing("the manifest has no packages");
        return Ok(());
    }
    ctx.write("/etc/apt/preferences", pins, 0o644)
}

/// Reads the file that a variable names; `None` where it is not set.
fn file_of_user(ctx: &HookContext<'_>, variable: &str) -> Result<Option<Vec<u8>>, HookError> {
    let Some(path) = ctx.variable(variable) else {
        ctx.nothing(format!("{variable} is not set"));
        return Ok(None);
    };
    let contents = ctx.read_host(Utf8Path::new(path));
    contents
        .map(Some)
        .map_err(|error| error.hinted(format!("{variable} names the file")))
}

fn empty(ctx: &HookContext<'_>, variable: &str) -> HookError {
    HookError::Variable {
        name: variable.to_owned(),
        value: ctx.variable(variable).unwrap_or_default().to_owned(),
        expected: "the file is empty".to_owned(),
    }
}
