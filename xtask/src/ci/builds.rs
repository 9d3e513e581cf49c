//! Builds whose images are checked by programs that are not ours.

use std::fs;
use std::process::Command;

use camino::Utf8Path;
use xshell::cmd;

use crate::build_image::{self, BuildImage};
use crate::disk_checks;
use crate::host_archive;
use crate::image_checks;
use crate::installed_packages;
use crate::needs;
use crate::package_checks;
use crate::scratch_build::{self, ScratchBuild};
use crate::task_error::TaskError;
use crate::ubuntu_archive;
use crate::vm_build::{self, InMachine};
use crate::workspace::Workspace;

/// Makes images by the command that a newcomer runs first.
pub(super) fn build_and_check(workspace: &Workspace) -> Result<(), TaskError> {
    build_image::build_image(&BuildImage::with_defaults(&["-t", "qcow2,tar"]))?;
    let directory = workspace.root.join("out");
    package_checks::check_qcow2(&directory)?;
    package_checks::check_tree(&directory)?;
    let archive = host_archive::of_suite(Some("stable"), None, &[])?;
    package_checks::check_that_apt_is_content(&directory, &archive)
}

pub(super) fn build_debian_and_check_as_user(scratch: &ScratchBuild) -> Result<(), TaskError> {
    let arguments = ["build", "-o", "out/image", "-t", "qcow2,tar", "debian-minimal"];
    scratch_build::succeed(&mut scratch.dib(&arguments), "the build by an ordinary user")?;
    package_checks::check_qcow2(&scratch.output())?;
    package_checks::check_tree(&scratch.output())
}

/// Makes a disk of each layout, and of one everything that dib can write, and has others look at them.
pub(super) fn build_disks_and_check(scratch: &ScratchBuild) -> Result<(), TaskError> {
    needs::meet(&[needs::DISK_CHECKS])?;
    let none = disk_checks::NO_FILE_SYSTEM;
    for (layout, types, file_systems) in [
        ("block-device-mbr", "raw", &["ext4"][..]),
        ("block-device-gpt", "raw", &[none, "ext4"]),
        (
            "block-device-efi",
            disk_checks::ALL_TYPES,
            &["vfat", none, "ext4"],
        ),
    ] {
        scratch_build::empty(&scratch.output())?;
        let arguments = [
            "build",
            "-o",
            "out/image",
            "-t",
            types,
            "vm",
            layout,
            "debian-minimal",
        ];
        scratch_build::succeed(&mut scratch.dib(&arguments), layout)?;
        disk_checks::check_disk(&scratch.output(), file_systems)?;
        if types == disk_checks::ALL_TYPES {
            disk_checks::check_formats(&scratch.output())?;
        }
    }
    Ok(())
}

/// Builds a tiny image, by the binary of the downstream crate, inside a virtual machine, and on the host: both
/// trees are the same.
pub(super) fn build_in_machine_and_compare(workspace: &Workspace) -> Result<(), TaskError> {
    let shell = workspace.shell()?;
    cmd!(shell, "cargo build --package dib-elements-myorg --bin myorg-dib")
        .quiet()
        .run()?;
    let place = tempfile::Builder::new()
        .prefix("dib-machine-")
        .tempdir_in(&workspace.target)
        .map_err(TaskError::file("create a directory in", &workspace.target))?;
    let directory = Utf8Path::from_path(place.path()).expect("a plain name in a UTF-8 directory is UTF-8");
    // The image knows its own name and the command that made it, so both builds have the same.
    let build = || {
        let mut command = Command::new(workspace.target.join("debug/myorg-dib"));
        command.args([
            "build",
            "-n",
            "-t",
            "tar,raw,qcow2",
            "-o",
            directory.join("image").as_str(),
            "myorg-tiny",
        ]);
        command
            .current_dir(&workspace.root)
            .env("PATH", needs::path_with_administrators_programs())
            .env("DIB_IMAGE_CACHE", directory.join("cache"))
            // Both builds have a cache, and are to do all that is to be compared.
            .env("DIB_LAYERS", "0")
            .env("SOURCE_DATE_EPOCH", "1700000000");
        command
    };
    scratch_build::succeed(&mut build(), "the build on the host")?;
    shell.change_dir(directory);
    fs::rename(directory.join("image.tar"), directory.join("host.tar"))
        .map_err(TaskError::file("rename the archive in", directory))?;
    let in_machine = build();
    let wanted = InMachine {
        command: &in_machine,
        directories: vec![workspace.root.clone(), workspace.target.clone()],
    };
    let status = vm_build::run(workspace, &wanted)?;
    if status != 0 {
        return Err(TaskError::Check(format!(
            "the build in the machine ended with status {status}"
        )));
    }
    cmd!(shell, "cmp host.tar image.tar").quiet().run()?;
    cmd!(shell, "e2fsck -f -n image.raw")
        .quiet()
        .ignore_stdout()
        .run()?;
    cmd!(shell, "qemu-img compare -q image.raw image.qcow2")
        .quiet()
        .run()?;
    Ok(())
}

/// Builds from an archive in Ubuntu's layout; what lies in its updates must be preferred, and its backports left alone.
pub(super) fn build_ubuntu_minimal_and_check(scratch: &ScratchBuild) -> Result<(), TaskError> {
    let arguments = ["build", "-o", "out/image", "-t", "tar", "ubuntu-minimal"];
    scratch_build::succeed(&mut scratch.dib(&arguments), "the build of ubuntu-minimal")?;
    let packages = installed_packages::of_tar(&scratch.output().join("image.tar"))?;
    let kernels: Vec<(&String, &String)> = packages
        .iter()
        .filter(|(name, _)| name.starts_with(ubuntu_archive::KERNEL))
        .collect();
    if !matches!(*kernels, [(_, version)] if version == ubuntu_archive::KERNEL_VERSION) {
        return Err(TaskError::Check(format!(
            "not {} {} is in the image, but {kernels:?}",
            ubuntu_archive::KERNEL,
            ubuntu_archive::KERNEL_VERSION
        )));
    }
    package_checks::check_tree(&scratch.output())
}

/// Makes images of `ubuntu` in all formats; without base's packages, so that every file can be held against the origin.
pub(super) fn build_ubuntu_and_check(workspace: &Workspace) -> Result<(), TaskError> {
    build_image::build_image(&BuildImage::of_local_ubuntu(&["-n", "-t", "qcow2,raw,tar"]))?;
    image_checks::check(
        &workspace.root.join("out"),
        &build_image::local_archive(workspace)?,
    )
}

pub(super) fn build_ubuntu_and_check_as_user(
    workspace: &Workspace,
    scratch: &ScratchBuild,
) -> Result<(), TaskError> {
    scratch_build::empty(&scratch.output())?;
    let arguments = ["build", "-n", "-o", "out/image", "-t", "qcow2,raw,tar", "ubuntu"];
    scratch_build::succeed(&mut scratch.dib(&arguments), "the build by an ordinary user")?;
    image_checks::check(&scratch.output(), &build_image::local_archive(workspace)?)
}
