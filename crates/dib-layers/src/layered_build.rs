//! Layers of a build under way: which units of its work are known already, and what the others did.
//!
//! Each unit has a *base*: a digest of all units before it, of what it is, and of what its element says that it depends
//! on. What else it depends on shows when it runs: it is recorded, and kept with the layer. So a base leads to the
//! layers of all builds that came so far in the same way, and one of them is taken if everything that its unit looked at
//! is as it was. The key of a layer is the digest of its base and of what was found; it is a part of the next base.
//!
//! The first unit that is not known ends the search: from there on all of them run.

mod chain;
mod comparison;
mod decision;
mod description;
mod finished;
mod forecast;
mod index;
mod known;
mod last_time;
mod program;
mod replay;

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{Build, Explanation, Fate, HookContext, HookError, LayerUse, Layering, Ran, Unit};
use dib_sys::TargetRoot;
use dib_sys::overlay::{LayerStack, LayersError, Seal};

use crate::{LayerKey, LayerStore};

use self::chain::{Base, Digest, base_of, key_of};
use self::decision::{NOTHING_KEPT, after};
use self::description::Details;
use self::known::{ASKED_FOR, Known};
use self::replay::Replays;

pub use self::comparison::{InputChange, input_changes};
pub use self::decision::{Decision, Outcome, UsedLayer};
pub use self::finished::{FinishedTree, WatchedUnit};
pub use self::forecast::{Forecast, Variables, predict};
pub use self::index::forget_gone;

/// Keeps what the units of a build do in a store, and takes what is there out of it.
pub struct LayeredBuild<'s> {
    known: Known<'s>,
    state: Mutex<State>,
}

/// How far the build is.
struct State {
    stack: LayerStack,
    /// An upper directory without changes.
    empty: Utf8PathBuf,
    /// The digest of all units so far.
    chain: Digest,
    /// The units so far, each with its layer.
    used: Vec<UsedLayer>,
    /// The unit under way.
    unit: String,
    /// The base of the unit under way.
    base: Option<Base>,
    search: Search,
    replays: Replays,
    decisions: Vec<Decision>,
    /// The names and bases of the first units, worked out already.
    foreseen: VecDeque<(String, Base)>,
    /// The units after those whose work is kept.
    watched: Vec<WatchedUnit>,
}

/// Whether layers are looked for, and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Search {
    /// All units so far were known.
    Looking,
    /// One was not: units run, and what they do is kept.
    Keeping,
    /// One depended on what nobody can know again, so nothing after it is kept.
    Over,
}

impl Search {
    /// Returns whether all that was done so far can be known again.
    fn is_known(self) -> bool {
        self != Self::Over
    }
}

impl<'s> LayeredBuild<'s> {
    /// Begins the layers of a build on a stack without any. `bases` is the directory that leads to the store's layers, and
    /// `empty` one that stays empty; `program` is the file of the program that builds: its hooks are as new as it is.
    ///
    /// # Errors
    /// When that file can't be read.
    pub fn begin(
        store: &'s LayerStore,
        bases: &Utf8Path,
        stack: LayerStack,
        empty: &Utf8Path,
        program: &Utf8Path,
    ) -> std::io::Result<Self> {
        Ok(Self {
            known: Known::of(store, bases, program)?,
            state: Mutex::new(State {
                stack,
                empty: empty.to_owned(),
                chain: Digest::from([0; 32]),
                used: Vec::new(),
                unit: String::new(),
                base: None,
                search: Search::Looking,
                replays: Replays::default(),
                decisions: Vec::new(),
                foreseen: VecDeque::new(),
                watched: Vec::new(),
            }),
        })
    }

    /// Looks which units of a build that has not begun are known, and returns the digest of them all if all are.
    ///
    /// # Errors
    /// When an element can't tell what its hook depends on.
    pub fn foresee(&self, build: &Build<'_>) -> Result<Option<LayerKey>, HookError> {
        let foreseen = self.known.foresee(build)?;
        let mut state = self.state();
        state.foreseen = foreseen.bases.into();
        // Where something is to be done again, the image is as well: also by what comes after those whose work is kept.
        let is_known = foreseen.is_whole && build.plan.spec().layers == LayerUse::Used;
        Ok(is_known.then_some(foreseen.chain))
    }

