//! The same program under the name that upstream's callers know; it goes by the name it is called by.

use std::process::ExitCode;

fn main() -> ExitCode {
    dib_cli::Dib::with_builtin_elements().run()
}
