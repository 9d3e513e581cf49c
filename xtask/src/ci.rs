//! `cargo xtask ci`: everything that must hold, in one command.

use camino::Utf8Path;
use xshell::cmd;

use crate::bad_mirrors;
use crate::boot_mutants;
use crate::build_image;
use crate::callers;
use crate::compare_packages;
use crate::compat::{self, Compat};
use crate::kill_test;
use crate::local_mirror::LocalMirror;
use crate::loop_test;
use crate::needs;
use crate::ordinary_user;
use crate::reproduce;
use crate::scratch_build::ScratchBuild;
use crate::task_error::TaskError;
use crate::test::{self, Test};
use crate::tests_as_user;
use crate::tidy::{self, Tidy};
use crate::vm_test;
use crate::workspace::Workspace;

mod builds;
mod steps;

use steps::Steps;

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
    /// Run only the steps whose names contain this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// What is built of packages and killed: a disk of several parts.
const DISK_OF_PACKAGES: &[&str] = &["vm", "block-device-efi", "ubuntu-minimal"];

/// Runs the command; the tests come last, so that what they print is what is seen last.
pub(crate) fn ci(options: &Ci) -> Result<(), TaskError> {
    let mut groups = needs::of_build(true);
    groups.extend(needs::of_tests());
    groups.extend([
        needs::ORDINARY_USER,
        needs::BOOT,
        needs::BOOT_MUTANTS,
        needs::CALLERS,
    ]);
    needs::meet(&groups)?;
    let workspace = Workspace::load()?;
    let mut steps = Steps::only(&options.only);
    check_text(&workspace, &mut steps)?;
    let dib = build_image::build_dib(&workspace)?;
    check_builds(options, &workspace, &dib, &mut steps)?;
    eprintln!("\n{}", steps.table());
    steps.run("tests", || test::test(&Test::without_arguments()))
}

/// Checks what needs no build of an image.
fn check_text(workspace: &Workspace, steps: &mut Steps) -> Result<(), TaskError> {
    let shell = workspace.shell()?;
    steps.run("format", || {
        Ok(cmd!(shell, "cargo fmt --all --check").quiet().run()?)
    })?;
    steps.run("tidy", || tidy::tidy(&Tidy {}))?;
    steps.run("clippy", || {
        let clippy = cmd!(shell, "cargo clippy --workspace --all-targets -- --deny warnings");
        Ok(clippy.quiet().run()?)
    })?;
    steps.run("documentation", || {
        let documentation =
            cmd!(shell, "cargo doc --workspace --no-deps").env("RUSTDOCFLAGS", "--deny warnings");
        Ok(documentation.quiet().run()?)
    })
}

/// Checks builds of images, and as root also those by an ordinary user.
fn check_builds(
    options: &Ci,
    workspace: &Workspace,
    dib: &Utf8Path,
    steps: &mut Steps,
) -> Result<(), TaskError> {
    let on_host_archive = |user| ScratchBuild::prepare_without_mirror(user, dib);
    steps.run("build as README begins", || builds::build_and_check(workspace))?;
    steps.run("build of ubuntu", || builds::build_ubuntu_and_check(workspace))?;
    steps.run("build in a virtual machine", || {
        builds::build_in_machine_and_compare(workspace)
    })?;
    steps.run("build of disks in all formats", || {
        builds::build_disks_and_check(&on_host_archive(None)?)
    })?;
    steps.run("images that boot, from inside", || {
        // An ordinary user is the one to build, if there can be another than root.
        let user = needs::is_root()
            .then(|| ordinary_user::find_or_make(&options.user))
            .transpose()?;
        vm_test::test_images(workspace, dib, user.as_ref(), "")
    })?;
    steps.run("callers of disk-image-create", || {
        let user = needs::is_root()
            .then(|| ordinary_user::find_or_make(&options.user))
            .transpose()?;
        callers::call(workspace, dib, user.as_ref(), "")
    })?;
    steps.run("images that don't boot", || boot_mutants::test_mutants(dib, ""))?;
    steps.run("builds of the same bytes", || {
        reproduce::thrice(&on_host_archive(None)?, &workspace.target.join("reproduce"))
    })?;
    let packages = LocalMirror::of_ubuntu_packages(workspace)?;
    steps.run("build of ubuntu-minimal", || {
        builds::build_ubuntu_minimal_and_check(&ScratchBuild::prepare(None, dib, &packages)?)
    })?;
    steps.run("builds from bad mirrors", || {
        bad_mirrors::build_from_all(workspace, dib)
    })?;
    let images = LocalMirror::of_cloud_images(workspace)?;
    steps.run("killed builds", || {
        let scratch = ScratchBuild::prepare(None, dib, &images)?;
        kill_test::kill_builds(&scratch, kill_test::UBUNTU, options.kill_rounds)
    })?;
    steps.run("killed builds of packages", || {
        let scratch = ScratchBuild::prepare(None, dib, &packages)?;
        kill_test::kill_builds(&scratch, DISK_OF_PACKAGES, options.kill_rounds.div_ceil(5))
    })?;
    if !needs::is_root() {
        return Ok(());
    }
    steps.run("build of diskimage-builder's packages", || {
        compare_packages::compare(workspace, &on_host_archive(None)?)
    })?;
    steps.run("a disk at a loop device", || {
        loop_test::build_and_boot(workspace, dib)
    })?;
    let user = ordinary_user::find_or_make(&options.user)?;
    steps.run("builds of diskimage-builder's elements", || {
        compat::compare_all(workspace, dib, &Compat::of_all(&options.user))
    })?;
    steps.run("build of debian-minimal, by a user", || {
        builds::build_debian_and_check_as_user(&on_host_archive(Some(&user))?)
    })?;
    steps.run("build of ubuntu-minimal, by a user", || {
        builds::build_ubuntu_minimal_and_check(&ScratchBuild::prepare(Some(&user), dib, &packages)?)
    })?;
    steps.run("killed builds, by a user", || {
        let scratch = ScratchBuild::prepare(Some(&user), dib, &images)?;
        kill_test::kill_builds(&scratch, kill_test::UBUNTU, options.kill_rounds)
    })?;
    steps.run("killed builds of packages, by a user", || {
        let scratch = ScratchBuild::prepare(Some(&user), dib, &packages)?;
        kill_test::kill_builds(&scratch, DISK_OF_PACKAGES, options.kill_rounds.div_ceil(5))
    })?;
    steps.run("build of ubuntu, by a user", || {
        let scratch = ScratchBuild::prepare(Some(&user), dib, &images)?;
        builds::build_ubuntu_and_check_as_user(workspace, &scratch)
    })?;
    steps.run("tests, by a user", || tests_as_user::run(workspace, &user))
}
