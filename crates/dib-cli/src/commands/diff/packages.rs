//! Packages, by the manifests that builds leave.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::{Change, Compared};
use crate::built_image::BuiltImage;
use crate::error::{CliError, ErrorKind};

/// What the names of the manifests begin with; upstream's name for them.
const MANIFEST: &str = "dib-manifest-dpkg-";

/// A package that one image has and the other has not, or not in this version.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct PackageChange {
    pub(super) package: String,
    pub(super) change: Change,
    /// The version in the first image.
    pub(super) old: Option<String>,
    /// The version in the second image.
    pub(super) new: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(rename = "package")]
    name: String,
    version: String,
    status: String,
}

/// Compares the packages of two images.
///
/// # Errors
/// When a manifest can't be read.
pub(super) fn compare(old: &BuiltImage, new: &BuiltImage) -> Result<Compared<PackageChange>, CliError> {
    let (packages, others) = (packages_of(old)?, packages_of(new)?);
    Ok(match (packages, others) {
        (Some(packages), Some(others)) => Compared::Changes(changes(&packages, &others)),
        (None, None) => Compared::Unknown("neither build left a list of packages".to_owned()),
        (packages, _) => {
            let without = if packages.is_none() { old } else { new };
            Compared::Unknown(format!("the build of {} left no list of packages", without.base))
        }
    })
}

/// Returns the versions of an image's packages by their names, if there is a list of them.
fn packages_of(image: &BuiltImage) -> Result<Option<BTreeMap<String, String>>, CliError> {
    let Some(path) = manifest_of(image) else {
        return Ok(None);
    };
    let text = fs::read_to_string(&path).map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
    let manifest = parse(&text).map_err(|error| {
        CliError::new(ErrorKind::BadData, error).hint(format!("{path} is no list of packages"))
    })?;
    Ok(Some(manifest))
}

fn manifest_of(image: &BuiltImage) -> Option<Utf8PathBuf> {
    let directory = Utf8PathBuf::from(format!("{}.d/dib-manifests", image.base));
    let own = directory.join(format!(
        "{MANIFEST}{}",
        image.base.file_name().unwrap_or_default()
    ));
    if own.is_file() {
        return Some(own);
    }
    // The image has got another name since, or had a path for one.
    let entries = directory.read_dir_utf8().into_iter().flatten();
    let mut others = entries
        .filter_map(io::Result::ok)
        .filter(|entry| entry.file_name().starts_with(MANIFEST));
    others.next().map(camino::Utf8DirEntry::into_path)
}

fn parse(text: &str) -> serde_json::Result<BTreeMap<String, String>> {
    // As upstream writes it, a list of nothing has no end.
    if text.trim_end() == "{\"packages\": [" {
        return Ok(BTreeMap::new());
    }
    let manifest: Manifest = serde_json::from_str(text)?;
    let packages = manifest.packages.into_iter().map(|package| {
        let version = match package.status.trim_end() {
            "ii" => package.version,
            // Such as one that has left its configuration.
            status => format!("{} ({status})", package.version),
        };
        (package.name, version)
    });
    Ok(packages.collect())
}

fn changes(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<PackageChange> {
    let change = |name: &String| {
        let (old, new) = (old.get(name), new.get(name));
        PackageChange {
            package: name.clone(),
            change: match (old, new) {
                (None, _) => Change::Added,
                (_, None) => Change::Removed,
                _ => Change::Changed,
            },
            old: old.cloned(),
            new: new.cloned(),
        }
    };
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let differing = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    differing.map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_name() {
        let list = |packages: &[(&str, &str)]| {
            let lines: Vec<String> = packages
                .iter()
                .map(|(name, version)| {
                    format!(
                        r#"{{"package": "{name}","arch": "all","version": "{version}","status": "ii "    }}"#
                    )
                })
                .collect();
            parse(&format!("{{\"packages\": [\n{}\n]}}", lines.join(",\n"))).unwrap()
        };
        let old = list(&[("apt", "3.0"), ("dpkg", "1"), ("less", "590")]);
        let new = list(&[("apt", "3.1"), ("dpkg", "1"), ("vim", "9")]);
        let shown: Vec<_> = changes(&old, &new)
            .into_iter()
            .map(|change| (change.package, change.old, change.new))
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            shown,
            [
                ("apt".to_owned(), text("3.0"), text("3.1")),
                ("less".to_owned(), text("590"), None),
                ("vim".to_owned(), None, text("9")),
            ]
        );
        assert!(parse("{\"packages\": [\n").unwrap().is_empty());
    }
}
