//! Layers: what hooks did in builds before is kept below the image cache, and taken from there.

mod costs;
mod forecast;

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{LayerUse, LoopDevice, Plan};
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

/// The store of layers of an image cache.
pub(crate) struct Layers {
    store: LayerStore,
    bases: Utf8PathBuf,
}

impl Layers {
    /// Opens the store where the user wants layers and the build can have some, and removes what is too old or too much. Runs
    /// in the sandbox, whose users own it.
    ///
    /// # Errors
    /// When it can't be opened.
    pub(crate) fn open(plan: &Plan<'_>, console: &Console) -> Result<Option<Self>, CliError> {
        if !are_wanted(plan, console) {
            return Ok(None);
        }
        let directory = plan.spec().image_cache.join(DIRECTORY);
        fs::create_dir_all(&directory).map_err(|error| CliError::new(ErrorKind::CannotCreate, error))?;
        let limits = plan.spec().layer_limits;
        let layers = Self::in_directory(&directory, limits.bytes)
            .map_err(|error| error.hint("with --no-layers the build needs none"))?;
        let pruned = layers
            .store
            .prune(limits.bytes, limits.unused_for)
            .map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
        if !pruned.removed.is_empty() {
            console.say(&format!(
                "layers: removed {}, unused for too long or over the limit",
                pruned.removed.len()
            ));
        }
        Ok(Some(layers))
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
        Self::in_directory(&directory, plan.spec().layer_limits.bytes).map(Some)
    }

    fn in_directory(directory: &Utf8Path, limit: u64) -> Result<Self, CliError> {
        Ok(Self {
            store: open_store(directory, limit)?,
            bases: directory.join("bases"),
        })
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
