//! `dib` under the name `dib-run-parts`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dib_cli::other_name::run_as("dib-run-parts")
}
