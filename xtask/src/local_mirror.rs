//! What this machine serves to builds on it, so that they need nobody else's server.

use std::env;

use camino::{Utf8Path, Utf8PathBuf};

use crate::mirror::{self, MakeMirror};
use crate::progress;
use crate::static_server;
use crate::task_error::TaskError;
use crate::ubuntu_archive::{self, MakeUbuntuArchive};
use crate::workspace::Workspace;

/// A directory that is being served, and what `dib` must be told to use it.
#[derive(Debug, Clone)]
pub(crate) struct LocalMirror {
    settings: Vec<(&'static str, String)>,
    /// The variable that names the key's file.
    key_variable: &'static str,
    key: Utf8PathBuf,
}

impl LocalMirror {
    /// Makes the workspace's mirror of cloud images unless it is there, and serves it until the process ends.
    ///
    /// Its images' own package sources stay, for they are the host's; its packages are of the day on which it was made,
    /// and are left so.
    pub(crate) fn of_cloud_images(workspace: &Workspace) -> Result<Self, TaskError> {
        let directory = workspace.target.join("mirror");
        mirror::mirror(&MakeMirror::with_defaults(&directory))?;
        let url = serve(&directory)?;
        Ok(Self {
            settings: vec![
                ("DIB_CLOUD_IMAGES", url),
                ("DIB_DISTRIBUTION_MIRROR", String::new()),
                ("DIB_RELEASE", "noble".to_owned()),
                ("DIB_AVOID_PACKAGES_UPDATE", "1".to_owned()),
            ],
            key_variable: "DIB_UBUNTU_KEYRING",
            key: directory.join("signing-key.asc"),
        })
    }

    /// Makes the workspace's package archive in Ubuntu's layout unless it is there, and serves it until the process ends.
    pub(crate) fn of_ubuntu_packages(workspace: &Workspace) -> Result<Self, TaskError> {
        let directory = workspace.target.join("ubuntu-archive");
        ubuntu_archive::ubuntu_archive(&MakeUbuntuArchive::in_directory(&directory))?;
        let url = serve(&directory)?;
        Ok(Self::of_served_packages(
            &format!("{url}/ubuntu"),
            &directory.join("archive-key.gpg"),
        ))
    }

    /// A package archive in Ubuntu's layout that is being served, and who may sign it.
    pub(crate) fn of_served_packages(url: &str, keyring: &Utf8Path) -> Self {
        Self {
            settings: vec![
                ("DIB_DISTRIBUTION_MIRROR", url.to_owned()),
                ("DIB_RELEASE", ubuntu_archive::RELEASE.to_owned()),
            ],
            key_variable: "DIB_APT_KEYRING",
            key: keyring.to_owned(),
        }
    }

    /// The same with a copy of its key that lies elsewhere.
    pub(crate) fn with_key(&self, key: &Utf8Path) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    /// The file of the key that signs what is served.
    pub(crate) fn key(&self) -> &Utf8Path {
        &self.key
    }

    /// The variables for `dib`.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let direct = env::var("no_proxy")
            .map(|direct| format!("{direct},"))
            .unwrap_or_default();
        let mut variables = self.settings.clone();
        variables.extend([
            (self.key_variable, self.key.to_string()),
            // A proxy would look for the mirror on its own machine.
            ("no_proxy", format!("{direct}127.0.0.1,localhost")),
        ]);
        variables
    }
}

fn serve(directory: &Utf8Path) -> Result<String, TaskError> {
    let url = static_server::start(directory, 0)?.url();
    progress::step(format!("serving {directory} at {url}"));
    Ok(url)
}
