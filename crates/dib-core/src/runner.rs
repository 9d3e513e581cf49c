//! Running the phases of a build.

use std::time::Instant;

use crate::observer::{HookTiming, PhaseProfile};
use crate::{BreakPoint, Build, HookContext, HookError, HookName, Phase, PlannedHook, staging};

/// Why a build's phases did not come to their end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A hook failed.
    #[error("hook {phase}.d/{hook} of element {element} failed", phase = hook.phase, hook = hook.name, element = hook.element)]
    Hook {
        /// The hook.
        hook: PlannedHook,
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
        let mut profiles = Vec::new();
        for phase in Phase::ALL {
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
        let hooks = self.enter(phase).map_err(|source| RunError::Step {
            step: "prepare the phase",
            source: Box::new(source),
        })?;
        self.stop_at(BreakPoint::Before(phase))?;
        self.observer.phase_started(phase, hooks.len());
        let start = Instant::now();
        let mut timings = Vec::with_capacity(hooks.len());
        for hook in &hooks {
            match self.run_planned(hook) {
                Ok(timing) => timings.push(timing),
                Err(error) => {
                    if self.plan.spec().break_points.contains(BreakPoint::AfterError) {
                        self.observer.failed(&error);
                    }
                    self.stop_at(BreakPoint::AfterError)?;
                    return Err(error);
                }
            }
        }
        let profile = PhaseProfile::new(phase, start.elapsed(), timings);
        self.observer.phase_finished(&profile);
        self.stop_at(BreakPoint::After(phase))?;
        self.leave(phase).map_err(|source| RunError::Step {
            step: "end the phase",
            source: Box::new(source),
        })?;
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
        self.run_planned(hook)
    }

    fn run_planned(&self, hook: &PlannedHook) -> Result<HookTiming, RunError> {
        let _span = tracing::info_span!("hook", name = %hook.name, element = %hook.element).entered();
        self.observer.hook_started(hook);
        let start = Instant::now();
        let ctx = HookContext::of_hook(self, hook);
        hook.body.run(&ctx).map_err(|source| RunError::Hook {
            hook: hook.clone(),
            source: Box::new(source),
        })?;
        let timing = HookTiming {
            hook: hook.name.as_str().to_owned(),
            element: hook.element.clone(),
            seconds: start.elapsed().as_secs_f64(),
        };
        self.observer.hook_finished(&timing);
        Ok(timing)
    }

    fn stop_at(&self, point: BreakPoint) -> Result<(), RunError> {
        let break_points = &self.plan.spec().break_points;
        if !break_points.contains(point) {
            return Ok(());
        }
        self.observer.stopping_at(point);
        let environment = self.phase_variables().environment();
        self.machine
            .shell(&break_points.command, &environment)
            .map_err(|source| RunError::Shell { point, source })?;
        self.observer.resuming();
        Ok(())
    }
}