    /// Returns what was decided about the units so far.
    #[must_use]
    pub fn decisions(&self) -> Vec<Decision> {
        self.state().decisions.clone()
    }

    /// Returns in a sentence how much of the build's work was known.
    #[must_use]
    pub fn summary(&self) -> String {
        let state = self.state();
        let known = state
            .decisions
            .iter()
            .filter(|decision| decision.outcome == Outcome::Reused)
            .count();
        let others: Vec<_> = state
            .decisions
            .iter()
            .filter_map(|decision| match &decision.outcome {
                Outcome::Ran(reason) => Some(format!("; {}: {reason}", decision.unit)),
                Outcome::Reused => None,
            })
            .collect();
        let first = others.first().cloned().unwrap_or_default();
        let last = match others.last() {
            Some(last) if last.ends_with(NOTHING_KEPT) && others.len() > 1 => last.clone(),
            _ => String::new(),
        };
        format!(
            "{known} of {} pieces of work were known{first}{last}",
            state.decisions.len()
        )
    }

    /// Returns the units whose layers the tree is made of, in their order.
    #[must_use]
    pub fn used(&self) -> Vec<UsedLayer> {
        self.state().used.clone()
    }

    /// Takes the tree apart, with all that is mounted in it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn unmount(self) -> Result<(), LayersError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Without those below a layer is of no use, so the first are to be the last that make way for others.
        for used in state.used.iter().rev() {
            let _ = self.known.store.find(&used.layer);
        }
        state.stack.unmount()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for a layer of the unit, and puts it on the stack. Returns why there is none where there is none.
    fn take(
        &self,
        state: &mut State,
        unit: Unit<'_>,
        ctx: &HookContext<'_>,
        base: &Base,
    ) -> Result<Option<String>, HookError> {
        let (key, layer, details) = match self.known.find(unit, ctx, base) {
            Ok(found) => found,
            Err(why) => return Ok(Some(why)),
        };
        if !details.is_empty {
            let directory = state.stack.directory_to_restore().map_err(HookError::foreign)?;
            let restored = File::open(&directory)
                .map_err(HookError::foreign)
                .and_then(|into| layer.restore(&into).map_err(HookError::foreign));
            if let Err(error) = restored {
                // What is damaged is gone from the store, and the unit can do its work again.
                return Ok(Some(format!("its layer can't be put in place: {error}")));
            }
            let pushed = state.stack.push_restored(&directory);
            pushed.map_err(HookError::foreign)?;
        }
        ctx.add_device_nodes(details.replays.device_nodes.clone());
        state.replays.follow(details.replays);
        state.use_layer(key);
        state.chain = key;
        Ok(None)
    }

    /// Keeps a unit's changes as a layer.
    fn keep(
        &self,
        state: &mut State,
        build: &Build<'_>,
        unit: Unit<'_>,
        ran: &Ran<'_>,
    ) -> Result<(), HookError> {
        let (Some(base), Search::Keeping) = (state.base.take(), state.search) else {
            return Ok(());
        };
        if let Some(reason) = chain::unknown(&ran.found) {
            state.end(build, unit, &format!("it depends on {reason}"));
            return Ok(());
        }
        let replays = Replays::of(ran);
        let (upper, is_empty) = match state.stack.seal(build.target).map_err(HookError::foreign)? {
            Seal::Sealed(upper) => {
                clamp_times(build, &upper)?;
                (upper, false)
            }
            Seal::Unchanged => (state.empty.clone(), true),
            _ => {
                state.end(build, unit, "its changes can't be told from those after it");
                return Ok(());
            }
        };
        let found: Vec<_> = ran.found.clone().into_iter().collect();
        let key = key_of(&base.digest, &found);
        let details = Details {
            found,
            replays,
            expires: ran.expires,
            is_empty,
            base: base.parts,
        };
        let details = serde_json::to_value(details).map_err(HookError::foreign)?;
        let description = description::of(unit, ran, details);
        let written = File::open(&upper).map_err(HookError::foreign).and_then(|upper| {
            self.known
                .store
                .write(&key, &upper, &description)
                .map_err(HookError::foreign)
        });
        match written {
            Ok(_) => {
                self.known.index.remember(&base.digest, &key);
                state.use_layer(key);
            }
            // A full disk costs the next build its time, and this one nothing.
            Err(error) => build.observer.output(&format!("a layer is not kept: {error}")),
        }
        state.chain = key;
        Ok(())
    }
}

