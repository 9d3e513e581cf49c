//! The packages that are in a target, as dpkg's status file tells.
//!
//! The file's fields and words are those of dpkg(1) and deb822(5).

use dib_sys::{TargetError, TargetPath, TargetRoot};

use crate::MultiArch;
use crate::package::field;

/// Where dpkg keeps what it knows of packages.
const STATUS: &str = "/var/lib/dpkg/status";

/// A package that dpkg knows and that isn't `not-installed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledPackage {
    stanza: String,
    name: String,
    version: String,
    wanted: Wanted,
    needs_reinstallation: bool,
    state: PackageState,
}

/// What shall become of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Unknown,
    Install,
    Hold,
    Deinstall,
    Purge,
}

/// How far a package has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackageState {
    /// Only its configuration files are there.
    ConfigFiles,
    /// Its installation was begun and not completed.
    HalfInstalled,
    /// Its files are there, but it is not configured.
    Unpacked,
    /// Its configuration was begun and not completed.
    HalfConfigured,
    /// Another package's trigger has to run for it.
    TriggersAwaited,
    /// Its own trigger has to run.
    TriggersPending,
    /// It is there and configured.
    Installed,
}

/// Why the packages of a target can't be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstalledError {
    /// The status file can't be read.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The status file is malformed.
    #[error("{STATUS} in the target can't be used")]
    Status(#[source] StatusError),
}

/// Why a text is not dpkg's status file; lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// A field that every package has is not there.
    #[error("line {line}: the package {name:?} has no field {field}")]
    NoField {
        /// The line at which its stanza begins.
        line: usize,
        /// The package, as far as it is named.
        name: String,
        /// The field's name.
        field: &'static str,
    },
    /// The field `Status` doesn't hold the three words that it must.
    #[error("line {line}: the package {name:?} has the status {status:?}, which is none")]
    BadStatus {
        /// The line at which its stanza begins.
        line: usize,
        /// The package.
        name: String,
        /// What the field holds.
        status: String,
    },
}

/// Reads which packages a target has, in the order in which `dpkg-query --show` lists them.
///
/// What an interrupted dpkg has left in `/var/lib/dpkg/updates` is not taken into account.
///
/// # Errors
/// When the status file can't be read or is malformed.
pub fn installed_packages(target: &TargetRoot) -> Result<Vec<InstalledPackage>, InstalledError> {
    let status = target.read(&status_path())?;
    parse_status(&String::from_utf8_lossy(&status)).map_err(InstalledError::Status)
}

/// Reads dpkg's status file. Packages that are not installed are left out; the others come in the order of their names,
/// then of their architectures, byte by byte, which is the order of `dpkg-query --show`.
///
/// # Errors
/// When a package lacks its name or version, or has a status that is none.
pub fn parse_status(text: &str) -> Result<Vec<InstalledPackage>, StatusError> {
    let mut packages = Vec::new();
    for (line, stanza) in stanzas(text) {
        packages.extend(InstalledPackage::parse(line, stanza)?);
    }
    packages.sort_by(|left: &InstalledPackage, right| {
        (&left.name, left.architecture()).cmp(&(&right.name, right.architecture()))
    });
    Ok(packages)
}

/// Returns the paragraphs of a text in the syntax of deb822(5), each with the line at which it begins, from 1.
pub(crate) fn stanzas(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut lines = text.split_inclusive('\n').zip(1..).peekable();
    let mut position = 0;
    std::iter::from_fn(move || {
        let is_blank = |line: &str| line.trim_ascii().is_empty();
        while let Some((line, _)) = lines.next_if(|(line, _)| is_blank(line)) {
            position += line.len();
        }
        let (start, number) = (position, lines.peek()?.1);
        while let Some((line, _)) = lines.next_if(|(line, _)| !is_blank(line)) {
            position += line.len();
        }
        Some((number, &text[start..position]))
    })
}

fn status_path() -> TargetPath {
    STATUS
        .parse()
        .expect("the path holds nothing that a path may not")
}

impl InstalledPackage {
    /// Reads a stanza; `None` when its package is not installed.
    fn parse(line: usize, stanza: &str) -> Result<Option<Self>, StatusError> {
        let present = |name| field(stanza, name).filter(|value| !value.is_empty());
        let name = present("Package").unwrap_or_default();
        let no_field = |field| StatusError::NoField {
            line,
            name: name.to_owned(),
            field,
        };
        if name.is_empty() {
            return Err(no_field("Package"));
        }
        let Some(status) = present("Status") else {
            // What dpkg makes of a stanza without one.
            return Ok(None);
        };
        let Some((wanted, needs_reinstallation, state)) = parse_words(status) else {
            return Err(StatusError::BadStatus {
                line,
                name: name.to_owned(),
                status: status.chars().take(120).collect(),
            });
        };
        let Some(state) = state else {
            return Ok(None);
        };
        Ok(Some(Self {
            name: name.to_ascii_lowercase(),
            version: nonambiguous_version(present("Version").ok_or_else(|| no_field("Version"))?),
            stanza: stanza.to_owned(),
            wanted,
            needs_reinstallation,
            state,
        }))
    }

