//! What a build leaves beside its output, looked at as callers do.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::scratch_build;
use crate::task_error::TaskError;

/// Checks an image's files of sums as nodepool reads them: by their first characters.
pub(super) fn check_sums(image: &Utf8Path) -> Result<(), TaskError> {
    for (program, extension, length) in [("md5sum", "md5", 32), ("sha256sum", "sha256", 64)] {
        let path = Utf8PathBuf::from(format!("{image}.{extension}"));
        let text = fs::read_to_string(&path).map_err(TaskError::file("read", &path))?;
        let expected = sum(program, image)?;
        if text.get(..length) != expected.get(..length) {
            return Err(TaskError::Check(format!(
                "{path} says {text:?}, and {program} {expected:?}"
            )));
        }
    }
    Ok(())
}

/// Checks that a file's holes are no blocks on the disk.
pub(super) fn check_that_it_is_sparse(image: &Utf8Path) -> Result<(), TaskError> {
    let metadata = fs::metadata(image).map_err(TaskError::file("read", image))?;
    // stat(2) counts blocks of 512 bytes whatever the file system's own are.
    let allocated = metadata.blocks() * 512;
    if allocated < metadata.len() {
        return Ok(());
    }
    Err(TaskError::Check(format!(
        "{image} has {} bytes and takes {allocated} on the disk",
        metadata.len()
    )))
}

/// Reads a file of a raw image that is one ext file system.
pub(super) fn file_in(image: &Utf8Path, path: &str) -> Result<String, TaskError> {
    read(
        Command::new("debugfs").args(["-R", &format!("cat {path}"), image.as_str()]),
        "debugfs",
    )
}

/// Reads what `qemu-img` says of an image.
pub(super) fn information(image: &Utf8Path) -> Result<serde_json::Value, TaskError> {
    let text = read(
        Command::new("qemu-img").args(["info", "--output=json", image.as_str()]),
        "qemu-img",
    )?;
    serde_json::from_str(&text).map_err(|source| TaskError::Json {
        path: image.to_owned(),
        source,
    })
}

/// Fails when a file is not there.
pub(super) fn check_that_there_is(path: &Utf8Path) -> Result<(), TaskError> {
    if path.exists() {
        return Ok(());
    }
    let beside = scratch_build::names_in(path.parent().unwrap_or(path))?;
    Err(TaskError::Check(format!("there is no {path}, but {beside:?}")))
}

/// Runs a program and returns what it printed.
pub(super) fn read(command: &mut Command, program: &str) -> Result<String, TaskError> {
    let output = command.output().map_err(TaskError::file("run", program))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(TaskError::Check(format!("{program}: {}\n{said}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn sum(program: &str, file: &Utf8Path) -> Result<String, TaskError> {
    read(Command::new(program).arg(file), program)
}
