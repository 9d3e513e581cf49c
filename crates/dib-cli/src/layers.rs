//! Layers: what hooks did in builds before is kept below the image cache, and taken from there.

mod costs;
mod forecast;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{LayerUse, LoopDevice, Plan};
use dib_layers::layered_build::forget_gone;
use dib_layers::{ImageStore, LayerStore, LayeredBuild};
use dib_sys::overlay::{LayerStack, probe};

use crate::workspace::BuildDirectory;
use crate::{CliError, Console, ErrorKind};

/// The variable that can say that there are to be no layers: by the value 0.
pub(crate) const LAYERS: &str = "DIB_LAYERS";
/// The directory in the image cache that holds all about layers.
pub(crate) const DIRECTORY: &str = "layers";
/// The store's directory in it.
const PACKS: &str = "packs";
/// The directory beside it that leads to its layers.
const BASES: &str = "bases";

/// The store of layers of an image cache.
pub(crate) struct Layers {
    store: LayerStore,
    bases: Utf8PathBuf,
}

impl Layers {
    /// Opens the store where the user wants layers and the build can have some, and removes what is too old or too much. Says why
    /// where there can be none: a build can do without, and somebody else's cache is as good a one. Runs in the sandbox, whose
    /// users own the store.
    pub(crate) fn open(plan: &Plan<'_>, console: &Console) -> Option<Self> {
        if !are_wanted(plan, console) {
            return None;
        }
        match Self::within_limits(plan, console) {
            Ok(layers) => Some(layers),
            Err(error) => {
                console.say(&format!("this build goes without layers: {}", in_a_line(&*error)));
                None
            }
        }
    }

    fn within_limits(plan: &Plan<'_>, console: &Console) -> Result<Self, Box<dyn Error>> {
        let directory = plan.spec().image_cache.join(DIRECTORY);
        fs::create_dir_all(&directory).map_err(|error| format!("{directory} can't be made: {error}"))?;
        let limits = plan.spec().layer_limits;
        let layers = Self {
            store: LayerStore::open(&directory.join(PACKS), limits.bytes)?,
            bases: directory.join(BASES),
        };
        let pruned = layers.store.prune(limits.bytes, limits.unused_for)?;
        if !pruned.removed.is_empty() {
            forget_gone(&layers.store, &layers.bases);
            console.say(&format!(
                "layers: removed {}, unused for too long or over the limit",
                pruned.removed.len()
            ));
        }
        Ok(layers)
    }

    /// Opens the store that builds before have left, where there is one and the build of a plan would take something from it.
    ///
    /// # Errors
    /// When it can't be opened.
    pub(crate) fn left_by_builds(plan: &Plan<'_>, console: &Console) -> Result<Option<Self>, CliError> {
        let directory = plan.spec().image_cache.join(DIRECTORY);
        if !are_wanted(plan, console) || !directory.join(PACKS).is_dir() {
            return Ok(None);
        }
        Ok(Some(Self {
            store: open_store(&directory, plan.spec().layer_limits.bytes)?,
            bases: directory.join(BASES),
        }))
    }

    /// Returns the store of the images that builds before came to.
    pub(crate) fn images(&self) -> ImageStore {
        self.store.images()
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
    // Nothing is written to it.
    open_store(&directory, u64::MAX).map(Some)
}

fn open_store(directory: &Utf8Path, limit: u64) -> Result<LayerStore, CliError> {
    LayerStore::open(&directory.join(PACKS), limit)
        .map_err(|error| CliError::new(ErrorKind::InputOutput, error))
}

/// Returns whether the user wants layers, and the build can have some; says why where it can't.
fn are_wanted(plan: &Plan<'_>, console: &Console) -> bool {
    let spec = plan.spec();
    if spec.layers == LayerUse::Unused {
        return false;
    }
    if spec.loop_device == LoopDevice::Attached {
        console.say("this build goes without layers: its scripts have a loop device");
        return false;
    }
    true
}

/// Returns an error with its causes in one line.
fn in_a_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}").expect("writing to a string");
        cause = error.source();
    }
    text
}
