//! Which archives a build takes packages from, as the variables and the host's own apt sources say.

use camino::Utf8PathBuf;
use dib_core::{HookContext, HookError};
use dib_deb::sources::{
    HostRelease, SignedBy, Source, distribution_sources, host_release, host_sources, parse_one_line,
};
use dib_deb::{Expiry, SuiteSource, host_checks_valid_until, host_keyrings, source_keyring};

use crate::extra_arguments::ExtraArguments;

/// Sources and the file of the image that names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceList {
    /// The file's path in the image, such as `/etc/apt/sources.list.d/default.list`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// What it names, and whose signature counts for that on this host.
    pub sources: Vec<Source>,
}

impl SourceList {
    /// Makes a list that names no keys, since apt finds them in the image by its own means, and accepts no expired releases,
    /// since those are the build's affair.
    fn of(path: String, sources: Vec<Source>) -> Self {
        let plain = |source: &Source| Source {
            signed_by: None,
            check_valid_until: None,
            ..source.clone()
        };
        let lines = sources.iter().map(|source| plain(source).to_one_line());
        Self {
            path,
            text: lines.collect(),
            sources,
        }
    }
}

/// What the variables say, and the host's own sources, from which defaults come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `DISTRO_NAME`, such as `debian`.
    pub distribution: String,
    /// `DIB_RELEASE`, such as `stable`.
    pub release: String,
    /// `DIB_DISTRIBUTION_MIRROR`, or what overrides it.
    pub mirror: Option<String>,
    /// `DIB_DEBIAN_SECURITY_MIRROR`.
    pub security_mirror: Option<String>,
    /// `DIB_DEBIAN_SECURITY_SUBPATH`, put after the suite's name.
    pub security_subpath: String,
    /// `DIB_DEBIAN_COMPONENTS`, separated by commas.
    pub components: String,
    /// `DIB_APT_SOURCES_CONF`: a line for each file, `name:deb URI SUITE COMPONENTS`.
    pub sources_conf: Option<String>,
    /// `DIB_UBUNTU_MIRROR_DISTS`: what comes after the release's name in the names of further suites, by commas; set for
    /// Ubuntu alone.
    pub ubuntu_dists: Option<String>,
    /// The file of `DIB_APT_KEYRING`.
    pub keyring: Option<Utf8PathBuf>,
    /// `DIB_APT_CHECK_VALID_UNTIL`: whether releases that have expired are refused; `None` is as the host has it for its own
    /// sources, and that they are for others.
    pub check_valid_until: Option<bool>,
    /// Packages that are asked for with the archive.
    pub include: Vec<String>,
    /// What the host itself takes the same distribution from.
    pub host: Vec<Source>,
}

/// The releases of Debian that have neither updates nor security suites of their own.
const ROLLING: [&str; 3] = ["testing", "unstable", "sid"];

impl Wanted {
    /// Reads the variables, and the host's sources where they are to be the default.
    ///
    /// # Errors
    /// When a variable is missing or the host's sources can't be read.
    pub fn of(ctx: &HookContext<'_>) -> Result<Self, HookError> {
        let value = |name: &str| ctx.variable(name).map(str::to_owned);
        let distribution = ctx.required("DISTRO_NAME")?.to_owned();
        let extra = ExtraArguments::of(ctx)?;
        let own_mirror = match &*distribution {
            "debian" => value("DIB_DEBIAN_DISTRIBUTION_MIRROR"),
            _ => None,
        };
        let mut wanted = Self {
            release: ctx.required("DIB_RELEASE")?.to_owned(),
            mirror: own_mirror.or_else(|| value("DIB_DISTRIBUTION_MIRROR")),
            security_mirror: value("DIB_DEBIAN_SECURITY_MIRROR"),
            security_subpath: value("DIB_DEBIAN_SECURITY_SUBPATH").unwrap_or_default(),
            components: value("DIB_DEBIAN_COMPONENTS").unwrap_or_else(|| "main".to_owned()),
            sources_conf: value("DIB_APT_SOURCES_CONF"),
            ubuntu_dists: value("DIB_UBUNTU_MIRROR_DISTS"),
            keyring: extra
                .keyring
                .or_else(|| value("DIB_APT_KEYRING"))
                .or_else(|| value("DIB_DEBIAN_KEYRING"))
                .map(Utf8PathBuf::from),
            check_valid_until: ctx
                .variable("DIB_APT_CHECK_VALID_UNTIL")
                .map(|value| value != "0"),
            include: extra.include,
            host: Vec::new(),
            distribution,
        };
        let needs_host = wanted.sources_conf.is_none()
            && (wanted.mirror.is_none() || wanted.security_mirror.is_none() && wanted.ubuntu_dists.is_none());
        if needs_host {
            wanted.host = sources_of_host(&wanted.distribution)?;
        }
        Ok(wanted)
    }

