//! Names that no source knows, before apt is asked.

use std::collections::BTreeSet;

use super::ResolveError;
use crate::relation;
use crate::{Archive, ArchiveLocation, PackageRecord};

/// How many names are offered instead of an unknown one.
const OFFERED: usize = 3;

/// Returns the name of the package in what apt may be given for one: `name:arch`, `name/suite`, `name=version`.
pub(super) fn plain(name: &str) -> &str {
    name.split([':', '/', '=']).next().unwrap_or(name)
}

/// Returns the two names that can be meant by what apt may be given for one; `None` for a pattern.
pub(super) fn meant(name: &str) -> Option<[&str; 2]> {
    let plain = plain(name);
    // apt takes a last sign for what is to be done, unless it belongs to a name.
    let without_sign = plain.strip_suffix(['-', '+']).unwrap_or(plain);
    let is_name = !plain.is_empty()
        && plain
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
    is_name.then_some([plain, without_sign])
}

/// Checks that a source knows the package that is meant. What only apt understands, such as a pattern, is left to it.
pub(super) fn check(archive: &Archive, name: &str) -> Result<(), ResolveError> {
    let Some([plain, without_sign]) = meant(name) else {
        return Ok(());
    };
    let has = |name| archive.versions(name).next().is_some();
    if has(plain) || has(without_sign) || is_provided(archive, &[plain, without_sign]) {
        return Ok(());
    }
    Err(ResolveError::NoPackage {
        name: plain.to_owned(),
        arch: archive.arch().to_owned(),
        near: near(archive, plain),
        sources: sources(archive),
    })
}

fn sources(archive: &Archive) -> Vec<String> {
    let locations: BTreeSet<_> = archive.packages().iter().map(PackageRecord::archive).collect();
    let shown = |location: &ArchiveLocation| {
        let ArchiveLocation {
            base_uri,
            suite,
            component,
        } = location;
        format!("{suite} {component} at {base_uri}")
    };
    locations.into_iter().map(shown).collect()
}

fn is_provided(archive: &Archive, names: &[&str]) -> bool {
    archive.packages().iter().any(|package| {
        let provides = package.field("Provides").unwrap_or_default();
        let groups = relation::parse(provides).unwrap_or_default();
        groups
            .iter()
            .flatten()
            .any(|provided| names.contains(&provided.name))
    })
}

/// Returns the names that differ least from an unknown one.
fn near(archive: &Archive, unknown: &str) -> Vec<String> {
    // A longer name may have more wrong with it.
    let most = (unknown.len() / 4).clamp(1, 3);
    let found: BTreeSet<(usize, &str)> = archive
        .packages()
        .iter()
        .filter_map(|package| Some((distance(unknown, package.name(), most)?, package.name())))
        .collect();
    found
        .into_iter()
        .take(OFFERED)
        .map(|(_, name)| name.to_owned())
        .collect()
}

/// Returns how many letters have to be changed, left out or put in to make one name of the other (the Levenshtein
/// distance), unless these are more than `most`.
fn distance(one: &str, other: &str, most: usize) -> Option<usize> {
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().filter(|&distance| distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_archive::record;

    #[test]
    fn names_that_differ_little_are_offered() {
        let packages = vec![
            record("openssh-server", ""),
            record("openssh-client", ""),
            record("g++", ""),
            record("exim4", "Provides: mail-transport-agent\n"),
        ];
        let archive = Archive::of_packages("amd64", packages);
        for known in [
            "openssh-server",
            "openssh-server/stable",
            "openssh-server=1",
            "openssh-server:amd64",
            "openssh-server-",
            "g++",
            "g+++",
            "mail-transport-agent",
            "openssh*",
            "?name(x)",
        ] {
            assert!(check(&archive, known).is_ok(), "{known}");
        }
        let told = |name| check(&archive, name).unwrap_err().to_string();
        assert_eq!(
            told("opensssh-sever"),
            "no source has a package opensssh-sever for amd64, but openssh-server\n\
             sources: stable main at http://example.org/debian"
        );
        assert!(told("g").starts_with("no source has a package g for amd64\nsources: "));
    }

    #[test]
    fn distances_count_letters() {
        let check = |one, other, expected| assert_eq!(distance(one, other, 3), expected, "{one} {other}");
        check("same", "same", Some(0));
        check("sudo", "sudoo", Some(1));
        check("kitten", "sitting", Some(3));
        check("abc", "xyzxyz", None);
        check("abcd", "wxyz", None);
    }
}
