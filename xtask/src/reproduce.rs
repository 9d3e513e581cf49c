//! `cargo xtask reproduce`: builds from one snapshot of an archive give the same bytes.

use std::fs;
use std::process::Command;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build_image;
use crate::needs;
use crate::progress;
use crate::scratch_build::{self, ScratchBuild};
use crate::tar_members;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// The time that both builds are told: long past, so that a clock which gets into the image shows.
const SOURCE_DATE_EPOCH: &str = "1700000000";

/// How many differences are shown; the tars stay for whoever wants all.
const SHOWN: usize = 40;

/// What tells of the build itself, so that it differs between a build that may download and one that may not.
const TELLS_OF_THE_BUILD: &str = "./etc/dib-manifests/dib_environment: ";

/// Builds `debian-minimal`, then twice offline from the same cache, and compares the tars.
#[derive(Debug, clap::Args)]
pub(crate) struct Reproduce {}

/// Runs the command.
pub(crate) fn reproduce(_options: &Reproduce) -> Result<(), TaskError> {
    needs::meet(&needs::of_build(false))?;
    let workspace = Workspace::load()?;
    let dib = build_image::build_dib(&workspace)?;
    let scratch = ScratchBuild::prepare_without_mirror(None, &dib)?;
    thrice(&scratch, &workspace.target.join("reproduce"))
}

/// Builds in one place: what the first build downloads is the snapshot that the other two share.
///
/// Those two must make the same bytes. The first must differ in nothing but its own record of how it was called. Tars
/// that differ are kept in a directory.
pub(crate) fn thrice(scratch: &ScratchBuild, kept: &Utf8Path) -> Result<(), TaskError> {
    let online = build(scratch, "online", &[])?;
    let offline = build(scratch, "offline", &[("DIB_OFFLINE", "1")])?;
    let again = build(scratch, "offline-again", &[("DIB_OFFLINE", "1")])?;
    if !same_bytes(&offline, &again)? {
        return Err(differ(
            &offline,
            &again,
            &all_differences(&offline, &again)?,
            kept,
        )?);
    }
    let mut faults = all_differences(&online, &offline)?;
    faults.retain(|fault| !fault.starts_with(TELLS_OF_THE_BUILD));
    if !faults.is_empty() {
        return Err(differ(&online, &offline, &faults, kept)?);
    }
    progress::step("the builds made the same tar, byte for byte");
    Ok(())
}

fn all_differences(first: &Utf8Path, second: &Utf8Path) -> Result<Vec<String>, TaskError> {
    Ok(tar_members::differences(
        &tar_members::read(first)?,
        &tar_members::read(second)?,
    ))
}

/// Keeps the tars and says where they differ.
fn differ(
    first: &Utf8Path,
    second: &Utf8Path,
    faults: &[String],
    kept: &Utf8Path,
) -> Result<TaskError, TaskError> {
    fs::create_dir_all(kept).map_err(TaskError::file("create", kept))?;
    for tar in [first, second] {
        let copy = kept.join(tar.file_name().unwrap_or_default());
        fs::copy(tar, &copy).map_err(TaskError::file("copy", tar))?;
    }
    let (shown, more) = faults.split_at(faults.len().min(SHOWN));
    Ok(TaskError::Check(format!(
        "two builds of one snapshot differ; both tars are in {kept}\n  {}\n  and {} more",
        shown.join("\n  "),
        more.len()
    )))
}

/// Builds under the same name as the other does, for names get into an image, and moves the tar aside.
fn build(scratch: &ScratchBuild, name: &str, variables: &[(&str, &str)]) -> Result<Utf8PathBuf, TaskError> {
    progress::step(format!("the {name} build, by {}", scratch.who()));
    let start = Instant::now();
    let mut command = scratch.dib(&["build", "-o", "out/image", "-t", "tar", "debian-minimal"]);
    command
        .env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH)
        .envs(variables.iter().copied());
    scratch_build::succeed(&mut command, &format!("the {name} build"))?;
    progress::step(format!("it took {}", progress::seconds(start.elapsed())));
    let moved = scratch.path().join(format!("{name}.tar"));
    let made = scratch.output().join("image.tar");
    fs::rename(&made, &moved).map_err(TaskError::file("move", &made))?;
    scratch_build::empty(&scratch.output())?;
    Ok(moved)
}

fn same_bytes(first: &Utf8Path, second: &Utf8Path) -> Result<bool, TaskError> {
    let status = Command::new("cmp")
        .arg("--silent")
        .args([first, second])
        .status()
        .map_err(TaskError::file("run", "cmp"))?;
    // cmp(1): 1 is a difference, 2 trouble.
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(TaskError::Check(format!(
            "cmp failed on {first} and {second}: {status}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_compared_to_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        let write = |name: &str, text: &str| {
            fs::write(path.join(name), text).unwrap();
            path.join(name)
        };
        let first = write("first", "abc");
        for (text, same) in [("abc", true), ("abd", false), ("ab", false), ("abcd", false)] {
            assert_eq!(same_bytes(&first, &write("second", text)).unwrap(), same);
        }
        assert!(same_bytes(&first, &path.join("none")).is_err());
    }
}
