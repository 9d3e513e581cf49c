//! Which packages of the target satisfy whose dependencies.

use std::collections::{BTreeSet, HashMap};

use super::Facts;
use crate::relation::{self, Relation};
use crate::{InstalledPackage, MultiArch};

/// The packages by what they are and provide.
pub(super) struct Dependencies<'a> {
    facts: &'a [Facts<'a>],
    by_name: HashMap<&'a str, Vec<usize>>,
    provided: HashMap<&'a str, Vec<(usize, Relation<'a>)>>,
}

impl<'a> Dependencies<'a> {
    pub(super) fn new(facts: &'a [Facts<'a>]) -> Self {
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        let mut provided: HashMap<_, Vec<_>> = HashMap::new();
        for (index, Facts { package, .. }) in facts.iter().enumerate() {
            by_name.entry(package.name()).or_default().push(index);
            for relation in relations(package, "Provides").into_iter().flatten() {
                provided.entry(relation.name).or_default().push((index, relation));
            }
        }
        Self {
            facts,
            by_name,
            provided,
        }
    }

    /// Returns which packages one depends on: of each group of alternatives, the first that is there.
    pub(super) fn of(&self, package: &InstalledPackage) -> BTreeSet<usize> {
        ["Pre-Depends", "Depends"]
            .into_iter()
            .flat_map(|field| relations(package, field))
            .filter_map(|alternatives| {
                alternatives
                    .iter()
                    .find_map(|relation| self.satisfying(package, relation))
            })
            .collect()
    }

    fn satisfying(&self, package: &InstalledPackage, relation: &Relation<'_>) -> Option<usize> {
        let is_right =
            |index: &usize| is_of_right_architecture(package, relation, self.facts[*index].package);
        let mut named = self.by_name.get(relation.name).into_iter().flatten().copied();
        let provided = self.provided.get(relation.name).into_iter().flatten();
        named
            .find(|index| relation.admits(self.facts[*index].package.version()) && is_right(index))
            .or_else(|| {
                provided
                    .filter(|(_, provided)| relation.admits_provided(provided))
                    .map(|(index, _)| *index)
                    .find(is_right)
            })
    }
}

/// dpkg writes no malformed relations; any would name nothing.
fn relations<'p>(package: &'p InstalledPackage, field: &str) -> Vec<relation::Alternatives<'p>> {
    relation::parse(package.field(field).unwrap_or_default()).unwrap_or_default()
}

fn is_of_right_architecture(
    package: &InstalledPackage,
    relation: &Relation<'_>,
    candidate: &InstalledPackage,
) -> bool {
    let (own, others) = (package.architecture(), candidate.architecture());
    match (relation.qualifier, candidate.multi_arch()) {
        (Some("any"), MultiArch::Allowed) | (_, MultiArch::Foreign) => true,
        (Some(architecture), _) if architecture != "any" && architecture != "native" => {
            architecture == others
        }
        // What is of all architectures counts as of the target's own, and so would any here.
        _ => own == others || own == "all" || others == "all",
    }
}
