//! Package sources as apt's files hold them, in both formats of sources.list(5).

mod deb822;
mod one_line;

use std::fmt::Write as _;
use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

/// A source: every suite of it at every URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// `deb`, `deb-src` or both.
    pub types: Vec<String>,
    /// The archives' base URIs.
    pub uris: Vec<String>,
    /// The suites, such as `stable` and `stable-updates`.
    pub suites: Vec<String>,
    /// The components, such as `main`.
    pub components: Vec<String>,
    /// The architectures that the source is limited to; none means all.
    pub architectures: Vec<String>,
    /// Whose signatures count; `None` is every key that apt trusts.
    pub signed_by: Option<SignedBy>,
    /// Whether releases that have expired are refused; `None` is as apt's configuration has it.
    pub check_valid_until: Option<bool>,
}

/// Whose signatures count for a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// Absolute paths of keyrings, or fingerprints.
    Named(Vec<String>),
    /// An ASCII-armoured certificate that stands in the source itself.
    Embedded(String),
}

/// Why sources can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourcesError {
    /// A file or directory can't be read.
    #[error("failed to read {path}")]
    Read {
        /// The path.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file's text is malformed.
    #[error("{path} holds a package source that can't be used")]
    Malformed {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        source: SourceError,
    },
    /// The host doesn't say which release of a distribution it is.
    #[error("{path} names no ID and VERSION_CODENAME")]
    NoRelease {
        /// The path of os-release.
        path: Utf8PathBuf,
    },
}

/// Why a text is not one of package sources; lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("line {line}: {problem}")]
pub struct SourceError {
    /// The line, or the first one of the stanza.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Which release of which distribution the host is, as os-release(5) tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRelease {
    /// `ID`, such as `debian`.
    pub id: String,
    /// `VERSION_CODENAME`, such as `bookworm`.
    pub codename: String,
}

/// Reads every source that apt would, from its directory (mostly `/etc/apt`): `sources.list`, and what
/// `sources.list.d` holds with the endings `.list` and `.sources`, in order of their names. Disabled ones are left out.
///
/// # Errors
/// When a file can't be read or is malformed; a file that isn't there is none.
pub fn host_sources(etc_apt: &Utf8Path) -> Result<Vec<Source>, SourcesError> {
    let mut sources = Vec::new();
    for path in source_files(etc_apt)? {
        let text = fs::read_to_string(&path).map_err(|source| SourcesError::Read {
            path: path.clone(),
            source,
        })?;
        let parsed = match path.extension() {
            Some("sources") => parse_deb822(&text),
            _ => parse_one_line(&text),
        };
        sources.extend(parsed.map_err(|source| SourcesError::Malformed { path, source })?);
    }
    Ok(sources)
}

/// Reads which release the host is from its os-release (mostly `/etc/os-release`).
///
/// # Errors
/// When the file can't be read or doesn't name a distribution and a release of it.
pub fn host_release(os_release: &Utf8Path) -> Result<HostRelease, SourcesError> {
    let text = fs::read_to_string(os_release).map_err(|source| SourcesError::Read {
        path: os_release.to_owned(),
        source,
    })?;
    let value = |wanted: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name == wanted).then(|| value.trim_matches(['"', '\'']).to_owned())
        })
    };
    match (value("ID"), value("VERSION_CODENAME")) {
        (Some(id), Some(codename)) => Ok(HostRelease { id, codename }),
        _ => Err(SourcesError::NoRelease {
            path: os_release.to_owned(),
        }),
    }
}

/// Chooses what comes from the distribution itself: packages of the host's release, its `-updates` and `-security`,
/// with `main` among the components, and signed by the distribution's keyring where a keyring is named.
///
/// Each source that is returned has only such suites, and each suite is there once per archive.
#[must_use]
pub fn distribution_sources(sources: &[Source], host: &HostRelease) -> Vec<Source> {
    let keyring = format!("/usr/share/keyrings/{}-archive-keyring.", host.id);
    let is_ours = |signed_by: &SignedBy| match signed_by {
        SignedBy::Named(names) => names.iter().all(|name| name.starts_with(&keyring)),
        SignedBy::Embedded(_) => false,
    };
    let mut chosen: Vec<Source> = Vec::new();
    for source in sources {
        if !source.types.iter().any(|kind| kind == "deb")
            || !source.components.iter().any(|component| component == "main")
            || !source.signed_by.as_ref().is_none_or(is_ours)
        {
            continue;
        }
        let mut source = source.clone();
        source.types = vec!["deb".to_owned()];
        source.suites.retain(|suite| {
            matches!(
                suite.strip_prefix(&host.codename),
                Some("" | "-updates" | "-security")
            )
        });
        if !source.suites.is_empty() && !chosen.contains(&source) {
            chosen.push(source);
        }
    }
    chosen
}

