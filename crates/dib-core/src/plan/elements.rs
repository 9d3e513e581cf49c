//! Which elements a build has: what was asked for, and what comes along.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{PlanError, Reason};
use crate::{Arch, Element, ElementName, Registry};

/// The name that exactly one element of a build has to provide.
const OPERATING_SYSTEM: &str = "operating-system";

/// An element of a build and why it is there.
#[derive(Debug, Clone)]
pub struct PlannedElement<'r> {
    /// The element.
    pub element: &'r Element,
    /// Why it is there.
    pub reason: Reason,
    /// Whether it stands in the place of another of its name, which the program brings.
    pub is_overriding: bool,
}

/// Expands the elements asked for by what they depend on, as upstream's `element-info` does.
///
/// Dependencies are transitive; a dependency that another element provides is met by it. Source:
/// `_expand_element_dependencies` in diskimage-builder's `element_dependencies.py`.
pub(super) fn expand<'r>(
    registry: &'r Registry,
    asked: &[ElementName],
    arch: Arch,
) -> Result<Vec<PlannedElement<'r>>, PlanError> {
    let mut reasons: BTreeMap<ElementName, Reason> = BTreeMap::new();
    let mut queue: VecDeque<ElementName> = VecDeque::new();
    for name in asked {
        if !reasons.contains_key(name) {
            reasons.insert(name.clone(), Reason::Asked);
            queue.push_back(name.clone());
        }
    }
    let mut provided_by: BTreeMap<&ElementName, &ElementName> = BTreeMap::new();
    let mut planned: Vec<&Element> = Vec::new();

    // Names that no element has wait until it is known whether another provides them.
    let mut open: VecDeque<ElementName> = VecDeque::new();
    while let Some(name) = queue.pop_front().or_else(|| open.pop_front()) {
        if provided_by.contains_key(&name) {
            continue;
        }
        let element = match registry.get(name.as_str()) {
            Some(element) => element,
            None if !queue.is_empty() => {
                open.push_back(name);
                continue;
            }
            None => stand_in(registry, &name, arch, &mut reasons)
                .ok_or_else(|| missing(registry, &name, &reasons[&name]))?,
        };
        planned.push(element);
        for provided in element.provided() {
            if let Some(other) = provided_by.insert(provided, element.name()) {
                return Err(PlanError::ProvidedTwice {
                    provided: provided.clone(),
                    first: other.clone(),
                    second: element.name().clone(),
                });
            }
        }
        for dependency in element.dependencies() {
            if !reasons.contains_key(dependency) {
                reasons.insert(dependency.clone(), Reason::DependencyOf(element.name().clone()));
                queue.push_back(dependency.clone());
            }
        }
    }

    for name in asked {
        if let Some(provider) = provided_by.get(name) {
            return Err(PlanError::AlreadyProvided {
                asked: name.clone(),
                provider: (*provider).clone(),
            });
        }
    }
    if !provided_by.keys().any(|name| name.as_str() == OPERATING_SYSTEM) {
        return Err(PlanError::NoOperatingSystem {
            known: operating_systems(registry),
        });
    }
    let provided: BTreeSet<&ElementName> = provided_by.into_keys().collect();
    planned.retain(|element| !provided.contains(element.name()));
    planned.sort_by(|left, right| left.name().cmp(right.name()));
    for element in &planned {
        if let Some(why) = element.why_unusable() {
            return Err(PlanError::Unusable {
                element: element.name().clone(),
                why: why.to_owned(),
                is_overriding: registry.is_overriding(element.name().as_str()),
            });
        }
        if let Some(advice) = element.refusal_on(arch) {
            return Err(PlanError::RefusedArch {
                element: element.name().clone(),
                arch,
                advice: advice.to_owned(),
            });
        }
    }
    Ok(planned
        .into_iter()
        .map(|element| PlannedElement {
            element,
            reason: reasons[element.name()].clone(),
            is_overriding: registry.is_overriding(element.name().as_str()),
        })
        .collect())
}

/// Returns the element that comes along where nothing provides `name`, for the reason that `name` has.
fn stand_in<'r>(
    registry: &'r Registry,
    name: &ElementName,
    arch: Arch,
    reasons: &mut BTreeMap<ElementName, Reason>,
) -> Option<&'r Element> {
    let element = registry
        .iter()
        .find(|element| element.is_stand_in_for(name, arch))?;
    let reason = reasons[name].clone();
    reasons.entry(element.name().clone()).or_insert(reason);
    Some(element)
}

fn missing(registry: &Registry, name: &ElementName, reason: &Reason) -> PlanError {
    PlanError::MissingElement {
        element: name.to_string(),
        reason: reason.clone(),
        nearest: registry.nearest(name.as_str()).cloned(),
    }
}

fn operating_systems(registry: &Registry) -> Vec<ElementName> {
    let provides = |element: &&Element| element.provides_name(OPERATING_SYSTEM);
    registry
        .iter()
        .filter(provides)
        .map(|element| element.name().clone())
        .collect()
}
