//! The root stage: extraction beside GNU tar's, and the time of the other hooks.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;
use xshell::cmd;

use super::{Bench, Times};
use crate::build_image;
use crate::local_mirror::LocalMirror;
use crate::mirror;
use crate::needs;
use crate::ordinary_user::as_root_of_a_namespace;
use crate::progress;
use crate::report::Report;
use crate::scratch_build::{self, ScratchBuild};
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// Our time at most, as a part of GNU tar's.
const RATIO: f64 = 0.8;

/// What the root stage's hooks may take together, without the one that extracts.
const OTHER_HOOKS: Duration = Duration::from_millis(50);

/// The hook that extracts, and downloads before that.
const EXTRACTING_HOOK: &str = "10-cache-ubuntu-tarball";

/// Packages of a root tarball of about 300 MB (gzip): like a cloud image's, it has programs, libraries and many small
/// files, and no kernel.
const PACKAGES: &str = "build-essential,ca-certificates,clang,gdb,git,iputils-ping,libcap2-bin,locales,\
    manpages-dev,perl-doc,python3-dev,python3-pip,systemd-sysv,vim";

/// Measures, prints and judges.
pub(super) fn measure(options: &Bench) -> Result<(), TaskError> {
    let mut groups = needs::of_build(true);
    groups.push(needs::ORDINARY_USER);
    needs::meet(&groups)?;
    let workspace = Workspace::load()?;
    let shell = workspace.shell()?;
    progress::step("building what is measured");
    cmd!(
        shell,
        "cargo build --release --package dib-archive --example extract"
    )
    .quiet()
    .run()?;
    let extract = workspace.target.join("release/examples/extract");
    let archives = if options.tarball.is_empty() {
        archives(&workspace)?
    } else {
        options.tarball.clone()
    };

    let mut faults = Vec::new();
    println!(
        "{:<14} {:>10} {:>10} {:>10} {:>10} {:>6}",
        "archive", "tar", "least", "ours", "least", "ratio"
    );
    for archive in &archives {
        let times = alternate(archive, &extract, &options.directory, options.rounds.unwrap_or(5))?;
        let ratio = times.ours.median().as_secs_f64() / times.tar.median().as_secs_f64();
        println!(
            "{:<14} {:>10} {:>10} {:>10} {:>10} {ratio:>6.2}",
            archive.file_name().unwrap_or_default(),
            milliseconds(times.tar.median()),
            milliseconds(times.tar.least()),
            milliseconds(times.ours.median()),
            milliseconds(times.ours.least()),
        );
        if ratio > RATIO {
            faults.push(format!("{archive}: {ratio:.2} of tar's time, not {RATIO}"));
        }
    }
    let others = other_hooks(&workspace)?;
    println!("the root stage's other hooks together: {}", milliseconds(others));
    if others >= OTHER_HOOKS {
        faults.push(format!(
            "the other hooks take {}, not less than {}",
            milliseconds(others),
            milliseconds(OTHER_HOOKS)
        ));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(TaskError::Check(faults.join("\n")))
    }
}

/// Makes the archives unless they are there.
fn archives(workspace: &Workspace) -> Result<Vec<Utf8PathBuf>, TaskError> {
    let directory = workspace.target.join("bench");
    let archives = [directory.join("root.tar.gz"), directory.join("root.tar.xz")];
    if archives.iter().all(|archive| archive.exists()) {
        return Ok(archives.to_vec());
    }
    fs::create_dir_all(&directory).map_err(TaskError::file("create", &directory))?;
    let tar = directory.join("root.tar");
    mirror::host_root_file_system(PACKAGES, &tar)?;
    progress::step("packing it as tar.gz and tar.xz");
    for (archive, program) in archives
        .iter()
        .zip([&["gzip", "--no-name", "-6"], &["xz", "--threads=0", "-3"]])
    {
        let input = File::open(&tar).map_err(TaskError::file("open", &tar))?;
        let partial = archive.with_extension("partial");
        let output = File::create(&partial).map_err(TaskError::file("create", &partial))?;
        let mut command = Command::new(program[0]);
        let status = command
            .args(&program[1..])
            .arg("--stdout")
            .stdin(input)
            .stdout(output)
            .status();
        if !status.map_err(TaskError::file("run", program[0]))?.success() {
            return Err(TaskError::Check(format!("{} failed to pack {tar}", program[0])));
        }
        fs::rename(&partial, archive).map_err(TaskError::file("rename", archive))?;
    }
    fs::remove_file(&tar).map_err(TaskError::file("remove", &tar))?;
    Ok(archives.to_vec())
}

