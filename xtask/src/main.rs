//! Every developer, CI and VM command: `cargo xtask` is the project's one door.
//!
//! It must *not* depend on the project's crates: it calls `cargo` and the programs that `cargo` built, as a user does.
//! In reading order: `workspace` and `needs` are the ground, `apt_sources` and `host_archive` find packages,
//! `mirror`, `ubuntu_archive` and `static_server` make and serve what a build downloads, `build_image` builds with it.
#![expect(
    clippy::print_stderr,
    reason = "commands for people at a terminal: progress goes to stderr"
)]
#![expect(
    clippy::print_stdout,
    reason = "commands for people at a terminal: results go to stdout"
)]

mod apt_sources;
mod bad_mirrors;
mod bench;
mod boot_image;
mod boot_mutants;
mod build_image;
mod build_traces;
mod callers;
mod ci;
mod compare_packages;
mod compat;
mod disk_checks;
mod host_archive;
mod image_checks;
mod installed_packages;
mod kill_test;
mod local_mirror;
mod loop_test;
mod made_directory;
mod mirror;
mod needs;
mod ordinary_user;
mod package_checks;
mod private_apt;
mod progress;
mod report;
mod reproduce;
mod scratch_build;
mod serve;
mod signing_key;
mod static_server;
mod tar_members;
mod task_error;
mod test;
mod tests_as_user;
mod tidy;
mod ubuntu_archive;
mod upstream;
mod vm_build;
mod vm_test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Develops, tests and measures this project.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "The two to know: `cargo xtask build-image` makes an image, `cargo xtask test` runs the tests."
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    BuildImage(build_image::BuildImage),
    BootImage(boot_image::BootImage),
    VmTest(vm_test::VmTest),
    BootMutants(boot_mutants::BootMutants),
    Mirror(mirror::MakeMirror),
    UbuntuArchive(ubuntu_archive::MakeUbuntuArchive),
    Serve(serve::Serve),
    Test(test::Test),
    Tidy(tidy::Tidy),
    Reproduce(reproduce::Reproduce),
    ComparePackages(compare_packages::ComparePackages),
    Compat(compat::Compat),
    KillTest(kill_test::KillTest),
    LoopTest(loop_test::LoopTest),
    BadMirrors(bad_mirrors::BadMirrors),
    Callers(callers::Callers),
    Bench(bench::Bench),
    Ci(ci::Ci),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::BuildImage(task) => build_image::build_image(&task),
        Task::BootImage(task) => boot_image::boot_image(&task),
        Task::BootMutants(task) => boot_mutants::boot_mutants(&task),
        Task::VmTest(task) => vm_test::vm_test(&task),
        Task::Mirror(task) => mirror::mirror(&task),
        Task::UbuntuArchive(task) => ubuntu_archive::ubuntu_archive(&task),
        Task::Serve(task) => serve::serve(&task),
        Task::Test(task) => test::test(&task),
        Task::Callers(task) => callers::callers(&task),
        Task::Bench(task) => bench::bench(&task),
        Task::Ci(task) => ci::ci(&task),
        Task::Reproduce(task) => reproduce::reproduce(&task),
        Task::ComparePackages(task) => compare_packages::compare_packages(&task),
        Task::Compat(task) => compat::compat(&task),
        Task::KillTest(task) => kill_test::kill_test(&task),
        Task::LoopTest(task) => loop_test::loop_test(&task),
        Task::BadMirrors(task) => bad_mirrors::bad_mirrors(&task),
        Task::Tidy(task) => tidy::tidy(&task),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.print();
            error.exit_code()
        }
    }
}
