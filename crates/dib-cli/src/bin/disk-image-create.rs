//! `dib` under the name `disk-image-create`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dib_cli::other_name::run_as("disk-image-create")
}
