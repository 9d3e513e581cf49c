//! The command line: arguments, the build's pipeline, progress and errors.

pub mod error;
pub mod log;
pub mod progress;

pub use error::{CliError, ErrorKind};
pub use log::{ConsoleOptions, Loudness, Stream, Timestamps};
pub use progress::{Console, Step};
