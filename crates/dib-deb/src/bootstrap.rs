//! The packages that every system has, and apt: where a tree begins.
//!
//! This is no resolver: it takes the preferred version of everything and the first alternative that is there, which
//! is enough for a distribution's essential and required packages. What comes on top of them, apt decides.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::archive::Archive;
use crate::package::{MultiArch, PackageRecord};
use crate::relation::{self, Alternatives, Relation, RelationError};

/// The priorities of packages (Debian Policy, section 2.5), from the one that every system has.
const PRIORITIES: [&str; 4] = ["required", "important", "standard", "optional"];
/// The rank of the first.
const REQUIRED: usize = 0;

/// Why there is no set of packages to begin with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// A package that was asked for is in no index.
    #[error("no source has a package {name} for {arch}")]
    NoPackage {
        /// The package's name.
        name: String,
        /// The architecture.
        arch: String,
    },
    /// The indexes have no essential package, so they are not those of a distribution.
    #[error("no package of the sources is essential, so no system can be made from them alone")]
    NothingEssential,
    /// A dependency can't be satisfied.
    #[error("{package} needs {dependency}, which no source has for {arch}")]
    Unsatisfied {
        /// The package that asks, with its version.
        package: String,
        /// What it asks for.
        dependency: String,
        /// The architecture.
        arch: String,
    },
    /// Two chosen packages exclude each other.
    #[error("{package} can't be installed beside {other}: its field {field} says {relation}")]
    Conflict {
        /// The package that refuses the other, with its version.
        package: String,
        /// The other, with its version.
        other: String,
        /// The field, `Conflicts` or `Breaks`.
        field: &'static str,
        /// What it says.
        relation: String,
    },
    /// A package's field is malformed.
    #[error("the field {field} of {package} can't be read")]
    BadField {
        /// The package with its version.
        package: String,
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        source: RelationError,
    },
}

/// Returns the essential packages, those of the priority `required`, apt, the packages named in `extra`, and all they
/// depend on, in order of their names: what debootstrap calls the variant `minbase`.
///
/// # Errors
/// When one of them isn't there, a dependency can't be satisfied, two exclude each other, or a field is malformed.
pub fn bootstrap_set(archive: &Archive, extra: &[&str]) -> Result<Vec<PackageRecord>, BootstrapError> {
    let mut selection = Selection::new(archive)?;
    if !selection
        .candidates
        .values()
        .any(|package| package.is_essential())
    {
        return Err(BootstrapError::NothingEssential);
    }
    let names: Vec<&str> = selection
        .candidates
        .values()
        .filter(|package| package.is_essential() || priority(package) == REQUIRED)
        .map(|package| package.name())
        .collect();
    for name in names.into_iter().chain(["apt"]).chain(extra.iter().copied()) {
        let package = selection
            .candidates
            .get(name)
            .ok_or_else(|| BootstrapError::NoPackage {
                name: name.to_owned(),
                arch: archive.arch().to_owned(),
            })?;
        selection.choose(package);
    }
    selection.close()?;
    selection.check_conflicts()?;
    Ok(selection.chosen.into_values().cloned().collect())
}

/// Packages that are chosen, and what is still to be looked at.
struct Selection<'a> {
    archive: &'a Archive,
    /// The preferred version of every package for this architecture.
    candidates: BTreeMap<&'a str, &'a PackageRecord>,
    /// For each name that is provided, which candidates do so, and how.
    providers: HashMap<&'a str, Vec<(&'a PackageRecord, Relation<'a>)>>,
    chosen: BTreeMap<&'a str, &'a PackageRecord>,
    pending: VecDeque<&'a PackageRecord>,
}

impl<'a> Selection<'a> {
    fn new(archive: &'a Archive) -> Result<Self, BootstrapError> {
        let mut candidates = BTreeMap::new();
        for package in archive.packages() {
            candidates.entry(package.name()).or_insert(package);
        }
        for (name, candidate) in &mut candidates {
            *candidate = archive.candidate(name).unwrap_or(candidate);
        }
        let mut providers: HashMap<&str, Vec<_>> = HashMap::new();
        for package in candidates.values() {
            for provided in relations(package, "Provides", archive.arch())?
                .into_iter()
                .flatten()
            {
                providers
                    .entry(provided.name)
                    .or_default()
                    .push((*package, provided));
            }
        }
        Ok(Self {
            archive,
            candidates,
            providers,
            chosen: BTreeMap::new(),
            pending: VecDeque::new(),
        })
    }

