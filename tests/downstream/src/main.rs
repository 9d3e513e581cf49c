//! The organisation's own `dib`: everything that dib brings, and the organisation's elements.

use std::process::ExitCode;

fn main() -> ExitCode {
    dib_cli::Dib::with_builtin_elements()
        .register(dib_elements_myorg::register)
        .run()
}
