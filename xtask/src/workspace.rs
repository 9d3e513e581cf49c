//! Where the checkout is and what it holds, as `cargo metadata` tells it.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::task_error::TaskError;

/// The checkout and its packages.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// The directory of the root `Cargo.toml`.
    #[serde(rename = "workspace_root")]
    pub(crate) root: Utf8PathBuf,
    /// The directory that cargo builds in.
    #[serde(rename = "target_directory")]
    pub(crate) target: Utf8PathBuf,
    /// The workspace's own packages.
    pub(crate) packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a package says that it depends on.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for an ordinary dependency.
    pub(crate) kind: Option<DependencyKind>,
}

/// Dependencies of another than the ordinary kind.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DependencyKind {
    /// For tests, examples and benchmarks.
    Dev,
    /// For the build script.
    Build,
}

impl Workspace {
    /// Asks cargo about the checkout that this program was built from or, failing that, the current directory's.
    pub(crate) fn load() -> Result<Self, TaskError> {
        let shell = Shell::new()?;
        let manifest = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        if manifest.exists() {
            shell.change_dir(env!("CARGO_MANIFEST_DIR"));
        }
        let text = cmd!(shell, "cargo metadata --no-deps --format-version 1")
            .quiet()
            .read()?;
        serde_json::from_str(&text).map_err(|source| TaskError::Json {
            path: manifest,
            source,
        })
    }

    /// Opens a shell that stands in the root.
    pub(crate) fn shell(&self) -> Result<Shell, TaskError> {
        let shell = Shell::new()?;
        shell.change_dir(&self.root);
        Ok(shell)
    }
}
