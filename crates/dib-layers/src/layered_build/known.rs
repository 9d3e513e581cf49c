//! What is known of a unit's work, and why something is not.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use camino::Utf8Path;
use dib_core::{Build, HookContext, HookError, Source, Unit};

use super::chain::{self, Base, Digest, base_of};
use super::decision::after;
use super::index::Index;
use super::{Decision, Details, Outcome};
use super::{last_time, program};
use crate::{Layer, LayerKey, LayerStore};

/// Why a unit runs whose work is known: in words of the command line, which is where it comes from.
pub(super) const ASKED_FOR: &str = "--from asks for it";

/// The layers of all builds by this program.
pub(super) struct Known<'s> {
    pub(super) store: &'s LayerStore,
    pub(super) index: Index,
    pub(super) program: Digest,
}

impl<'s> Known<'s> {
    /// Returns what the store has, to which the directory `bases` leads.
    pub(super) fn of(store: &'s LayerStore, bases: &Utf8Path, program: &Utf8Path) -> io::Result<Self> {
        Ok(Self {
            store,
            index: Index::in_directory(bases),
            program: program::digest_of(program, bases)?,
        })
    }

    /// Finds the layer of a unit that looked at what there is now, or says why there is none.
    pub(super) fn find(
        &self,
        unit: Unit<'_>,
        ctx: &HookContext<'_>,
        base: &Base,
    ) -> Result<(LayerKey, Layer, Details), String> {
        let mut why = None;
        for key in self.index.candidates(&base.digest) {
            let layer = match self.store.find(&key) {
                Ok(Some(layer)) => layer,
                Ok(None) => {
                    self.index.forget(&base.digest, &key);
                    continue;
                }
                // What is damaged is gone from the store, and the unit can do its work again.
                Err(error) => {
                    why = Some(format!("its layer can't be read: {error}"));
                    continue;
                }
            };
            let Ok(details) = serde_json::from_value::<Details>(layer.description().details.clone()) else {
                continue;
            };
            let expired = details.expires.filter(|seconds| {
                let age = now().saturating_sub(layer.description().created);
                age >= *seconds
            });
            if let Some(seconds) = expired {
                why = Some(format!("it was done more than {seconds} seconds ago"));
                continue;
            }
            match first_change(ctx, &details.found) {
                None => return Ok((key, layer, details)),
                Some(changed) => why = Some(changed),
            }
        }
        Err(why.unwrap_or_else(|| last_time::change(self.store, unit, ctx, base)))
    }

    /// Says of each unit of a build whether its work is known, and why where it is not.
    pub(super) fn foresee(&self, build: &Build<'_>) -> Result<Foreseen, HookError> {
        let mut foreseen = Foreseen {
            decisions: Vec::new(),
            bases: Vec::new(),
            layers: Vec::new(),
            chain: Digest::from([0; 32]),
            is_whole: true,
        };
        for unit in build.plan.kept_units() {
            let mut outcome = Outcome::Ran(after(&foreseen.decisions));
            if foreseen.is_whole {
                let ctx = build.context_of(unit);
                let base = base_of(&foreseen.chain, &self.program, unit, &ctx)?;
                foreseen.bases.push((chain::name_of(unit), base.clone()));
                let found = if build.plan.spec().layers.runs_again(unit) {
                    Err(ASKED_FOR.to_owned())
                } else {
                    self.find(unit, &ctx, &base)
                };
                match found {
                    Ok((key, layer, _)) => {
                        foreseen.chain = key;
                        foreseen.layers.push(layer);
                        outcome = Outcome::Reused;
                    }
                    Err(why) => {
                        foreseen.is_whole = false;
                        outcome = Outcome::Ran(why);
                    }
                }
            }
            foreseen.decisions.push(Decision {
                unit: chain::name_of(unit),
                outcome,
            });
        }
        Ok(foreseen)
    }
}

/// Returns the time, in seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

/// What is known of a build before it begins.
pub(super) struct Foreseen {
    pub(super) decisions: Vec<Decision>,
    /// The names and bases of the units up to the first that is not known.
    pub(super) bases: Vec<(String, Base)>,
    /// The layers of the units that are known.
    pub(super) layers: Vec<Layer>,
    /// The digest of all units that are known.
    pub(super) chain: Digest,
    /// Whether all are.
    pub(super) is_whole: bool,
}

/// Returns what is not any more as a unit found it, in words.
pub(super) fn first_change(ctx: &HookContext<'_>, found: &[(Source, Option<String>)]) -> Option<String> {
    found
        .iter()
        .find_map(|(source, old)| match ctx.find_again(source) {
            Ok(new) if new == *old => None,
            Ok(new) => Some(chain::change(source, old.as_deref(), new.as_deref())),
            Err(error) => Some(format!("{} can't be read: {error}", chain::shown(source))),
        })
}
