//! A Debian from its archive: ours beside mmdebstrap, debootstrap and diskimage-builder, with the same packages from the
//! same mirror, each to a tar, all in memory.

use super::contest::{Contest, SUITE};
use super::place::Cost;
use super::{Bench, Times, machine, performance_page};
use crate::installed_packages::{self, Packages};
use crate::report::{self, Report};
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// Our time at most with an empty cache, as a part of another's.
const LIMITS: [(&str, f64); 2] = [(MMDEBSTRAP, 1.0 / 3.0), (UPSTREAM, 1.0 / 4.0)];

const COLD: &str = "dib, cold (empty cache)";
const WARM: &str = "dib, warm (packages cached)";
const MMDEBSTRAP: &str = "mmdebstrap";
const DEBOOTSTRAP: &str = "debootstrap and tar";
const UPSTREAM: &str = "diskimage-builder";

/// Measures, prints, writes the page and judges.
pub(super) fn measure(options: &Bench) -> Result<(), TaskError> {
    let workspace = Workspace::load()?;
    let contest = Contest::prepare("bootstrap", options, &workspace)?;
    let result = contest.run(options.rounds.unwrap_or(3), options.rounds.unwrap_or(1))?;
    let text = result.text(&workspace)?;
    print!("{text}");
    performance_page::replace(&workspace.root.join("docs/performance.md"), "bootstrap", &text)?;
    let faults = result.faults();
    if faults.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(faults.join("\n")))
}

impl Contest {
    /// Lets everyone build by turns, the slow ones not in every round.
    fn run(&self, rounds: usize, slow_rounds: usize) -> Result<Outcome, TaskError> {
        let mut outcome = Outcome::default();
        for round in 0..rounds.max(slow_rounds).max(1) {
            self.place.forget()?;
            outcome.add(COLD, self.ours("cold")?);
            outcome.cold = Some(report::of_build(&self.place.output())?);
            outcome.add(WARM, self.ours("warm")?);
            outcome.warm = Some(report::of_build(&self.place.output())?);
            if round == 0 {
                outcome.packages = installed_packages::of_tar(&self.place.tar())?;
            }
            if round < slow_rounds.max(1) {
                let names: Vec<&str> = outcome
                    .packages
                    .keys()
                    .filter_map(|name| name.split(':').next())
                    .collect();
                let mmdebstrap = self.mmdebstrap(&names)?;
                let (debootstrap, left_out) = self.debootstrap(&names)?;
                outcome.left_out = left_out;
                let upstream = self.upstream.debian_minimal(
                    &self.archive,
                    "tar",
                    &self.place.output(),
                    self.place.work(),
                )?;
                outcome.add(MMDEBSTRAP, mmdebstrap);
                outcome.add(DEBOOTSTRAP, debootstrap);
                outcome.add(UPSTREAM, self.place.time("diskimage-builder", &upstream)?);
            }
        }
        Ok(outcome)
    }

    fn ours(&self, name: &str) -> Result<Cost, TaskError> {
        let mut command = self.place.command(self.dib.as_str());
        command.args([
            "build",
            "-t",
            "tar",
            "-o",
            self.place.output().as_str(),
            "debian-minimal",
        ]);
        command
            .env("DIB_RELEASE", SUITE)
            .env("DIB_IMAGE_CACHE", self.place.cache())
            // Others have none.
            .env("DIB_LAYERS", "0");
        self.place.time(&format!("dib-{name}"), &command)
    }

    fn mmdebstrap(&self, names: &[&str]) -> Result<Cost, TaskError> {
        let mut command = self.place.command("mmdebstrap");
        command
            .args([
                "--variant=minbase",
                "--format=tar",
                "--dpkgopt=force-unsafe-io",
                "--include",
            ])
            .arg(names.join(","));
        for option in &self.archive.apt_options {
            command.arg(format!("--aptopt={option}"));
        }
        command
            .args([SUITE, self.place.tar().as_str()])
            .args(&self.archive.sources);
        self.place.time("mmdebstrap", &command)
    }

