//! What dpkg keeps of a package that is unpacked and not yet configured.
//!
//! dpkg itself reads what is written here when it configures the packages, so it must be what dpkg would have written:
//! the names of the fields and files and their order are those of dpkg 1.21 and 1.22 (`lib/dpkg/parse.c`, `dump.c`,
//! `trigdeferred.c`; deb-triggers(5)).

mod status;
mod triggers;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dib_sys::{InvalidTargetPath, TargetError, TargetPath, TargetRoot};

pub(crate) use self::status::{Conffile, StanzaError, unpacked_stanza};
pub(crate) use self::triggers::Triggers;
use crate::deb_file::Control;

/// Where dpkg keeps its database.
const DIRECTORY: &str = "/var/lib/dpkg";
/// Files of a control archive that dpkg doesn't keep.
const NOT_KEPT: [&str; 2] = ["control", "list"];

/// The name of a package in the database: `name`, or `name:arch` where it may be there for several architectures.
pub(crate) fn database_name(name: &str, architecture: &str, is_multi_arch_same: bool) -> String {
    if is_multi_arch_same {
        format!("{name}:{architecture}")
    } else {
        name.to_owned()
    }
}

/// Makes the directories and files that dpkg expects to find.
pub(crate) fn create(target: &TargetRoot) -> Result<(), TargetError> {
    for name in ["alternatives", "info", "parts", "triggers", "updates"] {
        target.create_directory_all(&path(name), 0o755)?;
    }
    if target.metadata(&path("status"))?.is_none() {
        target.write(&path("status"), b"", 0o644)?;
    }
    // The version of the layout of `info`, in which the names of `Multi-Arch: same` packages have architectures.
    target.write(&path("info/format"), b"1\n", 0o644)
}

/// Writes the files that dpkg keeps of a package, but for the list of its paths.
pub(crate) fn write_info(target: &TargetRoot, name: &str, control: &Control) -> Result<(), TargetError> {
    for file in &control.files {
        if !NOT_KEPT.contains(&file.name.as_str()) {
            target.write(&info(name, &file.name), &file.contents, file.mode)?;
        }
    }
    Ok(())
}

/// Writes the list of a package's paths, which begin with a slash.
pub(crate) fn write_list(target: &TargetRoot, name: &str, paths: &[Vec<u8>]) -> Result<(), TargetError> {
    let mut text = Vec::new();
    for entry in paths {
        text.extend_from_slice(entry);
        text.push(b'\n');
    }
    target.write(&info(name, "list"), &text, 0o644)
}

/// Adds packages to those that the status file holds, in the order of their names.
pub(crate) fn add_to_status(
    target: &TargetRoot,
    stanzas: impl IntoIterator<Item = String>,
) -> Result<(), TargetError> {
    let before = target.read_to_string(&path("status"))?;
    let mut by_name = BTreeMap::new();
    let before = before.split("\n\n").map(str::to_owned);
    for stanza in before.chain(stanzas) {
        let stanza = stanza.trim_matches('\n').to_owned();
        let field = |name| {
            crate::package::field(&stanza, name)
                .unwrap_or_default()
                .to_owned()
        };
        let name = (field("Package"), field("Architecture"));
        if !name.0.is_empty() {
            by_name.insert(name, stanza);
        }
    }
    let mut text = String::new();
    for stanza in by_name.values() {
        // Writing to a string can't fail.
        let _ = write!(text, "{stanza}\n\n");
    }
    target.write(&path("status"), text.as_bytes(), 0o644)
}

/// Returns the path of a file that dpkg keeps of a package.
pub(crate) fn info(name: &str, ending: &str) -> TargetPath {
    path(&format!("info/{name}.{ending}"))
}

/// Returns a path in the database. Names of packages and files are checked where they are read.
fn path(name: &str) -> TargetPath {
    let parsed: Result<TargetPath, InvalidTargetPath> = format!("{DIRECTORY}/{name}").parse();
    parsed.expect("checked names have no part that climbs")
}

#[cfg(test)]
mod tests;
