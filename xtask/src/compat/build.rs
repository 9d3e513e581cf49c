//! One build of a set, by either program, and what it left.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::compat::hooks;
use crate::compat::place::Place;
use crate::compat::probe::{self, Probes};
use crate::compat::sets::{ElementSet, Ground};
use crate::ordinary_user::OrdinaryUser;
use crate::tar_members::{self, Member};
use crate::task_error::TaskError;

/// Where in the tree the probe writes when it runs there.
const PROBE_IN_TREE: &str = "var/lib/compat-probe";

/// Which of the two programs builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Builder {
    Upstream,
    Dib,
}

/// What a build left.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) tree: Vec<Member>,
    pub(super) probes: Probes,
    /// The hooks of each phase, in the order in which they ran.
    pub(super) hooks: Vec<(String, String)>,
    pub(super) time: Duration,
}

/// Builds a set in a directory of its own, below the place, and reads what it left.
///
/// The directory stays: its `log` says what went wrong.
pub(super) fn build(
    place: &Place,
    builder: Builder,
    user: Option<&OrdinaryUser>,
    set: &ElementSet,
    directory: &Utf8Path,
) -> Result<Built, TaskError> {
    prepare(directory, user)?;
    let mut command = command(place, builder, user, set, directory);
    let log_path = directory.join("log");
    let log = File::create(&log_path).map_err(TaskError::file("create", &log_path))?;
    let second = log.try_clone().map_err(TaskError::file("open", &log_path))?;
    let start = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(second)
        .status()
        .map_err(TaskError::file("run", "disk-image-create"))?;
    let time = start.elapsed();
    if !status.success() {
        let end = end_of(&log_path)?;
        return Err(TaskError::Check(format!("{status}; {log_path} ends in\n{end}")));
    }
    let hooks = match builder {
        Builder::Upstream => hooks::of_upstream(&log_path)?,
        Builder::Dib => hooks::of_dib(&directory.join("image"))?,
    };
    let tar = directory.join("image.tar");
    let from_tree = directory.join("from-tree");
    fs::create_dir(&from_tree).map_err(TaskError::file("create", &from_tree))?;
    let shell = Shell::new()?;
    let pattern = format!("*{PROBE_IN_TREE}/*");
    cmd!(
        shell,
        "tar --directory {from_tree} --extract --file {tar} --no-same-owner --wildcards {pattern}"
    )
    .quiet()
    .run()?;
    let probes = probe::read(
        &[&directory.join("probe"), &from_tree.join(PROBE_IN_TREE)],
        &replaced(place, directory),
    )?;
    let mut tree = tar_members::read(&tar)?;
    tree.retain(|member| !member.path().contains(PROBE_IN_TREE));
    Ok(Built {
        tree,
        probes,
        hooks,
        time,
    })
}

/// Makes the directories that a build writes to.
fn prepare(directory: &Utf8Path, user: Option<&OrdinaryUser>) -> Result<(), TaskError> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(TaskError::file("remove", directory))?;
    }
    for (path, mode) in [
        (directory.to_owned(), 0o755),
        (directory.join("probe"), 0o777),
        // Builds make temporary files there as users within the image, too.
        (directory.join("tmp"), 0o1777),
    ] {
        fs::create_dir_all(&path).map_err(TaskError::file("create", &path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .map_err(TaskError::file("open", &path))?;
        if let Some(user) = user {
            chown(&path, Some(user.uid), Some(user.gid)).map_err(TaskError::file("give away", &path))?;
        }
    }
    Ok(())
}

fn command(
    place: &Place,
    builder: Builder,
    user: Option<&OrdinaryUser>,
    set: &ElementSet,
    directory: &Utf8Path,
) -> Command {
    let program = place.program(builder);
    let mut command = match user {
        None => Command::new(program),
        Some(user) => {
            let mut command = Command::new("setpriv");
            command
                .arg(format!("--reuid={}", user.uid))
                .arg(format!("--regid={}", user.gid))
                .arg("--init-groups")
                .arg(program);
            command
        }
    };
    command.args(["-t", "tar", "-o", directory.join("image").as_str()]);
    if set.ground == Ground::Prepared {
        command.args(["-n", "compat-root"]);
    }
    command.args(set.options).arg("compat-probe").args(set.elements);
    command
        .current_dir(directory)
        .env_clear()
        .envs(place.variables(directory.file_name().unwrap_or_default()))
        .env("TMP_DIR", directory.join("tmp"))
        .env("COMPAT_PROBE", directory.join("probe"));
    for (name, value) in set.variables {
        command.env(name, value.replace("@PLACE@", place.path().as_str()));
    }
    command
}

/// What differs in every build: paths of its directories.
fn replaced(place: &Place, directory: &Utf8Path) -> Vec<(String, &'static str)> {
    let mut replaced = Vec::new();
    for (variable, name) in [
        ("TMP_BUILD_DIR", "@BUILD@"),
        ("TMP_IMAGE_DIR", "@IMAGE@"),
        ("_LIB", "@LIB@"),
    ] {
        if let Some(path) = probe::variable(&directory.join("probe"), variable).filter(|path| path.len() > 1)
        {
            replaced.push((path, name));
        }
    }
    // A library below the build's directory has the longer path.
    replaced.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    replaced.push((directory.to_string(), "@WORK@"));
    let cache = place.cache(directory.file_name().unwrap_or_default());
    replaced.push((cache.into_string(), "@CACHE@"));
    replaced
}

fn end_of(log: &Utf8Path) -> Result<String, TaskError> {
    let bytes = fs::read(log).map_err(TaskError::file("read", log))?;
    let text = String::from_utf8_lossy(&bytes);
    // What upstream unmounts in the end says nothing of what went wrong.
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains(" Unmount ")).collect();
    Ok(lines[lines.len().saturating_sub(12)..].join("\n"))
}
