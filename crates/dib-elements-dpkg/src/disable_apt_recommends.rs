//! `00-disable-apt-recommends`: apt installs what packages need, not what they merely recommend.

use dib_core::{HookContext, HookError};

/// Keeps apt from installing what packages recommend or suggest, in the build and in the image.
///
/// # Errors
/// When the configuration can't be written.
pub fn disable_apt_recommends(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let configuration = "APT::Install-Recommends \"0\";\nApt::Install-Suggests \"0\";\n";
    ctx.create_directory("/etc/apt/apt.conf.d")?;
    ctx.write("/etc/apt/apt.conf.d/95disable-recommends", configuration, 0o644)
}
