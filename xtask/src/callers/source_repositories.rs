//! Git repositories of published sources: what the agent's elements would clone from `OpenStack`'s server.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::made_directory;
use crate::scratch_build;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

use super::python;

/// The file whose lines pin what is published in archives.
const SOURCES: &str = "agent-sources";

/// The file that pins what the agent needs, in the repository of `OpenStack`'s requirements.
const CONSTRAINTS: &str = "upper-constraints";

/// The repository of `OpenStack`'s requirements, which is not published as an archive: of it, one file is read.
const REQUIREMENTS: &str = "requirements";

/// Makes a directory of repositories, unless it is there: one of each source, named as `OpenStack` does, and `requirements`.
pub(super) fn make(workspace: &Workspace, environment: &Utf8Path) -> Result<Utf8PathBuf, TaskError> {
    let mut inputs = String::new();
    for name in [SOURCES, CONSTRAINTS] {
        let list = python::pins(workspace, name);
        inputs.push_str(&fs::read_to_string(&list).map_err(TaskError::file("read", &list))?);
    }
    let directory = workspace.target.join("callers/repositories");
    made_directory::make_unless_current(&directory, "repositories", &inputs, |work, new| {
        let archives = work.join("archives");
        python::download_sources(workspace, environment, SOURCES, &archives)?;
        for archive in scratch_build::names_in(&archives)? {
            let repository = new.join(project(&archive)?);
            fs::create_dir(&repository).map_err(TaskError::file("create", &repository))?;
            let mut tar = Command::new("tar");
            tar.args(["--strip-components=1", "--no-same-owner", "-xzf"])
                .arg(archives.join(&archive))
                .arg("-C")
                .arg(&repository);
            scratch_build::succeed(&mut tar, "unpacking sources")?;
            commit(&repository)?;
        }
        let repository = new.join(REQUIREMENTS);
        fs::create_dir(&repository).map_err(TaskError::file("create", &repository))?;
        let (list, copy) = (
            python::pins(workspace, CONSTRAINTS),
            repository.join("upper-constraints.txt"),
        );
        fs::copy(&list, &copy).map_err(TaskError::file("copy", &list))?;
        commit(&repository)
    })?;
    Ok(directory)
}

/// The variables that name the repositories in a directory to `source-repositories`.
pub(super) fn locations(directory: &Utf8Path) -> Result<Vec<(String, String)>, TaskError> {
    let names = scratch_build::names_in(directory)?;
    Ok(names
        .iter()
        .filter(|name| directory.join(name).is_dir())
        .map(|name| {
            (
                format!("DIB_REPOLOCATION_{}", name.replace('-', "_")),
                format!("file://{}", directory.join(name)),
            )
        })
        .collect())
}

/// Makes a repository of what is in a directory, on the branch that is cloned unless another is asked for.
fn commit(directory: &Utf8Path) -> Result<(), TaskError> {
    for arguments in [
        &["init", "--quiet", "--initial-branch=master"][..],
        &["add", "--all", "--force"],
        &[
            "-c",
            "user.name=dib",
            "-c",
            "user.email=dib@example.org",
            "commit",
            "--quiet",
            "--message=as published",
        ],
    ] {
        scratch_build::succeed(
            Command::new("git").args(arguments).current_dir(directory),
            "making a repository",
        )?;
    }
    Ok(())
}

/// The name of the project whose archive has this name, as its repository is called.
fn project(archive: &str) -> Result<String, TaskError> {
    let name = archive
        .strip_suffix(".tar.gz")
        .and_then(|stem| stem.rsplit_once('-'))
        .map(|(name, _)| name.replace('_', "-"));
    name.ok_or_else(|| TaskError::Check(format!("{archive} is no archive of a project's sources")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_of_projects() {
        assert_eq!(
            project("ironic_python_agent-1.0.0.tar.gz").unwrap(),
            "ironic-python-agent"
        );
        assert_eq!(project("glean-1.2.tar.gz").unwrap(), "glean");
        assert!(project("glean.zip").is_err());
    }
}