impl State {
    /// Notes the layer of the unit under way.
    fn use_layer(&mut self, layer: LayerKey) {
        let unit = self.unit.clone();
        self.used.push(UsedLayer { unit, layer });
    }

    /// Keeps no more layers.
    fn end(&mut self, build: &Build<'_>, unit: Unit<'_>, reason: &str) {
        build.observer.explained(unit, Explanation::NotKept(reason));
        self.search = Search::Over;
        if let Some(decision) = self.decisions.last_mut() {
            decision.outcome = Outcome::Ran(format!("{reason}; {NOTHING_KEPT}"));
        }
    }
}

impl Layering for LayeredBuild<'_> {
    fn is_interested(&self) -> bool {
        self.state().search != Search::Over
    }

    fn begin(&self, build: &Build<'_>, unit: Unit<'_>) -> Result<Fate, HookError> {
        if self.state().search == Search::Over {
            let why = "what comes before it can't be known again";
            build.observer.explained(unit, Explanation::Run(why));
            return Ok(Fate::Run);
        }
        // The hook's element may look at something, which asks whether we are interested.
        let ctx = build.context_of(unit);
        let chain = {
            let mut state = self.state();
            state.unit = chain::name_of(unit);
            state.chain
        };
        let foreseen = self.state().foreseen.pop_front();
        let base = match foreseen {
            Some((name, base)) if name == chain::name_of(unit) => base,
            // A hook may come that another has made.
            _ => base_of(&chain, &self.known.program, unit, &ctx)?,
        };
        let mut state = self.state();
        let mut why = after(&state.decisions);
        if state.search == Search::Looking {
            drop(state);
            let mut taken = self.state();
            let missed = if build.plan.spec().layers.runs_again(unit) {
                Some(ASKED_FOR.to_owned())
            } else {
                self.take(&mut taken, unit, &ctx, &base)?
            };
            match missed {
                None => {
                    taken.decisions.push(Decision {
                        unit: chain::name_of(unit),
                        outcome: Outcome::Reused,
                    });
                    build.observer.explained(unit, Explanation::Reused);
                    return Ok(Fate::Reused);
                }
                Some(reason) => why = reason,
            }
            taken.search = Search::Keeping;
            taken.foreseen.clear();
            drop(taken);
            self.settle(build)?;
            state = self.state();
        }
        build.observer.explained(unit, Explanation::Run(&why));
        state.base = Some(base);
        state.decisions.push(Decision {
            unit: chain::name_of(unit),
            outcome: Outcome::Ran(why),
        });
        Ok(Fate::Run)
    }

    fn finish(&self, build: &Build<'_>, unit: Unit<'_>, ran: &Ran<'_>) -> Result<(), HookError> {
        self.keep(&mut self.state(), build, unit, ran)
    }

    fn settle(&self, build: &Build<'_>) -> Result<(), HookError> {
        let mut state = self.state();
        state
            .stack
            .show_restored(build.target)
            .map_err(HookError::foreign)?;
        state.replays.play(build)
    }

    fn give_up(&self, build: &Build<'_>) -> Result<(), HookError> {
        self.state().search = Search::Over;
        self.settle(build)
    }

    fn watch(&self, build: &Build<'_>, unit: Unit<'_>, ran: &Ran<'_>) -> Result<(), HookError> {
        self.notice(build, unit, ran)
    }
}

/// Lets nothing in a layer be later than `SOURCE_DATE_EPOCH`, where that is set. At the build's end it would be done to the
/// whole tree, and each file that is touched there would come up from its layer, apart from its other names.
fn clamp_times(build: &Build<'_>, upper: &Utf8Path) -> Result<(), HookError> {
    let variables = build.phase_variables();
    if let Some(latest) = variables
        .get("SOURCE_DATE_EPOCH")
        .and_then(|text| text.parse().ok())
    {
        TargetRoot::open(upper)?.clamp_times(latest)?;
    }
    Ok(())
}
