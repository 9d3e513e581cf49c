//! `cargo xtask loop-test`: diskimage-builder's own `bootloader`, which runs `grub-install` on a block device.

use camino::{Utf8Path, Utf8PathBuf};

use crate::build_image;
use crate::build_traces;
use crate::host_archive;
use crate::needs;
use crate::progress;
use crate::scratch_build::{self, ScratchBuild};
use crate::task_error::TaskError;
use crate::upstream;
use crate::workspace::Workspace;

/// As root: builds `vm debian-minimal` of diskimage-builder's elements with `--loop`, and boots it.
#[derive(Debug, clap::Args)]
pub(crate) struct LoopTest {
    /// Test this `dib` instead of building one.
    #[arg(long, value_name = "FILE")]
    dib: Option<Utf8PathBuf>,
}

/// Runs the command.
pub(crate) fn loop_test(options: &LoopTest) -> Result<(), TaskError> {
    let mut groups = needs::of_build(false);
    groups.extend([needs::BOOT, needs::UPSTREAM]);
    needs::meet(&groups)?;
    let workspace = Workspace::load()?;
    let dib = match &options.dib {
        Some(dib) => dib.clone(),
        None => build_image::build_dib(&workspace)?,
    };
    build_and_boot(&workspace, &dib)
}

/// Builds and boots the image, and checks that the build leaves nothing on the machine.
pub(crate) fn build_and_boot(workspace: &Workspace, dib: &Utf8Path) -> Result<(), TaskError> {
    if !needs::is_root() {
        return Err(TaskError::Check("only root has loop devices".to_owned()));
    }
    let upstream = upstream::install(workspace)?;
    let archive = host_archive::of_this_host()?;
    let scratch = ScratchBuild::prepare_without_mirror(None, dib)?;
    progress::step("building vm debian-minimal of diskimage-builder's elements at a loop device");
    let image = scratch.output().join("image");
    let mut build = scratch.dib(&["build", "--loop", "-u", "--boot-test", "-o", image.as_str()]);
    build
        .args(["vm", "debian-minimal"])
        .env(
            "PATH",
            format!(
                "{}:{}",
                upstream.programs(),
                needs::path_with_administrators_programs()
            ),
        )
        .env("ELEMENTS_PATH", upstream.elements()?)
        .env("DIB_RELEASE", &archive.suite)
        .envs(archive.variables()?);
    scratch_build::succeed(&mut build, "the build at a loop device")?;
    let traces = build_traces::traces(scratch.path(), &[])?;
    if !traces.is_empty() {
        return Err(TaskError::Check(format!(
            "the build left on the machine: {}",
            traces.join(", ")
        )));
    }
    progress::step("it has booted, and left no device");
    Ok(())
}
