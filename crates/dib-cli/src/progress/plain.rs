//! A build as a plain log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dib_core::{BreakPoint, HookTiming, Observer, Phase, PhaseProfile, PlannedHook, Work, WorkUnit};

use super::throttle::Throttle;
use super::{Display, beginning, counted, downloading, plain_text, profile, running, trying_again, waiting};
use crate::log::LogSink;

/// Shows a build as lines.
pub(crate) struct LogProgress {
    sink: Arc<LogSink>,
    works: Mutex<BTreeMap<String, Told>>,
    clock: fn() -> Instant,
}

/// Something that is worked through.
struct Told {
    done: u64,
    total: u64,
    unit: WorkUnit,
    /// Whether it ends with the hook that runs.
    is_of_hook: bool,
    began: Instant,
    /// When all of it was done.
    completed: Option<Instant>,
    throttle: Throttle,
}

impl LogProgress {
    pub(crate) fn new(sink: Arc<LogSink>) -> Self {
        Self {
            sink,
            works: Mutex::default(),
            clock: Instant::now,
        }
    }

    fn works(&self) -> MutexGuard<'_, BTreeMap<String, Told>> {
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with a work, unless it is under way.
    fn begin(&self, work: &Work<'_>, is_of_hook: bool) {
        let mut works = self.works();
        if works.contains_key(work.name) {
            return;
        }
        let began = (self.clock)();
        works.insert(
            work.name.to_owned(),
            Told {
                done: work.done,
                total: work.total,
                unit: work.unit,
                is_of_hook,
                began,
                completed: None,
                throttle: Throttle::started_at(began),
            },
        );
        match work.total {
            0 => self.sink.detail(work.name),
            total => self
                .sink
                .detail(&format!("{}: {}", work.name, counted(total, work.unit))),
        }
    }

    fn advance(&self, title: &str, how_far: impl FnOnce(&Told) -> (u64, u64)) {
        let mut works = self.works();
        let Some(work) = works.get_mut(title) else { return };
        (work.done, work.total) = how_far(work);
        let now = (self.clock)();
        if work.done == work.total {
            // How much there is may not be known yet.
            if work.total > 0 {
                work.completed.get_or_insert(now);
            }
            return;
        }
        work.completed = None;
        if !work.throttle.passes(work.done, work.total, now) {
            return;
        }
        let done = counted(work.done, work.unit);
        match work.done.saturating_mul(100).checked_div(work.total) {
            Some(percent) => self.sink.detail(&format!("{title}: {percent} % ({done})")),
            None => self.sink.detail(&format!("{title}: {done}")),
        }
    }

    fn end(&self, title: &str) {
        if let Some(work) = self.works().remove(title) {
            match work.done {
                0 => self.sink.detail(&format!("{title}: done")),
                done => {
                    let end = work.completed.unwrap_or_else(self.clock);
                    let seconds = end.duration_since(work.began).as_secs_f64();
                    let done = counted(done, work.unit);
                    self.sink
                        .detail(&format!("{title}: done, {done} in {seconds:.1} s"));
                }
            }
        }
    }
}

/// A work that counts bytes.
fn of_bytes(name: &str, done: u64, total: u64) -> Work<'_> {
    Work {
        name,
        done,
        total,
        unit: WorkUnit::Bytes,
    }
}

impl Display for LogProgress {
    fn step_advanced(&self, name: &str, done: u64, total: u64) {
        self.begin(&of_bytes(name, done, total), false);
        self.advance(name, |_| (done, total));
    }

    fn step_finished(&self, name: &str) {
        self.end(name);
    }

    fn finish(&self) {}
}

impl Observer for LogProgress {
    fn phase_started(&self, phase: Phase, hooks: usize) {
        if hooks > 0 {
            self.sink.detail(&beginning(phase, hooks));
        }
    }

    fn hook_started(&self, hook: &PlannedHook) {
        self.sink.detail(&running(hook));
    }

    fn output(&self, line: &str) {
        self.sink.detail(&plain_text(line));
    }

    fn working(&self, work: &Work<'_>) {
        self.begin(work, true);
        self.advance(work.name, |_| (work.done, work.total));
    }

    fn hook_finished(&self, _timing: &HookTiming) {
        let ended: Vec<_> = self
            .works()
            .iter()
            .filter(|(_, work)| work.is_of_hook)
            .map(|(title, _)| title.clone())
            .collect();
        for title in ended {
            self.end(&title);
        }
    }

    fn phase_finished(&self, profile: &PhaseProfile) {
        self.sink.line(&profile::table(profile));
    }

    fn stopping_at(&self, point: BreakPoint) {
        self.sink.line(&super::stopped(point));
    }

    fn resuming(&self) {
        self.sink.line("resuming");
    }
}

impl dib_cache::Progress for LogProgress {
    fn started(&self, name: &str, total: Option<u64>, resumed_at: u64) {
        let title = downloading(name);
        // A retry starts anew.
        self.works().remove(&title);
        self.begin(&of_bytes(&title, resumed_at, total.unwrap_or(0)), false);
    }

    fn advanced(&self, name: &str, bytes: u64) {
        self.advance(&downloading(name), |work| (work.done + bytes, work.total));
    }

