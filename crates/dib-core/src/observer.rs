//! Who watches a build.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{BreakPoint, ElementName, Phase, PlannedHook, RunError};

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

    /// A command of a hook wrote a line.
    fn output(&self, line: &str) {
        let _ = line;
    }

    /// An archive is being extracted: so many of its bytes have been read.
    fn extracting(&self, archive: &str, read: u64, total: u64) {
        let _ = (archive, read, total);
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
