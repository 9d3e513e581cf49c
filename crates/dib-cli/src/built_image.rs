//! What a build has left of an image: its report, and the layers that its tree came of.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::journal::Actor;
use dib_core::{Entry, ImageType, PhaseProfile};
use dib_layers::layered_build::UsedLayer;
use dib_layers::{Layer, LayerDescription, LayerStore};
use serde::Deserialize;

use crate::error::{CliError, ErrorKind};
use crate::layers;

/// An image that was built, as far as its build's report tells.
pub(crate) struct BuiltImage {
    /// The path of the image without its extension.
    pub(crate) base: Utf8PathBuf,
    report: Report,
}

/// What is read of a report.
#[derive(Deserialize)]
struct Report {
    phases: Vec<PhaseProfile>,
    images: Vec<Written>,
    journal: Vec<Entry>,
    #[serde(default)]
    layers: Vec<UsedLayer>,
}

/// An image file that was written.
#[derive(Deserialize)]
struct Written {
    path: Utf8PathBuf,
    bytes: u64,
}

impl BuiltImage {
    /// Reads the report that stands beside an image, which may be named without its extension, or by its directory `.d`.
    ///
    /// # Errors
    /// When there is none, or it can't be read.
    pub(crate) fn open(image: &Utf8Path) -> Result<Self, CliError> {
        let image = image.as_str().trim_end_matches('/');
        let extensions = ImageType::ALL.iter().map(|kind| format!(".{kind}"));
        let bases: Vec<&str> = extensions
            .chain([".d/report.json".to_owned(), ".d".to_owned()])
            .filter_map(|extension| image.strip_suffix(&extension))
            .chain([image])
            .collect();
        for base in &bases {
            let path = report_of(base);
            match fs::read(&path) {
                Ok(bytes) => {
                    let report = serde_json::from_slice(&bytes).map_err(|error| {
                        CliError::new(ErrorKind::BadData, error)
                            .hint(format!("{path} is no report of this dib"))
                    })?;
                    let base = Utf8PathBuf::from(*base);
                    return Ok(Self { base, report });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(CliError::new(ErrorKind::InputOutput, error)),
            }
        }
        let message = format!("there is no {}", report_of(bases[0]));
        Err(CliError::new(ErrorKind::MissingInput, message).hint("a build leaves it beside its image"))
    }

    /// Returns what the build's journal has, without what was known from builds before.
    pub(crate) fn journal(&self) -> &[Entry] {
        &self.report.journal
    }

    /// Returns the build's units whose work was kept, with their layers, in order.
    pub(crate) fn used(&self) -> &[UsedLayer] {
        &self.report.layers
    }

    /// Returns the build's hooks, each with its element, in order.
    pub(crate) fn hooks(&self) -> impl Iterator<Item = (String, &str)> {
        self.report.phases.iter().flat_map(|phase| {
            let hooks = phase.hooks.iter();
            hooks.map(|hook| (format!("{}.d/{}", phase.phase, hook.hook), hook.element.as_str()))
        })
    }

    /// Returns whether what an entry tells is in no layer.
    pub(crate) fn is_outside_layers(&self, entry: &Entry) -> bool {
        let unit = unit_of(&entry.actor);
        !self.report.layers.iter().any(|used| used.unit == unit)
    }

    /// Returns the layer of each unit whose work was kept, in order, with the unit's name. Each is an error when it can't be
    /// read, or is gone.
    ///
    /// # Errors
    /// When there is no store of layers, or it can't be opened.
    pub(crate) fn layers<'i>(
        &'i self,
        image_cache: &'i Utf8Path,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(&'i str, Layer), CliError>>, CliError> {
        let used = &self.report.layers;
        let store = if used.is_empty() {
            None
        } else {
            Some(layers::store_of(image_cache)?.ok_or_else(|| {
                let message = format!("there are no layers in {image_cache}");
                CliError::new(ErrorKind::MissingInput, message)
                    .hint("--image-cache names the cache that the image was built with")
            })?)
        };
        Ok(used.iter().filter_map(move |used| {
            let layer = layer_of(store.as_ref()?, used, image_cache);
            Some(layer.map(|layer| (used.unit.as_str(), layer)))
        }))
    }

    /// Returns the size in bytes of an image that was written under that path.
    pub(crate) fn size_of(&self, path: &Utf8Path) -> Option<u64> {
        let mut images = self.report.images.iter();
        images.find(|image| image.path == path).map(|image| image.bytes)
    }

    /// Returns the path and the size of the image's archive of the tree, if one was written.
    pub(crate) fn archive(&self) -> Option<(Utf8PathBuf, u64)> {
        let mut images = self.report.images.iter();
        let image = images.find(|image| image.path.extension() == Some("tar"))?;
        Some((format!("{}.tar", self.base).into(), image.bytes))
    }
}

fn report_of(base: &str) -> Utf8PathBuf {
    format!("{base}.d/report.json").into()
}

fn layer_of(store: &LayerStore, used: &UsedLayer, image_cache: &Utf8Path) -> Result<Layer, CliError> {
    let found = store
        .find(&used.layer)
        .map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
    found.ok_or_else(|| {
        let message = format!("the layer of {} is gone from {image_cache}", used.unit);
        CliError::new(ErrorKind::MissingInput, message).hint("build the image again")
    })
}

/// Returns what the unit is called that had an effect.
pub(crate) fn unit_of(actor: &Actor) -> String {
    match actor {
        Actor::Hook { phase, hook, .. } => format!("{phase}.d/{hook}"),
        Actor::Build { step } => step.clone(),
    }
}

/// Says who had an effect.
pub(crate) fn name_of(actor: &Actor) -> String {
    match actor {
        Actor::Hook { phase, hook, element } => format!("{phase}.d/{hook} of {element}"),
        Actor::Build { step } => format!("dib itself, to {step}"),
    }
}

/// Says whose layer it is.
pub(crate) fn name_of_layer(unit: &str, description: &LayerDescription) -> String {
    if description.element.is_empty() {
        format!("dib itself, to {unit}")
    } else {
        format!("{unit} of {}", description.element)
    }
}
