//! `dib` with the elements that come with it.

use std::process::ExitCode;

fn main() -> ExitCode {
    dib_cli::Dib::with_builtin_elements().run()
}
