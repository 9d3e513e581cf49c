//! `dib` under the name `cache-url`.

#[path = "../other_name.rs"]
mod other_name;

use std::process::ExitCode;

fn main() -> ExitCode {
    other_name::run_as("cache-url")
}
