//! Entering and leaving a phase: when its first hook is to run, so that a phase whose hooks are all known costs nothing.

use std::cell::Cell;

use crate::layering::is_kept;
use crate::runner::RunError;
use crate::{Build, HookContext, HookError, Phase, PlannedHook, staging};

/// A phase under way.
pub(crate) struct PhaseEntry<'e, 'b> {
    build: &'e Build<'b>,
    phase: Phase,
    has_hooks: bool,
    is_entered: Cell<bool>,
}

impl<'e, 'b> PhaseEntry<'e, 'b> {
    pub(crate) fn new(build: &'e Build<'b>, phase: Phase, has_hooks: bool) -> Self {
        Self {
            build,
            phase,
            has_hooks,
            is_entered: Cell::new(false),
        }
    }

    /// Prepares the phase, unless it is prepared.
    pub(crate) fn require(&self) -> Result<(), RunError> {
        if self.is_entered.replace(true) {
            return Ok(());
        }
        let ctx = HookContext::of_step(self.build, "prepare the phase");
        let surroundings = self.build.surroundings;
        let entered = surroundings.enter(&ctx, self.phase, self.has_hooks);
        entered.map_err(failed("prepare the phase"))
    }

    /// Clears up after the phase.
    pub(crate) fn end(&self) -> Result<(), RunError> {
        let step = staging::end_of(self.phase);
        let surroundings = self.build.surroundings;
        if !is_kept(self.phase) || !self.build.plan.has_scripts() {
            self.require()?;
            let ctx = HookContext::of_step(self.build, step);
            return surroundings.leave(&ctx, self.phase).map_err(failed(step));
        }
        self.build.take_step(self.phase, step, &|| self.require(), |ctx| {
            surroundings.leave(ctx, self.phase).map_err(failed(step))
        })
    }
}

impl Build<'_> {
    /// Returns the hooks that run in a phase.
    pub(crate) fn hooks_in(&self, phase: Phase) -> Result<Vec<PlannedHook>, RunError> {
        let planned = self.plan.hooks_of(phase).cloned().collect();
        let ctx = HookContext::of_step(self, "prepare the phase");
        let hooks = self.surroundings.hooks(&ctx, phase, planned);
        hooks.map_err(failed("prepare the phase"))
    }
}

fn failed(step: &'static str) -> impl FnOnce(HookError) -> RunError {
    move |source| RunError::Step {
        step,
        source: Box::new(source),
    }
}
