//! What a layer tells of the unit that made it.

use dib_core::cache::ServedFile;
use dib_core::{Found, Ran, Unit};

use super::{chain, known};
use crate::{LayerDescription, LayerDownload, LayerInput};

/// Describes the layer of a unit that has run.
pub(super) fn of(unit: Unit<'_>, ran: &Ran<'_>, details: serde_json::Value) -> LayerDescription {
    let (phase, hook, element) = names(unit);
    LayerDescription {
        phase,
        hook,
        element,
        inputs: inputs_for_people(&ran.found),
        downloads: ran.files.iter().map(download).collect(),
        journal: ran
            .journal
            .iter()
            .filter_map(|entry| serde_json::to_value(entry).ok())
            .collect(),
        created: known::now(),
        details,
        ..LayerDescription::default()
    }
}

/// Returns the unit's phase, hook and element; a step is a hook without either.
pub(super) fn names(unit: Unit<'_>) -> (String, String, String) {
    match unit {
        Unit::Hook(hook) => (
            hook.phase.to_string(),
            hook.name.to_string(),
            hook.element.to_string(),
        ),
        Unit::Step(step) => (String::new(), step.to_owned(), String::new()),
    }
}

fn download(file: &ServedFile) -> LayerDownload {
    LayerDownload {
        name: file.name.to_string(),
        bytes: file.size,
    }
}

fn inputs_for_people(found: &Found) -> Vec<LayerInput> {
    found
        .iter()
        .map(|(source, value)| LayerInput {
            name: chain::shown(source),
            value: value.clone().unwrap_or_default(),
        })
        .collect()
}
