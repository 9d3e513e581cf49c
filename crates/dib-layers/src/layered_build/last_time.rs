//! What builds before did in the place of a unit that none of them did just so.

use std::cmp::Reverse;

use dib_core::{HookContext, Source, Unit};

use super::chain::{BEFORE, Base};
use super::known::first_change;
use super::{Details, description};
use crate::prune::LayerSummary;
use crate::{LayerDescription, LayerStore};

/// Says why a unit is none that was done before: what is not as it was for the one most like it.
pub(super) fn change(store: &LayerStore, unit: Unit<'_>, ctx: &HookContext<'_>, base: &Base) -> String {
    // It is for people alone, and nothing hangs on it.
    let kept = store.layers().unwrap_or_default();
    let details = last_time(&kept, unit, ctx).and_then(|layer| serde_json::from_value(layer.details).ok());
    let Some(details): Option<Details> = details else {
        return "it has not been done before".to_owned();
    };
    let parts = base.parts.iter().filter(|(name, _)| name != BEFORE);
    let mut other_parts =
        parts.filter_map(
            |(name, new)| match details.base.iter().find(|(of_old, _)| of_old == name) {
                Some((_, old)) if old == new => None,
                Some((_, old)) => Some(change_of_part(name, old, new)),
                None => Some(format!("{name} is not what it was")),
            },
        );
    first_change(ctx, &details.found)
        .or_else(|| other_parts.next())
        .unwrap_or_else(|| format!("{BEFORE} is not what it was"))
}

/// Returns what the layer tells of a unit of that name for which fewest variables were others; of several, that used last.
pub(super) fn last_time(
    kept: &[LayerSummary],
    unit: Unit<'_>,
    ctx: &HookContext<'_>,
) -> Option<LayerDescription> {
    let (phase, hook, element) = description::names(unit);
    kept.iter()
        .map(|summary| (&summary.description, summary.last_used))
        .filter(|(layer, _)| layer.phase == phase && layer.hook == hook && layer.element == element)
        .min_by_key(|(layer, last_used)| (other_variables(layer, ctx), Reverse(*last_used)))
        .map(|(layer, _)| layer.clone())
}

/// Counts the variables that are others than a layer's unit found.
pub(super) fn other_variables(layer: &LayerDescription, ctx: &HookContext<'_>) -> usize {
    let Ok(details) = serde_json::from_value::<Details>(layer.details.clone()) else {
        return usize::MAX;
    };
    let is_other = |(source, old): &&(Source, Option<String>)| {
        matches!(source, Source::Variable(_)) && ctx.find_again(source).ok().as_ref() != Some(old)
    };
    details.found.iter().filter(is_other).count()
}

/// Says what has changed of what a base is made of.
pub(super) fn change_of_part(name: &str, old: &str, new: &str) -> String {
    format!("{name} is {} and was {}", beginning(new), beginning(old))
}

/// Returns as much of a digest as people tell apart; what is no digest is shorter.
fn beginning(value: &str) -> &str {
    value.get(..12).unwrap_or(value)
}
