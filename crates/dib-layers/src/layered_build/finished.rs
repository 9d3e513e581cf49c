//! What a tree that is finished came of, by which it is known later whether a build would come to the same.

use dib_core::{Build, Explanation, HookError, PlanPart, Ran, Source, Unit};
use serde::{Deserialize, Serialize};

use super::LayeredBuild;
use super::chain::{self, Digest, base_of};
use super::known::first_change;
use crate::LayerKey;

/// A unit after those whose work is kept, and what it depended on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedUnit {
    unit: String,
    base: LayerKey,
    found: Vec<(Source, Option<String>)>,
}

/// What a finished tree came of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedTree {
    /// The digest of all units whose work is kept.
    pub chain: LayerKey,
    /// The units after them, which are run in each build.
    pub watched: Vec<WatchedUnit>,
}

impl LayeredBuild<'_> {
    /// Returns what the tree came of, unless it depends on what nobody can know again.
    #[must_use]
    pub fn finished_tree(&self) -> Option<FinishedTree> {
        let state = self.state();
        state.search.is_known().then(|| FinishedTree {
            chain: state.chain,
            watched: state.watched.clone(),
        })
    }

    /// Returns whether a build whose kept units are all known, as `chain` says, would come to this tree again.
    ///
    /// # Errors
    /// When an element can't tell what its hook depends on.
    pub fn comes_to(
        &self,
        tree: &FinishedTree,
        chain: &LayerKey,
        build: &Build<'_>,
    ) -> Result<bool, HookError> {
        let units = build.plan.watched_units();
        if tree.chain != *chain || units.len() != tree.watched.len() {
            return Ok(false);
        }
        for (unit, watched) in units.into_iter().zip(&tree.watched) {
            let ctx = build.context_of(unit);
            if watched.unit != chain::name_of(unit)
                || watched.base != self.base_of_watched(build, unit)?
                || first_change(&ctx, &watched.found).is_some()
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes notice of what a unit found. What its disk is like is left out: whoever asks for the same image asks for the
    /// same disk, and the identifiers of its file systems are new ones in each build.
    pub(super) fn notice(&self, build: &Build<'_>, unit: Unit<'_>, ran: &Ran<'_>) -> Result<(), HookError> {
        if !self.state().search.is_known() {
            return Ok(());
        }
        let base = self.base_of_watched(build, unit)?;
        let mut state = self.state();
        if let Some(reason) = chain::unknown(&ran.found) {
            let reason = format!("it depends on {reason}");
            build.observer.explained(unit, Explanation::NotKept(&reason));
            state.search = super::Search::Over;
            return Ok(());
        }
        let found = ran.found.clone().into_iter();
        let watched = WatchedUnit {
            unit: chain::name_of(unit),
            base,
            found: found
                .filter(|(source, _)| *source != Source::Plan(PlanPart::Disk))
                .collect(),
        };
        state.watched.push(watched);
        Ok(())
    }

    fn base_of_watched(&self, build: &Build<'_>, unit: Unit<'_>) -> Result<Digest, HookError> {
        let nothing = Digest::from([0; 32]);
        base_of(&nothing, &self.known.program, unit, &build.context_of(unit)).map(|base| base.digest)
    }
}
