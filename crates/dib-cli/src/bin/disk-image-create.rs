//! `dib` under the name `disk-image-create`.

#[path = "../other_name.rs"]
mod other_name;

use std::process::ExitCode;

fn main() -> ExitCode {
    other_name::run_as("disk-image-create")
}
