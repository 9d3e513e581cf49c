//! The test programs, built by us and run by an ordinary user who may have neither cargo nor a way to the checkout.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use xshell::cmd;

use crate::needs;
use crate::ordinary_user::OrdinaryUser;
use crate::progress;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// Hides a directory that others may not enter behind an empty one, in which only the checkout is: at its own path,
/// which is compiled into the tests. Seen by the program that it then runs, and by nobody else.
const SHOW_CHECKOUT: &str = r#"
set -eu
checkout=$1 aside=$2 closed=$3
shift 3
mount --rbind "$checkout" "$aside"
mount -t tmpfs -o mode=0755 tmpfs "$closed"
mkdir -p "$checkout"
mount --rbind "$aside" "$checkout"
exec "$@"
"#;

/// A line of cargo's messages in JSON, as far as it tells of a test program.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    manifest_path: Utf8PathBuf,
    profile: Option<Profile>,
    executable: Option<Utf8PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

/// Builds the test programs and what they drive, and runs them all as the user.
pub(crate) fn run(workspace: &Workspace, user: &OrdinaryUser) -> Result<(), TaskError> {
    let shell = workspace.shell()?;
    cmd!(shell, "cargo build --workspace --bins").quiet().run()?;
    let messages = cmd!(shell, "cargo test --workspace --no-run --message-format=json")
        .quiet()
        .read()?;
    let programs = test_programs(&messages);
    if programs.is_empty() {
        return Err(TaskError::Check("cargo built no test program".to_owned()));
    }
    let scratch = tempfile::Builder::new()
        .prefix("dib-tests-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .map_err(TaskError::file("create", "a directory for tests"))?;
    let scratch = Utf8Path::from_path(scratch.path()).expect("a plain name in a UTF-8 directory is UTF-8");
    let (temporary, aside) = (scratch.join("tmp"), scratch.join("checkout"));
    for path in [&temporary, &aside] {
        fs::create_dir(path).map_err(TaskError::file("create", path))?;
    }
    chown(&temporary, Some(user.uid), Some(user.gid)).map_err(TaskError::file("give away", &temporary))?;

    let mut failed = Vec::new();
    for (program, manifest) in &programs {
        progress::step(format!(
            "{} by {}",
            program.file_name().unwrap_or_default(),
            user.name
        ));
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if let Some(closed) = closed_ancestor(&workspace.root) {
            command
                .args(["sh", "-c", SHOW_CHECKOUT, "sh"])
                .args([&workspace.root, &aside, &closed]);
        }
        let (uid, gid) = (format!("--reuid={}", user.uid), format!("--regid={}", user.gid));
        command.args([
            "setpriv",
            &uid,
            &gid,
            "--init-groups",
            "sh",
            "-c",
            r#"cd "$1" && exec "$2""#,
            "sh",
        ]);
        let package = manifest.parent().unwrap_or(&workspace.root);
        command.args([package, program]);
        command
            .env_clear()
            .env("PATH", needs::path_with_administrators_programs());
        command
            .env("HOME", &user.home)
            .env("USER", &user.name)
            .env("TMPDIR", &temporary);
        command
            .env("CARGO_MANIFEST_DIR", package)
            .env("INSTA_WORKSPACE_ROOT", &workspace.root);
        command.env("INSTA_UPDATE", "no").env("RUST_BACKTRACE", "1");
        if !command
            .status()
            .map_err(TaskError::file("run", program))?
            .success()
        {
            failed.push(program.file_name().unwrap_or_default());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(format!(
        "tests failed as {}: {}",
        user.name,
        failed.join(", ")
    )))
}

/// Finds the test programs, each with its package's manifest, in cargo's messages.
fn test_programs(messages: &str) -> Vec<(Utf8PathBuf, Utf8PathBuf)> {
    let mut programs = Vec::new();
    for message in messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
    {
        let is_test = message.profile.is_some_and(|profile| profile.test);
        if let Some(program) = message.executable.filter(|_| is_test) {
            programs.push((program, message.manifest_path));
        }
    }
    programs
}

/// The outermost directory on the way to a path that others may not enter.
fn closed_ancestor(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut ancestors: Vec<&Utf8Path> = path.ancestors().collect();
    ancestors.reverse();
    ancestors
        .into_iter()
        .find(|ancestor| {
            ancestor
                .metadata()
                .is_ok_and(|metadata| metadata.permissions().mode() & 0o005 != 0o005)
        })
        .map(Utf8Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","profile":{"test":false},"executable":"/t/a"}
{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","profile":{"test":true},"executable":"/t/a-1"}
{"reason":"compiler-artifact","manifest_path":"/b/Cargo.toml","profile":{"test":true},"executable":null}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(
            test_programs(messages),
            [("/t/a-1".into(), "/a/Cargo.toml".into())]
        );
    }

    #[test]
    fn the_outermost_closed_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(path.join("a/b/c")).unwrap();
        assert_eq!(closed_ancestor(&path.join("a/b/c")), None);
        fs::set_permissions(path.join("a/b"), Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(path.join("a"), Permissions::from_mode(0o750)).unwrap();
        assert_eq!(closed_ancestor(&path.join("a/b/c")), Some(path.join("a")));
    }
}
