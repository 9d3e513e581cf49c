//! Layers: what hooks did in builds before is kept below the image cache, and taken from there.

use std::fmt::Write as _;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::observer::Unobserved;
use dib_core::{Build, ImageSpec, Journal, LayerUse, LoopDevice, Plan, SandboxMachine};
use dib_layers::layered_build::{Outcome, predict};
use dib_layers::{LayerStore, LayeredBuild};
use dib_script::{Places, ScriptWorld};
use dib_sys::TargetRoot;
use dib_sys::overlay::{LayerStack, probe};

use crate::download_cache::open_cache;
use crate::workspace::BuildDirectory;
use crate::{CliError, Console, ErrorKind, hook_scripts, pipeline};

/// The variable that can say that there are to be no layers: by the value 0.
pub(crate) const LAYERS: &str = "DIB_LAYERS";
/// The directory in the image cache that holds all about layers.
pub(crate) const DIRECTORY: &str = "layers";
/// The store's directory in it.
const PACKS: &str = "packs";
/// How much the store holds at the most, in bytes.
const LIMIT: u64 = 20 << 30;

/// The store of layers of an image cache.
pub(crate) struct Layers {
    store: LayerStore,
    bases: Utf8PathBuf,
}

impl Layers {
    /// Opens the store where the user wants layers and the build can have some. Runs in the sandbox, whose users own it.
    ///
    /// # Errors
    /// When it can't be opened.
    pub(crate) fn open(plan: &Plan<'_>, console: &Console) -> Result<Option<Self>, CliError> {
        let spec = plan.spec();
        if !are_wanted(spec) {
            return Ok(None);
        }
        if let Some(reason) = why_without(plan) {
            console.say(&format!("this build goes without layers: {reason}"));
            return Ok(None);
        }
        let directory = spec.image_cache.join(DIRECTORY);
        fs::create_dir_all(&directory).map_err(|error| CliError::new(ErrorKind::CannotCreate, error))?;
        let store = open_store(&directory)
            .map_err(|error| error.hint("with --no-layers the build needs none".to_owned()))?;
        Ok(Some(Self {
            store,
            bases: directory.join("bases"),
        }))
    }

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

    /// Begins the layers of a build; its tree must be empty, and opened after this. `None` where this machine can't have any.
    ///
    /// # Errors
    /// When the tree can't be prepared.
    pub(crate) fn begin(
        &self,
        directory: &BuildDirectory,
        program: &Utf8Path,
        console: &Console,
    ) -> Result<Option<LayeredBuild<'_>>, CliError> {
        let failed = |error| CliError::new(ErrorKind::InputOutput, error);
        let (stack, empty) = (directory.path().join("layers"), directory.path().join("empty"));
        for path in [&stack, &empty] {
            fs::create_dir(path).map_err(failed)?;
        }
        if let Err(error) = probe(&stack) {
            console.say(&format!("this build goes without layers: {error}"));
            return Ok(None);
        }
        let stack = LayerStack::begin(&directory.tree(), &stack)
            .map_err(|error| CliError::new(ErrorKind::Unavailable, error))?;
        LayeredBuild::begin(&self.store, &self.bases, stack, &empty, program)
            .map(Some)
            .map_err(failed)
    }
}

/// Opens the store of an image cache that has one.
///
/// # Errors
/// When it can't be opened.
pub(crate) fn store_of(image_cache: &Utf8Path) -> Result<Option<LayerStore>, CliError> {
    let directory = image_cache.join(DIRECTORY);
    if !directory.join(PACKS).is_dir() {
        return Ok(None);
    }
    open_store(&directory).map(Some)
}

fn open_store(directory: &Utf8Path) -> Result<LayerStore, CliError> {
    LayerStore::open(&directory.join(PACKS), LIMIT)
        .map_err(|error| CliError::new(ErrorKind::InputOutput, error))
}

fn are_wanted(spec: &ImageSpec) -> bool {
    spec.layers != LayerUse::Unused
}

/// Returns why a build can't have layers.
fn why_without(plan: &Plan<'_>) -> Option<&'static str> {
    (plan.spec().loop_device == LoopDevice::Attached).then_some("its scripts have a loop device")
}
