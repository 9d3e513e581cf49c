//! `cargo xtask boot-mutants`: an image that is broken on purpose fails its boot test, and is told where.

mod cases;
mod disk;

use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

use crate::build_image;
use crate::needs;
use crate::progress;
use crate::scratch_build::{self, ScratchBuild};
use crate::task_error::TaskError;
use crate::vm_test;
use crate::workspace::Workspace;

use cases::{CASES, Case, Kind};
use disk::Disk;

/// The exit code of an image that does not boot.
const DOES_NOT_BOOT: i32 = 3;

/// Breaks images in one way each and checks that the boot test fails with a message that points at it.
#[derive(Debug, clap::Args)]
pub(crate) struct BootMutants {
    /// Test this `dib` instead of building one.
    #[arg(long, value_name = "FILE")]
    dib: Option<Utf8PathBuf>,
    /// Run only the cases whose names contain this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// Runs the command.
pub(crate) fn boot_mutants(options: &BootMutants) -> Result<(), TaskError> {
    let mut groups = needs::of_build(false);
    groups.extend([needs::BOOT, needs::BOOT_MUTANTS]);
    needs::meet(&groups)?;
    let workspace = Workspace::load()?;
    let dib = match &options.dib {
        Some(dib) => dib.clone(),
        None => build_image::build_dib(&workspace)?,
    };
    test_mutants(&dib, &options.only)
}

/// Builds the images and tests the mutants whose names contain the text.
pub(crate) fn test_mutants(dib: &Utf8Path, only: &str) -> Result<(), TaskError> {
    let mut failed = Vec::new();
    for kind in [Kind::Mbr, Kind::Efi] {
        let cases: Vec<&Case> = CASES
            .iter()
            .filter(|case| case.kind == kind && case.name.contains(only))
            .collect();
        if cases.is_empty() {
            continue;
        }
        let scratch = ScratchBuild::prepare_without_mirror(None, dib)?;
        progress::step(format!(
            "building the image to break: {}",
            kind.elements().join(" ")
        ));
        let mut build = vm_test::build(&scratch, kind.elements(), "raw");
        scratch_build::succeed(&mut build, "the build of the image to break")?;
        for case in cases {
            if let Err(error) = test_mutant(&scratch, case) {
                error.print();
                failed.push(case.name);
            }
        }
    }
    if "a build without a boot loader".contains(only) {
        test_gate(&ScratchBuild::prepare_without_mirror(None, dib)?)?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(format!(
        "the boot test does not point at: {}",
        failed.join(", ")
    )))
}

/// Checks that a build fails whose disk does not boot, and that nothing has the output's name then.
fn test_gate(scratch: &ScratchBuild) -> Result<(), TaskError> {
    progress::step("a build without a boot loader");
    let arguments = [
        "build",
        "--boot-test",
        "-t",
        "raw",
        "-o",
        "out/image",
        "debian-minimal",
    ];
    let output = scratch
        .dib(&arguments)
        .output()
        .map_err(TaskError::file("run", "dib"))?;
    let names = scratch_build::names_in(&scratch.output())?;
    if output.status.code() == Some(DOES_NOT_BOOT) && names.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(format!(
        "a build without a boot loader should fail with {DOES_NOT_BOOT} and leave nothing; it ended with {} and left {names:?}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    )))
}

fn test_mutant(scratch: &ScratchBuild, case: &Case) -> Result<(), TaskError> {
    let start = Instant::now();
    let good = scratch.output().join("image.raw");
    let mutant = scratch.output().join("mutant.raw");
    let shell = Shell::new()?;
    cmd!(shell, "cp --sparse=always {good} {mutant}").quiet().run()?;
    (case.break_it)(&Disk::open(&mutant)?)?;
    let mut arguments = vec!["boot", "--test", "out/mutant.raw", "--boot-timeout", case.limit];
    arguments.extend(case.options);
    let output = scratch
        .dib(&arguments)
        .output()
        .map_err(TaskError::file("run", "dib"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    // What the test makes of the console counts, and not the console, which is shown after it.
    let diagnosis = said.split("the console's last lines:").next().unwrap_or_default();
    let points_at_it = case.points_at.iter().any(|text| diagnosis.contains(text));
    if output.status.code() != Some(DOES_NOT_BOOT) || !points_at_it {
        return Err(TaskError::Check(format!(
            "{}: the boot test should fail with {DOES_NOT_BOOT} and say one of {:?}; it ended with {} and said:\n{said}",
            case.name, case.points_at, output.status
        )));
    }
    let line = diagnosis
        .lines()
        .find(|line| case.points_at.iter().any(|text| line.contains(text)));
    progress::step(format!(
        "{} ({}): {}",
        case.name,
        progress::seconds(start.elapsed()),
        line.unwrap_or_default().trim()
    ));
    Ok(())
}
