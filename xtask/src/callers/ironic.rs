//! ironic-python-agent-builder: a kernel and a ramdisk, made by its elements and diskimage-builder's.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host_archive;
use crate::progress;
use crate::scratch_build;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

use super::image_files;
use super::place::{self, Place};
use super::{python, source_repositories};

/// What is installed, and under which name.
const BUILDER: &str = "ironic-python-agent-builder";

/// Where `x86/boot.rst` of the kernel's documentation puts the mark of a bzImage, and the mark.
const KERNEL_MARK: (usize, &[u8]) = (0x202, b"HdrS");

/// Names that the ramdisk must hold, and what each of them shows.
const IN_RAMDISK: [(&str, &str); 5] = [
    ("init", "the kernel starts it"),
    ("usr/sbin/init", "it leads there"),
    (
        "opt/ironic-python-agent/bin/ironic-python-agent",
        "pip installed the agent",
    ),
    (
        "etc/systemd/system/multi-user.target.wants/ironic-python-agent.service",
        "it is started",
    ),
    ("usr/local/bin/glean", "the same of another source"),
];

/// Builds, and looks at kernel, ramdisk and sums.
pub(super) fn build(workspace: &Workspace, place: &Place) -> Result<(), TaskError> {
    let installed = python::install(workspace, BUILDER)?;
    let repositories = source_repositories::make(workspace, &installed)?;
    let environment = place.copy(&installed, "python")?;
    let repositories = place.copy(&repositories, "repositories")?;

    let archive = host_archive::of_this_host()?;
    let base = place.output().join("agent");
    let mut command = place.python(&environment, BUILDER);
    command.args(["-r", &archive.suite, "-o", base.as_str()]);
    // The last `-e` is for hosts that reach the index through a proxy of their own.
    command.args(["-e", "callers-host-trust", "debian"]);
    command.envs(archive.variables()?);
    command
        .env("ELEMENTS_PATH", place.elements())
        .env("DIB_DEBIAN_COMPONENTS", "main")
        .envs(python::index_settings(&environment)?)
        .envs(source_repositories::locations(&repositories)?);
    progress::step("building the agent's ramdisk");
    let log = place.path().join("build.log");
    run(&mut command, &log)?;

    check_kernel(&Utf8PathBuf::from(format!("{base}.kernel")))?;
    check_ramdisk(&Utf8PathBuf::from(format!("{base}.initramfs")))?;
    let sums = base.with_extension("sha256");
    image_files::check_that_there_is(&sums)?;
    let mut check = Command::new("sha256sum");
    check
        .args(["--check", "--quiet"])
        .arg(&sums)
        .current_dir(place.output());
    scratch_build::succeed(&mut check, "checking the sums")?;
    check_that_there_is_no_disk(&place.output())
}

/// Runs a command to its end, everything that it prints in a file.
fn run(command: &mut Command, log: &Utf8Path) -> Result<(), TaskError> {
    let file = fs::File::create(log).map_err(TaskError::file("create", log))?;
    let second = file.try_clone().map_err(TaskError::file("open", log))?;
    let status = command
        .stdin(std::process::Stdio::null())
        .stdout(file)
        .stderr(second)
        .status()
        .map_err(TaskError::file("run", BUILDER))?;
    if status.success() {
        return Ok(());
    }
    Err(TaskError::Check(format!(
        "{BUILDER}: {status}\n{}",
        place::last_lines(log)
    )))
}

fn check_kernel(kernel: &Utf8Path) -> Result<(), TaskError> {
    let bytes = fs::read(kernel).map_err(TaskError::file("read", kernel))?;
    let (offset, mark) = KERNEL_MARK;
    if bytes.get(offset..offset + mark.len()) == Some(mark) {
        return Ok(());
    }
    Err(TaskError::Check(format!("{kernel} is no bzImage")))
}

fn check_ramdisk(ramdisk: &Utf8Path) -> Result<(), TaskError> {
    let mut list = Command::new("sh");
    // A pipe's status is its last program's; cpio fails on an archive that ends early.
    list.args(["-c", r#"gzip -dc "$1" | cpio --list --quiet"#, "sh"])
        .arg(ramdisk);
    let text = image_files::read(&mut list, "cpio")?;
    let names: Vec<&str> = text.lines().collect();
    let missing: Vec<String> = IN_RAMDISK
        .iter()
        .filter(|(name, _)| !names.contains(name))
        .map(|(name, reason)| format!("{name} ({reason})"))
        .collect();
    if missing.is_empty() {
        progress::step(format!("{} files in {ramdisk}", names.len()));
        return Ok(());
    }
    Err(TaskError::Check(format!(
        "{ramdisk}, of {} files, holds no {}",
        names.len(),
        missing.join(", no ")
    )))
}

/// Checks that nothing is there but what the caller's own hook made, and what stands in `agent.d`.
fn check_that_there_is_no_disk(directory: &Utf8Path) -> Result<(), TaskError> {
    let names = scratch_build::names_in(directory)?;
    if names == ["agent.d", "agent.initramfs", "agent.kernel", "agent.sha256"] {
        return Ok(());
    }
    Err(TaskError::Check(format!("{directory} holds {names:?}")))
}
