//! `dib` under the name `dib-run-parts`.

#[path = "../other_name.rs"]
mod other_name;

use std::process::ExitCode;

fn main() -> ExitCode {
    other_name::run_as("dib-run-parts")
}
