//! The sandbox, mounts and commands in a target, tried for real: as root, or as an ordinary user with its subordinate
//! range.
//!
//! A sandbox is made by a process with one thread, so this is a program of its own, which runs its tests one after the
//! other and writes what the usual harness writes. Its first free argument filters them by name. Where no sandbox can
//! be made it fails, with the diagnosis.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "this is a test harness of its own, which no lint takes for a test"
)]

#[path = "sandbox/fake_root.rs"]
mod fake_root;
#[path = "sandbox/in_target.rs"]
mod in_target;
#[path = "sandbox/layers.rs"]
mod layers;
#[path = "sandbox/layers_and_mounts.rs"]
mod layers_and_mounts;
#[path = "sandbox/lifetime.rs"]
mod lifetime;
#[path = "sandbox/mounts.rs"]
mod mounts;
#[path = "sandbox/namespaces.rs"]
mod namespaces;
#[path = "sandbox/terminal.rs"]
mod terminal;

use std::panic::catch_unwind;
use std::process::ExitCode;

use dib_sys::sandbox::{ExitReport, SandboxError, SandboxOptions, probe, run_in_sandbox};

/// A test's name and what it does.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(role) = arguments
        .first()
        .and_then(|argument| argument.strip_prefix("--role="))
    {
        return if role == "terminal" {
            terminal::play()
        } else {
            lifetime::play(role, &arguments[1..])
        };
    }
    let filter = arguments
        .iter()
        .find(|argument| !argument.starts_with('-'))
        .map_or("", String::as_str);
    let tests = [
        namespaces::TESTS,
        lifetime::TESTS,
        mounts::TESTS,
        layers::TESTS,
        layers_and_mounts::TESTS,
        in_target::TESTS,
        terminal::TESTS,
    ]
    .concat();
    let (chosen, others): (Vec<Test>, Vec<Test>) =
        tests.into_iter().partition(|(name, _)| name.contains(filter));
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in chosen {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }

    println!("\nrunning {} tests", chosen.len());
    if let Err(error) = probe() {
        println!("test sandbox ... FAILED");
        explain(&error);
        println!(
            "\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; {} filtered out\n",
            others.len()
        );
        return ExitCode::from(101);
    }
    let mut failed = Vec::new();
    for (name, test) in &chosen {
        let passed = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        if !passed {
            failed.push(name);
        }
    }
    let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out\n",
        chosen.len() - failed.len(),
        failed.len(),
        others.len()
    );
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    }
}

/// Runs assertions in a sandbox; one that does not hold makes the test fail.
fn in_sandbox(body: impl FnOnce()) {
    let report = run_in_sandbox(&SandboxOptions::default(), || {
        body();
        0
    });
    assert_eq!(
        report.expect("a sandbox can be made"),
        ExitReport::Exited(0),
        "the panic is above"
    );
}

fn explain(error: &SandboxError) {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        eprintln!("  {error}");
        cause = error.source();
    }
    for hint in error.hints() {
        eprintln!("  hint: {hint}");
    }
}
