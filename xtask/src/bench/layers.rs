//! Builds that go on from what others did: `vm debian-minimal` as qcow2, where nothing, a late or an early hook has changed,
//! beside our own build with an empty cache and diskimage-builder's, which has nothing of the kind.

use super::contest::Contest;
use super::place::Cost;
use super::{Bench, Costs, machine, performance_page};
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// The time at most where nothing has changed, in seconds, and as a part of diskimage-builder's.
const NOTHING: (f64, f64) = (1.0, 1.0 / 100.0);
/// The time at most where a late hook has changed, as a part of our own with an empty cache.
const LATE: f64 = 1.0 / 10.0;
/// The time at most where an early hook has changed, as a part of our own with an empty cache.
const EARLY: f64 = 1.05;

/// Measures, prints, writes the page and judges.
pub(super) fn measure(options: &Bench) -> Result<(), TaskError> {
    let workspace = Workspace::load()?;
    let contest = Contest::prepare("layers", options, &workspace)?;
    let outcome = contest.go_on(options.rounds.unwrap_or(3))?;
    let text = outcome.text(&workspace)?;
    print!("{text}");
    performance_page::replace(&workspace.root.join("docs/performance.md"), "layers", &text)?;
    let faults = outcome.faults();
    if faults.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(faults.join("; ")))
}

impl Contest {
    fn go_on(&self, rounds: usize) -> Result<Outcome, TaskError> {
        let mut outcome = Outcome::default();
        for round in 0..rounds.max(1) {
            self.place.forget()?;
            outcome.without.add(self.our_disk("without-layers", &[])?);
            self.place.forget()?;
            outcome
                .cold
                .add(self.with_layers("cold", ("DIB_MODPROBE_BLACKLIST", "floppy"))?);
            outcome
                .nothing
                .add(self.with_layers("nothing", ("DIB_MODPROBE_BLACKLIST", "floppy"))?);
            outcome
                .late
                .add(self.with_layers("late", ("DIB_MODPROBE_BLACKLIST", "pcspkr"))?);
            let other = self.place.cache().join("another-ccache");
            outcome
                .early
                .add(self.with_layers("early", ("DIB_CCACHE_DIR", other.as_str()))?);
            if round == 0 {
                let command = self.upstream.debian_minimal(
                    &self.archive,
                    "qcow2",
                    &self.place.output(),
                    self.place.work(),
                )?;
                outcome
                    .upstream
                    .add(self.place.time("diskimage-builder", &command)?);
            }
        }
        Ok(outcome)
    }

    /// Builds with layers.
    fn with_layers(&self, name: &str, variable: (&str, &str)) -> Result<Cost, TaskError> {
        self.our_disk(name, &[("DIB_LAYERS", "1"), variable])
    }
}

#[derive(Debug, Default)]
struct Outcome {
    without: Costs,
    cold: Costs,
    nothing: Costs,
    late: Costs,
    early: Costs,
    upstream: Costs,
}

impl Outcome {
    fn text(&self, workspace: &Workspace) -> Result<String, TaskError> {
        let mut lines = vec![
            "| build | time, median | least | rounds | processor time | of our cold time | of diskimage-builder's |".to_owned(),
            "|---|--:|--:|--:|--:|--:|--:|".to_owned(),
        ];
        for (name, measured) in [
            ("dib without layers, empty cache", &self.without),
            ("dib with layers, empty cache (cold)", &self.cold),
            ("nothing has changed", &self.nothing),
            (
                "a late hook has changed (`install.d/80-modprobe-blacklist`)",
                &self.late,
            ),
            ("an early hook has changed (`root.d/01-ccache`)", &self.early),
            ("diskimage-builder `debian-minimal`", &self.upstream),
        ] {
            lines.push(format!(
                "| {name} | {:.1} s | {:.1} s | {} | {:.1} s | {:.2} | {:.2} |",
                measured.seconds(),
                measured.least(),
                measured.rounds(),
                measured.processor_seconds(),
                measured.seconds() / self.cold.seconds(),
                measured.seconds() / self.upstream.seconds(),
            ));
        }
        lines.push(format!("\n{}", machine::facts(workspace)?));
        Ok(lines.join("\n") + "\n")
    }

    fn faults(&self) -> Vec<String> {
        let (cold, upstream) = (self.cold.seconds(), self.upstream.seconds());
        let mut faults = Vec::new();
        if self.nothing.seconds() > NOTHING.0 || self.nothing.seconds() > NOTHING.1 * upstream {
            faults.push(format!(
                "where nothing has changed: {:.1} s, {:.2} of diskimage-builder's time, not {} s and {:.2}",
                self.nothing.seconds(),
                self.nothing.seconds() / upstream,
                NOTHING.0,
                NOTHING.1
            ));
        }
        for (name, measured, limit) in [("a late", &self.late, LATE), ("an early", &self.early, EARLY)] {
            let ratio = measured.seconds() / cold;
            if ratio > limit {
                faults.push(format!(
                    "where {name} hook has changed: {ratio:.2} of the cold time, not {limit:.2}"
                ));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_limit_is_looked_at() {
        let outcome = |nothing: u64, late: u64, early: u64| {
            let mut outcome = Outcome::default();
            for (measured, tenths) in [
                (&mut outcome.cold, 200),
                (&mut outcome.nothing, nothing),
                (&mut outcome.late, late),
                (&mut outcome.early, early),
                (&mut outcome.upstream, 1000),
            ] {
                measured.add(Cost {
                    time: Duration::from_millis(tenths * 100),
                    ..Cost::default()
                });
            }
            outcome.faults().len()
        };
        assert_eq!(outcome(10, 20, 210), 0);
        assert_eq!(outcome(11, 20, 210), 1);
        assert_eq!(outcome(10, 21, 211), 2);
    }
}
