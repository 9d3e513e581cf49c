//! Images of builds before: where nothing has changed they are the result at once, and where little has they tell what most
//! of a new one's clusters are compressed to.

use std::fs::File;
use std::io::{self, Write as _};
use std::thread::{self, JoinHandle};

use dib_core::inputs::digest;
use dib_core::{Build, HookError, ImageSpec, Plan};
use dib_image::{ClusterIndex, CompleteImages, ImageError, ImageFormat, KnownImage, Output, copy_images};
use dib_layers::layered_build::{FinishedTree, UsedLayer};
use dib_layers::{ImageRecord, ImageStore, LayeredBuild, StoredFile};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::report::Told;
use crate::{CliError, Console, disk, formats, image_usage, images};

/// The stored file that says where an image's clusters lie.
const CLUSTERS: &str = "clusters";
/// The stored file that holds what the build told of itself.
const TOLD: &str = "told.json";
/// Variables that say where files beside the image go.
const BESIDE: [&str; 2] = ["DIB_MANIFEST_IMAGE_DIR", "DIB_MANIFEST_SAVE_DIR"];

/// The images of builds before, for a build that is under way.
pub(crate) struct KeptImages<'l> {
    store: ImageStore,
    layered: &'l LayeredBuild<'l>,
    /// What images have in common that are much the same.
    family: String,
    /// What an image hangs on beside its tree.
    origin: String,
    outputs: Vec<Output>,
}

/// What is known of a stored image.
#[derive(Serialize, Deserialize)]
struct Details {
    origin: String,
    tree: FinishedTree,
}

/// An image that is what a build would come to.
pub(crate) struct KeptImage {
    record: ImageRecord,
    told: Told,
}

impl<'l> KeptImages<'l> {
    /// Prepares to look for the images of a plan, and to keep them.
    ///
    /// # Errors
    /// When the outputs or the disk can't be as they are wanted.
    pub(crate) fn of(
        store: ImageStore,
        layered: &'l LayeredBuild<'l>,
        plan: &Plan<'_>,
    ) -> Result<Self, CliError> {
        let spec = plan.spec();
        let outputs = images::outputs(spec)?;
        let mut elements: Vec<&str> = plan
            .elements()
            .iter()
            .map(|planned| planned.element.name().as_str())
            .collect();
        elements.sort_unstable();
        let shown: Vec<String> = outputs.iter().map(|output| format_of(&output.format)).collect();
        Ok(Self {
            store,
            layered,
            family: format!("{} as {}", elements.join(" "), shown.join(" ")),
            origin: origin(plan, spec, &outputs)?,
            outputs,
        })
    }

    /// Returns the image that the build would come to, if all of its units are known and there is one.
    ///
    /// # Errors
    /// When an element can't tell what its hook depends on.
    pub(crate) fn find(&self, build: &Build<'_>) -> Result<Option<KeptImage>, HookError> {
        let Some(chain) = self.layered.foresee(build)? else {
            return Ok(None);
        };
        // Who asks what takes room in the tree wants to see one.
        let shows_tree = image_usage::is_wanted(&build.variables);
        if self.outputs.is_empty() || shows_tree || !build.plan.spec().break_points.is_empty() {
            return Ok(None);
        }
        for candidate in self.store.candidates(&self.family).unwrap_or_default() {
            let Ok(details) = serde_json::from_value::<Details>(candidate.description.details) else {
                continue;
            };
            if details.origin != self.origin || !self.layered.comes_to(&details.tree, &chain, build)? {
                continue;
            }
            let Ok(Some(record)) = self.store.find(&candidate.key) else {
                continue;
            };
            let told = record.read(TOLD).ok();
            if let Some(told) = told.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                return Ok(Some(KeptImage { record, told }));
            }
        }
        Ok(None)
    }

    /// Returns the layers of the build's tree.
    pub(crate) fn layers(&self) -> Vec<UsedLayer> {
        self.layered.used()
    }

    /// Returns what clusters of images like this one were compressed to.
    pub(crate) fn clusters(&self) -> Option<KnownImage<StoredFile>> {
        // To be looked into is to be used, so none is where no use can be made of it.
        let output = self.outputs.iter().find(|output| is_qcow2(&output.format))?;
        let candidates = self.store.candidates(&self.family).ok()?;
        candidates.iter().find_map(|candidate| {
            let record = self.store.find(&candidate.key).ok()??;
            let index = ClusterIndex::from_bytes(&record.read(CLUSTERS).ok()?).ok()?;
            let file = record.file(output.path.extension()?).ok()?;
            Some(KnownImage::new(file, index))
        })
    }

    /// Begins to keep images that are complete, beside whatever comes next; [`Keeping::finish`] waits for the end. Where it
    /// fails the next build takes longer, and this one has lost nothing.
    pub(crate) fn keep(&self, images: &CompleteImages, told: &Told) -> Option<Keeping> {
        let tree = self.layered.finished_tree()?;
        let written = files_of(images, told).and_then(|files| {
            let details = serde_json::to_value(Details {
                origin: self.origin.clone(),
                tree,
            })?;
            let (store, family) = (self.store.clone(), self.family.clone());
            thread::Builder::new()
                .name("kept image".to_owned())
                .spawn(move || write(&store, &family, &files, &details))
        });
        Some(Keeping(written))
    }
}

