//! The command line of `cache-url`.

use camino::Utf8PathBuf;
use clap::{Parser, ValueHint};

use super::help;

/// Bring a file to where it is wanted, and download it only when the server's has changed.
#[derive(Debug, Clone, Parser)]
#[command(name = "cache-url", version, after_long_help = help::of_cache_url())]
pub struct CacheUrlArguments {
    /// Download it whatever is here, and have caches on the way ask the server.
    #[arg(short = 'f')]
    pub force: bool,

    /// Where it comes from: http, https or file.
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub url: String,

    /// Where it is wanted: a file, whose directory is made if need be, or a named pipe.
    #[arg(value_name = "DESTINATION", value_hint = ValueHint::FilePath)]
    pub destination: Utf8PathBuf,
}
