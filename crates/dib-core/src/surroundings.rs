//! What a phase's hooks find around them, beyond what the build itself prepares.
//!
//! This crate knows no shell. Whoever does, as `dib-script`, sets the scene for scripts here: before the hooks of a phase it
//! mounts what they look for and works out the variables that they see, and says which hooks there are by then.

use std::collections::BTreeMap;

use crate::{HookContext, HookError, Phase, PlannedHook};

/// Directories of programs that are on everybody's path in the target.
const TARGET_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns the environment that scripts and shells have in the target, where they have this one beside it.
///
/// Source: `run_in_target` of diskimage-builder.
#[must_use]
pub fn environment_in_target(mut environment: BTreeMap<String, String>) -> BTreeMap<String, String> {
    for name in ["TMPDIR", "VIRTUAL_ENV"] {
        environment.remove(name);
    }
    let path = match environment.remove("PATH") {
        Some(path) if path.ends_with(TARGET_PATH) => path,
        Some(path) => format!("{path}:{TARGET_PATH}"),
        None => TARGET_PATH.to_owned(),
    };
    environment.insert("PATH".to_owned(), path);
    for (name, value) in [("HOME", "/root"), ("USER", "root"), ("LOGNAME", "root")] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment
}

/// Prepares a phase for its hooks, and clears up after them.
pub trait Surroundings {
    /// Returns the hooks that run in a phase, in their order; `planned` are those of the plan.
    ///
    /// # Errors
    /// When they can't be listed.
    fn hooks(
        &self,
        ctx: &HookContext<'_>,
        phase: Phase,
        planned: Vec<PlannedHook>,
    ) -> Result<Vec<PlannedHook>, HookError>;

    /// Prepares a phase, which has hooks or not, before the first of them runs.
    ///
    /// # Errors
    /// When something can't be prepared. No hook runs then.
    fn enter(&self, ctx: &HookContext<'_>, phase: Phase, has_hooks: bool) -> Result<(), HookError>;

    /// Clears up after the hooks of a phase, all of which succeeded.
    ///
    /// # Errors
    /// When something can't be cleared up.
    fn leave(&self, ctx: &HookContext<'_>, phase: Phase) -> Result<(), HookError>;
}

/// Nothing but what the build itself prepares: enough for hooks that are functions.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSurroundings;

impl Surroundings for NoSurroundings {
    fn hooks(
        &self,
        _ctx: &HookContext<'_>,
        _phase: Phase,
        planned: Vec<PlannedHook>,
    ) -> Result<Vec<PlannedHook>, HookError> {
        Ok(planned)
    }

    fn enter(&self, _ctx: &HookContext<'_>, _phase: Phase, _has_hooks: bool) -> Result<(), HookError> {
        Ok(())
    }

    fn leave(&self, _ctx: &HookContext<'_>, _phase: Phase) -> Result<(), HookError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_in_the_target_are_roots() {
        let given = [
            ("PATH", "/opt/bin"),
            ("HOME", "/home/me"),
            ("TMPDIR", "/x"),
            ("A", "1"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = environment_in_target(given.into());
        assert_eq!(environment["PATH"], format!("/opt/bin:{TARGET_PATH}"));
        assert_eq!(environment["HOME"], "/root");
        assert_eq!(environment["A"], "1");
        assert!(!environment.contains_key("TMPDIR"));
        assert_eq!(environment_in_target(environment.clone()), environment);
    }
}
