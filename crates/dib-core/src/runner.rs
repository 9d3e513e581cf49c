//! Running the phases of a build.

use std::time::Instant;

use crate::layering::{Fate, Layering, NoLayering, Ran, Unit, is_kept};
use crate::observer::{HookTiming, PhaseProfile};
use crate::phase_entry::PhaseEntry;
use crate::surroundings::environment_in_target;
use crate::{BreakPoint, Build, HookContext, HookError, HookName, LayerRule, Phase, PlannedHook, staging};

/// The variable that has the shell after an error stay outside the target; upstream's name.
const OUTSIDE_AFTER_ERROR: &str = "break_outside_target";

/// Why a build's phases did not come to their end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A hook failed.
    #[error("hook {phase}.d/{hook} of element {element} failed", phase = hook.phase, hook = hook.name, element = hook.element)]
    Hook {
        /// The hook.
        hook: Box<PlannedHook>,
        /// Why.
        #[source]
        source: Box<HookError>,
    },
    /// A step that the build takes between hooks failed.
    #[error("failed to {step}")]
    Step {
        /// What was to be done.
        step: &'static str,
        /// Why.
        #[source]
        source: Box<HookError>,
    },
    /// No hook of the phase `root` made a root file system.
    #[error("the phase root left the target empty: no element made a root file system")]
    EmptyTarget,
    /// There is no such hook in the plan.
    #[error("the plan has no hook {hook} in phase {phase}")]
    UnknownHook {
        /// The phase.
        phase: Phase,
        /// The name.
        hook: HookName,
    },
    /// The shell of a break point could not be started.
    #[error("failed to open a shell at the break point {point}")]
    Shell {
        /// The point.
        point: BreakPoint,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Build<'_> {
    /// Runs all phases in order, with the steps that upstream takes between them.
    ///
    /// # Errors
    /// When a hook, a step or a break point's shell fails. Nothing runs after that but, when it was a hook,
    /// the shell of `after-error`.
    pub fn run_phases(&self) -> Result<Vec<PhaseProfile>, RunError> {
        self.run_some_phases(&Phase::ALL)
    }

    /// Runs these phases in order, with the steps that upstream takes before and after each.
    ///
    /// # Errors
    /// As [`Self::run_phases`].
    pub fn run_some_phases(&self, phases: &[Phase]) -> Result<Vec<PhaseProfile>, RunError> {
        let mut profiles = Vec::new();
        for phase in phases.iter().copied() {
            staging::before(self, phase)?;
            profiles.push(self.run_phase(phase)?);
            staging::after(self, phase)?;
        }
        Ok(profiles)
    }

    /// Runs the hooks of one phase in order.
    ///
    /// # Errors
    /// When a hook or a break point's shell fails.
    pub fn run_phase(&self, phase: Phase) -> Result<PhaseProfile, RunError> {
        let _span = tracing::info_span!("phase", %phase).entered();
        let hooks = self.hooks_in(phase)?;
        let entry = PhaseEntry::new(self, phase, !hooks.is_empty());
        if self.stops_in(phase) {
            // Whoever has a shell there may change the tree.
            self.layering.give_up(self).map_err(in_place)?;
            entry.require()?;
        } else if !is_kept(phase) {
            self.layering.settle(self).map_err(in_place)?;
            entry.require()?;
        }
        self.stop_at(BreakPoint::Before(phase), phase)?;
        self.observer.phase_started(phase, hooks.len());
        let start = Instant::now();
        let mut timings = Vec::with_capacity(hooks.len());
        for hook in &hooks {
            match self.run_planned(hook, &|| entry.require()) {
                Ok(timing) => timings.push(timing),
                Err(error) => {
                    if self.plan.spec().break_points.contains(BreakPoint::AfterError) {
                        self.observer.failed(&error);
                    }
                    self.stop_at(BreakPoint::AfterError, phase)?;
                    return Err(error);
                }
            }
        }
        let profile = PhaseProfile::new(phase, start.elapsed(), timings);
        self.observer.phase_finished(&profile);
        self.stop_at(BreakPoint::After(phase), phase)?;
        entry.end()?;
        self.reset_phase_environment();
        Ok(profile)
    }

    /// Runs one hook, whatever ran before.
    ///
    /// # Errors
    /// When there is no such hook or it fails.
    pub fn run_hook(&self, phase: Phase, name: &HookName) -> Result<HookTiming, RunError> {
        let hook = self
            .plan
            .hooks_of(phase)
            .find(|hook| hook.name == *name)
            .ok_or_else(|| RunError::UnknownHook {
                phase,
                hook: name.clone(),
            })?;
        self.run_planned(hook, &|| Ok(()))
    }

    /// Runs a hook of the plan, in a phase that is prepared by `require` where the hook is to run at all.
    fn run_planned(
        &self,
        hook: &PlannedHook,
        require: &dyn Fn() -> Result<(), RunError>,
    ) -> Result<HookTiming, RunError> {
        let _span = tracing::info_span!("hook", name = %hook.name, element = %hook.element).entered();
        let failed = |source| RunError::Hook {
            hook: Box::new(hook.clone()),
            source: Box::new(source),
        };
        let unit = Unit::Hook(hook);
        let layering = self.layering_of(hook.phase);
        let mut timing = HookTiming {
            hook: hook.name.as_str().to_owned(),
            element: hook.element.clone(),
            seconds: 0.0,
        };
        if layering.begin(self, unit).map_err(failed)? == Fate::Reused {
            self.observer.hook_reused(hook);
            return Ok(timing);
        }
        require()?;
        self.observer.hook_started(hook);
        let (start, entries) = (Instant::now(), self.journal.len());
        let files = self.cache.count_of_served();
        let nodes = self.count_of_kept_nodes();
        let ctx = HookContext::of_hook(self, hook);
        ctx.run_watched(hook).map_err(failed)?;
        timing.seconds = start.elapsed().as_secs_f64();
        let ran = Ran {
            found: ctx.inputs(),
            journal: &self.journal.entries_from(entries),
            device_nodes: self.kept_nodes_from(nodes),
            files: self.cache.served_from(files),
            seconds: timing.seconds,
            expires: match self.plan.layer_rule_of(hook) {
                LayerRule::Expires(seconds) => Some(seconds),
                _ => None,
            },
        };
        self.tell_of(hook.phase, unit, &ran).map_err(failed)?;
        self.observer.hook_finished(&timing);
        Ok(timing)
    }

    /// Takes a step of the build itself, once `require` has prepared for it.
    pub(crate) fn take_step(
        &self,
        phase: Phase,
        name: &'static str,
        require: &dyn Fn() -> Result<(), RunError>,
        take: impl FnOnce(&HookContext<'_>) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let failed = |source| RunError::Step {
            step: name,
            source: Box::new(source),
        };
        let (unit, layering) = (Unit::Step(name), self.layering_of(phase));
        if layering.begin(self, unit).map_err(failed)? == Fate::Reused {
            return Ok(());
        }
        require()?;
        let (start, entries) = (Instant::now(), self.journal.len());
        let files = self.cache.count_of_served();
        let nodes = self.count_of_kept_nodes();
        let ctx = HookContext::of_step(self, name);
        take(&ctx)?;
        let ran = Ran {
            found: ctx.inputs(),
            journal: &self.journal.entries_from(entries),
            device_nodes: self.kept_nodes_from(nodes),
            files: self.cache.served_from(files),
            seconds: start.elapsed().as_secs_f64(),
            expires: None,
        };
        self.tell_of(phase, unit, &ran).map_err(failed)
    }

    /// Returns who keeps what the units of a phase do.
    fn layering_of(&self, phase: Phase) -> &dyn Layering {
        if is_kept(phase) {
            self.layering
        } else {
            &NoLayering
        }
    }

    /// Tells who keeps what units do of one that has run.
    fn tell_of(&self, phase: Phase, unit: Unit<'_>, ran: &Ran<'_>) -> Result<(), HookError> {
        if is_kept(phase) {
            self.layering.finish(self, unit, ran)
        } else {
            self.layering.watch(self, unit, ran)
        }
    }

    fn stops_in(&self, phase: Phase) -> bool {
        let points = &self.plan.spec().break_points;
        points.contains(BreakPoint::Before(phase)) || points.contains(BreakPoint::After(phase))
    }

    /// Opens a shell where the user wants one: in the target when the phase's hooks run there, as upstream has it.
    fn stop_at(&self, point: BreakPoint, phase: Phase) -> Result<(), RunError> {
        let break_points = &self.plan.spec().break_points;
        if !break_points.contains(point) {
            return Ok(());
        }
        self.observer.stopping_at(point);
        let variables = self.phase_variables();
        let is_sent_outside = point == BreakPoint::AfterError
            && variables
                .get(OUTSIDE_AFTER_ERROR)
                .is_some_and(|value| !value.is_empty());
        let command = &break_points.command;
        let opened = if phase.runs_in_target() && !is_sent_outside {
            let mut environment = environment_in_target(variables.environment());
            // There the tree is all there is; lines that enter it by these names mean the same as outside.
            for name in ["TARGET_ROOT", "TMP_MOUNT_PATH"] {
                environment.insert(name.to_owned(), "/".to_owned());
            }
            self.machine.shell_in_target(self.target, command, &environment)
        } else {
            self.machine.shell(command, &variables.environment())
        };
        opened.map_err(|source| RunError::Shell { point, source })?;
        self.observer.resuming();
        Ok(())
    }
}

fn in_place(source: HookError) -> RunError {
    RunError::Step {
        step: "put the tree in place",
        source: Box::new(source),
    }
}