    /// Also says how many packages debootstrap was not asked for: it knows one mirror and one suite, so that packages
    /// named for a version which is in another suite are not there for it.
    fn debootstrap(&self, names: &[&str]) -> Result<(Cost, usize), TaskError> {
        const COMPLAINT: &str = "Couldn't find these debs: ";
        let mirror = self.archive.mirror_of("")?;
        let with = |names: &[&str]| {
            let mut command = self.place.command("sh");
            command
                .args([
                    "-c",
                    r#"debootstrap --variant=minbase --include="$1" "$2" root "$3" && tar --numeric-owner -C root -cf "$4" ."#,
                    "sh",
                ])
                .args([
                    names.join(",").as_str(),
                    SUITE,
                    mirror,
                    self.place.tar().as_str(),
                ]);
            command
        };
        match self.place.time("debootstrap", &with(names)) {
            Ok(cost) => Ok((cost, 0)),
            Err(error) => {
                let log = self.place.log("debootstrap")?;
                let Some((_, list)) = log.lines().find_map(|line| line.split_once(COMPLAINT)) else {
                    return Err(error);
                };
                let missing: Vec<&str> = list.split_whitespace().collect();
                let rest: Vec<&str> = names
                    .iter()
                    .copied()
                    .filter(|name| !missing.contains(name))
                    .collect();
                Ok((self.place.time("debootstrap", &with(&rest))?, missing.len()))
            }
        }
    }
}

/// A tool and its times, in the order in which they were measured.
struct Tool {
    name: &'static str,
    times: Times,
    processor_times: Times,
}

/// What was measured.
#[derive(Default)]
struct Outcome {
    /// By tool, in the order in which they came.
    tools: Vec<Tool>,
    packages: Packages,
    /// How many packages debootstrap had to do without.
    left_out: usize,
    cold: Option<Report>,
    warm: Option<Report>,
}

impl Outcome {
    fn add(&mut self, name: &'static str, cost: Cost) {
        let known = self.tools.iter().position(|tool| tool.name == name);
        let index = known.unwrap_or_else(|| {
            self.tools.push(Tool {
                name,
                times: Times::default(),
                processor_times: Times::default(),
            });
            self.tools.len() - 1
        });
        let tool = &mut self.tools[index];
        tool.times.0.push(cost.time);
        tool.processor_times.0.push(cost.processor_time);
    }

    fn seconds(&self, name: &str) -> f64 {
        let tool = self.tools.iter().find(|tool| tool.name == name);
        tool.map_or(0.0, |tool| tool.times.median().as_secs_f64())
    }

    /// Writes the table, what it was measured with and where our time goes, as Markdown.
    fn text(&self, workspace: &Workspace) -> Result<String, TaskError> {
        let mut lines = vec![
            "| tool | time, median | least | rounds | processor time | time of dib, cold, as a part of it |"
                .to_owned(),
            "|---|--:|--:|--:|--:|--:|".to_owned(),
        ];
        for tool in &self.tools {
            lines.push(format!(
                "| {} | {:.1} s | {:.1} s | {} | {:.1} s | {:.2} |",
                tool.name,
                tool.times.median().as_secs_f64(),
                tool.times.least().as_secs_f64(),
                tool.times.0.len(),
                tool.processor_times.median().as_secs_f64(),
                self.seconds(COLD) / self.seconds(tool.name),
            ));
        }
        lines.push(String::new());
        let base_files = self
            .packages
            .iter()
            .find(|(name, _)| name.starts_with("base-files:"));
        lines.push(format!(
            "`debian-minimal` of Debian {SUITE} (base-files {}): {} packages, of which debootstrap could not be asked for \
             {}. {}",
            base_files.map_or("", |(_, version)| version),
            self.packages.len(),
            self.left_out,
            machine::facts(workspace)?
        ));
        for (name, report) in [(COLD, &self.cold), (WARM, &self.warm)] {
            if let Some(report) = report {
                lines.push(format!(
                    "\nWhere the time goes, {name}:\n\n```text\n{}```",
                    report.times()
                ));
            }
        }
        Ok(lines.join("\n") + "\n")
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let cold = self.seconds(COLD);
        for (tool, limit) in LIMITS {
            let ratio = cold / self.seconds(tool);
            if ratio > limit {
                faults.push(format!(
                    "dib, cold: {ratio:.2} of the time of {tool}, not {limit:.2}"
                ));
            }
        }
        if self.seconds(WARM) >= cold {
            faults.push("dib is no faster with packages in its cache".to_owned());
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_too_slow() {
        let outcome = |cold, warm| {
            let mut outcome = Outcome::default();
            for (tool, seconds) in [(COLD, cold), (WARM, warm), (MMDEBSTRAP, 30), (UPSTREAM, 44)] {
                let cost = Cost {
                    time: Duration::from_secs(seconds),
                    ..Cost::default()
                };
                outcome.add(tool, cost);
            }
            outcome.faults()
        };
        assert_eq!(outcome(10, 8), Vec::<String>::new());
        assert_eq!(outcome(11, 8).len(), 1);
        assert_eq!(outcome(12, 12).len(), 3);
    }
}
