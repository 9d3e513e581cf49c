//! `cargo xtask kill-test`: a build that is killed leaves nothing behind.
//!
//! The parent alone gets SIGKILL, as nodepool does it to a build that takes too long: no handler runs, so whatever
//! must end with the build has to end by itself.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::build_image;
use crate::build_traces;
use crate::local_mirror::LocalMirror;
use crate::needs;
use crate::ordinary_user;
use crate::progress;
use crate::scratch_build::{self, ScratchBuild};
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// How long the processes of a killed build may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Kills builds at moments spread over a whole one and checks that nothing of them stays.
#[derive(Debug, clap::Args)]
pub(crate) struct KillTest {
    /// How many builds are killed, for each user.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// As root: an ordinary user for whom everything is done once more; made when there is none of the name.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Runs the command.
pub(crate) fn kill_test(options: &KillTest) -> Result<(), TaskError> {
    let mut groups = needs::of_build(true);
    groups.push(needs::ORDINARY_USER);
    needs::meet(&groups)?;
    let workspace = Workspace::load()?;
    let dib = build_image::build_dib(&workspace)?;
    let mirror = LocalMirror::of_cloud_images(&workspace)?;
    kill_builds(
        &ScratchBuild::prepare(None, &dib, &mirror)?,
        UBUNTU,
        options.rounds,
    )?;
    if let Some(name) = &options.user {
        if !needs::is_root() {
            return Err(TaskError::Check(format!("only root can build as {name}")));
        }
        let user = ordinary_user::find_or_make(name)?;
        kill_builds(
            &ScratchBuild::prepare(Some(&user), &dib, &mirror)?,
            UBUNTU,
            options.rounds,
        )?;
    }
    Ok(())
}

/// A build of `ubuntu` that neither needs another archive nor waits for one: without base's packages.
pub(crate) const UBUNTU: &[&str] = &["-n", "ubuntu"];

/// Measures a whole build of what the arguments say, then kills as many as there are rounds, then checks that the next one is whole again.
pub(crate) fn kill_builds(scratch: &ScratchBuild, what: &[&str], rounds: u32) -> Result<(), TaskError> {
    progress::step(format!("measuring a whole build by {}", scratch.who()));
    // Most rounds find what the first build has put into the cache.
    scratch_build::succeed(&mut build(scratch, what, false), "the build that fills the cache")?;
    scratch_build::empty(&scratch.output())?;
    let start = Instant::now();
    scratch_build::succeed(
        &mut build(scratch, what, false),
        "the build that is to be measured",
    )?;
    let whole = start.elapsed();
    let images = scratch_build::names_in(&scratch.output())?;
    progress::step(format!(
        "it took {} and made {}",
        progress::seconds(whole),
        images.join(", ")
    ));

    let mut killed = 0;
    for round in 0..rounds {
        killed += u32::from(kill_one(scratch, what, round, rounds, whole)?);
    }
    // Builds differ in their time, but a test that kills hardly any shows nothing.
    if killed * 4 < rounds * 3 {
        return Err(TaskError::Check(format!(
            "only {killed} of {rounds} builds were still running when they were to be killed"
        )));
    }

    progress::step("building once more, now to the end");
    scratch_build::succeed(
        &mut build(scratch, what, false),
        "the build after the killed ones",
    )?;
    scratch_build::succeed(&mut scratch.dib(&["cache", "verify"]), "dib cache verify")?;
    let temporary = scratch_build::names_in(&scratch.temporary())?;
    let output = scratch_build::names_in(&scratch.output())?;
    if output != images {
        return Err(TaskError::Check(format!(
            "the output's directory holds {output:?}, not just {images:?}"
        )));
    }
    if temporary.iter().any(|name| name.starts_with("dib_build.")) {
        return Err(TaskError::Check(format!(
            "the build left temporary files: {temporary:?}"
        )));
    }
    progress::step(format!(
        "{killed} of {rounds} builds by {} were killed, the others had ended; none left anything",
        scratch.who()
    ));
    Ok(())
}

/// Kills one build; returns whether it was still running.
fn kill_one(
    scratch: &ScratchBuild,
    what: &[&str],
    round: u32,
    rounds: u32,
    whole: Duration,
) -> Result<bool, TaskError> {
    scratch_build::empty(&scratch.output())?;
    // The first quarter falls into downloading only where there is something to download.
    if round < rounds / 4 {
        scratch_build::empty(&scratch.cache())?;
    }
    // The middle of the round's share of the whole time.
    let moment = whole * (2 * round + 1) / (2 * rounds);
    let on_disk = round % 2 == 1;
    let mut command = build(scratch, what, on_disk);
    // A killed build's last words are of no interest, and nobody would read them.
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(TaskError::file("run", "dib"))?;
    thread::sleep(moment);
    let ended = child.try_wait().map_err(TaskError::file("wait for", "dib"))?;
    let family = build_traces::family(child.id());
    // SIGKILL, and to this one process.
    child.kill().map_err(TaskError::file("kill", "dib"))?;
    child.wait().map_err(TaskError::file("wait for", "dib"))?;
    let start = Instant::now();
    let mut left = build_traces::traces(scratch.path(), &family)?;
    while !left.is_empty() && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(20));
        left = build_traces::traces(scratch.path(), &family)?;
    }
    let gone = start.elapsed();

    let number = round + 1;
    let place = if on_disk { "on disk" } else { "in memory" };
    let moment = progress::seconds(moment);
    if let Some(status) = ended {
        println!("round {number:>2}, {place}: the build had ended by {moment} already ({status})");
    } else {
        left.extend(
            published(scratch)?
                .into_iter()
                .map(|name| format!("output {name}")),
        );
        let processes = family.len();
        println!(
            "round {number:>2}, {place}: killed at {moment}, {processes} processes gone within {}",
            progress::seconds(gone)
        );
    }
    if left.is_empty() {
        return Ok(ended.is_none());
    }
    Err(TaskError::Check(format!(
        "the build that was killed at {moment} left:\n  {}",
        left.join("\n  ")
    )))
}

fn build(scratch: &ScratchBuild, what: &[&str], on_disk: bool) -> Command {
    let mut arguments = vec!["build", "-o", "out/image", "-t", "qcow2"];
    if on_disk {
        arguments.push("--no-tmpfs");
    }
    arguments.extend(what);
    scratch.dib(&arguments)
}

/// Names what stands under the output's name: the base or the base with something after a dot.
fn published(scratch: &ScratchBuild) -> Result<Vec<String>, TaskError> {
    let mut names = scratch_build::names_in(&scratch.output())?;
    names.retain(|name| is_published(name));
    Ok(names)
}

fn is_published(name: &str) -> bool {
    let after = name.strip_prefix("image");
    after.is_some_and(|after| after.is_empty() || after.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_under_the_outputs_name() {
        for (name, expected) in [
            ("image", true),
            ("image.qcow2", true),
            ("image.qcow2.md5", true),
            ("image.d", true),
            (".image.qcow2.dib-partial-1", false),
            ("imagery", false),
        ] {
            assert_eq!(is_published(name), expected, "{name}");
        }
    }
}
