//! Who watches a build.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{BreakPoint, ElementName, Phase, PlannedHook, RunError, Unit};

/// How long a hook took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookTiming {
    /// The hook's name.
    pub hook: String,
    /// The hook's element.
    pub element: ElementName,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// How long a phase took, hook by hook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseProfile {
    /// The phase.
    pub phase: Phase,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Its hooks, in the order in which they ran.
    pub hooks: Vec<HookTiming>,
}

impl PhaseProfile {
    pub(crate) fn new(phase: Phase, elapsed: Duration, hooks: Vec<HookTiming>) -> Self {
        Self {
            phase,
            seconds: elapsed.as_secs_f64(),
            hooks,
        }
    }
}

/// How far a hook has come with something that takes its time; it ends with its hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work<'w> {
    /// What is being done, such as `extracting root.tar.xz`; one name is one work.
    pub name: &'w str,
    /// How much of it is done.
    pub done: u64,
    /// How much there is to do.
    pub total: u64,
    /// What is counted.
    pub unit: WorkUnit,
}

/// What is counted of a work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkUnit {
    /// Bytes.
    Bytes,
    /// Packages.
    Packages,
}

/// What is to be said of a unit of work where the work of builds before is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explanation<'e> {
    /// It is not run: what it does is known.
    Reused,
    /// It is run, for that reason.
    Run(&'e str),
    /// It was run, and neither what it did is kept for later builds nor what comes after it, for that reason.
    NotKept(&'e str),
}

/// Watches a build; a terminal's progress lines and a log are two of them.
///
/// Each method does nothing unless it is overridden.
pub trait Observer: Sync {
    /// A phase begins, with so many hooks.
    fn phase_started(&self, phase: Phase, hooks: usize) {
        let _ = (phase, hooks);
    }

    /// A hook begins.
    fn hook_started(&self, hook: &PlannedHook) {
        let _ = hook;
    }

    /// A hook is not run, since what it does is known from another build.
    fn hook_reused(&self, hook: &PlannedHook) {
        let _ = hook;
    }

    /// Something was decided about a unit of work.
    fn explained(&self, unit: Unit<'_>, explanation: Explanation<'_>) {
        let _ = (unit, explanation);
    }

    /// A command of a hook wrote a line.
    fn output(&self, line: &str) {
        let _ = line;
    }

    /// A hook has come so far with something that takes its time. Calls come from several threads at once.
    fn working(&self, work: &Work<'_>) {
        let _ = work;
    }

    /// A hook ended well.
    fn hook_finished(&self, timing: &HookTiming) {
        let _ = timing;
    }

    /// A phase ended well.
    fn phase_finished(&self, profile: &PhaseProfile) {
        let _ = profile;
    }

    /// A hook failed, and a shell comes before the build's end.
    fn failed(&self, error: &RunError) {
        let _ = error;
    }

    /// The build is about to stop at a break point for a shell.
    fn stopping_at(&self, point: BreakPoint) {
        let _ = point;
    }

    /// The shell of a break point has ended.
    fn resuming(&self) {}
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}
