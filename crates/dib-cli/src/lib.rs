//! The command line: arguments, the build's pipeline, progress and errors.

pub mod error;
pub mod log;
pub mod pipeline;
pub mod progress;

mod hook_scripts;
mod images;
mod report;
mod workspace;

pub use error::{CliError, ErrorKind};
pub use log::{ConsoleOptions, Loudness, Stream, Timestamps};
pub use progress::{Console, Step};
