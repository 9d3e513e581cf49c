//! Which packages a decision can be about.
//!
//! apt reads every list from its beginning to its end before it decides. What it then looks at are the packages that
//! are named or there already, and what their relations lead to by any alternative: of a distribution's 70,000
//! packages about a thousand. So it gets lists of these alone.

use std::collections::{HashMap, HashSet};

use super::{Stage, names};
use crate::relation;
use crate::{Archive, PackageRecord};

/// The fields by which one package can bring along another. Suggestions are no reason to install anything.
const FIELDS: [&str; 3] = ["Pre-Depends", "Depends", "Recommends"];

/// Returns the names of the packages that can matter; `None` when that can't be told since a name is one that only apt
/// understands, such as a pattern.
pub(super) fn reachable<'a>(
    archive: &'a Archive,
    there: &'a [PackageRecord],
    stages: &[Stage<'a>],
) -> Option<HashSet<&'a str>> {
    let mut waiting: Vec<&str> = there.iter().map(PackageRecord::name).collect();
    for name in stages.iter().flat_map(|stage| stage.names) {
        waiting.extend(names::meant(name)?);
    }
    let mut providers: HashMap<&str, Vec<&str>> = HashMap::new();
    for package in archive.packages() {
        for provided in named(package, "Provides") {
            providers.entry(provided).or_default().push(package.name());
        }
    }
    // Names that are only provided are among them, too.
    let mut found = HashSet::new();
    while let Some(name) = waiting.pop() {
        if !found.insert(name) {
            continue;
        }
        waiting.extend(providers.get(name).into_iter().flatten());
        for package in archive.versions(name) {
            waiting.extend(FIELDS.iter().flat_map(|field| named(package, field)));
        }
    }
    // apt may like a package less when its source has made other packages of a newer version.
    let sources: HashSet<&str> = found
        .iter()
        .flat_map(|name| archive.versions(name))
        .map(source)
        .collect();
    let siblings = archive
        .packages()
        .iter()
        .filter(|package| sources.contains(source(package)));
    found.extend(siblings.map(PackageRecord::name));
    Some(found)
}

/// Returns whether apt would choose the same of all packages.
///
/// Where any of several packages provides what is needed and nothing speaks for one of them, apt takes the one that it
/// met first, be it in a relation of a package that has no part in this.
pub(super) fn is_certain(archive: &Archive, there: &[PackageRecord], chosen: &[PackageRecord]) -> bool {
    let names: HashSet<&str> = there.iter().chain(chosen).map(PackageRecord::name).collect();
    // A name that is not there, with a package that provides it: whether that was there, or apt chose it.
    let mut provided: HashMap<&str, bool> = HashMap::new();
    for (packages, were_there) in [(chosen, false), (there, true)] {
        for package in packages {
            provided.extend(named(package, "Provides").map(|name| (name, were_there)));
        }
    }
    let mut to_count = HashSet::new();
    for package in there.iter().chain(chosen) {
        for field in FIELDS {
            for group in relation::parse(package.field(field).unwrap_or_default()).unwrap_or_default() {
                let satisfied = group.iter().map(|relation| relation.name).find_map(|name| {
                    if names.contains(name) {
                        return Some(None);
                    }
                    provided.get(name).map(|were_there| (!were_there).then_some(name))
                });
                to_count.extend(satisfied.flatten());
            }
        }
    }
    let mut providers: HashMap<&str, &str> = HashMap::new();
    archive.packages().iter().all(|package| {
        to_count.is_empty()
            || named(package, "Provides")
                .filter(|name| to_count.contains(name))
                .all(|name| *providers.entry(name).or_insert(package.name()) == package.name())
    })
}

/// Returns the names in a field of relations; one that can't be read names nothing to apt either.
fn named<'p>(package: &'p PackageRecord, field: &str) -> impl Iterator<Item = &'p str> {
    let groups = relation::parse(package.field(field).unwrap_or_default()).unwrap_or_default();
    groups.into_iter().flatten().map(|relation| relation.name)
}

/// Returns the name of the source that a package was made of (Debian Policy, 5.6.1).
fn source(package: &PackageRecord) -> &str {
    let source = package
        .field("Source")
        .and_then(|source| source.split_ascii_whitespace().next());
    source.unwrap_or(package.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recommends;
    use crate::test_archive::record;

    #[test]
    fn whatever_can_be_chosen_is_reached() {
        let packages = vec![
            record("there", "Depends: lib (>= 1) | other-lib:any\n"),
            record("lib", ""),
            record("other-lib", "Pre-Depends: deep\n"),
            record("deep", "Source: of-deep (2)\n"),
            record("sibling", "Source: of-deep\nDepends: of-sibling\n"),
            record("of-sibling", ""),
            record("tool", "Recommends: the-awk\nSuggests: suggested\n"),
            record("awk", "Provides: the-awk (= 1)\nConflicts: enemy\n"),
            record("enemy", ""),
            record("suggested", ""),
            record("removed", ""),
        ];
        let archive = Archive::of_packages("amd64", packages);
        let there = [archive.packages()[0].clone()];
        let reached = |names: &[&str]| {
            let recommends = Recommends::LeftOut;
            let found = reachable(&archive, &there, &[Stage { names, recommends }])?;
            let mut found: Vec<String> = found.into_iter().map(str::to_owned).collect();
            found.sort_unstable();
            Some(found.join(" "))
        };
        assert_eq!(
            reached(&[]).unwrap(),
            "deep lib other-lib sibling there",
            "of a sibling nothing but its version matters"
        );
        assert_eq!(
            reached(&["tool/stable", "removed-"]).unwrap(),
            "awk deep lib other-lib removed removed- sibling the-awk there tool"
        );
        assert_eq!(reached(&["tool", "a*"]), None);
    }

    #[test]
    fn any_of_several_providers_is_not_certain() {
        let packages = vec![
            record("tool", "Depends: the-awk | awk\n"),
            record("other", "Depends: missing | mawk, only\n"),
            record("mawk", "Provides: the-awk, only\n"),
            record("gawk", "Provides: the-awk\n"),
        ];
        let archive = Archive::of_packages("amd64", packages.clone());
        let [tool, other, mawk, gawk] = packages.try_into().unwrap();
        let check = |there: &[&PackageRecord], chosen: &[&PackageRecord], expected| {
            let owned =
                |records: &[&PackageRecord]| records.iter().map(|&record| record.clone()).collect::<Vec<_>>();
            assert_eq!(is_certain(&archive, &owned(there), &owned(chosen)), expected);
        };
        check(&[], &[&tool, &mawk], false);
        check(&[], &[&tool, &gawk, &mawk], false);
        check(&[&mawk], &[&tool], true);
        check(&[&mawk], &[&tool, &gawk], true);
        check(&[], &[&other, &mawk], true);
        check(&[], &[&other], true);
    }
}
