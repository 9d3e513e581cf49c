//! What a hook sees and does: all of it goes through here.

mod caching;
mod changing;
mod on_host;
mod reading;
mod whole;

use std::sync::Arc;

use crate::inputs::Inputs;
use crate::journal::Actor;
use crate::{Build, Effect, PlannedHook, Variables};

/// A hook's world: what it may read, and every effect it may have.
///
/// A method that changes something records it in the journal; one that only looks does not. Paths are paths in
/// the target, written with a leading slash; they resolve inside it, whatever its symbolic links say.
pub struct HookContext<'a> {
    build: &'a Build<'a>,
    pub(crate) actor: Actor,
    pub(crate) variables: Arc<Variables>,
    pub(crate) inputs: Inputs,
    /// Whether the hook's element tells by itself what the hook depends on beyond the build.
    pub(crate) knows_downloads: bool,
    /// Whether it is a script, all of whose surroundings are recorded.
    pub(crate) is_script: bool,
}

impl<'a> HookContext<'a> {
    /// Makes the context in which a hook of the build's plan runs.
    #[must_use]
    pub fn of_hook(build: &'a Build<'a>, hook: &PlannedHook) -> Self {
        let actor = Actor::Hook {
            phase: hook.phase,
            hook: hook.name.as_str().to_owned(),
            element: hook.element.clone(),
        };
        Self {
            build,
            actor,
            variables: build.phase_variables(),
            inputs: Inputs::default(),
            knows_downloads: hook.inputs.is_some(),
            is_script: !hook.body.is_native(),
        }
    }

    /// Makes the context of a step that the build itself takes between hooks.
    pub(crate) fn of_step(build: &'a Build<'a>, step: &str) -> Self {
        Self {
            build,
            actor: Actor::Build {
                step: step.to_owned(),
            },
            variables: build.phase_variables(),
            inputs: Inputs::default(),
            knows_downloads: false,
            is_script: false,
        }
    }

    /// Records that there was nothing to do, and why.
    pub fn nothing(&self, reason: impl Into<String>) {
        self.record(Effect::Nothing {
            reason: reason.into(),
        });
    }

    pub(crate) fn record(&self, effect: Effect) {
        self.build.journal.record(&self.actor, effect);
    }

    pub(crate) fn build(&self) -> &Build<'a> {
        self.build
    }
}