    /// Returns the package's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the version as dpkg shows it, without an epoch of zero.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the architecture, which may be `all`; empty where dpkg knows none.
    #[must_use]
    pub fn architecture(&self) -> &str {
        self.field("Architecture").unwrap_or_default()
    }

    /// Returns how the package gets along with itself for other architectures.
    #[must_use]
    pub fn multi_arch(&self) -> MultiArch {
        let value = self.field("Multi-Arch").unwrap_or_default();
        [
            ("same", MultiArch::Same),
            ("foreign", MultiArch::Foreign),
            ("allowed", MultiArch::Allowed),
        ]
        .into_iter()
        .find_map(|(name, kind)| value.eq_ignore_ascii_case(name).then_some(kind))
        .unwrap_or_default()
    }

    /// Returns how far the package has come.
    #[must_use]
    pub fn state(&self) -> PackageState {
        self.state
    }

    /// Returns the value of a field of the status file, whatever the case of its name; a longer value has its
    /// continuation lines in it.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.stanza, name)
    }

    /// Returns the name of the source package and its version.
    #[must_use]
    pub fn source(&self) -> (&str, &str) {
        let source = self.field("Source").filter(|value| !value.is_empty());
        let source = source.unwrap_or(&self.name);
        match source.split_once('(') {
            None => (source, &self.version),
            Some((name, version)) => (name.trim_ascii_end(), version.trim_end_matches(')').trim_ascii()),
        }
    }

    /// Returns the name that is the package's alone where `native` is the target's architecture: with the architecture
    /// after a colon where several may be installed or it is a foreign one (`binary:Package` in dpkg-query(1)).
    #[must_use]
    pub fn nonambiguous_name(&self, native: &str) -> String {
        let architecture = self.architecture();
        let is_plain = ["", "all", native].contains(&architecture) && self.multi_arch() != MultiArch::Same;
        if is_plain {
            self.name.clone()
        } else {
            format!("{}:{architecture}", self.name)
        }
    }

    /// Returns the status in three characters, such as `"ii "` (`db:Status-Abbrev` in dpkg-query(1)).
    #[must_use]
    pub fn status_abbreviation(&self) -> String {
        let wanted = match self.wanted {
            Wanted::Unknown => 'u',
            Wanted::Install => 'i',
            Wanted::Hold => 'h',
            Wanted::Deinstall => 'r',
            Wanted::Purge => 'p',
        };
        let state = match self.state {
            PackageState::ConfigFiles => 'c',
            PackageState::HalfInstalled => 'H',
            PackageState::Unpacked => 'U',
            PackageState::HalfConfigured => 'F',
            PackageState::TriggersAwaited => 'W',
            PackageState::TriggersPending => 't',
            PackageState::Installed => 'i',
        };
        let error = if self.needs_reinstallation { 'R' } else { ' ' };
        [wanted, state, error].iter().collect()
    }
}

/// Reads the three words of a status; the state is `None` for `not-installed`.
fn parse_words(status: &str) -> Option<(Wanted, bool, Option<PackageState>)> {
    let mut words = status.split_ascii_whitespace().map(str::to_ascii_lowercase);
    let (wanted, flag, state) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let wanted = match wanted.as_str() {
        "unknown" => Wanted::Unknown,
        "install" => Wanted::Install,
        "hold" => Wanted::Hold,
        "deinstall" => Wanted::Deinstall,
        "purge" => Wanted::Purge,
        _ => return None,
    };
    let needs_reinstallation = match flag.as_str() {
        "ok" => false,
        "reinstreq" => true,
        _ => return None,
    };
    let state = match state.as_str() {
        "not-installed" => None,
        "config-files" => Some(PackageState::ConfigFiles),
        "half-installed" => Some(PackageState::HalfInstalled),
        "unpacked" => Some(PackageState::Unpacked),
        "half-configured" => Some(PackageState::HalfConfigured),
        "triggers-awaited" => Some(PackageState::TriggersAwaited),
        "triggers-pending" => Some(PackageState::TriggersPending),
        "installed" => Some(PackageState::Installed),
        _ => return None,
    };
    Some((wanted, needs_reinstallation, state))
}

/// Writes a version the way dpkg does: no epoch of zero, unless a colon follows that could be taken for an epoch's.
fn nonambiguous_version(version: &str) -> String {
    match version.split_once(':') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()) => {
            match epoch.trim_start_matches('0') {
                "" if rest.contains(':') => format!("0:{rest}"),
                "" => rest.to_owned(),
                epoch => format!("{epoch}:{rest}"),
            }
        }
        _ => version.to_owned(),
    }
}

#[cfg(test)]
mod tests;
