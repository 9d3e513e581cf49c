//! A whole build: `vm debian-minimal` as qcow2 by ours, beside diskimage-builder's `debian-minimal` as qcow2.
//!
//! diskimage-builder partitions disks by device-mapper, which the kernels of small machines lack; so it builds without `vm`: no
//! partition, no boot loader and none of its packages. That is less work than ours.

use std::fs;

use super::contest::Contest;
use super::place::Cost;
use super::{Bench, Costs, machine, performance_page};
use crate::progress;
use crate::report::{self, Report};
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// Our time at most with an empty cache, as a part of diskimage-builder's.
const LIMIT: f64 = 1.0 / 4.0;

/// Measures, prints, writes the page and judges.
pub(super) fn measure(options: &Bench) -> Result<(), TaskError> {
    let workspace = Workspace::load()?;
    let contest = Contest::prepare("build", options, &workspace)?;
    let outcome = contest.build_disks(options.rounds.unwrap_or(3), options.rounds.unwrap_or(1))?;
    let text = outcome.text(&workspace)?;
    print!("{text}");
    performance_page::replace(&workspace.root.join("docs/performance.md"), "build", &text)?;
    outcome
        .fault()
        .map_or(Ok(()), |fault| Err(TaskError::Check(fault)))
}

impl Contest {
    fn build_disks(&self, rounds: usize, slow_rounds: usize) -> Result<Outcome, TaskError> {
        let mut outcome = Outcome::default();
        for round in 0..rounds.max(slow_rounds).max(1) {
            self.place.forget()?;
            let cold = self.our_disk("cold", &[])?;
            outcome.cold.add(cold, self.size_of_qcow2()?);
            outcome.report = Some(report::of_build(&self.place.output())?);
            let warm = self.our_disk("warm", &[])?;
            outcome.warm.add(warm, self.size_of_qcow2()?);
            if round < slow_rounds.max(1) {
                let command = self.upstream.debian_minimal(
                    &self.archive,
                    "qcow2",
                    &self.place.output(),
                    self.place.work(),
                )?;
                let cost = self.place.time("diskimage-builder", &command)?;
                outcome.upstream.add(cost, self.size_of_qcow2()?);
            }
        }
        Ok(outcome)
    }

    fn size_of_qcow2(&self) -> Result<u64, TaskError> {
        let path = self.place.output().with_extension("qcow2");
        Ok(fs::metadata(&path)
            .map_err(TaskError::file("look at", &path))?
            .len())
    }
}

/// What one way to build took, and how large its image came out last.
#[derive(Debug, Default)]
struct Measured {
    costs: Costs,
    size: u64,
}

impl Measured {
    fn add(&mut self, cost: Cost, size: u64) {
        self.costs.add(cost);
        self.size = size;
    }
}

#[derive(Debug, Default)]
struct Outcome {
    cold: Measured,
    warm: Measured,
    upstream: Measured,
    report: Option<Report>,
}

impl Outcome {
    fn text(&self, workspace: &Workspace) -> Result<String, TaskError> {
        let mut lines = vec![
            "| build | time, median | least | rounds | processor time | qcow2 | as a part of diskimage-builder's time |".to_owned(),
            "|---|--:|--:|--:|--:|--:|--:|".to_owned(),
        ];
        for (name, measured) in [
            ("dib `vm debian-minimal`, cold (empty cache)", &self.cold),
            ("dib `vm debian-minimal`, warm (packages cached)", &self.warm),
            ("diskimage-builder `debian-minimal`", &self.upstream),
        ] {
            lines.push(format!(
                "| {name} | {:.1} s | {:.1} s | {} | {:.1} s | {} | {:.2} |",
                measured.costs.seconds(),
                measured.costs.least(),
                measured.costs.rounds(),
                measured.costs.processor_seconds(),
                progress::size(measured.size),
                measured.costs.seconds() / self.upstream.costs.seconds(),
            ));
        }
        lines.push(format!("\n{}", machine::facts(workspace)?));
        if let Some(report) = &self.report {
            lines.push(format!(
                "\nWhere the time goes, cold; what comes after the phases is the disk and its formats:\n\n```text\n{}```",
                report.times()
            ));
        }
        Ok(lines.join("\n") + "\n")
    }

    fn fault(&self) -> Option<String> {
        let ratio = self.cold.costs.seconds() / self.upstream.costs.seconds();
        (ratio > LIMIT)
            .then(|| format!("dib, cold: {ratio:.2} of the time of diskimage-builder, not {LIMIT:.2}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_quarter_is_fast_enough() {
        let outcome = |cold| {
            let mut outcome = Outcome::default();
            for (measured, seconds) in [(&mut outcome.cold, cold), (&mut outcome.upstream, 100)] {
                let cost = Cost {
                    time: Duration::from_secs(seconds),
                    ..Cost::default()
                };
                measured.add(cost, 1);
            }
            outcome.fault()
        };
        assert_eq!(outcome(25), None);
        assert_eq!(
            outcome(30).as_deref(),
            Some("dib, cold: 0.30 of the time of diskimage-builder, not 0.25")
        );
    }
}
