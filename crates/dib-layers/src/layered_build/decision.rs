//! What became of the units of a build.

use serde::{Deserialize, Serialize};

use crate::LayerKey;

/// What was decided about a unit, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The unit, such as `root.d/08-debootstrap`.
    pub unit: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is known, and was not run.
    Reused,
    /// It was run, for that reason.
    Ran(String),
}

/// A unit of a build, and the layer that holds what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedLayer {
    /// The unit, such as `root.d/08-debootstrap`.
    pub unit: String,
    /// Its layer.
    pub layer: LayerKey,
}

/// What is said besides of a unit that ends what can be known.
pub(super) const NOTHING_KEPT: &str = "nothing after it is kept";

/// Says why a unit is run that comes after one that is.
pub(super) fn after(decisions: &[Decision]) -> String {
    let first = decisions
        .iter()
        .find(|decision| decision.outcome != Outcome::Reused);
    first.map_or_else(
        || "something before it is not known".to_owned(),
        |first| format!("it comes after {}", first.unit),
    )
}
