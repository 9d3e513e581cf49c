//! Work that need not be done again.
//!
//! A build's work is a chain of units: its hooks, and the steps that it takes itself between them. Each builds on the ones
//! before. Whoever keeps what units did, as `dib-layers`, is asked before each and told after each.

use std::fmt;

use dib_cache::ServedFile;
use dib_sys::DeviceNode;

use crate::inputs::Found;
use crate::{Build, Entry, HookContext, HookError, Phase, Plan, PlannedHook, staging};

/// A unit of a build's work.
#[derive(Debug, Clone, Copy)]
pub enum Unit<'u> {
    /// A hook.
    Hook(&'u PlannedHook),
    /// A step that the build takes itself.
    Step(&'static str),
}

impl fmt::Display for Unit<'_> {
    /// Writes it as people know it, such as `root.d/08-debootstrap` or `unmount`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hook(hook) => write!(formatter, "{}.d/{}", hook.phase, hook.name),
            Self::Step(step) => formatter.write_str(step),
        }
    }
}

/// Whether a unit's work is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is.
    Run,
    /// It was done in another build, and its effects are, or will be, in the tree.
    Reused,
}

/// What a unit that has been run was like.
#[derive(Debug)]
pub struct Ran<'r> {
    /// What it has looked at.
    pub found: Found,
    /// What it has done.
    pub journal: &'r [Entry],
    /// The device nodes that the image has of it and the tree hasn't.
    pub device_nodes: Vec<DeviceNode>,
    /// The files of the image cache that it was given.
    pub files: Vec<ServedFile>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// For how many seconds from now on it stands for what the unit would do, where its element says so.
    pub expires: Option<u64>,
}

/// Keeps what units of work did, and puts it in their place.
pub trait Layering {
    /// Returns whether anything is kept at all.
    fn is_interested(&self) -> bool;

    /// Decides whether a unit is run.
    ///
    /// # Errors
    /// When what is kept can't be put in place.
    fn begin(&self, build: &Build<'_>, unit: Unit<'_>) -> Result<Fate, HookError>;

    /// Keeps what a unit did that was run.
    ///
    /// # Errors
    /// When the tree can't be prepared for the next unit.
    fn finish(&self, build: &Build<'_>, unit: Unit<'_>, ran: &Ran<'_>) -> Result<(), HookError>;

    /// Sees to it that the tree is as all units up to now have left it.
    ///
    /// # Errors
    /// When what is kept can't be put in place.
    fn settle(&self, build: &Build<'_>) -> Result<(), HookError>;

    /// Does the same, and keeps and reuses nothing from there on.
    ///
    /// # Errors
    /// When what is kept can't be put in place.
    fn give_up(&self, build: &Build<'_>) -> Result<(), HookError>;

    /// Takes notice of a unit after those whose work may be kept, which is run in each build.
    ///
    /// # Errors
    /// When what it depends on can't be told.
    fn watch(&self, build: &Build<'_>, unit: Unit<'_>, ran: &Ran<'_>) -> Result<(), HookError>;
}

/// Returns whether the work of a phase's units may be kept: none of it once the tree is prepared for its disk, since hooks
/// leave files beside the image then.
pub(crate) fn is_kept(phase: Phase) -> bool {
    phase <= Phase::PostRoot
}

impl Plan<'_> {
    /// Returns the units whose work may be kept, in the order in which they run.
    #[must_use]
    pub fn kept_units(&self) -> Vec<Unit<'_>> {
        self.units_where(is_kept)
    }

    /// Returns the units after those whose work may be kept, in the order in which they run.
    #[must_use]
    pub fn watched_units(&self) -> Vec<Unit<'_>> {
        self.units_where(|phase| !is_kept(phase))
    }

    fn units_where(&self, is_wanted: fn(Phase) -> bool) -> Vec<Unit<'_>> {
        let phases = Phase::ALL.into_iter().filter(|phase| is_wanted(*phase));
        phases
            .flat_map(|phase| {
                let (before, after) = staging::steps(phase);
                let steps = |names: &'static [&'static str]| names.iter().map(|name| Unit::Step(name));
                let end = (is_kept(phase) && self.has_scripts()).then(|| Unit::Step(staging::end_of(phase)));
                steps(before)
                    .chain(self.hooks_of(phase).map(Unit::Hook))
                    .chain(end)
                    .chain(steps(after))
            })
            .collect()
    }
}

impl Build<'_> {
    /// Makes a context in which one can look at what a unit would find.
    #[must_use]
    pub fn context_of(&self, unit: Unit<'_>) -> HookContext<'_> {
        match unit {
            Unit::Hook(hook) => HookContext::of_hook(self, hook),
            Unit::Step(step) => HookContext::of_step(self, step),
        }
    }
}

/// Keeps nothing: each unit is run.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLayering;

impl Layering for NoLayering {
    fn is_interested(&self) -> bool {
        false
    }

    fn begin(&self, _build: &Build<'_>, _unit: Unit<'_>) -> Result<Fate, HookError> {
        Ok(Fate::Run)
    }

    fn finish(&self, _build: &Build<'_>, _unit: Unit<'_>, _ran: &Ran<'_>) -> Result<(), HookError> {
        Ok(())
    }

    fn settle(&self, _build: &Build<'_>) -> Result<(), HookError> {
        Ok(())
    }

    fn give_up(&self, _build: &Build<'_>) -> Result<(), HookError> {
        Ok(())
    }

    fn watch(&self, _build: &Build<'_>, _unit: Unit<'_>, _ran: &Ran<'_>) -> Result<(), HookError> {
        Ok(())
    }
}
