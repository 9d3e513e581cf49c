//! The host distribution's own archive, as this host reaches it: what mirrors, archives and comparisons are made from.

use xshell::{Shell, cmd};

use crate::apt_sources::{self, HostRelease};
use crate::task_error::TaskError;

/// Package sources of one release, with what apt must be told to use them.
#[derive(Debug, Clone)]
pub(crate) struct HostArchive {
    /// The distribution, whose release is the host's.
    pub(crate) host: HostRelease,
    /// The suite without a pocket, such as `bookworm`.
    pub(crate) suite: String,
    /// The architecture, in Debian's words.
    pub(crate) arch: String,
    /// The sources in apt's one-line format.
    pub(crate) sources: Vec<String>,
    /// Settings as `NAME "VALUE"`.
    pub(crate) apt_options: Vec<String>,
}

impl HostArchive {
    /// Finds the URI of the suite's pocket: `""` for the release itself, `-updates`, `-security`.
    pub(crate) fn mirror_of(&self, pocket: &str) -> Result<&str, TaskError> {
        let suite = format!("{}{pocket}", self.suite);
        let mirror = self.sources.iter().find_map(|line| {
            let (_, rest) = line.split_once("] ").or_else(|| line.split_once(' '))?;
            let mut words = rest.split_whitespace();
            let uri = words.next()?;
            (words.next()? == suite).then_some(uri)
        });
        mirror.ok_or_else(|| TaskError::Check(format!("apt's files on this host name no source of {suite}")))
    }

    /// The variables that have elements in shell take packages from here.
    pub(crate) fn variables(&self) -> Result<[(&'static str, String); 3], TaskError> {
        let (main, security) = (self.mirror_of("")?, self.mirror_of("-security")?);
        let suite = &self.suite;
        // They have no other way to pass on that the host accepts an archive which was not renewed in time.
        let option = if self.accepts_expired_releases() {
            " [check-valid-until=no]"
        } else {
            ""
        };
        let sources = format!(
            "default:deb{option} {main} {suite} main\nupdates:deb{option} {main} {suite}-updates main\n\
             security:deb{option} {security} {suite}-security main"
        );
        Ok([
            ("DIB_DISTRIBUTION_MIRROR", main.to_owned()),
            ("DIB_DEBIAN_SECURITY_MIRROR", security.to_owned()),
            ("DIB_APT_SOURCES_CONF", sources),
        ])
    }

    /// Whether the host's apt uses a release file past its `Valid-Until`.
    pub(crate) fn accepts_expired_releases(&self) -> bool {
        self.apt_options.iter().any(|option| {
            option
                .strip_prefix("Acquire::Check-Valid-Until ")
                .is_some_and(|value| ["\"false\"", "\"no\"", "\"0\""].contains(&value))
        })
    }
}

/// Finds the sources of the host's own release and architecture in apt's files.
pub(crate) fn of_this_host() -> Result<HostArchive, TaskError> {
    of_suite(None, None, &[])
}

/// Finds the sources of a suite and an architecture [defaults: the host's own], unless sources are given.
pub(crate) fn of_suite(
    suite: Option<&str>,
    arch: Option<&str>,
    sources: &[String],
) -> Result<HostArchive, TaskError> {
    let shell = Shell::new()?;
    let arch = match arch {
        Some(arch) => arch.to_owned(),
        None => cmd!(shell, "dpkg --print-architecture").quiet().read()?,
    };
    let host = apt_sources::host_release()?;
    let suite = suite.unwrap_or(&host.codename).to_owned();
    let sources = if sources.is_empty() {
        let all = apt_sources::of_host()?;
        apt_sources::choose(&all, &host, &suite, &arch)
            .iter()
            .map(ToString::to_string)
            .collect()
    } else {
        sources.to_vec()
    };
    if sources.is_empty() {
        return Err(TaskError::Check(format!(
            "apt's files on this host name no archive of {} {} itself",
            host.id, host.codename
        )));
    }
    let dump = cmd!(shell, "apt-config dump").quiet().read()?;
    Ok(HostArchive {
        host,
        suite,
        arch,
        sources,
        apt_options: apt_options(&dump),
    })
}

/// The host's settings without which its archives may not be reached: proxies, and leave to use an archive whose
/// date does not fit the clock.
fn apt_options(dump: &str) -> Vec<String> {
    const KEPT: [&str; 4] = [
        "Acquire::http::Proxy",
        "Acquire::https::Proxy",
        "Acquire::Check-Valid-Until",
        "Acquire::Check-Date",
    ];
    dump.lines()
        .filter(|line| {
            line.split_once(' ')
                .is_some_and(|(name, value)| KEPT.contains(&name) && value != "\"\";")
        })
        .map(|line| line.trim_end_matches(';').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_of_pockets() {
        let archive = HostArchive {
            host: HostRelease {
                id: "debian".to_owned(),
                codename: "x".to_owned(),
            },
            suite: "stable".to_owned(),
            arch: "amd64".to_owned(),
            sources: [
                "deb [signed-by=/k.gpg] http://a.example.org/d stable main",
                "deb http://a.example.org/s stable-security main",
            ]
            .map(str::to_owned)
            .to_vec(),
            apt_options: vec!["Acquire::Check-Valid-Until \"false\"".to_owned()],
        };
        assert_eq!(archive.mirror_of("").unwrap(), "http://a.example.org/d");
        assert_eq!(archive.mirror_of("-security").unwrap(), "http://a.example.org/s");
        assert!(archive.mirror_of("-updates").is_err());
        assert!(archive.accepts_expired_releases());
    }

    #[test]
    fn only_settings_that_reach_the_archive_are_kept() {
        let dump = "Acquire \"\";\nAcquire::http::Proxy \"http://proxy.example.org:3128\";\nAcquire::https::Proxy \"\";\n\
                    Acquire::Check-Date \"false\";\nAPT::Architecture \"amd64\";\n";
        assert_eq!(
            apt_options(dump),
            [
                "Acquire::http::Proxy \"http://proxy.example.org:3128\"",
                "Acquire::Check-Date \"false\""
            ]
        );
    }
}
