//! `cargo xtask ci`: everything that must hold, in one command.

use std::time::Instant;

use xshell::cmd;

use crate::build_image::{self, BuildImage};
use crate::image_checks;
use crate::kill_test;
use crate::local_mirror::LocalMirror;
use crate::needs;
use crate::ordinary_user;
use crate::progress;
use crate::scratch_build::{self, ScratchBuild};
use crate::task_error::TaskError;
use crate::test::{self, Test};
use crate::tests_as_user;
use crate::tidy::{self, Tidy};
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

    let dib = build_image::build_dib(&workspace)?;
    let mirror = LocalMirror::of_cloud_images(&workspace)?;
    let current = ScratchBuild::prepare(None, &dib, &mirror)?;
    step("killed builds", || {
        kill_test::kill_builds(&current, options.kill_rounds)
    })?;
    drop(current);
    if needs::is_root() {
        let user = ordinary_user::find_or_make(&options.user)?;
        let scratch = ScratchBuild::prepare(Some(&user), &dib, &mirror)?;
        step("killed builds, by an ordinary user", || {
            kill_test::kill_builds(&scratch, options.kill_rounds)
        })?;
        step("a build, by an ordinary user", || {
            build_and_check_as_user(&workspace, &scratch)
        })?;
        step("tests, by an ordinary user", || {
            tests_as_user::run(&workspace, &user)
        })?;
    }
    progress::step("tests");
    test::test(&Test::without_arguments())
}

/// Makes images in all formats by the command that a newcomer runs first.
fn build_and_check(workspace: &Workspace) -> Result<(), TaskError> {
    build_image::build_image(&BuildImage::of_ubuntu_with(&["-t", "qcow2,raw,tar"]))?;
    image_checks::check(
        &workspace.root.join("out"),
        &build_image::local_archive(workspace)?,
    )
}

fn build_and_check_as_user(workspace: &Workspace, scratch: &ScratchBuild) -> Result<(), TaskError> {
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
