//! Prints the packages that a tree begins with, from the host's configured mirror: `bootstrap_set CACHE [PACKAGE…]`.
//!
//! With `LISTS` set to a directory, the lists are written there as apt keeps them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example to try by hand"
)]

use std::error::Error;
use std::time::Instant;

use camino::Utf8PathBuf;
use dib_cache::Cache;
use dib_deb::sources::{distribution_sources, host_release, host_sources};
use dib_deb::{Archive, Expiry, SuiteSource, bootstrap_set, host_keyrings, source_keyring};
use dib_sys::TargetRoot;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (cache, names) = arguments
        .split_first()
        .ok_or("usage: bootstrap_set CACHE [PACKAGE…]")?;
    let cache = Cache::open(cache.as_str().into())?;
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };

    let host = host_release("/etc/os-release".into())?;
    let trusted = host_keyrings("/etc/apt".into(), "/usr/share/keyrings".into());
    let expiry = Expiry::CheckedAt(jiff::Timestamp::now());
    let mut suites = Vec::new();
    for source in distribution_sources(&host_sources("/etc/apt".into())?, &host) {
        suites.extend(SuiteSource::of(
            &source,
            &source_keyring(&source, &trusted)?,
            arch,
            expiry,
        ));
    }

    let start = Instant::now();
    let archive = Archive::fetch(&cache, &suites, arch)?;
    eprintln!(
        "{} packages known after {:?}",
        archive.packages().len(),
        start.elapsed()
    );
    for release in archive.releases() {
        eprintln!(
            "{} {:?} signed by {}",
            release.suite, release.origin, release.signature.key
        );
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let set = bootstrap_set(&archive, &names)?;
    eprintln!("{} packages chosen after {:?}", set.len(), start.elapsed());
    for package in &set {
        println!("{package} {}", package.url());
    }
    if let Some(directory) = std::env::var_os("LISTS") {
        let directory = Utf8PathBuf::try_from(std::path::PathBuf::from(directory))?;
        archive.write_apt_lists(&TargetRoot::open(&directory)?)?;
    }
    Ok(())
}
