//! Who is measured when a Debian is built: ours and diskimage-builder, from the same archive, in the same place.

use camino::Utf8PathBuf;

use super::Bench;
use super::place::{Cost, Place};
use crate::build_image;
use crate::host_archive::{self, HostArchive};
use crate::needs;
use crate::task_error::TaskError;
use crate::upstream::{self, Upstream};
use crate::workspace::Workspace;

/// The suite that is built: whatever Debian's current release is.
pub(super) const SUITE: &str = "stable";

/// The tools and what they work on.
pub(super) struct Contest {
    pub(super) archive: HostArchive,
    pub(super) upstream: Upstream,
    pub(super) dib: Utf8PathBuf,
    pub(super) place: Place,
}

impl Contest {
    /// Installs and builds what is measured; `subject` is what the logs are called.
    pub(super) fn prepare(
        subject: &'static str,
        options: &Bench,
        workspace: &Workspace,
    ) -> Result<Self, TaskError> {
        if !needs::is_root() {
            return Err(TaskError::Check(
                "the others build for root alone: run this as root".to_owned(),
            ));
        }
        needs::meet(&[needs::BUILD, needs::BOOTSTRAP])?;
        Ok(Self {
            archive: host_archive::of_suite(Some(SUITE), None, &[])?,
            upstream: upstream::install(workspace)?,
            dib: build_image::build_dib(workspace)?,
            place: Place::make(subject, &options.directory, &workspace.target.join("bench"))?,
        })
    }

    /// Builds our bootable disk, with these variables besides.
    pub(super) fn our_disk(&self, name: &str, variables: &[(&str, &str)]) -> Result<Cost, TaskError> {
        let mut command = self.place.command(self.dib.as_str());
        command.args([
            "build",
            "-t",
            "qcow2",
            "-o",
            self.place.output().as_str(),
            "vm",
            "debian-minimal",
        ]);
        command
            .env("DIB_RELEASE", SUITE)
            .env("DIB_IMAGE_CACHE", self.place.cache())
            // Others have none; who measures layers asks for them.
            .env("DIB_LAYERS", "0")
            .envs(variables.iter().copied());
        self.place.time(&format!("dib-{name}"), &command)
    }
}
