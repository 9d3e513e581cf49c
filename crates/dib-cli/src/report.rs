//! What a build leaves beside its images: `<base>.d/`.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{Entry, PhaseProfile, Variables};
use dib_image::WrittenImage;
use serde::Serialize;

/// The build's report, `<base>.d/report.json`.
#[derive(Serialize)]
struct Report<'r> {
    phases: &'r [PhaseProfile],
    images: Vec<Image<'r>>,
    journal: &'r [Entry],
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
    phases: &[PhaseProfile],
    images: &[WrittenImage],
    journal: &[Entry],
    variables: &Variables,
) -> io::Result<()> {
    let directory = Utf8PathBuf::from(format!("{base}.d"));
    let manifests = directory.join("dib-manifests");
    fs::create_dir_all(&directory)?;
    let images = images
        .iter()
        .map(|image| Image {
            path: &image.path,
            bytes: image.size,
            allocated: image.allocated,
        })
        .collect();
    fs::write(
        directory.join("report.json"),
        serde_json::to_vec_pretty(&Report {
            phases,
            images,
            journal,
        })?,
    )?;
    fs::create_dir_all(&manifests)?;
    fs::write(manifests.join("dib_environment"), variables.dib_environment())?;
    fs::write(
        manifests.join("dib_arguments"),
        format!("{}\n", variables.get("DIB_ARGS").unwrap_or_default()),
    )
}
