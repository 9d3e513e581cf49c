//! What a build leaves beside its images: `<base>.d/`.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{Build, Entry, FileKind, PhaseProfile};
use dib_image::WrittenImage;
use dib_layers::layered_build::UsedLayer;
use dib_sys::{InvalidTargetPath, TargetError, TargetPath, TargetRoot, WalkStep};
use serde::{Deserialize, Serialize};

use crate::{CliError, ErrorKind};

/// Why what belongs beside the images is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// A file can't be written.
    #[error("failed to write {path}")]
    Write {
        /// The file.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The image's manifests can't be read.
    #[error("failed to read the image's manifests")]
    Manifests(#[from] TargetError),
    /// The name of their directory is none.
    #[error("DIB_MANIFEST_IMAGE_DIR is no path of an image")]
    Directory(#[from] InvalidTargetPath),
}

impl From<ReportError> for CliError {
    fn from(error: ReportError) -> Self {
        Self::new(ErrorKind::InputOutput, error).hint("the images are complete")
    }
}

/// The build's report, `<base>.d/report.json`.
#[derive(Serialize)]
struct Report<'r> {
    phases: &'r [PhaseProfile],
    images: Vec<Image<'r>>,
    journal: &'r [Entry],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    layers: &'r [UsedLayer],
}

/// What a build tells of itself, beside its images.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Told {
    phases: Vec<PhaseProfile>,
    journal: Vec<Entry>,
    layers: Vec<UsedLayer>,
    /// The files of the image's directory of manifests, by their paths below the directory that they are saved in; none
    /// where the image has no such directory.
    manifests: Option<Vec<(String, Vec<u8>)>>,
}

impl Told {
    /// Takes down what a build whose tree is final tells.
    ///
    /// # Errors
    /// When the image's manifests can't be read.
    pub(crate) fn of(
        build: &Build<'_>,
        phases: &[PhaseProfile],
        layers: &[UsedLayer],
    ) -> Result<Self, ReportError> {
        let directory = value(build, "DIB_MANIFEST_IMAGE_DIR");
        Ok(Self {
            phases: phases.to_vec(),
            journal: build.journal.entries(),
            layers: layers.to_vec(),
            manifests: directory
                .map(|directory| manifests(build.target, directory))
                .transpose()?,
        })
    }
}

#[derive(Serialize)]
struct Image<'r> {
    path: &'r Utf8Path,
    bytes: u64,
    allocated: u64,
}

/// Writes the report and the manifests that callers look for.
///
/// `dib_environment` and `dib_arguments` are upstream's, and the directory that holds them is what some callers take
/// for the sign of a finished build: so they come last.
pub(crate) fn write(
    base: &Utf8Path,
    told: &Told,
    images: &[WrittenImage],
    build: &Build<'_>,
) -> Result<(), ReportError> {
    let directory = Utf8PathBuf::from(format!("{base}.d"));
    let images = images
        .iter()
        .map(|image| Image {
            path: &image.path,
            bytes: image.size,
            allocated: image.allocated,
        })
        .collect();
    let report = serde_json::to_vec_pretty(&Report {
        phases: &told.phases,
        images,
        journal: &told.journal,
        layers: &told.layers,
    })
    .expect("a report's maps have texts for keys");
    write_file(&directory.join("report.json"), &report)?;

    let saved = value(build, "DIB_MANIFEST_SAVE_DIR").map_or(directory, Utf8PathBuf::from);
    if let Some(manifests) = &told.manifests {
        for (path, contents) in manifests {
            write_file(&saved.join(path), contents)?;
        }
    } else {
        let manifests = saved.join("dib-manifests");
        write_file(
            &manifests.join("dib_environment"),
            build.variables.dib_environment().as_bytes(),
        )?;
        let arguments = format!("{}\n", value(build, "DIB_ARGS").unwrap_or_default());
        write_file(&manifests.join("dib_arguments"), arguments.as_bytes())?;
    }
    Ok(())
}

fn value<'b>(build: &'b Build<'_>, name: &str) -> Option<&'b str> {
    build.variables.get(name).filter(|value| !value.is_empty())
}

/// Reads the image's directory of manifests; the paths begin with its name.
fn manifests(target: &TargetRoot, of_image: &str) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let of_image: TargetPath = of_image.parse()?;
    let name = of_image.file_name().unwrap_or("dib-manifests");
    let mut files = Vec::new();
    if target.metadata(&of_image)?.is_some() {
        target.walk(&of_image, &mut |path, metadata| {
            if metadata.kind == FileKind::Regular {
                files.push(path.clone());
            }
            WalkStep::Descend
        })?;
    }
    let read = |file: TargetPath| {
        let below = file
            .as_relative()
            .strip_prefix(of_image.as_relative())
            .unwrap_or_default();
        let path = format!("{name}/{}", below.trim_start_matches('/'));
        Ok((path, target.read(&file)?))
    };
    files.into_iter().map(read).collect()
}

fn write_file(path: &Utf8Path, contents: &[u8]) -> Result<(), ReportError> {
    let failed = |source| ReportError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    fs::write(path, contents).map_err(failed)
}
