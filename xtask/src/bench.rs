//! `cargo xtask bench`: measurements that can fail, ours beside the usual tools' in one run.

use std::time::Duration;

use camino::Utf8PathBuf;

use crate::task_error::TaskError;

mod bootstrap;
mod build;
mod contest;
mod formats;
mod layers;
mod machine;
mod performance_page;
mod place;
mod root_stage;

use place::Cost;

/// Measures a part of a build beside the tools that others use, and fails when it is not fast enough.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// What to measure.
    #[arg(value_enum, default_value_t = Subject::RootStage)]
    subject: Subject,
    /// How often each is measured [default: 5; of bootstrap and build: 3 for ours, 1 for the others].
    #[arg(long)]
    rounds: Option<usize>,
    /// root-stage: an archive to extract instead of the ones that are made; can be repeated.
    #[arg(long, value_name = "FILE")]
    tarball: Vec<Utf8PathBuf>,
    /// formats: a tar of the tree to write instead of a debian-minimal that is built.
    #[arg(long, value_name = "TAR")]
    tree: Option<Utf8PathBuf>,
    /// Where to work: a directory in memory, so that no disk is measured.
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    directory: Utf8PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Subject {
    /// The root stage: extraction beside GNU tar's, and the time of the other hooks.
    RootStage,
    /// A Debian from its archive: beside mmdebstrap, debootstrap and diskimage-builder. Needs root.
    Bootstrap,
    /// A whole build of a bootable disk: beside diskimage-builder. Needs root.
    Build,
    /// Builds in which nothing, a late or an early hook has changed, with layers: beside a build of ours with an empty cache, and
    /// diskimage-builder. Needs root.
    Layers,
    /// A tree as images: beside a loop mount, cp and qemu-img. Needs root.
    Formats,
}

/// Runs the command.
pub(crate) fn bench(options: &Bench) -> Result<(), TaskError> {
    match options.subject {
        Subject::RootStage => root_stage::measure(options),
        Subject::Bootstrap => bootstrap::measure(options),
        Subject::Build => build::measure(options),
        Subject::Layers => layers::measure(options),
        Subject::Formats => formats::measure(options),
    }
}

/// The times of one program, in the order in which they were measured.
#[derive(Debug, Default)]
struct Times(Vec<Duration>);

impl Times {
    fn median(&self) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    fn least(&self) -> Duration {
        self.0.iter().min().copied().unwrap_or_default()
    }
}

/// What the same work took, several times.
#[derive(Debug, Default)]
struct Costs {
    times: Times,
    processor_times: Times,
}

impl Costs {
    fn add(&mut self, cost: Cost) {
        self.times.0.push(cost.time);
        self.processor_times.0.push(cost.processor_time);
    }

    /// Returns the median, in seconds.
    fn seconds(&self) -> f64 {
        self.times.median().as_secs_f64()
    }

    /// Returns the least, in seconds.
    fn least(&self) -> f64 {
        self.times.least().as_secs_f64()
    }

    fn rounds(&self) -> usize {
        self.times.0.len()
    }

    /// Returns the median of the processors' time, in seconds.
    fn processor_seconds(&self) -> f64 {
        self.processor_times.median().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let times = Times([5, 1, 9].map(Duration::from_millis).to_vec());
        assert_eq!(
            (times.median(), times.least()),
            (Duration::from_millis(5), Duration::from_millis(1))
        );
        assert_eq!(Times::default().median(), Duration::ZERO);
    }
}
