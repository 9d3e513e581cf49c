//! The command line of `dib-run-parts`.

use camino::Utf8PathBuf;
use clap::{Parser, ValueHint};

use super::help;

/// Run the executables of a directory one after the other, until one fails.
///
/// They run in the order of the numbers that their names begin with. Before the first, bash sources the files of the
/// directory environment.d beside theirs. What is told, with the time that each took, is on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "dib-run-parts", version, after_long_help = help::of_run_parts())]
pub struct RunPartsArguments {
    /// Print what would run, and run nothing.
    #[arg(long)]
    pub list: bool,

    /// What bash has sourced is in the environment.
    #[arg(long, hide = true)]
    pub with_environment: bool,

    /// The directory.
    #[arg(value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub directory: Utf8PathBuf,
}
