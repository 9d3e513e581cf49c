//! What a build would take from builds before, and what those tell of the rest.

use camino::Utf8Path;
use dib_core::{Build, HookError};

use super::Decision;
use super::known::Known;
use super::last_time::{last_time, other_variables};
use crate::{LayerDescription, LayerStore};

/// What is known of a unit of a build before it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// What would become of it.
    pub decision: Decision,
    /// What the layer tells that would be taken; where none would, what that of the last build tells that was most like this
    /// one, if such a unit was kept.
    pub last_time: Option<LayerDescription>,
    /// Whether variables are others now than that unit found.
    pub variables: Variables,
}

/// Whether variables are those that a unit found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    /// They are.
    Same,
    /// Some are not.
    Other,
}

/// Says of each unit of a build whether its work is known, and why where it is not. Nothing is run, and the tree is not looked
/// at; what elements say of their downloads is asked.
///
/// # Errors
/// When the program's file or the store can't be read, or an element can't tell what its hook depends on.
pub fn predict(
    store: &LayerStore,
    bases: &Utf8Path,
    program: &Utf8Path,
    build: &Build<'_>,
) -> Result<Vec<Forecast>, HookError> {
    let known = Known::of(store, bases, program).map_err(HookError::foreign)?;
    let foreseen = known.foresee(build)?;
    let mut taken = foreseen.layers.iter();
    let kept = if foreseen.is_whole {
        Vec::new()
    } else {
        store.layers().map_err(HookError::foreign)?
    };
    let forecasts = build
        .plan
        .kept_units()
        .into_iter()
        .zip(foreseen.decisions)
        .map(|(unit, decision)| {
            let ctx = build.context_of(unit);
            let last_time = match taken.next() {
                Some(layer) => Some(layer.description().clone()),
                None => last_time(&kept, unit, &ctx),
            };
            let others = last_time.as_ref().map_or(0, |layer| other_variables(layer, &ctx));
            Forecast {
                decision,
                last_time,
                variables: if others == 0 {
                    Variables::Same
                } else {
                    Variables::Other
                },
            }
        });
    Ok(forecasts.collect())
}
