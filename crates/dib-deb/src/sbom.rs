//! A bill of a target's packages, as a document of SPDX 2.3 in JSON.
//!
//! The format is that of <https://spdx.github.io/spdx-spec/v2.3/>. What is not known for sure is left open
//! (`NOASSERTION`) rather than guessed, and the package's comment says why.

mod dependencies;
mod document;
mod license;
mod license_names;
mod listed;
mod naming;

use std::collections::BTreeMap;

use dib_sys::{TargetError, TargetPath, TargetRoot};
use jiff::Timestamp;

use self::listed::{Listed, Wanted};
use self::naming::System;
use crate::{InstalledPackage, PackageState};

/// What the document is about and who writes it.
#[derive(Debug, Clone, Copy)]
pub struct SbomSubject<'a> {
    /// The image's name.
    pub image: &'a str,
    /// The program that makes the document, as `name-version`.
    pub creator: &'a str,
    /// When it is made, in whole seconds; `SOURCE_DATE_EPOCH` where builds are to be the same.
    pub created: Timestamp,
}

/// Why no document can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SbomError {
    /// A file of the target can't be read.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// What is known of a package beside dpkg's database.
struct Facts<'a> {
    package: &'a InstalledPackage,
    listed: Listed,
    copyright: Option<&'a str>,
}

/// Describes the packages that have files in a target.
///
/// Sums and addresses of package files come from apt's lists in the target, licences from `/usr/share/doc`. The same
/// target and subject always give the same document.
///
/// # Errors
/// When a file of the target is there and can't be read.
pub fn spdx_document(
    target: &TargetRoot,
    packages: &[InstalledPackage],
    subject: &SbomSubject<'_>,
) -> Result<String, SbomError> {
    let packages: Vec<_> = packages
        .iter()
        .filter(|package| package.state() != PackageState::ConfigFiles)
        .collect();
    let system = System::parse(&read_if_there(target, "/etc/os-release")?.unwrap_or_default());
    let mut wanted = Wanted::new(&packages);
    listed::read_lists(target, &mut wanted)?;
    // Packages of one name for several architectures share their documentation.
    let mut copyrights = BTreeMap::new();
    for package in &packages {
        if !copyrights.contains_key(package.name()) {
            let path = format!("/usr/share/doc/{}/copyright", package.name());
            copyrights.insert(package.name(), read_if_there(target, &path)?);
        }
    }
    let facts: Vec<_> = packages
        .into_iter()
        .map(|package| Facts {
            package,
            listed: wanted.take(package),
            copyright: copyrights.get(package.name()).and_then(Option::as_deref),
        })
        .collect();
    Ok(document::write(&facts, &system, subject))
}

/// Reads a text file, following links inside the target; `None` when there is none.
fn read_if_there(target: &TargetRoot, path: &str) -> Result<Option<String>, TargetError> {
    let Ok(path) = path.parse::<TargetPath>() else {
        return Ok(None);
    };
    match target.read(&path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(TargetError::NotRegular { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the names in a directory, sorted; none when there is no such directory.
fn list_if_there(target: &TargetRoot, path: &str) -> Result<Vec<String>, TargetError> {
    let path: TargetPath = path.parse().expect("the path is one");
    match target.list(&path) {
        Ok(names) => Ok(names),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
