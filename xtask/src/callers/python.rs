//! Python programs from the package index, in environments of their own.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::made_directory;
use crate::progress;
use crate::scratch_build;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// The distribution's own: a user's may lie where others can't go.
const PYTHON: &str = "/usr/bin/python3";

/// The pip settings by which a host reaches the index, and which a build is told too.
const REACHING_THE_INDEX: [&str; 7] = [
    "index-url",
    "extra-index-url",
    "trusted-host",
    "proxy",
    "timeout",
    "default-timeout",
    "retries",
];

/// Installs what `data/callers/NAME.txt` pins below the workspace's build directory, unless it is there.
///
/// The environment may be copied elsewhere, as long as its programs are called through its `bin/python`: their first
/// lines name a directory that is no more.
pub(super) fn install(workspace: &Workspace, name: &str) -> Result<Utf8PathBuf, TaskError> {
    let list = pins(workspace, name);
    let text = fs::read_to_string(&list).map_err(TaskError::file("read", &list))?;
    let directory = workspace.target.join("callers").join(name);
    let inputs = format!("{PYTHON}\n{text}");
    made_directory::make_unless_current(&directory, name, &inputs, |_, new| {
        progress::step(format!("installing {name}"));
        scratch_build::succeed(
            Command::new(PYTHON).args(["-m", "venv"]).arg(new),
            "making a Python environment",
        )?;
        let mut pip = pip(new);
        pip.args(["install", "--quiet", "--requirement"]).arg(&list);
        scratch_build::succeed(&mut pip, &format!("installing {name}"))
    })?;
    Ok(directory)
}

/// Downloads the sources of what `data/callers/NAME.txt` pins, as the archives that are published.
pub(super) fn download_sources(
    workspace: &Workspace,
    environment: &Utf8Path,
    name: &str,
    directory: &Utf8Path,
) -> Result<(), TaskError> {
    let mut command = pip(environment);
    command
        .args([
            "download",
            "--quiet",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--dest",
        ])
        .arg(directory)
        .arg("--requirement")
        .arg(pins(workspace, name));
    scratch_build::succeed(&mut command, &format!("downloading {name}"))
}

/// The file that pins versions.
pub(super) fn pins(workspace: &Workspace, name: &str) -> Utf8PathBuf {
    workspace
        .root
        .join("xtask/data/callers")
        .join(format!("{name}.txt"))
}

/// The host's settings without which pip in an image may not reach the index, as variables.
pub(super) fn index_settings(environment: &Utf8Path) -> Result<Vec<(String, String)>, TaskError> {
    let output = pip(environment)
        .args(["config", "list"])
        .output()
        .map_err(TaskError::file("run", environment.join("bin/pip")))?;
    Ok(parse_settings(&String::from_utf8_lossy(&output.stdout)))
}

fn pip(environment: &Utf8Path) -> Command {
    let mut command = Command::new(environment.join("bin/python"));
    command.args(["-m", "pip", "--disable-pip-version-check"]);
    command
}

/// Reads `SECTION.NAME='VALUE'` lines, as `pip config list` prints them.
fn parse_settings(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter_map(|(name, value)| {
            let (_, name) = name.rsplit_once('.')?;
            REACHING_THE_INDEX.contains(&name).then(|| {
                let variable = format!("PIP_{}", name.to_uppercase().replace('-', "_"));
                (variable, value.trim_matches('\'').to_owned())
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_reach_the_index() {
        let text = ":env:.cert='/etc/ca.crt'\n:env:.default-timeout='180'\nglobal.index-url='https://index.example.org/s?a=b'\n\
                    global.find-links='/opt'\nnonsense\n";
        let expected = [
            ("PIP_DEFAULT_TIMEOUT", "180"),
            ("PIP_INDEX_URL", "https://index.example.org/s?a=b"),
        ];
        assert_eq!(
            parse_settings(text),
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
