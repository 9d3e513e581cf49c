//! What works without being root: an ordinary user for root to try it as, and what such a user can be root of.

use std::process::Command;

use camino::Utf8PathBuf;
use nix::unistd::User;
use xshell::{Shell, cmd};

use crate::needs;
use crate::progress;
use crate::task_error::TaskError;

/// An account of this machine.
#[derive(Debug, Clone)]
pub(crate) struct OrdinaryUser {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: Utf8PathBuf,
}

/// Finds an account by its name, or makes it with a home and, as useradd does, a range of subordinate users.
///
/// The account stays: `userdel --remove NAME` ends it.
pub(crate) fn find_or_make(name: &str) -> Result<OrdinaryUser, TaskError> {
    if let Some(user) = find(name)? {
        return Ok(user);
    }
    progress::step(format!("making the user {name}"));
    let shell = Shell::new()?;
    cmd!(shell, "useradd --create-home --shell /bin/sh {name}")
        .quiet()
        .run()?;
    find(name)?.ok_or_else(|| TaskError::Check(format!("useradd made {name}, but there is no such user")))
}

/// Finds an account by its name.
pub(crate) fn find(name: &str) -> Result<Option<OrdinaryUser>, TaskError> {
    let user = User::from_name(name)
        .map_err(|error| TaskError::Check(format!("failed to look up {name}: {error}")))?;
    let Some(user) = user else { return Ok(None) };
    if user.uid.is_root() {
        return Err(TaskError::Check(format!(
            "{name} is root, where an ordinary user is wanted"
        )));
    }
    let home = Utf8PathBuf::from_path_buf(user.dir)
        .map_err(|path| TaskError::Check(format!("the home of {name} is not UTF-8: {}", path.display())))?;
    Ok(Some(OrdinaryUser {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        home,
    }))
}

/// A command that may give files away: as it is for root, in a user namespace for others.
pub(crate) fn as_root_of_a_namespace(program: &str) -> Command {
    if needs::is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-auto", "--map-root-user", program]);
    command
}
