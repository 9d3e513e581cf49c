//! `dib diff`: two images that were built, compared by package, hook and file.

mod archive;
mod effects;
mod files;
mod hooks;
mod nodes;
mod packages;
mod text;

use camino::Utf8Path;
use dib_layers::Layer;
use serde::Serialize;

use self::files::FileChange;
use self::hooks::HookChange;
use self::packages::PackageChange;
use crate::arguments::{DiffArguments, DiffFormat};
use crate::built_image::BuiltImage;
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};
use crate::{image_spec, stdout};

/// The exit code where something differs, as diff(1) has it.
const DIFFERENT: u8 = 1;

/// What differs between two images.
#[derive(Serialize)]
struct Difference {
    packages: Compared<PackageChange>,
    hooks: Compared<HookChange>,
    files: Compared<FileChange>,
    /// What was not looked at, in sentences.
    notes: Vec<String>,
}

/// What a comparison came to.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Compared<Change> {
    /// It was made.
    Changes(Vec<Change>),
    /// It can't be made, for this reason.
    Unknown(String),
}

impl<Change> Compared<Change> {
    fn count(&self) -> usize {
        match self {
            Self::Changes(changes) => changes.len(),
            Self::Unknown(_) => 0,
        }
    }
}

/// Whether something came, went or is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Change {
    Added,
    Removed,
    Changed,
}

/// One of the two images.
struct Side {
    image: BuiltImage,
    /// The layers of the units whose work was kept, in their order; or why there are none.
    layers: Result<Vec<Layer>, String>,
}

impl Side {
    fn open(image: &Utf8Path, image_cache: &Utf8Path) -> Result<Self, CliError> {
        let image = BuiltImage::open(image)?;
        let layers = if image.used().is_empty() {
            Err(format!("{} was built without layers", image.base))
        } else {
            image
                .layers(image_cache)
                .and_then(|layers| layers.map(|layer| Ok(layer?.1)).collect())
                .map_err(|error| error.to_string())
        };
        Ok(Self { image, layers })
    }

    /// Returns the layers that are there.
    fn known_layers(&self) -> &[Layer] {
        self.layers.as_deref().unwrap_or_default()
    }
}

/// Compares two images and prints what differs.
///
/// # Errors
/// When something differs, which the exit code alone says. When nothing is known to differ, but not all can be compared.
/// When what the builds have left can't be read.
pub(super) fn run(arguments: &DiffArguments, environment: &Environment) -> Result<(), CliError> {
    let cache = image_spec::image_cache(arguments.image_cache.as_deref(), environment)?;
    let side = |path: &Utf8Path| Side::open(&environment.absolute(path.as_str()), &cache);
    let (old, new) = (side(&arguments.old)?, side(&arguments.new)?);
    let mut notes = Vec::new();
    let difference = Difference {
        packages: packages::compare(&old.image, &new.image)?,
        hooks: Compared::Changes(hooks::compare(&old, &new)),
        files: files::compare(&old, &new, &mut notes)?,
        notes,
    };
    stdout::print(&match arguments.format {
        DiffFormat::Text => text::of(&difference),
        DiffFormat::Json => {
            serde_json::to_string_pretty(&difference).expect("a difference's maps have texts for keys") + "\n"
        }
    })?;
    if difference.packages.count() + difference.hooks.count() + difference.files.count() > 0 {
        return Err(CliError::silent(DIFFERENT));
    }
    match difference.files {
        Compared::Changes(_) => Ok(()),
        Compared::Unknown(reason) => {
            let error = CliError::new(ErrorKind::MissingInput, "nothing is known of the images' files");
            Err(error.hint(reason))
        }
    }
}
