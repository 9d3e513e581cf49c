//! Hooks, and why they did something else.

use std::collections::{BTreeMap, BTreeSet};

use dib_core::{Effect, Entry};
use dib_layers::layered_build::{InputChange, input_changes};
use dib_layers::{Layer, LayerKey};
use serde::Serialize;

use super::{Change, Side};
use crate::built_image::unit_of;

/// A hook, or a step of dib itself, that only one build had, or that did not do the same in both.
#[derive(Debug, Serialize)]
pub(super) struct HookChange {
    /// Such as `install.d/50-mine`.
    pub(super) hook: String,
    /// Its element; none for a step of dib itself.
    pub(super) element: Option<String>,
    pub(super) change: Change,
    /// What it found otherwise.
    pub(super) inputs: Vec<InputChange>,
    /// What else is known of the reason.
    pub(super) reason: Option<String>,
    /// Whether it is known to differ in nothing but what came before it.
    pub(super) follows: bool,
}

/// A unit of a build.
struct Unit<'s> {
    name: String,
    element: Option<String>,
    key: Option<LayerKey>,
    layer: Option<&'s Layer>,
}

/// Compares the hooks of two builds, in the order in which they ran.
pub(super) fn compare(old: &Side, new: &Side) -> Vec<HookChange> {
    let (units, others) = (units_of(old), units_of(new));
    let by_name: BTreeMap<&str, &Unit<'_>> = units.iter().map(|unit| (unit.name.as_str(), unit)).collect();
    let other_names: BTreeSet<&str> = others.iter().map(|unit| unit.name.as_str()).collect();
    let mut changes: Vec<HookChange> = units
        .iter()
        .filter(|unit| !other_names.contains(unit.name.as_str()))
        .map(|unit| unit.changed(Change::Removed))
        .collect();
    for unit in &others {
        let is_first = changes.is_empty();
        changes.extend(match by_name.get(unit.name.as_str()) {
            None => Some(unit.changed(Change::Added)),
            Some(old_unit) => match (old_unit.key, unit.key) {
                (Some(key), Some(other)) if key == other => None,
                (Some(_), Some(_)) => Some(unit.of_other_layer(old_unit, is_first)),
                _ => unit.of_other_effects(&effects_of(old, old_unit), &effects_of(new, unit)),
            },
        });
    }
    changes
}

impl Unit<'_> {
    fn changed(&self, change: Change) -> HookChange {
        HookChange {
            hook: self.name.clone(),
            element: self.element.clone(),
            change,
            inputs: Vec::new(),
            reason: None,
            follows: false,
        }
    }

    fn of_other_layer(&self, old: &Unit<'_>, is_first: bool) -> HookChange {
        let changed = self.changed(Change::Changed);
        let (Some(old), Some(new)) = (old.layer, self.layer) else {
            return HookChange {
                reason: Some("why is not known, as its layers are gone".to_owned()),
                ..changed
            };
        };
        let inputs = input_changes(old.description(), new.description());
        let is_unexplained = inputs.is_empty();
        HookChange {
            inputs,
            reason: (is_unexplained && is_first).then(|| "why is not known".to_owned()),
            follows: is_unexplained && !is_first,
            ..changed
        }
    }

    /// Compares what a unit did where not both builds kept it.
    fn of_other_effects(&self, old: &[Effect], new: &[Effect]) -> Option<HookChange> {
        if old == new {
            return None;
        }
        let longer = old.len().max(new.len());
        let first = (0..longer).find(|at| old.get(*at) != new.get(*at))?;
        let words = |effects: &[Effect]| match effects.get(first) {
            Some(effect) => format!("\"{effect}\""),
            None => "nothing more".to_owned(),
        };
        Some(HookChange {
            reason: Some(format!("it did {} and before {}", words(new), words(old))),
            ..self.changed(Change::Changed)
        })
    }
}

/// Returns all units of a build, those whose work was kept first.
fn units_of(side: &Side) -> Vec<Unit<'_>> {
    let hooks: Vec<(String, &str)> = side.image.hooks().collect();
    let elements: BTreeMap<&str, &str> = hooks
        .iter()
        .map(|(name, element)| (name.as_str(), *element))
        .collect();
    let layers = side.known_layers();
    let kept = side.image.used().iter().enumerate().map(|(number, used)| Unit {
        name: used.unit.clone(),
        element: elements
            .get(used.unit.as_str())
            .map(|element| (*element).to_owned()),
        key: Some(used.layer),
        layer: layers.get(number),
    });
    let mut units: Vec<Unit<'_>> = kept.collect();
    let mut names: BTreeSet<String> = units.iter().map(|unit| unit.name.clone()).collect();
    let steps = side.image.journal().iter().map(|entry| unit_of(&entry.actor));
    let others = hooks.iter().map(|(name, _)| name.clone()).chain(steps);
    for name in others {
        if names.insert(name.clone()) {
            units.push(Unit {
                element: elements.get(name.as_str()).map(|element| (*element).to_owned()),
                name,
                key: None,
                layer: None,
            });
        }
    }
    units
}

/// Returns what a unit did to the image. How a file came from the network, and where things stand on the host, is left out.
fn effects_of(side: &Side, unit: &Unit<'_>) -> Vec<Effect> {
    let entries: Vec<Entry> = if let Some(layer) = unit.layer {
        let journal = layer.description().journal.iter();
        journal
            .filter_map(|entry| serde_json::from_value(entry.clone()).ok())
            .collect()
    } else {
        let journal = side.image.journal().iter();
        journal
            .filter(|entry| unit_of(&entry.actor) == unit.name)
            .cloned()
            .collect()
    };
    entries
        .into_iter()
        .filter_map(|entry| match entry.effect {
            Effect::CreateHostDirectory { .. } | Effect::BindMount { .. } => None,
            Effect::Fetch { url, verified, .. } => Some(Effect::Fetch {
                url,
                verified,
                origin: String::new(),
            }),
            effect => Some(effect),
        })
        .collect()
}
