//! Builds in a directory of their own, by the current user or by another: what `ci`, `kill-test` and `bench` drive.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::local_mirror::LocalMirror;
use crate::needs;
use crate::ordinary_user::OrdinaryUser;
use crate::task_error::TaskError;

/// A place for builds: a copy of `dib`, a cache, an output's directory and a place for temporary files.
#[derive(Debug)]
pub(crate) struct ScratchBuild {
    /// Removes everything at its end.
    directory: TempDir,
    user: Option<OrdinaryUser>,
    variables: Vec<(&'static str, String)>,
}

impl ScratchBuild {
    /// Makes the place for the current user or, as root, for another; builds take from a local mirror.
    pub(crate) fn prepare(
        user: Option<&OrdinaryUser>,
        dib: &Utf8Path,
        mirror: &LocalMirror,
    ) -> Result<Self, TaskError> {
        let mut scratch = Self::prepare_without_mirror(user, dib)?;
        // The checkout may lie where the other user can't go.
        let key = scratch.path().join(mirror.key().file_name().unwrap_or("key"));
        fs::copy(mirror.key(), &key).map_err(TaskError::file("copy", mirror.key()))?;
        scratch.variables.extend(mirror.with_key(&key).variables());
        Ok(scratch)
    }

    /// Makes the place; builds take from where the host takes its own packages.
    pub(crate) fn prepare_without_mirror(
        user: Option<&OrdinaryUser>,
        dib: &Utf8Path,
    ) -> Result<Self, TaskError> {
        let directory = tempfile::Builder::new()
            .prefix("dib-scratch-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .map_err(TaskError::file("create", "a scratch directory"))?;
        let mut scratch = Self {
            directory,
            user: user.cloned(),
            variables: Vec::new(),
        };
        fs::copy(dib, scratch.path().join("dib")).map_err(TaskError::file("copy", dib))?;
        for name in ["out", "tmp", "cache"] {
            let path = scratch.path().join(name);
            fs::create_dir(&path).map_err(TaskError::file("create", &path))?;
            if let Some(user) = user {
                chown(&path, Some(user.uid), Some(user.gid)).map_err(TaskError::file("give away", &path))?;
            }
        }
        scratch.variables.extend([
            ("TMPDIR", scratch.temporary().into_string()),
            ("DIB_IMAGE_CACHE", scratch.cache().into_string()),
        ]);
        Ok(scratch)
    }

    /// Prepares a call of `dib`, in the scratch directory and with a user's plain environment.
    pub(crate) fn dib(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(self.path().join("dib").as_str());
        command.args(arguments);
        command
    }

    /// Prepares a call of a program as the builds' user. Killing the process kills the program: nothing stands between.
    pub(crate) fn command(&self, program: &str) -> Command {
        let (mut command, home, name) = match &self.user {
            None => (
                Command::new(program),
                env::var("HOME").unwrap_or_else(|_| "/".to_owned()),
                env::var("USER").ok(),
            ),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={}", user.uid))
                    .arg(format!("--regid={}", user.gid))
                    .arg("--init-groups");
                command.arg(program);
                (command, user.home.to_string(), Some(user.name.clone()))
            }
        };
        command
            .current_dir(self.path())
            .env_clear()
            .env("HOME", home)
            .envs(name.map(|name| ("USER", name)));
        command.env("PATH", needs::path_with_administrators_programs());
        for kept in ["http_proxy", "https_proxy", "LANG", "RUST_BACKTRACE"] {
            command.envs(env::var(kept).map(|value| (kept, value)));
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Who builds, for people.
    pub(crate) fn who(&self) -> String {
        match &self.user {
            Some(user) => user.name.clone(),
            None if needs::is_root() => "root".to_owned(),
            None => "this user".to_owned(),
        }
    }

    /// The scratch directory; its path stands in the environment of every process of a build.
    pub(crate) fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).expect("a plain name in a UTF-8 directory is UTF-8")
    }

    /// The directory for images.
    pub(crate) fn output(&self) -> Utf8PathBuf {
        self.path().join("out")
    }

    /// The directory in which builds make their temporary directories.
    pub(crate) fn temporary(&self) -> Utf8PathBuf {
        self.path().join("tmp")
    }

    /// The directory of downloads.
    pub(crate) fn cache(&self) -> Utf8PathBuf {
        self.path().join("cache")
    }
}

/// Runs a prepared command to its end and fails when it does; what it printed is shown only then.
pub(crate) fn succeed(command: &mut Command, what: &str) -> Result<(), TaskError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(TaskError::file("run", what))?;
    if output.status.success() {
        return Ok(());
    }
    let (printed, said) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    Err(TaskError::Check(format!(
        "{what} failed: {}\n{printed}{said}",
        output.status
    )))
}

/// The names in a directory, sorted.
pub(crate) fn names_in(directory: &Utf8Path) -> Result<Vec<String>, TaskError> {
    let mut names = Vec::new();
    for entry in directory
        .read_dir_utf8()
        .map_err(TaskError::file("read", directory))?
    {
        names.push(
            entry
                .map_err(TaskError::file("read", directory))?
                .file_name()
                .to_owned(),
        );
    }
    names.sort();
    Ok(names)
}

/// Removes all that is in a directory.
pub(crate) fn empty(directory: &Utf8Path) -> Result<(), TaskError> {
    for name in names_in(directory)? {
        let path = directory.join(name);
        let is_directory = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        let removed = if is_directory {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(TaskError::file("remove", &path))?;
    }
    Ok(())
}
