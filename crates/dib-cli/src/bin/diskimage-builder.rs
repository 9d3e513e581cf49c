//! The same program under the name of upstream's that builds the images of YAML files.

use std::process::ExitCode;

fn main() -> ExitCode {
    dib_cli::Dib::with_builtin_elements().run()
}
