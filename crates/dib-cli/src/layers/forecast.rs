//! What a build would take from builds before, and what it would cost.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use camino::Utf8Path;
use dib_core::cache::Cache;
use dib_core::observer::Unobserved;
use dib_core::{Build, Journal, Plan, SandboxMachine};
use dib_layers::layered_build::{Forecast, Outcome, predict};
use dib_script::{Places, ScriptWorld};
use dib_sys::TargetRoot;
use indicatif::BinaryBytes;

use super::{Layers, costs};
use crate::built_image::BuiltImage;
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
        let forecasts = predict(&self.store, &self.bases, program, &build)?;
        let mut text = "layers\n".to_owned();
        for Forecast { decision, .. } in &forecasts {
            match &decision.outcome {
                Outcome::Reused => writeln!(text, "  known   {}", decision.unit),
                Outcome::Ran(why) => writeln!(text, "  to do   {}  ({why})", decision.unit),
            }
            .expect("writing to a string");
        }
        text.push_str("costs\n");
        text.push_str(&costs::told(&forecasts, &sizes_in(&cache)?));
        text.push_str(&images_last_time(plan));
        Ok(text)
    }
}

/// Returns the sizes of the files in the image cache, by their names.
fn sizes_in(cache: &Cache) -> Result<BTreeMap<String, u64>, CliError> {
    let entries = cache.entries()?.into_iter();
    Ok(entries
        .map(|entry| (entry.name.to_string(), entry.size))
        .collect())
}

/// Says how large the images are that stand where those of the plan would, if they are of the same elements.
fn images_last_time(plan: &Plan<'_>) -> String {
    let mut text = String::new();
    let output = &plan.spec().output;
    let Ok(built) = BuiltImage::open(&output.base) else {
        return text;
    };
    let elements: BTreeSet<&str> = built.hooks().map(|(_, element)| element).collect();
    if elements != plan.hooks().iter().map(|hook| hook.element.as_str()).collect() {
        return text;
    }
    for path in output.types.iter().map(|image_type| output.path(*image_type)) {
        if let Some(bytes) = built.size_of(&path) {
            costs::add(
                &mut text,
                path.as_str(),
                &format!("{} last time", BinaryBytes(bytes)),
            );
        }
    }
    text
}
