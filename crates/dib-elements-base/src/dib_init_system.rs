//! The element `dib-init-system`: which program starts services in the image.

use std::fmt;
use std::str::FromStr;

use camino::Utf8PathBuf;
use dib_core::{Element, HookContext, HookError, Phase, Variable};

use crate::install_bin::directory_of_hooks;
use crate::install_static::copy_into;

const PROGRAM: &str = "/usr/local/bin/dib-init-system";
const KNOWN: &str = "one of upstart, systemd, openrc and sysv is needed";

/// Returns the element `dib-init-system`.
#[must_use]
pub fn element() -> Element {
    Element::new("dib-init-system")
        .about("Knows the image's init system")
        .variable(Variable::new(
            "DIB_INIT_SYSTEM",
            "the init system: upstart, systemd, openrc or sysv; a distribution's element sets it",
        ))
        .hook(Phase::PreInstall, "04-dib-init-system", dib_init_system)
        .hook(Phase::Install, "20-install-init-scripts", install_init_scripts)
        .hook(Phase::PostInstall, "10-enable-init-scripts", enable_init_scripts)
}

/// An init system that elements know how to deal with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitSystem {
    /// Upstart, of Ubuntu up to trusty.
    Upstart,
    /// systemd.
    Systemd,
    /// `OpenRC`, of Gentoo.
    Openrc,
    /// System V's init.
    Sysv,
}

/// A text that names no init system that is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no init system: {KNOWN}")]
pub struct UnknownInitSystem(pub String);

impl FromStr for InitSystem {
    type Err = UnknownInitSystem;

    fn from_str(text: &str) -> Result<Self, UnknownInitSystem> {
        match text {
            "upstart" => Ok(Self::Upstart),
            "systemd" => Ok(Self::Systemd),
            "openrc" => Ok(Self::Openrc),
            "sysv" => Ok(Self::Sysv),
            _ => Err(UnknownInitSystem(text.to_owned())),
        }
    }
}

impl fmt::Display for InitSystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Upstart => "upstart",
            Self::Systemd => "systemd",
            Self::Openrc => "openrc",
            Self::Sysv => "sysv",
        })
    }
}

impl InitSystem {
    /// Returns the directory of the image that its scripts, jobs or units stand in.
    fn directory(self) -> &'static str {
        match self {
            Self::Upstart => "/etc/init",
            Self::Systemd => "/usr/lib/systemd/system",
            Self::Openrc | Self::Sysv => "/etc/init.d",
        }
    }

    /// Returns the init system of the image, from `DIB_INIT_SYSTEM`.
    ///
    /// # Errors
    /// When the variable is unset or names none that is known.
    pub fn of_image(ctx: &HookContext<'_>) -> Result<Self, HookError> {
        let name = ctx.required("DIB_INIT_SYSTEM").map_err(|error| {
            error.hinted(format!(
                "the element of a distribution sets DIB_INIT_SYSTEM; where none does, {KNOWN}"
            ))
        })?;
        name.parse()
            .map_err(|UnknownInitSystem(value)| HookError::Variable {
                name: "DIB_INIT_SYSTEM".to_owned(),
                value,
                expected: KNOWN.to_owned(),
            })
    }
}

/// Checks `DIB_INIT_SYSTEM`, and installs a program that prints it, as `/usr/local/bin/dib-init-system`.
///
/// Elements' scripts once called the program to find out; upstream keeps it for those that still do.
///
/// # Errors
/// When `DIB_INIT_SYSTEM` is unset or names no init system that is known, or when the program can't be written.
pub fn dib_init_system(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let init_system = InitSystem::of_image(ctx)?;
    ctx.create_directory("/usr/local/bin")?;
    ctx.write(PROGRAM, format!("#!/bin/sh\necho {init_system}\n"), 0o775)
}

/// Installs what the build's elements have in `init-scripts/` for the image's init system.
///
/// # Errors
/// When `DIB_INIT_SYSTEM` is unset or unknown, or when a file can't be read or written.
pub fn install_init_scripts(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let init_system = InitSystem::of_image(ctx)?;
    let Some(scripts) = scripts_for(ctx, init_system) else {
        ctx.nothing(format!("no element has scripts for {init_system}"));
        return Ok(());
    };
    ctx.create_directory(init_system.directory())?;
    copy_into(ctx, &scripts, init_system.directory())
}

/// Has `OpenRC` start those scripts; elements have the other init systems do so themselves.
///
/// # Errors
/// When `DIB_INIT_SYSTEM` is unset or unknown, or when `rc-update` fails.
pub fn enable_init_scripts(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let init_system = InitSystem::of_image(ctx)?;
    let scripts = scripts_for(ctx, init_system).filter(|_| init_system == InitSystem::Openrc);
    let Some(scripts) = scripts else {
        ctx.nothing("only scripts for OpenRC are enabled here");
        return Ok(());
    };
    for script in ctx.host_files_below(&scripts)? {
        if let Some(name) = script.file_name() {
            ctx.run(&["rc-update", "add", name, "default"], &[])?;
        }
    }
    Ok(())
}

/// Returns the directory of the scripts that the build's elements have for an init system, where one has any.
fn scripts_for(ctx: &HookContext<'_>, init_system: InitSystem) -> Option<Utf8PathBuf> {
    directory_of_hooks(ctx, &format!("init-scripts/{init_system}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["upstart", "systemd", "openrc", "sysv"] {
            assert_eq!(name.parse::<InitSystem>().unwrap().to_string(), name);
        }
        let error = "runit".parse::<InitSystem>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#""runit" is no init system: one of upstart, systemd, openrc and sysv is needed"#
        );
    }
}
