//! `cargo xtask ci`: everything that must hold, in one command.

use std::time::Instant;

use xshell::cmd;

use crate::build_image::{self, BuildImage};
use crate::compare_packages;
use crate::host_archive;
use crate::image_checks;
use crate::installed_packages;
use crate::kill_test;
use crate::local_mirror::LocalMirror;
use crate::needs;
use crate::ordinary_user;
use crate::package_checks;
use crate::progress;
use crate::reproduce;
use crate::scratch_build::{self, ScratchBuild};
use crate::task_error::TaskError;
use crate::test::{self, Test};
use crate::tests_as_user;
use crate::tidy::{self, Tidy};
use crate::ubuntu_archive;
use crate::workspace::Workspace;

/// Checks everything: format, lints, the house's rules, documentation, real builds, killed builds, tests.
///
/// As root, whatever needs no root is done once more by an ordinary user, who is made when there is none.
#[derive(Debug, clap::Args)]
pub(crate) struct Ci {
    /// As root: the ordinary user's name.
    #[arg(long, value_name = "NAME", default_value = "dib-ci")]
    user: String,
    /// How many builds are killed, for each user.
    #[arg(long, default_value_t = 20)]
    kill_rounds: u32,
}

/// Runs the command; the tests come last, so that what they print is what is seen last.
pub(crate) fn ci(options: &Ci) -> Result<(), TaskError> {
    let mut groups = needs::of_build(true);
    groups.extend(needs::of_tests());
    groups.push(needs::ORDINARY_USER);
    step("needs", || needs::meet(&groups))?;
    let workspace = Workspace::load()?;
    let shell = workspace.shell()?;
    step("format", || {
        Ok(cmd!(shell, "cargo fmt --all --check").quiet().run()?)
    })?;
    step("tidy", || tidy::tidy(&Tidy {}))?;
    step("clippy", || {
        Ok(
            cmd!(shell, "cargo clippy --workspace --all-targets -- --deny warnings")
                .quiet()
                .run()?,
        )
    })?;
    step("documentation", || {
        let documentation =
            cmd!(shell, "cargo doc --workspace --no-deps").env("RUSTDOCFLAGS", "--deny warnings");
        Ok(documentation.quiet().run()?)
    })?;
    step("a build, as README begins", || build_and_check(&workspace))?;
    step("a build of ubuntu from a local mirror", || {
        build_ubuntu_and_check(&workspace)
    })?;

    let dib = build_image::build_dib(&workspace)?;
    step("three builds of the same bytes", || {
        let scratch = ScratchBuild::prepare_without_mirror(None, &dib)?;
        reproduce::thrice(&scratch, &workspace.target.join("reproduce"))
    })?;
    let packages = LocalMirror::of_ubuntu_packages(&workspace)?;
    step("a build of ubuntu-minimal from a local archive", || {
        build_ubuntu_minimal_and_check(&ScratchBuild::prepare(None, &dib, &packages)?)
    })?;
    let mirror = LocalMirror::of_cloud_images(&workspace)?;
    let current = ScratchBuild::prepare(None, &dib, &mirror)?;
    step("killed builds", || {
        kill_test::kill_builds(&current, options.kill_rounds)
    })?;
    drop(current);
    if needs::is_root() {
        let user = ordinary_user::find_or_make(&options.user)?;
        step("the same packages as diskimage-builder's", || {
            compare_packages::compare(&workspace, &ScratchBuild::prepare_without_mirror(None, &dib)?)
        })?;
        step("a build of debian-minimal, by an ordinary user", || {
            build_debian_and_check_as_user(&ScratchBuild::prepare_without_mirror(Some(&user), &dib)?)
        })?;
        let scratch = ScratchBuild::prepare(Some(&user), &dib, &mirror)?;
        step("killed builds, by an ordinary user", || {
            kill_test::kill_builds(&scratch, options.kill_rounds)
        })?;
        step("a build of ubuntu, by an ordinary user", || {
            build_ubuntu_and_check_as_user(&workspace, &scratch)
        })?;
        step("tests, by an ordinary user", || {
            tests_as_user::run(&workspace, &user)
        })?;
    }
    progress::step("tests");
    test::test(&Test::without_arguments())
}

/// Makes images by the command that a newcomer runs first.
fn build_and_check(workspace: &Workspace) -> Result<(), TaskError> {
    build_image::build_image(&BuildImage::with_defaults(&["-t", "qcow2,tar"]))?;
    let directory = workspace.root.join("out");
    package_checks::check_qcow2(&directory)?;
    package_checks::check_tree(&directory)?;
    let archive = host_archive::of_suite(Some("stable"), None, &[])?;
    package_checks::check_that_apt_is_content(&directory, &archive)
}

fn build_debian_and_check_as_user(scratch: &ScratchBuild) -> Result<(), TaskError> {
    let arguments = ["build", "-o", "out/image", "-t", "qcow2,tar", "debian-minimal"];
    scratch_build::succeed(&mut scratch.dib(&arguments), "the build by an ordinary user")?;
    package_checks::check_qcow2(&scratch.output())?;
    package_checks::check_tree(&scratch.output())
}

/// Builds from an archive in Ubuntu's layout; what lies in its updates must be preferred, and its backports left alone.
fn build_ubuntu_minimal_and_check(scratch: &ScratchBuild) -> Result<(), TaskError> {
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

/// Makes images of `ubuntu` in all formats.
fn build_ubuntu_and_check(workspace: &Workspace) -> Result<(), TaskError> {
    build_image::build_image(&BuildImage::of_local_ubuntu(&["-t", "qcow2,raw,tar"]))?;
    image_checks::check(
        &workspace.root.join("out"),
        &build_image::local_archive(workspace)?,
    )
}

fn build_ubuntu_and_check_as_user(workspace: &Workspace, scratch: &ScratchBuild) -> Result<(), TaskError> {
    scratch_build::empty(&scratch.output())?;
    let arguments = ["build", "-o", "out/image", "-t", "qcow2,raw,tar", "ubuntu"];
    scratch_build::succeed(&mut scratch.dib(&arguments), "the build by an ordinary user")?;
    image_checks::check(&scratch.output(), &build_image::local_archive(workspace)?)
}

/// Runs a step between a line that names it and one that says how long it took.
fn step(name: &str, run: impl FnOnce() -> Result<(), TaskError>) -> Result<(), TaskError> {
    eprintln!("\n---- {name}");
    let start = Instant::now();
    let result = run();
    let end = if result.is_ok() { "done" } else { "failed" };
    eprintln!("---- {name}: {end} after {}", progress::seconds(start.elapsed()));
    result
}