    fn choose(&mut self, package: &'a PackageRecord) {
        if self.chosen.insert(package.name(), package).is_none() {
            self.pending.push_back(package);
        }
    }

    /// Chooses what the chosen ones depend on. Where there is a choice, it is made after everything else, since by
    /// then one of the alternatives may be there for another reason.
    fn close(&mut self) -> Result<(), BootstrapError> {
        let mut choices = VecDeque::new();
        loop {
            while let Some(package) = self.pending.pop_front() {
                for field in ["Pre-Depends", "Depends"] {
                    for group in relations(package, field, self.archive.arch())? {
                        let only = match group.as_slice() {
                            [only] => self.real(only),
                            _ => None,
                        };
                        match only {
                            Some(only) => self.choose(only),
                            None => choices.push_back((package, group)),
                        }
                    }
                }
            }
            let Some((package, group)) = choices.pop_front() else {
                return Ok(());
            };
            if group.iter().any(|relation| self.is_satisfied(relation)) {
                continue;
            }
            let found = group.iter().find_map(|relation| self.satisfying(relation));
            self.choose(found.ok_or_else(|| BootstrapError::Unsatisfied {
                package: package.to_string(),
                dependency: shown(&group),
                arch: self.archive.arch().to_owned(),
            })?);
        }
    }

    /// Returns the candidate of that very name, when it will do.
    fn real(&self, relation: &Relation<'_>) -> Option<&'a PackageRecord> {
        self.candidates
            .get(relation.name)
            .copied()
            .filter(|package| relation.admits(package.version()) && self.fits(relation, package))
    }

    /// Returns whether a package is of the architecture that the relation asks for.
    fn fits(&self, relation: &Relation<'_>, package: &PackageRecord) -> bool {
        match relation.qualifier {
            None | Some("native") => true,
            Some("any") => package.multi_arch() == MultiArch::Allowed,
            Some(arch) => arch == self.archive.arch(),
        }
    }

    fn is_satisfied(&self, relation: &Relation<'_>) -> bool {
        let by_name = self.real(relation).into_iter();
        by_name
            .chain(self.providing(relation))
            .any(|package| self.chosen.contains_key(package.name()))
    }

    fn satisfying(&self, relation: &Relation<'_>) -> Option<&'a PackageRecord> {
        self.real(relation).or_else(|| {
            self.providing(relation)
                .min_by_key(|package| (priority(package), package.name()))
        })
    }

    fn providing(&self, relation: &Relation<'_>) -> impl Iterator<Item = &'a PackageRecord> {
        self.providers
            .get(relation.name)
            .into_iter()
            .flatten()
            .filter(|(_, provided)| relation.admits_provided(provided))
            .map(|(package, _)| *package)
    }

    fn check_conflicts(&self) -> Result<(), BootstrapError> {
        for package in self.chosen.values() {
            for field in ["Conflicts", "Breaks"] {
                for relation in relations(package, field, self.archive.arch())?
                    .into_iter()
                    .flatten()
                {
                    let other = self
                        .real(&relation)
                        .into_iter()
                        .chain(self.providing(&relation))
                        .find(|other| {
                            self.chosen.contains_key(other.name()) && other.name() != package.name()
                        });
                    if let Some(other) = other {
                        return Err(BootstrapError::Conflict {
                            package: package.to_string(),
                            other: other.to_string(),
                            field,
                            relation: relation.to_string(),
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

/// Returns the relations of a field that count on `arch`.
fn relations<'a>(
    package: &'a PackageRecord,
    field: &'static str,
    arch: &str,
) -> Result<Vec<Alternatives<'a>>, BootstrapError> {
    let mut groups = relation::parse(package.field(field).unwrap_or_default()).map_err(|source| {
        BootstrapError::BadField {
            package: package.to_string(),
            field,
            source,
        }
    })?;
    for group in &mut groups {
        group.retain(|relation| relation.applies_to(arch));
    }
    groups.retain(|group| !group.is_empty());
    Ok(groups)
}

fn shown(group: &[Relation<'_>]) -> String {
    group
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" | ")
}

/// Ranks by the field `Priority`: where several packages provide something, the one that a basic system has is meant.
fn priority(package: &PackageRecord) -> usize {
    let priority = package.field("Priority").unwrap_or_default();
    PRIORITIES
        .iter()
        .position(|name| priority.eq_ignore_ascii_case(name))
        .unwrap_or(PRIORITIES.len())
}

#[cfg(test)]
mod tests;
