//! Layers: what hooks did in builds before is kept below the image cache, and taken from there.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{ImageSpec, LoopDevice, Plan};
use dib_layers::{LayerStore, LayeredBuild};
use dib_sys::overlay::{LayerStack, probe};

use crate::workspace::BuildDirectory;
use crate::{CliError, Console, ErrorKind};

/// The variable that asks for layers.
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
            .map_err(|error| error.hint(format!("without {LAYERS} the build needs no layers")))?;
        Ok(Some(Self {
            store,
            bases: directory.join("bases"),
        }))
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
    spec.variables
        .get(LAYERS)
        .is_some_and(|value| !value.is_empty() && value != "0")
}

/// Returns why a build can't have layers.
fn why_without(plan: &Plan<'_>) -> Option<&'static str> {
    if plan.spec().loop_device == LoopDevice::Attached {
        return Some("its scripts have a loop device");
    }
    let has_scripts = plan.hooks().iter().any(|hook| !hook.body.is_native());
    has_scripts.then_some("what scripts depend on can't be known")
}
