//! The host's own package sources, read from apt's files: what the local mirror is made from.
//!
//! Both formats of sources.list(5) are read. Only the distribution's own archives are chosen, so that no third
//! party's packages or keys get into the mirror.

use std::fmt;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use crate::task_error::TaskError;

/// One archive and suite of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AptSource {
    /// Architectures that the source is limited to; none means all.
    architectures: Vec<String>,
    /// The keyring's path, or whatever else stood there.
    signed_by: Option<String>,
    uri: String,
    suite: String,
    components: Vec<String>,
}

/// Writes the source in the one-line format.
impl fmt::Display for AptSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("deb ")?;
        if let Some(keyring) = &self.signed_by {
            write!(formatter, "[signed-by={keyring}] ")?;
        }
        write!(
            formatter,
            "{} {} {}",
            self.uri,
            self.suite,
            self.components.join(" ")
        )
    }
}

/// What os-release(5) says about the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostRelease {
    /// `ID`, such as `debian`.
    pub(crate) id: String,
    /// `VERSION_CODENAME`, such as `bookworm`.
    pub(crate) codename: String,
}

/// Reads the host's `/etc/os-release`.
pub(crate) fn host_release() -> Result<HostRelease, TaskError> {
    let path = Utf8Path::new("/etc/os-release");
    let text = fs::read_to_string(path).map_err(TaskError::file("read", path))?;
    parse_os_release(&text)
        .ok_or_else(|| TaskError::Check(format!("{path} names no ID and VERSION_CODENAME")))
}

/// Reads all sources that the host's apt reads.
pub(crate) fn of_host() -> Result<Vec<AptSource>, TaskError> {
    let mut sources = Vec::new();
    for path in source_files()? {
        let text = fs::read_to_string(&path).map_err(TaskError::file("read", &path))?;
        match path.extension() {
            Some("sources") => sources.extend(parse_deb822(&text)),
            _ => sources.extend(parse_one_line(&text)),
        }
    }
    Ok(sources)
}

/// Chooses the host distribution's own archives of its own release, and turns them to `suite` where that differs.
pub(crate) fn choose(sources: &[AptSource], host: &HostRelease, suite: &str, arch: &str) -> Vec<AptSource> {
    let keyring = format!("/usr/share/keyrings/{}-archive-keyring.", host.id);
    let mut chosen: Vec<AptSource> = Vec::new();
    for source in sources {
        let Some(pocket) = source.suite.strip_prefix(&host.codename) else {
            continue;
        };
        let ours = matches!(pocket, "" | "-updates" | "-security")
            && source
                .signed_by
                .as_ref()
                .is_none_or(|path| path.starts_with(&keyring))
            && (source.architectures.is_empty() || source.architectures.iter().any(|name| name == arch))
            && source.components.iter().any(|component| component == "main");
        let source = AptSource {
            suite: format!("{suite}{pocket}"),
            architectures: Vec::new(),
            ..source.clone()
        };
        if ours && !chosen.contains(&source) {
            chosen.push(source);
        }
    }
    chosen
}

/// Reads the one-line format; lines that apt would refuse are passed over.
fn parse_one_line(text: &str) -> Vec<AptSource> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<AptSource> {
    let line = line.split('#').next().unwrap_or_default();
    let rest = line
        .trim()
        .strip_prefix("deb")?
        .strip_prefix([' ', '\t'])?
        .trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let option = |wanted: &str| {
        options.split_whitespace().find_map(|option| {
            let (name, value) = option.split_once('=')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.to_owned())
        })
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(AptSource {
        architectures: option("arch")
            .map(|value| value.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
        signed_by: option("signed-by"),
        uri: words.next()?,
        suite: words.next()?,
        components: words.collect(),
    })
}

/// Reads the deb822 format; stanzas that apt would refuse are passed over.
fn parse_deb822(text: &str) -> Vec<AptSource> {
    let mut sources = Vec::new();
    for stanza in stanzas(text) {
        let field = |wanted: &str| {
            stanza
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map_or("", |(_, value)| value.as_str())
        };
        let words = |wanted: &str| {
            field(wanted)
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let disabled = ["no", "false", "without", "off", "disable", "0"];
        if disabled.contains(&field("Enabled").to_ascii_lowercase().as_str())
            || !words("Types").contains(&"deb".into())
        {
            continue;
        }
        let signed_by = Some(field("Signed-By").to_owned()).filter(|value| !value.is_empty());
        for uri in words("URIs") {
            for suite in words("Suites") {
                sources.push(AptSource {
                    architectures: words("Architectures"),
                    signed_by: signed_by.clone(),
                    uri: uri.clone(),
                    suite,
                    components: words("Components"),
                });
            }
        }
    }
    sources
}

/// Splits deb822 text into stanzas of fields, with continued lines joined by a blank.
fn stanzas(text: &str) -> Vec<Vec<(String, String)>> {
    let mut stanzas: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let stanza = stanzas
            .last_mut()
            .expect("the list begins with one stanza and only grows");
        if line.trim().is_empty() {
            stanzas.push(Vec::new());
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            stanza.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    stanzas
}

fn parse_os_release(text: &str) -> Option<HostRelease> {
    let value = |wanted: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name == wanted).then(|| value.trim_matches(['"', '\'']).to_owned())
        })
    };
    Some(HostRelease {
        id: value("ID")?,
        codename: value("VERSION_CODENAME")?,
    })
}

fn source_files() -> Result<Vec<Utf8PathBuf>, TaskError> {
    let mut files = Vec::new();
    let list = Utf8PathBuf::from("/etc/apt/sources.list");
    if list.exists() {
        files.push(list);
    }
    let directory = Utf8Path::new("/etc/apt/sources.list.d");
    if directory.exists() {
        let mut parts = Vec::new();
        for entry in directory
            .read_dir_utf8()
            .map_err(TaskError::file("read", directory))?
        {
            let path = entry.map_err(TaskError::file("read", directory))?.into_path();
            if matches!(path.extension(), Some("list" | "sources")) {
                parts.push(path);
            }
        }
        parts.sort();
        files.extend(parts);
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
