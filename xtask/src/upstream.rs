//! `OpenStack`'s diskimage-builder, from the Python package index: what ours is measured and compared with.

use std::env;
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use crate::host_archive::HostArchive;
use crate::needs;
use crate::progress;
use crate::scratch_build;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// The version that ours is held against.
pub(crate) const VERSION: &str = "3.43.0";

/// An installed diskimage-builder.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// The directory of its programs.
    programs: Utf8PathBuf,
}

/// Installs it below the workspace's build directory unless it is there.
pub(crate) fn install(workspace: &Workspace) -> Result<Upstream, TaskError> {
    needs::meet(&[needs::UPSTREAM])?;
    let directory = workspace.target.join(format!("diskimage-builder-{VERSION}"));
    let programs = directory.join("bin");
    let whole = directory.join("whole");
    if whole.exists() {
        return Ok(Upstream { programs });
    }
    progress::step(format!("installing diskimage-builder {VERSION} in {directory}"));
    let shell = workspace.shell()?;
    shell.remove_path(&directory)?;
    // The system's own Python is one that every user can run, whatever comes first on this user's PATH.
    cmd!(shell, "/usr/bin/python3 -m venv {directory}")
        .quiet()
        .run()?;
    let pip = programs.join("pip");
    cmd!(shell, "{pip} install --quiet diskimage-builder=={VERSION}")
        .quiet()
        .run()?;
    fs::write(&whole, "").map_err(TaskError::file("write", &whole))?;
    Ok(Upstream { programs })
}

impl Upstream {
    /// The directory of its programs, to come first on a `PATH`.
    pub(crate) fn programs(&self) -> &Utf8Path {
        &self.programs
    }

    /// The directory of its elements.
    pub(crate) fn elements(&self) -> Result<Utf8PathBuf, TaskError> {
        let libraries = self.programs.with_file_name("lib");
        for python in scratch_build::names_in(&libraries)? {
            let elements = libraries
                .join(python)
                .join("site-packages/diskimage_builder/elements");
            if elements.is_dir() {
                return Ok(elements);
            }
        }
        Err(TaskError::Check(format!("no elements in {libraries}")))
    }

    /// Prepares a build of `debian-minimal` as a type of image, without what another build has cached; only root can run it.
    pub(crate) fn debian_minimal(
        &self,
        archive: &HostArchive,
        image_type: &str,
        output: &Utf8Path,
        work: &Utf8Path,
    ) -> Result<Command, TaskError> {
        let mut command = Command::new(self.programs.join("disk-image-create"));
        command.args(["-t", image_type, "-o", output.as_str(), "debian-minimal"]);
        command
            .env_clear()
            .env(
                "PATH",
                format!("{}:{}", self.programs, needs::path_with_administrators_programs()),
            )
            .env("HOME", work)
            .env("TMP_DIR", work)
            .env("DIB_IMAGE_CACHE", work.join("cache"))
            .env("DIB_RELEASE", &archive.suite)
            .envs(archive.variables()?);
        for kept in ["http_proxy", "https_proxy", "no_proxy"] {
            command.envs(env::var(kept).map(|value| (kept, value)));
        }
        Ok(command)
    }
}
