//! `09-apt-keyring`: apt trusts keys that the user brings along.

use std::collections::BTreeMap;

use dib_core::{HookContext, HookError};

const TRUSTED: &str = "/etc/apt/trusted.gpg.d";

/// Copies each file below the host's directory `DIB_ADD_APT_KEYS` to where apt looks for keys, in the build and in the
/// image, under a name that apt reads.
///
/// # Errors
/// When the directory or a file can't be read, when two files have one name, or when a file can't be written.
pub fn apt_keyring(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let Some(directory) = ctx.variable("DIB_ADD_APT_KEYS") else {
        ctx.nothing("DIB_ADD_APT_KEYS is not set");
        return Ok(());
    };
    let keys = ctx.host_files_below(directory.into()).map_err(|error| {
        error.hinted("DIB_ADD_APT_KEYS names a directory of the host, with files of keys")
    })?;
    let mut by_name = BTreeMap::new();
    for key in &keys {
        let name = trusted_name(key.file_name().unwrap_or_default());
        if let Some(other) = by_name.insert(name, key) {
            return Err(HookError::other(format!("{other} and {key} have one name")));
        }
    }
    ctx.create_directory(TRUSTED)?;
    for (name, key) in by_name {
        ctx.write(&format!("{TRUSTED}/{name}"), ctx.read_host(key)?, 0o644)?;
    }
    Ok(())
}

/// Returns the name with which apt reads a file of `trusted.gpg.d`: it passes over those whose names hold other characters
/// than letters, digits, `-`, `_` and `.`, which become `-`.
///
/// Source: apt.conf(5) has the rule, which counts in all of apt's directories.
#[must_use]
pub fn trusted_name(name: &str) -> String {
    let readable = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    name.chars()
        .map(|character| if readable(character) { character } else { '-' })
        .collect()
}
