//! `dib` under the name `diskimage-builder`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dib_cli::other_name::run_as("diskimage-builder")
}