/// Reads the one-line format.
///
/// # Errors
/// When a line is malformed.
pub fn parse_one_line(text: &str) -> Result<Vec<Source>, SourceError> {
    one_line::parse(text)
}

/// Reads the deb822 format; disabled stanzas are left out.
///
/// # Errors
/// When a stanza is malformed.
pub fn parse_deb822(text: &str) -> Result<Vec<Source>, SourceError> {
    deb822::parse(text)
}

impl Source {
    /// Writes the source in the one-line format, a line for each type, URI and suite. Only named keys can stand in
    /// it: an embedded certificate is left out.
    #[must_use]
    pub fn to_one_line(&self) -> String {
        let mut options = Vec::new();
        if !self.architectures.is_empty() {
            options.push(format!("arch={}", self.architectures.join(",")));
        }
        if let Some(SignedBy::Named(names)) = &self.signed_by {
            options.push(format!("signed-by={}", names.join(",")));
        }
        if let Some(checks) = self.check_valid_until {
            options.push(format!("check-valid-until={}", if checks { "yes" } else { "no" }));
        }
        let options = if options.is_empty() {
            String::new()
        } else {
            format!("[{}] ", options.join(" "))
        };
        let mut text = String::new();
        for kind in &self.types {
            for uri in &self.uris {
                for suite in &self.suites {
                    let line = format!("{kind} {options}{uri} {suite} {}", self.components.join(" "));
                    text.push_str(line.trim_end());
                    text.push('\n');
                }
            }
        }
        text
    }

    /// Writes the source as a stanza of the deb822 format.
    #[must_use]
    pub fn to_deb822(&self) -> String {
        let mut text = String::new();
        for (name, values) in [
            ("Types", &self.types),
            ("URIs", &self.uris),
            ("Suites", &self.suites),
            ("Components", &self.components),
            ("Architectures", &self.architectures),
        ] {
            if !values.is_empty() {
                writeln!(text, "{name}: {}", values.join(" ")).expect("writing to a string");
            }
        }
        if let Some(checks) = self.check_valid_until {
            let checks = if checks { "yes" } else { "no" };
            writeln!(text, "Check-Valid-Until: {checks}").expect("writing to a string");
        }
        match &self.signed_by {
            None => {}
            Some(SignedBy::Named(names)) => {
                writeln!(text, "Signed-By: {}", names.join(" ")).expect("writing to a string");
            }
            Some(SignedBy::Embedded(certificate)) => {
                text.push_str("Signed-By:\n");
                for line in certificate.lines() {
                    let line = if line.is_empty() { "." } else { line };
                    writeln!(text, " {line}").expect("writing to a string");
                }
            }
        }
        text
    }

    /// Returns the paths of the keyrings that the source names.
    pub fn keyring_paths(&self) -> impl Iterator<Item = &Utf8Path> {
        let names: &[String] = match &self.signed_by {
            Some(SignedBy::Named(names)) => names,
            _ => &[],
        };
        names
            .iter()
            .filter(|name| name.starts_with('/'))
            .map(Utf8Path::new)
    }
}

fn source_files(etc_apt: &Utf8Path) -> Result<Vec<Utf8PathBuf>, SourcesError> {
    let mut files = Vec::new();
    let list = etc_apt.join("sources.list");
    if list.exists() {
        files.push(list);
    }
    let directory = etc_apt.join("sources.list.d");
    let failed = |source| SourcesError::Read {
        path: directory.clone(),
        source,
    };
    if directory.exists() {
        let mut parts = Vec::new();
        for entry in directory.read_dir_utf8().map_err(failed)? {
            let path = entry.map_err(failed)?.into_path();
            if matches!(path.extension(), Some("list" | "sources")) {
                parts.push(path);
            }
        }
        parts.sort();
        files.extend(parts);
    }
    Ok(files)
}

/// Reads a switch: some words are apt's for "no", anything else is "yes".
pub(crate) fn is_on(value: &str) -> bool {
    !["no", "false", "without", "off", "disable", "0"].contains(&value.to_ascii_lowercase().as_str())
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