    fn finished(&self, name: &str) {
        self.end(&downloading(name));
    }

    fn waiting_for_lock(&self, name: &str, holder: &str) {
        self.sink.line(&waiting(name, holder));
    }

    fn retrying(&self, name: &str, attempt: u32, reason: &str) {
        self.sink.line(&trying_again(name, attempt, reason));
    }

    fn warning(&self, message: &str) {
        self.sink.line(&format!("warning: {message}"));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use dib_cache::Progress;

    use super::*;
    use crate::log::Timestamps;
    use crate::log::tests::Recorded;

    fn check(show: impl FnOnce(&LogProgress), expected: &[&str]) {
        let recorded = Recorded::default();
        let sink = LogSink::open(recorded.screen(Timestamps::Omitted), None).unwrap();
        show(&LogProgress {
            clock: a_second_later,
            ..LogProgress::new(Arc::new(sink))
        });
        assert_eq!(recorded.text().lines().collect::<Vec<_>>(), expected);
    }

    /// A clock that goes on by a second each time it is read.
    fn a_second_later() -> Instant {
        thread_local! {
            static NOW: Cell<Instant> = Cell::new(Instant::now());
        }
        NOW.set(NOW.get() + Duration::from_secs(1));
        NOW.get()
    }

    #[test]
    fn a_download_is_told_by_tenths() {
        check(
            |progress| {
                progress.started("root.tar.xz", Some(100 << 20), 0);
                for _ in 0..25 {
                    progress.advanced("root.tar.xz", 4 << 20);
                }
                progress.finished("root.tar.xz");
            },
            &[
                "downloading root.tar.xz: 100.00 MiB",
                "downloading root.tar.xz: 12 % (12.00 MiB)",
                "downloading root.tar.xz: 20 % (20.00 MiB)",
                "downloading root.tar.xz: 32 % (32.00 MiB)",
                "downloading root.tar.xz: 40 % (40.00 MiB)",
                "downloading root.tar.xz: 52 % (52.00 MiB)",
                "downloading root.tar.xz: 60 % (60.00 MiB)",
                "downloading root.tar.xz: 72 % (72.00 MiB)",
                "downloading root.tar.xz: 80 % (80.00 MiB)",
                "downloading root.tar.xz: 92 % (92.00 MiB)",
                "downloading root.tar.xz: done, 100.00 MiB in 25.0 s",
            ],
        );
    }

    #[test]
    fn a_download_of_unknown_length_and_its_troubles_are_told() {
        check(
            |progress| {
                progress.waiting_for_lock("SHA256SUMS", "process 7 on build1");
                progress.started("SHA256SUMS", None, 0);
                progress.advanced("SHA256SUMS", 10);
                progress.retrying("SHA256SUMS", 2, "connection reset");
                progress.started("SHA256SUMS", None, 10);
                progress.advanced("SHA256SUMS", 20);
                progress.finished("SHA256SUMS");
                progress.warning("unverified");
            },
            &[
                "waiting for process 7 on build1, which works on SHA256SUMS",
                "downloading SHA256SUMS",
                "trying SHA256SUMS again, attempt 2: connection reset",
                "downloading SHA256SUMS",
                "downloading SHA256SUMS: done, 30 B in 2.0 s",
                "warning: unverified",
            ],
        );
    }

    #[test]
    fn a_phase_is_told_hook_by_hook() {
        let hook = PlannedHook {
            phase: Phase::Root,
            name: "10-cache".parse().unwrap(),
            element: "ubuntu".parse().unwrap(),
            install_type: None,
            inputs: None,
            body: dib_core::HookBody::Function(|_| Ok(())),
        };
        let timing = HookTiming {
            hook: "10-cache".to_owned(),
            element: "ubuntu".parse().unwrap(),
            seconds: 1.0,
        };
        check(
            |progress| {
                progress.phase_started(Phase::Root, 1);
                progress.hook_started(&hook);
                progress.working(&of_bytes("extracting root.tar.gz", 0, 4096));
                progress.output("0%\r100%");
                progress.working(&of_bytes("extracting root.tar.gz", 4096, 4096));
                let packages = |done| Work {
                    name: "configuring packages",
                    done,
                    total: 200,
                    unit: WorkUnit::Packages,
                };
                (0..=200)
                    .step_by(50)
                    .for_each(|done| progress.working(&packages(done)));
                progress.hook_finished(&timing);
                progress.phase_finished(&PhaseProfile {
                    phase: Phase::Root,
                    seconds: 1.0,
                    hooks: vec![timing.clone()],
                });
                progress.phase_started(Phase::Finalise, 0);
            },
            &[
                "phase root: 1 hook",
                "running root.d/10-cache of ubuntu",
                "extracting root.tar.gz: 4.00 KiB",
                "100%",
                "configuring packages: 200 packages",
                "configuring packages: 25 % (50 packages)",
                "configuring packages: 50 % (100 packages)",
                "configuring packages: 75 % (150 packages)",
                "configuring packages: done, 200 packages in 5.0 s",
                "extracting root.tar.gz: done, 4.00 KiB in 2.0 s",
                "phase root took 1.0 s",
                "     1.000 s  10-cache  ubuntu",
            ],
        );
    }
}
