//! Installs packages into a directory, from the host's configured mirror: `bootstrap CACHE DIRECTORY [PACKAGE…] [-- PACKAGE…]`.
//! Those before `--` bring along what they recommend.
//!
//! The directory gets a tmpfs in the sandbox, unless `TMPFS=0`. With `TAR` set to a file, the tree is kept there. With
//! `RELEASE` set, that release comes from the host's mirrors instead of the host's own. With `EXPIRED=1`, a mirror that
//! is out of date will do.
#![expect(clippy::print_stderr, reason = "an example to try by hand")]

use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Instant;

use camino::Utf8Path;
use dib_cache::Cache;
use dib_deb::sources::{distribution_sources, host_release, host_sources};
use dib_deb::{
    Archive, Expiry, Place, Progress, Recommends, Stage, SuiteSource, Transaction, bootstrap_set, configure,
    host_keyrings, mark_automatic, noninteractive_environment, resolve, source_keyring,
};
use dib_sys::command::{Stdin, TargetCommand, run_in_target};
use dib_sys::sandbox::{ExitReport, SandboxOptions, run_in_sandbox};
use dib_sys::{TargetPath, TargetRoot, mounts};

/// Prints what packages' scripts write, with the time.
struct Lines(Instant);

impl Progress for Lines {
    fn downloaded(&self, _done: u64, _total: u64) {}
    fn unpacked(&self, _done: usize, _total: usize) {}
    fn configured(&self, _done: usize, _total: usize, _package: &str) {}
    fn line(&self, line: &str) {
        eprintln!("{:7.2} | {line}", self.0.elapsed().as_secs_f64());
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let body = || match run(&arguments) {
        Ok(()) => 0,
        Err(error) => {
            let mut error: Option<&dyn Error> = Some(&*error);
            while let Some(this) = error {
                eprintln!("error: {this}");
                error = this.source();
            }
            1
        }
    };
    match run_in_sandbox(&SandboxOptions::default(), body) {
        Ok(ExitReport::Exited(status)) => status.into(),
        other => {
            eprintln!("{other:?}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [cache, directory, names @ ..] = arguments else {
        return Err("usage: bootstrap CACHE DIRECTORY [PACKAGE…]".into());
    };
    let start = Instant::now();
    let reached = |what: &str| eprintln!("{:7.2} {what}", start.elapsed().as_secs_f64());
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let cache = Cache::open(cache.as_str().into())?;
    let host = host_release("/etc/os-release".into())?;
    let trusted = host_keyrings("/etc/apt".into(), "/usr/share/keyrings".into());
    let mut sources = distribution_sources(&host_sources("/etc/apt".into())?, &host);
    if let Ok(release) = std::env::var("RELEASE") {
        for suite in sources.iter_mut().flat_map(|source| &mut source.suites) {
            *suite = suite.replacen(&host.codename, &release, 1);
        }
    }
    let expiry = match std::env::var("EXPIRED").as_deref() {
        Ok("1") => Expiry::Ignored,
        _ => Expiry::CheckedAt(jiff::Timestamp::now()),
    };
    let mut suites = Vec::new();
    for source in &sources {
        let keyring = source_keyring(source, &trusted)?;
        suites.extend(SuiteSource::of(source, &keyring, arch, expiry));
    }
    let archive = Archive::fetch(&cache, &suites, arch)?;
    let bootstrap = bootstrap_set(&archive, &[])?;
    reached(&format!(
        "indexes verified, {} packages to begin with",
        bootstrap.len()
    ));

    let directory = Utf8Path::new(directory);
    std::fs::create_dir_all(directory)?;
    if std::env::var("TMPFS").as_deref() != Ok("0") {
        mounts::tmpfs(directory, None)?;
    }
    let target = TargetRoot::open(directory)?;
    let (mut environment, progress) = (noninteractive_environment(), Lines(start));
    if let Ok(seconds) = std::env::var("SOURCE_DATE_EPOCH") {
        environment.insert("SOURCE_DATE_EPOCH".to_owned(), seconds);
    }
    let place = Place {
        cache: &cache,
        target: &target,
        environment: &environment,
        progress: &progress,
    };
    let mut transaction = Transaction::begin(place, arch)?;
    transaction.unpack_bootstrap(&bootstrap)?;
    reached("bootstrap unpacked");
    mounts::kernel_file_systems(&target)?;
    let stanzas: Vec<_> = sources.iter().map(dib_deb::Source::to_deb822).collect();
    target.write(
        &"/etc/apt/sources.list.d/debian.sources".parse()?,
        stanzas.join("\n").as_bytes(),
        0o644,
    )?;
    archive.write_apt_lists(&target)?;
    reached("lists written");
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut parts = names.splitn(2, |name| *name == "--");
    let stages = [Recommends::Installed, Recommends::LeftOut].map(|recommends| Stage {
        names: parts.next().unwrap_or_default(),
        recommends,
    });
    let resolution = resolve(place, &archive, &bootstrap, &stages)?;
    reached(&format!("apt chose {} packages", resolution.packages.len()));
    transaction.unpack(&resolution.packages)?;
    reached("all unpacked");
    mark_automatic(&target, &resolution.automatic, arch)?;
    let outcome = transaction.finish()?;
    reached(&format!("database written: {outcome:?}"));
    configure(place)?;
    reached("configured");
    for script in [
        "dpkg --audit; dpkg --verify",
        "apt-get -s autoremove | tail -1; dpkg -l | grep -c ^ii; dpkg -l | grep '^i[^i]'",
    ] {
        let command = TargetCommand {
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            environment: environment.clone(),
            working_directory: TargetPath::root(),
            stdin: Stdin::Nothing,
        };
        eprintln!("$ {script}");
        run_in_target(&target, &command, &mut |_, line| eprintln!("{line}"))?;
    }
    if let Ok(tar) = std::env::var("TAR") {
        let tree = directory.as_str();
        Command::new("tar")
            .args(["--one-file-system", "-C", tree, "-cf", &tar, "."])
            .status()?;
    }
    Ok(())
}
