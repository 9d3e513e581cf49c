//! `90-base-dib-run-parts`: the image can run a directory of scripts as a build does.

use dib_core::{HookContext, HookError};

/// What is installed where the user names nothing else: the one that scripts find in `$_LIB`, for it needs nothing but
/// bash or a POSIX shell and its usual tools.
const DIB_RUN_PARTS: &str = include_str!("../../dib-script/lib/dib-run-parts");

/// Installs `dib-run-parts` as `/usr/local/bin/dib-run-parts`, owned by root, with mode 0755.
///
/// # Errors
/// When `DIB_RUN_PARTS` names no file that can be read, or when the file can't be written.
pub fn base_dib_run_parts(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let script = match ctx.variable("DIB_RUN_PARTS") {
        None => DIB_RUN_PARTS.as_bytes().to_vec(),
        Some(path) => ctx.read_host(path.into()).map_err(|error| {
            error.hinted(
                "DIB_RUN_PARTS names the dib-run-parts to install; unset, it is the one that comes with dib",
            )
        })?,
    };
    ctx.create_directory("/usr/local/bin")?;
    ctx.write("/usr/local/bin/dib-run-parts", script, 0o755)
}
