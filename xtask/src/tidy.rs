//! `cargo xtask tidy`: the rules of the house that no compiler knows.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use crate::progress;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

mod direction;
mod manifests;
mod names;
mod snapshots;
mod text;

/// Checks the rules that rustc and clippy can't: the crates' direction, names, lengths, leftovers.
#[derive(Debug, clap::Args)]
pub(crate) struct Tidy {}

/// A text file of the checkout.
#[derive(Debug)]
struct SourceFile {
    /// The path below the root.
    path: Utf8PathBuf,
    text: String,
}

impl SourceFile {
    fn is_rust(&self) -> bool {
        self.path.extension() == Some("rs")
    }

    /// Whether it holds nothing but tests: `tests.rs`, or anything below a directory `tests`.
    fn is_test(&self) -> bool {
        self.path
            .components()
            .any(|part| matches!(part.as_str(), "tests" | "tests.rs"))
    }
}

/// Runs the command.
pub(crate) fn tidy(_options: &Tidy) -> Result<(), TaskError> {
    let workspace = Workspace::load()?;
    let files = source_files(&workspace)?;
    let mut faults = Vec::new();
    faults.extend(direction::check(&workspace.packages));
    faults.extend(manifests::check(&files));
    faults.extend(names::check(&files));
    faults.extend(text::check(&files));
    faults.extend(snapshots::check(
        &files,
        &unaccepted_snapshots(&workspace)?,
        |path| workspace.root.join(path).exists(),
    ));
    if faults.is_empty() {
        progress::step(format!("{} files are tidy", files.len()));
        return Ok(());
    }
    for fault in &faults {
        println!("{fault}");
    }
    Err(TaskError::Check(format!(
        "{} faults against the rules of the house",
        faults.len()
    )))
}

/// Reads all text files that git tracks or would.
fn source_files(workspace: &Workspace) -> Result<Vec<SourceFile>, TaskError> {
    let mut files = Vec::new();
    for path in listed(workspace, &["--cached", "--others", "--exclude-standard"], &[])? {
        let full = workspace.root.join(&path);
        // A file may be deleted but not committed, and a link leads to what is listed elsewhere.
        if !full.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        let bytes = fs::read(&full).map_err(TaskError::file("read", &full))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(SourceFile { path, text });
        }
    }
    Ok(files)
}

/// Lists the snapshots that a test run left for review; git ignores them, so they are asked for.
fn unaccepted_snapshots(workspace: &Workspace) -> Result<Vec<Utf8PathBuf>, TaskError> {
    listed(
        workspace,
        &["--others"],
        &[
            "crates/*.snap.new",
            "crates/*.pending-snap",
            "tests/*.snap.new",
            "tests/*.pending-snap",
        ],
    )
}

fn listed(workspace: &Workspace, options: &[&str], patterns: &[&str]) -> Result<Vec<Utf8PathBuf>, TaskError> {
    let shell = workspace.shell()?;
    // A checkout of another user's is read only here: git's precaution against its hooks is not needed.
    let text = cmd!(
        shell,
        "git -c safe.directory=* ls-files -z {options...} -- {patterns...}"
    )
    .quiet()
    .read()?;
    Ok(text
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(|name| Utf8Path::new(name).to_owned())
        .collect())
}

#[cfg(test)]
fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.into(),
        text: text.into(),
    }
}
