//! What a layer tells of the unit that made it.

use dib_core::cache::ServedFile;
use dib_core::{Found, Ran, Source, Unit};
use serde::{Deserialize, Serialize};

use super::replay::Replays;
use super::{chain, known};
use crate::{LayerDescription, LayerDownload, LayerInput};

/// What a layer's description holds for builds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Details {
    pub(super) found: Vec<(Source, Option<String>)>,
    pub(super) replays: Replays,
    /// For how many seconds from its making it stands for what its unit would do.
    #[serde(default)]
    pub(super) expires: Option<u64>,
    /// Whether its unit left the tree as it was, so that there is nothing to put in place.
    #[serde(default)]
    pub(super) is_empty: bool,
    /// What its unit's base was made of, by names.
    #[serde(default)]
    pub(super) base: Vec<(String, String)>,
}

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
