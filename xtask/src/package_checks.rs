//! Checks on images of packages, by dpkg and apt in the image itself.

use std::fs;

use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::host_archive::HostArchive;
use crate::installed_packages;
use crate::needs;
use crate::ordinary_user::as_root_of_a_namespace;
use crate::private_apt;
use crate::progress;
use crate::scratch_build;
use crate::task_error::TaskError;

/// Questions to the image's own tools; each must succeed and print nothing.
const QUESTIONS: [&str; 3] = ["dpkg --audit", "dpkg --verify", "apt-get -qq check"];

/// Extracts `image.tar` in a directory and asks dpkg and apt in it whether all is well.
pub(crate) fn check_tree(directory: &Utf8Path) -> Result<(), TaskError> {
    let tar = directory.join("image.tar");
    progress::step(format!("asking dpkg and apt in {tar}"));
    let scratch = tempfile::Builder::new()
        .prefix("dib-tree-")
        .tempdir()
        .map_err(TaskError::file("create", "a directory for a tree"))?;
    let tree = Utf8Path::from_path(scratch.path())
        .expect("a plain name in a UTF-8 directory is UTF-8")
        .join("tree");
    fs::create_dir(&tree).map_err(TaskError::file("create", &tree))?;
    let mut tar_command = as_root_of_a_namespace("tar");
    tar_command
        .args(["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf"])
        .args([&tar, Utf8Path::new("-C"), &tree]);
    let result = scratch_build::succeed(&mut tar_command, "extracting the tar").and_then(|()| ask(&tree));
    // Its files may belong to subordinate users: only their namespace's root may remove them.
    scratch_build::succeed(
        as_root_of_a_namespace("rm").arg("-rf").arg(&tree),
        "removing the tree",
    )?;
    result
}

fn ask(tree: &Utf8Path) -> Result<(), TaskError> {
    let mut faults = Vec::new();
    for question in QUESTIONS {
        let mut command = as_root_of_a_namespace("chroot");
        command.arg(tree).args(question.split(' '));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let output = command.output().map_err(TaskError::file("run chroot in", tree))?;
        let (printed, said) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        if !output.status.success() || !printed.is_empty() || !said.is_empty() {
            faults.push(format!("{question}: {}\n{printed}{said}", output.status));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(format!(
        "the image's own tools complain:\n{}",
        faults.join("\n")
    )))
}

/// Asks the host's apt what it would change in `image.tar` of a directory, made from an archive: nothing.
pub(crate) fn check_that_apt_is_content(
    directory: &Utf8Path,
    archive: &HostArchive,
) -> Result<(), TaskError> {
    let tar = directory.join("image.tar");
    progress::step(format!("asking apt what it would change in {tar}"));
    let scratch = tempfile::tempdir().map_err(TaskError::file("create", "a directory for apt"))?;
    let place = Utf8Path::from_path(scratch.path()).expect("a plain name in a UTF-8 directory is UTF-8");
    let status = installed_packages::status_of_tar(&tar)?;
    let shell = private_apt::update(archive, &status, place)?;
    let changes = cmd!(shell, "apt-get -qq --simulate dist-upgrade")
        .quiet()
        .read()?;
    if changes.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(format!("apt would change {tar}:\n{changes}")))
}

/// Checks `image.qcow2` in a directory by qemu-img.
pub(crate) fn check_qcow2(directory: &Utf8Path) -> Result<(), TaskError> {
    let shell = Shell::new()?;
    shell.set_var("PATH", needs::path_with_administrators_programs());
    let image = directory.join("image.qcow2");
    cmd!(shell, "qemu-img check {image}").quiet().run()?;
    Ok(())
}
