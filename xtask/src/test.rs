//! `cargo xtask test`: every test of the workspace.

use xshell::cmd;

use crate::needs;
use crate::progress;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// Runs every test of the workspace; arguments are passed to `cargo test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// Arguments for `cargo test`, such as a test's name, or `-- --nocapture`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Test {
    /// Every test, as cargo runs them by itself.
    pub(crate) fn without_arguments() -> Self {
        Self {
            arguments: Vec::new(),
        }
    }
}

/// Runs the command; what it prints last is what the tests print.
pub(crate) fn test(options: &Test) -> Result<(), TaskError> {
    needs::meet(&needs::of_tests())?;
    let workspace = Workspace::load()?;
    progress::step("building the programs that the tests drive");
    let shell = workspace.shell()?;
    shell.set_var("PATH", needs::path_with_administrators_programs());
    cmd!(shell, "cargo build --workspace --bins").quiet().run()?;
    progress::step("testing");
    let arguments = &options.arguments;
    cmd!(shell, "cargo test --workspace {arguments...}")
        .quiet()
        .run()?;
    Ok(())
}