#[derive(Debug, Default)]
struct SideBySide {
    tar: Times,
    ours: Times,
}

/// Extracts by turns, so that whatever disturbs the machine disturbs both.
fn alternate(
    archive: &Utf8Path,
    extract: &Utf8Path,
    memory: &Utf8Path,
    rounds: usize,
) -> Result<SideBySide, TaskError> {
    let mut times = SideBySide::default();
    for _ in 0..rounds.max(1) {
        times.tar.0.push(measured(memory, |directory| {
            let mut command = as_root_of_a_namespace("tar");
            // Without the pattern tar leaves out capabilities, which ours restores.
            command.args(["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xf"]);
            command.arg(archive).arg("-C").arg(directory);
            command
        })?);
        times.ours.0.push(measured(memory, |directory| {
            let mut command = as_root_of_a_namespace(extract.as_str());
            command.arg(archive).arg(directory);
            command
        })?);
    }
    Ok(times)
}

/// Runs a command on a fresh directory, times it and removes the directory.
fn measured(memory: &Utf8Path, prepare: impl FnOnce(&Utf8Path) -> Command) -> Result<Duration, TaskError> {
    let directory: TempDir = tempfile::Builder::new()
        .prefix("dib-bench-")
        .tempdir_in(memory)
        .map_err(TaskError::file("create a directory in", memory))?;
    let path = Utf8Path::from_path(directory.path())
        .expect("a plain name in a UTF-8 directory is UTF-8")
        .join("root");
    fs::create_dir(&path).map_err(TaskError::file("create", &path))?;
    let mut command = prepare(&path);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let status = command
        .status()
        .map_err(TaskError::file("run", format!("{command:?}")))?;
    let time = start.elapsed();
    // Its files may belong to subordinate users: only their namespace's root may remove them.
    scratch_build::succeed(
        as_root_of_a_namespace("rm").arg("-rf").arg(&path),
        "removing what was extracted",
    )?;
    if status.success() {
        Ok(time)
    } else {
        Err(TaskError::Check(format!("{command:?} failed: {status}")))
    }
}

/// Builds once and adds up what the root stage's hooks took, but for the one that extracts.
fn other_hooks(workspace: &Workspace) -> Result<Duration, TaskError> {
    let dib = build_image::build_dib(workspace)?;
    let mirror = LocalMirror::of_cloud_images(workspace)?;
    let scratch = ScratchBuild::prepare(None, &dib, &mirror)?;
    let arguments = ["build", "-o", "out/image", "-t", "qcow2", "ubuntu"];
    scratch_build::succeed(&mut scratch.dib(&arguments), "the build whose hooks are measured")?;
    let report = crate::report::of_build(&scratch.output().join("image"))?;
    root_hooks_but_extraction(&report)
        .ok_or_else(|| TaskError::Check("the build's report has no root stage with other hooks".to_owned()))
}

fn root_hooks_but_extraction(report: &Report) -> Option<Duration> {
    let root = report.phases.iter().find(|phase| phase.phase == "root")?;
    let others: Vec<f64> = root
        .hooks
        .iter()
        .filter(|hook| hook.hook != EXTRACTING_HOOK)
        .map(|hook| hook.seconds)
        .collect();
    if others.is_empty() {
        return None;
    }
    Duration::try_from_secs_f64(others.iter().sum()).ok()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extraction_is_not_one_of_the_others() {
        let report: Report = serde_json::from_str(
            r#"{"phases":[{"phase":"root","seconds":3,"hooks":[{"hook":"01-ccache","seconds":0.25},
                {"hook":"10-cache-ubuntu-tarball","seconds":2},{"hook":"99-trim-dpkg","seconds":0.5}]}]}"#,
        )
        .unwrap();
        assert_eq!(
            root_hooks_but_extraction(&report),
            Some(Duration::from_millis(750))
        );
        assert_eq!(
            root_hooks_but_extraction(&serde_json::from_str(r#"{"phases":[]}"#).unwrap()),
            None
        );
    }
}
