//! What `dib-deb` tells, as a build's observer shows it.

use dib_core::{HookContext, Observer, Work, WorkUnit};
use dib_deb::Progress;

/// Shows one work each for downloading, unpacking and configuring.
pub(crate) struct ShownProgress<'o> {
    observer: &'o dyn Observer,
}

impl<'o> ShownProgress<'o> {
    pub(crate) fn of(ctx: &'o HookContext<'_>) -> Self {
        Self {
            observer: ctx.observer(),
        }
    }

    fn show(&self, name: &str, done: u64, total: u64, unit: WorkUnit) {
        self.observer.working(&Work {
            name,
            done,
            total,
            unit,
        });
    }
}

impl Progress for ShownProgress<'_> {
    fn downloaded(&self, done: u64, total: u64) {
        self.show("downloading packages", done, total, WorkUnit::Bytes);
    }

    fn unpacked(&self, done: usize, total: usize) {
        self.show(
            "unpacking packages",
            done as u64,
            total as u64,
            WorkUnit::Packages,
        );
    }

    fn configured(&self, done: usize, total: usize, _package: &str) {
        self.show(
            "configuring packages",
            done as u64,
            total as u64,
            WorkUnit::Packages,
        );
    }

    fn line(&self, line: &str) {
        self.observer.output(line);
    }
}