    /// Works out the sources, by the file of the image that is to name them.
    ///
    /// # Errors
    /// When a mirror is neither set nor known from the host, or a line of `DIB_APT_SOURCES_CONF` is malformed.
    pub fn lists(&self) -> Result<Vec<SourceList>, HookError> {
        let mut lists = match (&self.sources_conf, &self.ubuntu_dists) {
            (None, Some(dists)) => self.ubuntu_lists(dists)?,
            (Some(conf), _) => lists_of_conf(conf)?,
            (None, None) => self.debian_lists()?,
        };
        // What comes from the host gives way; what the user wrote into the source itself does not.
        let gives_way = self.sources_conf.is_none();
        for source in lists.iter_mut().flat_map(|list| &mut list.sources) {
            if let Some(keyring) = &self.keyring
                && (gives_way || source.signed_by.is_none())
            {
                source.signed_by = Some(SignedBy::Named(vec![keyring.to_string()]));
            }
            if gives_way || source.check_valid_until.is_none() {
                source.check_valid_until = self.check_valid_until.or(source.check_valid_until);
            }
        }
        Ok(lists)
    }

    fn debian_lists(&self) -> Result<Vec<SourceList>, HookError> {
        let host_mirror = self.host_source(|suite| !suite.ends_with("-security"));
        let mirror = self
            .source(self.mirror.as_ref(), host_mirror, &self.release)
            .ok_or_else(|| no_mirror("the packages of", &self.distribution, "DIB_DISTRIBUTION_MIRROR"))?;
        let list = |name: &str, source: Source| {
            SourceList::of(format!("/etc/apt/sources.list.d/{name}.list"), vec![source])
        };
        if ROLLING.contains(&&*self.release) {
            return Ok(vec![list("default", mirror)]);
        }
        let updates = Source {
            suites: vec![format!("{}-updates", self.release)],
            ..mirror.clone()
        };
        let host_security = self.host_source(|suite| suite.ends_with("-security"));
        let suite = format!("{}-security{}", self.release, self.security_subpath);
        let security = self
            .source(self.security_mirror.as_ref(), host_security, &suite)
            .ok_or_else(|| {
                no_mirror(
                    "security updates of",
                    &self.distribution,
                    "DIB_DEBIAN_SECURITY_MIRROR",
                )
            })?;
        Ok(vec![
            list("default", mirror),
            list("updates", updates),
            list("security", security),
        ])
    }

    fn ubuntu_lists(&self, dists: &str) -> Result<Vec<SourceList>, HookError> {
        let host_mirror = self.host_source(|suite| !suite.ends_with("-security"));
        let mirror = self
            .source(self.mirror.as_ref(), host_mirror, &self.release)
            .ok_or_else(|| no_mirror("the packages of", &self.distribution, "DIB_DISTRIBUTION_MIRROR"))?;
        let further = words(dists).map(|dist| Source {
            suites: vec![format!("{}-{dist}", self.release)],
            ..mirror.clone()
        });
        let sources = std::iter::once(mirror.clone()).chain(further).collect();
        Ok(vec![SourceList::of("/etc/apt/sources.list".to_owned(), sources)])
    }

