//! `cargo xtask serve`: a directory over HTTP, for this machine alone.

use camino::Utf8PathBuf;

use crate::static_server;
use crate::task_error::TaskError;

/// Serves a directory on the loopback address until it is interrupted.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// What to serve.
    #[arg(value_name = "DIR")]
    directory: Utf8PathBuf,
    /// The port; 0 takes a free one, which is printed.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Runs the command.
pub(crate) fn serve(options: &Serve) -> Result<(), TaskError> {
    let server = static_server::start(&options.directory, options.port)?;
    println!("{}", server.url());
    server.wait();
    Ok(())
}
