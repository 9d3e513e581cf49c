//! The report that a build leaves beside its images, as a table.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::progress;
use crate::task_error::TaskError;

/// What `report.json` of a build says.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    /// The phases in the order in which they ran.
    #[serde(default)]
    pub(crate) phases: Vec<PhaseTime>,
    /// The files that were made.
    #[serde(default)]
    pub(crate) images: Vec<ImageFile>,
}

/// A phase's part of the time.
#[derive(Debug, Deserialize)]
pub(crate) struct PhaseTime {
    pub(crate) phase: String,
    pub(crate) seconds: f64,
    #[serde(default)]
    pub(crate) hooks: Vec<HookTime>,
}

/// A hook's part of its phase's time.
#[derive(Debug, Deserialize)]
pub(crate) struct HookTime {
    pub(crate) hook: String,
    pub(crate) seconds: f64,
}

/// A file that was made.
#[derive(Debug, Deserialize)]
pub(crate) struct ImageFile {
    pub(crate) path: Utf8PathBuf,
}

/// Reads the report of the build whose output has this base (its `-o` without an extension).
pub(crate) fn of_build(base: &Utf8Path) -> Result<Report, TaskError> {
    let path = Utf8PathBuf::from(format!("{base}.d")).join("report.json");
    let text = fs::read_to_string(&path).map_err(TaskError::file("read", &path))?;
    serde_json::from_str(&text).map_err(|source| TaskError::Json { path, source })
}

impl Report {
    /// Writes the time per phase and hook.
    pub(crate) fn times(&self) -> String {
        let mut table = String::new();
        for phase in &self.phases {
            writeln!(table, "{:<30} {:>8.2} s", phase.phase, phase.seconds).expect("a string takes all");
            // What took no hundredth of a second is nobody's concern here; the report itself has it.
            for hook in phase.hooks.iter().filter(|hook| hook.seconds >= 0.01) {
                writeln!(table, "  {:<28} {:>8.2} s", hook.hook, hook.seconds).expect("a string takes all");
            }
        }
        let total: f64 = self.phases.iter().map(|phase| phase.seconds).sum();
        writeln!(table, "{:<30} {total:>8.2} s", "together").expect("a string takes all");
        table
    }

    /// Writes the times and the images, whose paths begin in `directory`, with their sizes, apparent and allocated.
    pub(crate) fn table(&self, directory: &Utf8Path) -> Result<String, TaskError> {
        let mut table = self.times();
        for image in &self.images {
            let path = directory.join(&image.path);
            let metadata = fs::metadata(&path).map_err(TaskError::file("read", &path))?;
            // stat(2) counts blocks of 512 bytes whatever the file system's own are.
            let (apparent, allocated) = (
                progress::size(metadata.len()),
                progress::size(metadata.blocks() * 512),
            );
            writeln!(table, "{path}  {apparent}, on disk {allocated}").expect("a string takes all");
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_becomes_a_table() {
        let text = r#"{"phases":[{"phase":"root","seconds":1.25,"hooks":[{"hook":"01-ccache","element":"base","seconds":0.01}]},
            {"phase":"finalise","seconds":0.5}],"images":[],"more":1}"#;
        let report: Report = serde_json::from_str(text).unwrap();
        assert_eq!(report.phases[0].hooks[0].hook, "01-ccache");
        assert_eq!(
            report.table("".into()).unwrap(),
            "root                               1.25 s\n  01-ccache                        0.01 s\n\
             finalise                           0.50 s\ntogether                           1.75 s\n"
        );
    }
}
