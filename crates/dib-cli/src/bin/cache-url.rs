//! `dib` under the name `cache-url`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dib_cli::other_name::run_as("cache-url")
}
