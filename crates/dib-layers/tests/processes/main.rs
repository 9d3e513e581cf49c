//! The store in sandboxes, with real overlays and full disks, and shared by processes that are killed: as root, or as an
//! ordinary user with its subordinate range.
//!
//! A sandbox is made by a process with one thread, so this is a program of its own, which runs its tests one after the
//! other. Its first free argument filters them by name; `--role=…` makes it one of the processes that a test starts.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "this is a test harness of its own, which no lint takes for a test"
)]

mod full;
mod killed;
#[path = "../shared/listing.rs"]
mod listing;
mod overlay;
mod owner;

use std::panic::catch_unwind;
use std::process::ExitCode;

use camino::Utf8PathBuf;
use dib_layers::LayerKey;
use dib_sys::sandbox::{ExitReport, SandboxOptions, run_in_sandbox};

/// A test's name and what it does.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(role) = arguments
        .first()
        .and_then(|argument| argument.strip_prefix("--role="))
    {
        killed::play(role, &arguments[1..]);
        return ExitCode::SUCCESS;
    }
    let filter = arguments
        .iter()
        .find(|argument| !argument.starts_with('-'))
        .map_or("", String::as_str);
    let mut chosen = [overlay::TESTS, full::TESTS, killed::TESTS, owner::TESTS].concat();
    let all = chosen.len();
    chosen.retain(|(name, _)| name.contains(filter));
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in chosen {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let mut failed = 0;
    for (name, test) in &chosen {
        let passed = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    println!(
        "\ntest result: {}. {} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out\n",
        if failed == 0 { "ok" } else { "FAILED" },
        chosen.len() - failed,
        all - chosen.len()
    );
    ExitCode::from(if failed == 0 { 0 } else { 101 })
}

/// Runs assertions in a sandbox; one that does not hold makes the test fail.
fn in_sandbox(body: impl FnOnce()) {
    let report = run_in_sandbox(&SandboxOptions::default(), || {
        body();
        0
    });
    assert_eq!(report.unwrap(), ExitReport::Exited(0), "the panic is above");
}

/// Makes a directory that goes with the guard.
fn temporary_directory() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    (guard, path)
}

fn key(number: u8) -> LayerKey {
    LayerKey::from([number; 32])
}
