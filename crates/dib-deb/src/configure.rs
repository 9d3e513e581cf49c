//! Configuring what is unpacked, by dpkg itself.

mod initramfs;
mod kept_files;
mod modules;
mod parts;
mod services;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc;
use std::thread;

use dib_sys::command::{CommandError, CommandStatus, Replay as _, Stdin, TargetCommand, run_in_target};
use dib_sys::{TargetError, TargetPath};

use self::initramfs::{Deferred, MakeError};
use self::modules::plain::Plain;
use self::parts::Parts;
use crate::transaction::Place;

/// Where our own files are in the target while it is configured; programs in it come before those in `PATH`.
const OURS: &str = "/var/lib/dpkg/dib";
/// How many lines of a package's output are kept for the error.
const KEPT_LINES: usize = 20;

/// Why packages could not be configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// dpkg could not be started, or not be waited for.
    #[error("failed to run dpkg")]
    Run(#[from] CommandError),
    /// The initramfs could not be made.
    #[error("failed to make the initramfs")]
    Initramfs(#[source] CommandError),
    /// dpkg's database can't be read, or the stand-in for `update-initramfs` not be put there or taken away.
    #[error("failed to prepare the configuration of packages")]
    Target(#[from] TargetError),
    /// A thread could not be started.
    #[error("failed to start a thread")]
    Thread(#[source] std::io::Error),
    /// A package's script failed.
    #[error(
        "failed to configure the package {package}: {reason}{}\nto run it again: {replay}",
        quoted(last_lines)
    )]
    Package {
        /// The package, or all that failed.
        package: String,
        /// What dpkg said of the first.
        reason: String,
        /// The last lines that the first one's scripts wrote.
        last_lines: Vec<String>,
        /// A line that runs dpkg again in the target, for that package alone.
        replay: String,
    },
    /// dpkg failed without saying which package is to blame.
    #[error("dpkg {status}{}\nto run it again: {replay}", quoted(last_lines))]
    Dpkg {
        /// How it ended.
        status: CommandStatus,
        /// The last lines that it wrote.
        last_lines: Vec<String>,
        /// A line that runs it again in the target.
        replay: String,
    },
}

/// What dpkg says while it works, from the lines it writes for programs and those that scripts write.
#[derive(Default)]
struct Observed {
    configured: BTreeSet<String>,
    current: String,
    lines: VecDeque<String>,
    /// The first package that failed: its name, what dpkg said, its last lines.
    failed: Option<(String, String, Vec<String>)>,
    all_failed: Vec<String>,
}

/// Configures all that is unpacked, runs the triggers, and returns how many packages there were. Nothing but the target is needed of what came before.
///
/// Services are not started meanwhile. Where the target makes initramfs images with initramfs-tools, each is made once,
/// beside the configuration of the packages that have no part in it.
///
/// # Errors
/// When a package's script fails (the rest is configured as far as it can be), or an initramfs can't be made.
pub fn configure(place: Place<'_>) -> Result<usize, ConfigureError> {
    let packages = parts::unconfigured(place.target)?;
    services::forbid(place.target)?;
    let configured = configure_quietly(place);
    // Also when something failed: a shell in the target should find it as it will be.
    let permitted = services::permit(place.target);
    configured?;
    permitted?;
    Ok(packages)
}

fn configure_quietly(place: Place<'_>) -> Result<(), ConfigureError> {
    place.target.create_directory_all(&path(OURS), 0o755)?;
    let kernels = modules::begin(place)?;
    let configured = thread::scope(|scope| {
        let finding_out = thread::Builder::new()
            .name("modules".to_owned())
            .spawn_scoped(scope, || modules::find_out(place, &kernels))
            .map_err(ConfigureError::Thread)?;
        configure_in_order(place, &kernels, || {
            let found_out = finding_out.join();
            found_out.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    });
    // Also when something failed: a shell in the target should find it as it will be.
    let removed = place.target.remove_tree(&path(OURS));
    configured?;
    removed?;
    Ok(())
}

/// Configures all; `before_kernels` returns when the modules of the kernels are known.
fn configure_in_order<'p>(
    place: Place<'p>,
    kernels: &[String],
    before_kernels: impl FnOnce() -> Result<Vec<Plain<'p>>, TargetError> + Send,
) -> Result<(), ConfigureError> {
    let mut observed = Observed::default();
    let total = parts::unconfigured(place.target)?;
    let Some(deferred) = Deferred::begin(place)? else {
        before_kernels()?;
        return run_dpkg(place, &["--pending"], total, &mut observed);
    };
    let configured =
        configure_beside_initramfs(place, &deferred, kernels, total, &mut observed, before_kernels);
    let ended = deferred.end();
    configured?;
    Ok(ended?)
}

/// Configures packages in three goes. While the second one goes on, the initramfs of each kernel is made, before its
/// package asks for one: what it will ask for is known, and what it is made of has been configured in the first go.
fn configure_beside_initramfs<'p>(
    place: Place<'p>,
    deferred: &Deferred<'_>,
    kernels: &[String],
    total: usize,
    observed: &mut Observed,
    before_kernels: impl FnOnce() -> Result<Vec<Plain<'p>>, TargetError> + Send,
) -> Result<(), ConfigureError> {
    let parts = Parts::find(place.target)?;
    let expected = deferred.expected_requests(kernels)?;
    let mut run_dpkg_with = |arguments: &[String]| {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        if arguments.is_empty() {
            return Ok(());
        }
        run_dpkg(place, &arguments, total, observed)
    };
    let kept = thread::scope(|scope| {
        let reading = (!expected.is_empty()).then(|| scope.spawn(|| deferred.read_in_advance()));
        let configured = run_dpkg_with(&parts.first);
        let digests = reading.map(|reading| {
            let read = reading.join();
            read.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        // Looked at while nothing changes.
        configured.map(|()| digests.and_then(|digests| deferred.kept(&digests)))
    })?;
    if !expected.is_empty() {
        // Whatever was asked for up to here is part of what is made now.
        deferred.take_requests()?;
    }
    let inputs = deferred.inputs(kernels)?;
    thread::scope(|scope| {
        let (known, modules_are_known) = mpsc::channel();
        let (expected, kept) = (&expected, kept.as_ref());
        let making = thread::Builder::new()
            .name("initramfs".to_owned())
            .spawn_scoped(scope, move || {
                let decompressed = before_kernels()?;
                // Nobody listens any more where a package could not be configured.
                let _ = known.send(());
                deferred
                    .make(expected, kept, &decompressed)
                    .map_err(ConfigureError::from)
            })
            .map_err(ConfigureError::Thread)?;
        let configured = run_dpkg_with(&parts.apart).and_then(|()| match modules_are_known.recv() {
            Ok(()) => run_dpkg_with(&["--pending".to_owned()]),
            // The thread has failed, and tells why.
            Err(mpsc::RecvError) => Ok(()),
        });
        let made = making
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        configured?;
        made
    })?;
    let late = deferred.take_requests()?;
    deferred.remove(&expected.without(&late))?;
    // What came after the images were made (modules that a kernel's other hooks built, packages that need a kernel) belongs
    // into them, too.
    let outdated = late.updates() || !deferred.inputs(kernels)?.is_subset(&inputs);
    if outdated && !expected.is_empty() {
        place
            .progress
            .line("making the initramfs again, since what it is made of has changed");
        deferred.make(&expected.among(&late), None, &[])?;
    }
    Ok(deferred.make(&late.without(&expected).but_updates_of(&expected), None, &[])?)
}

/// Runs `dpkg --configure` with these arguments.
fn run_dpkg(
    place: Place<'_>,
    arguments: &[&str],
    total: usize,
    observed: &mut Observed,
) -> Result<(), ConfigureError> {
    // dpkg closes the descriptor it is given here for the scripts it runs, so it may not be their output.
    let shell = [
        "sh",
        "-c",
        "exec dpkg --status-fd 3 --force-unsafe-io,confdef,confold --configure \"$@\" 3>&1",
        "dpkg",
    ];
    let command = TargetCommand {
        argv: shell
            .iter()
            .chain(arguments)
            .map(|&word| word.to_owned())
            .collect(),
        environment: with_ours(place.environment),
        working_directory: TargetPath::root(),
        stdin: Stdin::Nothing,
    };
    let outcome = run_in_target(place.target, &command, &mut |_, line| {
        if observed.take(line) {
            place
                .progress
                .configured(observed.configured.len(), total, &observed.current);
        } else {
            place.progress.line(line);
        }
    })?;
    if outcome.status.is_success() {
        return Ok(());
    }
    let replay = |words: &[&str]| {
        let argv = words.iter().map(|&word| word.to_owned()).collect();
        TargetCommand {
            argv,
            ..command.clone()
        }
        .replay_line()
    };
    Err(match observed.failed.take() {
        Some((package, reason, last_lines)) => ConfigureError::Package {
            replay: replay(&["dpkg", "--configure", &package]),
            package: if observed.all_failed.len() > 1 {
                format!("{package} (and then {})", observed.all_failed[1..].join(", "))
            } else {
                package
            },
            reason,
            last_lines,
        },
        None => ConfigureError::Dpkg {
            status: outcome.status,
            last_lines: std::mem::take(&mut observed.lines).into(),
            replay: command.replay_line(),
        },
    })
}

impl From<MakeError> for ConfigureError {
    fn from(error: MakeError) -> Self {
        match error {
            MakeError::Run(source) => Self::Initramfs(source),
            MakeError::Target(source) => Self::Target(source),
        }
    }
}

impl Observed {
    /// Takes a line in; true when dpkg wrote it for programs (dpkg(1), `--status-fd`).
    fn take(&mut self, line: &str) -> bool {
        if let Some(rest) = line.strip_prefix("status: ") {
            let mut parts = rest.splitn(3, " : ");
            let (first, second, third) = (parts.next(), parts.next(), parts.next());
            if let (Some(package), Some("error"), Some(reason)) = (first, second, third) {
                self.all_failed.push(package.to_owned());
                let lines = self.lines.iter().cloned().collect();
                self.failed
                    .get_or_insert_with(|| (package.to_owned(), reason.to_owned(), lines));
                return true;
            }
            let Some((package, status)) = rest.rsplit_once(": ") else {
                return false;
            };
            if package != self.current {
                package.clone_into(&mut self.current);
            }
            if status.trim_ascii() == "installed" {
                self.configured.insert(package.to_owned());
            }
            return true;
        }
        if line.starts_with("processing: ") {
            self.lines.clear();
            return true;
        }
        if self.lines.len() == KEPT_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
        false
    }
}

/// Lets programs of ours come before others of their name.
fn with_ours(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut environment = environment.clone();
    if let Some(search_path) = environment.get_mut("PATH") {
        *search_path = format!("{OURS}:{search_path}");
    }
    environment
}

fn path(text: &str) -> TargetPath {
    text.parse().expect("our paths have no part that climbs")
}

fn quoted(lines: &[String]) -> String {
    lines.iter().flat_map(|line| ["\n  | ", line]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_kept_with_what_its_scripts_wrote() {
        let mut observed = Observed::default();
        let lines = [
            ("processing: configure: base-files", true),
            ("status: base-files: half-configured", true),
            ("Setting up base-files (12.4) ...", false),
            ("status: base-files: installed", true),
            ("processing: configure: tool:amd64", true),
            ("status: tool:amd64: half-configured", true),
            ("tool: no such user", false),
            (
                "status: tool : error : installed tool package post-installation script subprocess returned error exit status 1",
                true,
            ),
            (
                "status: other : error : dependency problems - leaving unconfigured",
                true,
            ),
        ];
        for (line, for_programs) in lines {
            assert_eq!(observed.take(line), for_programs, "{line}");
        }
        assert_eq!(observed.configured, BTreeSet::from(["base-files".to_owned()]));
        assert_eq!(observed.all_failed, ["tool", "other"]);
        let (package, reason, last_lines) = observed.failed.unwrap();
        assert_eq!(
            (&*package, last_lines),
            ("tool", vec!["tool: no such user".to_owned()])
        );
        assert!(reason.ends_with("returned error exit status 1"), "{reason}");
    }
}
