//! Which hooks a build runs, and in which order.

use std::fmt;

use super::{PlanError, PlannedElement};
use crate::hook::InputsFn;
use crate::install_type::{InstallType, install_type};
use crate::nearest::nearest;
use crate::{ElementName, HookBody, HookName, Phase, PlanPlace, Variables};

/// A hook of a build.
#[derive(Clone)]
pub struct PlannedHook {
    /// The phase it runs in.
    pub phase: Phase,
    /// Its name.
    pub name: HookName,
    /// The element it comes from.
    pub element: ElementName,
    /// The install type that made it a hook of the build, where one did; in a box, since errors carry hooks.
    pub install_type: Option<Box<InstallType>>,
    /// What it does.
    pub body: HookBody,
    /// What it depends on beyond what it reads, where its element knows.
    pub inputs: Option<InputsFn>,
}

impl fmt::Debug for PlannedHook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.d/{} of {}", self.phase, self.name, self.element)
    }
}

/// Works out the hooks in the order in which they run; those of an install type that was not
/// chosen are none of them.
pub(super) fn planned(
    elements: &[PlannedElement<'_>],
    variables: &Variables,
) -> Result<Vec<PlannedHook>, PlanError> {
    let mut hooks: Vec<PlannedHook> = elements
        .iter()
        .flat_map(|planned| planned.element.hooks().iter().map(|hook| (planned.element, hook)))
        .filter(|(_, hook)| {
            let wanted = hook.install_type.as_ref();
            wanted.is_none_or(|wanted| wanted.name == install_type(&wanted.of, variables))
        })
        .map(|(element, hook)| PlannedHook {
            phase: hook.phase,
            name: hook.name.clone(),
            element: element.name().clone(),
            install_type: hook.install_type.clone().map(Box::new),
            body: hook.body.clone(),
            inputs: hook.inputs,
        })
        .collect();
    hooks.sort_by(|left, right| {
        left.phase
            .cmp(&right.phase)
            .then_with(|| left.name.cmp(&right.name))
    });
    for pair in hooks.windows(2) {
        if pair[0].phase == pair[1].phase && pair[0].name == pair[1].name {
            return Err(PlanError::DuplicateHook {
                phase: pair[0].phase,
                hook: pair[0].name.clone(),
                first: pair[0].element.clone(),
                second: pair[1].element.clone(),
            });
        }
    }
    Ok(hooks)
}

/// Checks that the hook is there that a place names.
pub(super) fn require(hooks: &[PlannedHook], place: &PlanPlace) -> Result<(), PlanError> {
    let Some(name) = &place.hook else { return Ok(()) };
    if hooks
        .iter()
        .any(|hook| hook.phase == place.phase && hook.name == *name)
    {
        return Ok(());
    }
    let place_of = |hook: &PlannedHook| PlanPlace {
        phase: hook.phase,
        hook: Some(hook.name.clone()),
    };
    let in_other_phase = hooks.iter().find(|hook| hook.name == *name).map(place_of);
    let alike = || {
        let of_phase = hooks.iter().filter(|hook| hook.phase == place.phase);
        let hook = nearest(name.as_str(), of_phase.map(|hook| hook.name.as_str()))?;
        Some(PlanPlace {
            phase: place.phase,
            hook: hook.parse().ok(),
        })
    };
    Err(PlanError::UnknownPlace {
        place: place.clone(),
        nearest: in_other_phase.or_else(alike),
    })
}
