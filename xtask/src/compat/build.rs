//! One build of a set, by either program, and what it left.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
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

/// Who builds what.
#[derive(Debug)]
pub(super) struct Order<'a> {
    pub(super) place: &'a Place,
    pub(super) builder: Builder,
    /// Another than root.
    pub(super) user: Option<&'a OrdinaryUser>,
    pub(super) set: &'a ElementSet,
    /// What the directory of this build, below the set's, is named.
    pub(super) name: &'static str,
}

/// Builds a set in a directory of its own, below the place, and reads what it left.
///
/// The directory stays: its `log` says what went wrong.
pub(super) fn build(order: &Order<'_>) -> Result<Built, TaskError> {
    let (directory, home) = (&order.directory(), &order.home());
    order.make_directories()?;
    let mut command = order.command();
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
    let hooks = match order.builder {
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
        &replaced(directory, home),
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

impl Order<'_> {
    fn directory(&self) -> Utf8PathBuf {
        self.place.path().join(self.set.name).join(self.name)
    }

    /// The home of who builds, which later builds find as it was left, what has been downloaded in it.
    fn home(&self) -> Utf8PathBuf {
        let whose = if self.user.is_some() { "user" } else { self.name };
        self.place.path().join(format!("home-{whose}"))
    }

    /// Makes the directories that the build writes to.
    fn make_directories(&self) -> Result<(), TaskError> {
        let (directory, home) = (self.directory(), self.home());
        for (path, mode) in [
            (directory.clone(), 0o755),
            (directory.join("probe"), 0o777),
            // Builds make temporary files there as users within the image, too.
            (directory.join("tmp"), 0o1777),
            (home.clone(), 0o755),
            (home.join(".ssh"), 0o755),
            (home.join("cache"), 0o755),
        ] {
            fs::create_dir_all(&path).map_err(TaskError::file("create", &path))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))
                .map_err(TaskError::file("open", &path))?;
            if let Some(user) = self.user {
                chown(&path, Some(user.uid), Some(user.gid)).map_err(TaskError::file("give away", &path))?;
            }
        }
        let packages = home.join("cache/pypi");
        if !packages.exists() {
            fs::create_dir(&packages).map_err(TaskError::file("create", &packages))?;
            let mirror = packages.join("mirror");
            symlink(self.place.python_packages(), &mirror).map_err(TaskError::file("create", &mirror))?;
        }
        // What another user owns, git clones only where that is allowed.
        for (name, text) in [
            (".gitconfig", "[safe]\n\tdirectory = *\n"),
            (".ssh/authorized_keys", "ssh-ed25519 AAAA compat\n"),
        ] {
            let path = home.join(name);
            fs::write(&path, text).map_err(TaskError::file("write", &path))?;
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let program = self.place.program(self.builder);
        let mut command = match self.user {
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
        let (directory, set) = (self.directory(), self.set);
        command.args(["-t", "tar", "-o", directory.join("image").as_str()]);
        if set.ground == Ground::Prepared {
            command.args(["-n", "compat-root"]);
        }
        if self.builder == Builder::Dib {
            command.args(set.options_of_dib);
        }
        command.args(set.options).arg("compat-probe").args(set.elements);
        command
            .current_dir(&directory)
            .env_clear()
            .envs(self.place.variables(&self.home()))
            .env("TMP_DIR", directory.join("tmp"))
            .env("COMPAT_PROBE", directory.join("probe"));
        for (name, value) in set.variables {
            command.env(name, self.place.fill_in(value));
        }
        command
    }
}

/// What differs in every build: paths of its directories.
fn replaced(directory: &Utf8Path, home: &Utf8Path) -> Vec<(String, &'static str)> {
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
    replaced.push((home.to_string(), "@HOME@"));
    replaced
}

fn end_of(log: &Utf8Path) -> Result<String, TaskError> {
    let bytes = fs::read(log).map_err(TaskError::file("read", log))?;
    let text = String::from_utf8_lossy(&bytes);
    // What upstream unmounts in the end says nothing of what went wrong.
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains(" Unmount ")).collect();
    Ok(lines[lines.len().saturating_sub(12)..].join("\n"))
}