/// Images that are being kept.
pub(crate) struct Keeping(io::Result<JoinHandle<io::Result<()>>>);

impl Keeping {
    /// Waits until they are.
    pub(crate) fn finish(self, console: &Console) {
        let kept = self.0.and_then(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        if let Err(error) = kept {
            console.say(&format!("the image is not kept for builds to come: {error}"));
        }
    }
}

fn write(store: &ImageStore, family: &str, files: &[(String, File)], details: &Value) -> io::Result<()> {
    let files: Vec<(&str, &File)> = files.iter().map(|(name, file)| (name.as_str(), file)).collect();
    let key = digest(details.to_string().as_bytes())
        .parse()
        .map_err(io::Error::other)?;
    store
        .write(&key, family, &files, details)
        .map_err(io::Error::other)?;
    Ok(())
}

impl KeptImage {
    /// Copies the image's files to where a build wants them.
    ///
    /// # Errors
    /// When one is damaged, or can't be written.
    pub(crate) fn copy(&self, kept: &KeptImages<'_>) -> Result<CompleteImages, ImageError> {
        copy_images(&kept.outputs, &mut |output, file| {
            self.record.take(&name_of(output), file).map_err(io::Error::other)
        })
    }

    /// Returns what the build that made it told of itself.
    pub(crate) fn told(&self) -> &Told {
        &self.told
    }
}

/// Opens all files of an image that is to be kept.
fn files_of(images: &CompleteImages, told: &Told) -> io::Result<Vec<(String, File)>> {
    let mut files: Vec<(String, File)> = Vec::new();
    for (output, path) in images.files() {
        files.push((name_of(output), File::open(path)?));
    }
    files.push((TOLD.to_owned(), file_of(&serde_json::to_vec(told)?)?));
    if let Some((_, index)) = images.cluster_index() {
        files.push((CLUSTERS.to_owned(), file_of(&index.to_bytes())?));
    }
    Ok(files)
}

/// Returns the name of an output's file in the store.
fn name_of(output: &Output) -> String {
    output.path.extension().unwrap_or("image").to_owned()
}

fn is_qcow2(format: &ImageFormat) -> bool {
    matches!(format, ImageFormat::Qcow2(_))
}

/// Returns how an image is written, as a text.
fn format_of(format: &ImageFormat) -> String {
    match format {
        ImageFormat::Qcow2(options) => options.cluster_key().unwrap_or_else(|| format!("{format:?}")),
        ImageFormat::Container(..) => "container".to_owned(),
        format => format!("{format:?}"),
    }
}

/// Returns the digest of what an image hangs on beside its tree.
fn origin(plan: &Plan<'_>, spec: &ImageSpec, outputs: &[Output]) -> Result<String, CliError> {
    // A container says when it was made: that is as old as what is in it.
    let formats = formats::of_outputs(spec, 0)?;
    let names: Vec<_> = outputs.iter().map(|output| output.path.file_name()).collect();
    let beside = BESIDE.map(|name| plan.variables().get(name));
    let disk = disk::origin(plan)?;
    Ok(digest(
        format!("{formats:?} {names:?} {beside:?} {disk}").as_bytes(),
    ))
}

/// Returns a file that has these bytes and no name.
fn file_of(bytes: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    Ok(file)
}
