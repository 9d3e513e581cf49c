//! What a build would take from builds before, and what it would cost.

use std::fmt::Write as _;
use std::fs;

use camino::Utf8Path;
use dib_core::observer::Unobserved;
use dib_core::{Build, Journal, Plan, SandboxMachine};
use dib_layers::layered_build::{Outcome, predict};
use dib_script::{Places, ScriptWorld};
use dib_sys::TargetRoot;

use super::Layers;
use crate::download_cache::open_cache;
use crate::{CliError, Console, ErrorKind, hook_scripts, pipeline};

impl Layers {
    /// Says in lines which of a plan's units are known, and why the first that isn't is not.
    ///
    /// # Errors
    /// When the store can't be read, or an element can't tell what its hook depends on.
    pub(crate) fn explain(
        &self,
        plan: &Plan<'_>,
        program: &Utf8Path,
        console: &Console,
    ) -> Result<String, CliError> {
        let failed = |error| CliError::new(ErrorKind::InputOutput, error);
        let directory = tempfile::tempdir().map_err(failed)?;
        let path = Utf8Path::from_path(directory.path())
            .ok_or_else(|| failed(std::io::Error::other("TMPDIR is not UTF-8")))?;
        let places = Places::below(path);
        for place in [&places.tree, &places.hooks] {
            fs::create_dir(place).map_err(failed)?;
        }
        let world = ScriptWorld::of(plan, places.clone());
        world.write(plan, program)?;
        hook_scripts::write(&places.hooks, plan, program).map_err(failed)?;
        let target =
            TargetRoot::open(&places.tree).map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
        let cache = open_cache(plan.spec(), console)?;
        let journal = Journal::new();
        let variables = pipeline::variables(plan, &places, &world);
        let build = Build::new(
            plan,
            variables,
            &target,
            &SandboxMachine,
            &cache,
            &journal,
            &Unobserved,
        );
        let decisions = predict(&self.store, &self.bases, program, &build)?;
        let mut text = "layers\n".to_owned();
        for decision in decisions {
            match decision.outcome {
                Outcome::Reused => writeln!(text, "  known   {}", decision.unit),
                Outcome::Ran(why) => writeln!(text, "  to do   {}  ({why})", decision.unit),
            }
            .expect("writing to a string");
        }
        Ok(text)
    }
}
