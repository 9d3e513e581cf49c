//! `dib` under the name `ramdisk-image-create`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dib_cli::other_name::run_as("ramdisk-image-create")
}
