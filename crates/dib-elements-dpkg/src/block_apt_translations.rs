//! `60-block-apt-translations`: apt fetches no translated package descriptions.

use dib_core::{HookContext, HookError};

const LISTS: &str = "/var/lib/apt/lists";
/// Where apt keeps what it is just fetching: not ours to touch.
const PARTIAL: &str = "/var/lib/apt/lists/partial/";

/// Tells apt to fetch no translations, now and in the finished image, and removes those it has.
///
/// Apt trips over lists that it has but no longer wants: <https://bugs.debian.org/641967>.
///
/// # Errors
/// When the configuration can't be written or a list can't be removed.
pub fn block_apt_translations(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory("/etc/apt/apt.conf.d")?;
    ctx.write(
        "/etc/apt/apt.conf.d/95no-translations",
        "Acquire::Languages \"none\";\n",
        0o644,
    )?;
    for list in ctx.files_below(LISTS)? {
        let name = list.rsplit('/').next().unwrap_or_default();
        if name.contains("_i18n_Translation-") && !list.starts_with(PARTIAL) {
            ctx.remove(&list)?;
        }
    }
    Ok(())
}