    /// Makes the source of one suite: of the mirror that is set, else where the host has the like from.
    fn source(&self, mirror: Option<&String>, host: Option<&Source>, suite: &str) -> Option<Source> {
        let (uri, signed_by, check_valid_until) = match (mirror, host) {
            (Some(mirror), _) => (mirror, None, None),
            (None, Some(host)) => (host.uris.first()?, host.signed_by.clone(), host.check_valid_until),
            (None, None) => return None,
        };
        Some(Source {
            types: vec!["deb".to_owned()],
            uris: vec![uri.clone()],
            suites: vec![suite.to_owned()],
            components: words(&self.components).map(str::to_owned).collect(),
            architectures: Vec::new(),
            signed_by,
            check_valid_until,
        })
    }

    fn host_source(&self, has: impl Fn(&str) -> bool) -> Option<&Source> {
        self.host
            .iter()
            .find(|source| source.suites.iter().any(|suite| has(suite)))
    }
}

/// Returns the suites of all lists that have packages for an architecture, each with the keys that may sign it. Where a source
/// doesn't say whether its releases may have expired, `expiry` counts.
///
/// # Errors
/// When keys can't be read or there are none.
pub fn suites(lists: &[SourceList], arch: &str, expiry: Expiry) -> Result<Vec<SuiteSource>, HookError> {
    let trusted = host_keyrings("/etc/apt".into(), "/usr/share/keyrings".into());
    let mut suites = Vec::new();
    for source in lists.iter().flat_map(|list| &list.sources) {
        let keyring = source_keyring(source, &trusted).map_err(HookError::foreign)?;
        suites.extend(SuiteSource::of(source, &keyring, arch, expiry));
    }
    Ok(suites)
}

/// Reads what the host has packages of that distribution from, and whether its apt accepts that they have expired; nothing
/// when the host is another one.
fn sources_of_host(distribution: &str) -> Result<Vec<Source>, HookError> {
    let Ok(host) = host_release("/etc/os-release".into()) else {
        return Ok(Vec::new());
    };
    if host.id != distribution {
        return Ok(Vec::new());
    }
    let sources = host_sources("/etc/apt".into()).map_err(HookError::foreign)?;
    let mut sources = suites_apart(&sources, &host);
    if !host_checks_valid_until("/etc/apt".into()).map_err(HookError::foreign)? {
        for source in &mut sources {
            source.check_valid_until.get_or_insert(false);
        }
    }
    Ok(sources)
}

/// Splits sources so that security has a source of its own even where one stanza names all suites.
fn suites_apart(sources: &[Source], host: &HostRelease) -> Vec<Source> {
    distribution_sources(sources, host)
        .into_iter()
        .flat_map(|source| {
            let suites = source.suites.clone();
            suites.into_iter().map(move |suite| Source {
                suites: vec![suite],
                ..source.clone()
            })
        })
        .collect()
}

/// Reads `DIB_APT_SOURCES_CONF`; upstream's `debootstrap` documents it.
fn lists_of_conf(conf: &str) -> Result<Vec<SourceList>, HookError> {
    let malformed = |line: &str, expected: String| HookError::Variable {
        name: "DIB_APT_SOURCES_CONF".to_owned(),
        value: line.to_owned(),
        expected,
    };
    let mut lists = Vec::new();
    for line in conf.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, source) = line
            .split_once(':')
            .map(|(name, source)| (name.trim(), source.trim()))
            .filter(|(name, _)| is_file_name(name))
            .ok_or_else(|| {
                malformed(
                    line,
                    "each line has to be NAME:deb URI SUITE COMPONENTS".to_owned(),
                )
            })?;
        let sources = parse_one_line(source).map_err(|error| malformed(line, error.problem.to_owned()))?;
        lists.push(SourceList {
            path: format!("/etc/apt/sources.list.d/{name}.list"),
            text: format!("{source}\n"),
            sources,
        });
    }
    if lists.is_empty() {
        return Err(malformed(
            conf,
            "a line NAME:deb URI SUITE COMPONENTS is needed".to_owned(),
        ));
    }
    Ok(lists)
}

/// Apt reads no file whose name holds anything else (sources.list(5)).
fn is_file_name(name: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|word| !word.is_empty())
}

fn no_mirror(what: &str, distribution: &str, variable: &str) -> HookError {
    HookError::Unset {
        name: variable.to_owned(),
    }
    .hinted(format!(
        "this host has no apt source for {what} {distribution}: set {variable} to the URL of a mirror"
    ))
}

#[cfg(test)]
mod tests;
