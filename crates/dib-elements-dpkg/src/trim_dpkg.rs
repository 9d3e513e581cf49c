//! `99-trim-dpkg`: dpkg does not flush every file to disk, and apt wants no languages.

use dib_core::{HookContext, HookError};

const SPEED_UP: &str = "/etc/dpkg/dpkg.cfg.d/02apt-speedup";
const NO_LANGUAGES: &str = "/etc/apt/apt.conf.d/no-languages";

/// Makes dpkg skip flushing (a build that loses power starts again anyway) and apt skip languages.
///
/// # Errors
/// When a file can't be written.
pub fn trim_dpkg(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory("/etc/dpkg/dpkg.cfg.d")?;
    ctx.write(SPEED_UP, "force-unsafe-io\n", 0o644)?;
    ctx.create_directory("/etc/apt/apt.conf.d")?;
    ctx.write(NO_LANGUAGES, "Acquire::Languages \"none\";\n", 0o644)
}

/// Undoes [`trim_dpkg`]: a running machine wants its files flushed.
///
/// # Errors
/// When a file can't be removed.
pub fn untrim_dpkg(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.remove(SPEED_UP)?;
    ctx.remove(NO_LANGUAGES)
}
