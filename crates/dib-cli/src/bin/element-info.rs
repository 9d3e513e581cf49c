//! `dib` under the name `element-info`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dib_cli::other_name::run_as("element-info")
}
