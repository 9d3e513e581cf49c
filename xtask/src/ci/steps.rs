//! The steps of a long command: named, timed, and told at the end.

use std::time::{Duration, Instant};

use crate::progress;
use crate::task_error::TaskError;

/// The steps that were run, and which to run at all.
#[derive(Debug)]
pub(super) struct Steps {
    only: String,
    times: Vec<(String, Duration)>,
}

impl Steps {
    /// Begins with no step; only those whose names contain the text will be run.
    pub(super) fn only(text: &str) -> Self {
        Self {
            only: text.to_owned(),
            times: Vec::new(),
        }
    }

    /// Runs a step between a line that names it and one that says how long it took.
    pub(super) fn run(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<(), TaskError>,
    ) -> Result<(), TaskError> {
        if !name.contains(&self.only) {
            return Ok(());
        }
        eprintln!("\n---- {name}");
        let start = Instant::now();
        let result = work();
        let time = start.elapsed();
        let end = if result.is_ok() { "done" } else { "failed" };
        eprintln!("---- {name}: {end} after {}", progress::seconds(time));
        self.times.push((name.to_owned(), time));
        result
    }

    /// Writes what each step took.
    pub(super) fn table(&self) -> String {
        let mut lines: Vec<String> = self
            .times
            .iter()
            .map(|(name, time)| format!("{name:<50} {:>9}", progress::seconds(*time)))
            .collect();
        let all: Duration = self.times.iter().map(|(_, time)| *time).sum();
        lines.push(format!("{:<50} {:>9}", "together", progress::seconds(all)));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_run() {
        let mut steps = Steps::only("build");
        let mut ran = Vec::new();
        for name in ["tidy", "a build", "killed builds"] {
            steps
                .run(name, || {
                    ran.push(name);
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(ran, ["a build", "killed builds"]);
        assert_eq!(steps.table().lines().count(), 3);
        assert!(
            steps
                .run("build", || Err(TaskError::Check(String::new())))
                .is_err()
        );
    }
}
