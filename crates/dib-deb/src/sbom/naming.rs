//! How packages and those who keep them are named in the document.

use std::fmt::Write as _;

use crate::InstalledPackage;

/// The operating system, as os-release(5) tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct System {
    /// `ID`, such as `debian`.
    id: String,
    /// `VERSION_ID`, or the codename where a release has no number yet.
    release: Option<String>,
    /// `PRETTY_NAME`.
    pub(super) title: Option<String>,
}

impl System {
    pub(super) fn parse(os_release: &str) -> Self {
        let value = |wanted: &str| {
            os_release.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                let value = value.trim_ascii().trim_matches(['"', '\'']);
                (name == wanted && !value.is_empty()).then(|| value.to_owned())
            })
        };
        Self {
            id: value("ID").unwrap_or_else(|| "debian".to_owned()),
            release: value("VERSION_ID").or_else(|| value("VERSION_CODENAME")),
            title: value("PRETTY_NAME"),
        }
    }

    /// Returns the package's URL (<https://github.com/package-url/purl-spec>, type `deb`).
    ///
    /// The form of `distro` and the source package in `upstream` are what scanners for vulnerabilities look for:
    /// advisories name source packages.
    pub(super) fn package_url(&self, package: &InstalledPackage) -> String {
        let mut url = format!(
            "pkg:deb/{}/{}@{}?arch={}",
            encoded(&self.id),
            encoded(package.name()),
            encoded(package.version()),
            encoded(package.architecture())
        );
        if let Some(release) = &self.release {
            write!(url, "&distro={}-{}", encoded(&self.id), encoded(release)).expect("writing to a string");
        }
        let (name, version) = package.source();
        if version != package.version() {
            let upstream = format!("{}%40{}", encoded(name), encoded(version));
            write!(url, "&upstream={upstream}").expect("writing to a string");
        } else if name != package.name() {
            write!(url, "&upstream={}", encoded(name)).expect("writing to a string");
        }
        url
    }
}

/// Percent-encodes all but what a package's URL may hold as it is.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string");
        }
    }
    encoded
}

/// Returns who supplies a package, by its field `Maintainer`: `Person: NAME (ADDRESS)` or the like of an organisation.
pub(super) fn supplier(maintainer: &str) -> Option<String> {
    let (name, address) = match maintainer.split_once('<') {
        Some((name, address)) => (name, address.trim_end_matches('>').trim_ascii()),
        None => (maintainer, ""),
    };
    let name = name.trim_ascii().trim_matches('"');
    if name.is_empty() {
        return None;
    }
    let kind = if is_group(name, address) {
        "Organization"
    } else {
        "Person"
    };
    Some(if address.is_empty() {
        format!("{kind}: {name}")
    } else {
        format!("{kind}: {name} ({address})")
    })
}

/// Debian's maintainers are persons unless their names or addresses are those of groups.
fn is_group(name: &str, address: &str) -> bool {
    const WORDS: [&str; 10] = [
        "developers",
        "group",
        "maintainers",
        "packagers",
        "packaging",
        "project",
        "team",
        "taskforce",
        "force",
        "crew",
    ];
    let is_group_word = |word: &str| WORDS.contains(&word.to_ascii_lowercase().as_str());
    let domain = address.split_once('@').map_or("", |(_, domain)| domain);
    let host = domain.split('.').next().unwrap_or_default();
    name.split(|character: char| !character.is_alphanumeric())
        .any(is_group_word)
        || ["lists", "alioth-lists", "tracker", "packages"].contains(&host)
}

/// Replaces what the identifiers of SPDX don't allow.
pub(super) fn identifier(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '.' | '-' => character,
            _ if character.is_ascii_alphanumeric() => character,
            _ => '-',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls() {
        let numbered = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        let unnumbered = "ID='debian'\nVERSION_CODENAME=forky\n";
        for (os_release, fields, expected) in [
            (
                numbered,
                "Package: a\nVersion: 1\n",
                "pkg:deb/debian/a@1?arch=amd64&distro=debian-12",
            ),
            (
                numbered,
                "Package: libc++1\nSource: llvm\nVersion: 1:14~1+b1\n",
                "pkg:deb/debian/libc%2B%2B1@1:14~1%2Bb1?arch=amd64&distro=debian-12&upstream=llvm",
            ),
            (
                unnumbered,
                "Package: a\nSource: b (1)\nVersion: 1+b1\n",
                "pkg:deb/debian/a@1%2Bb1?arch=amd64&distro=debian-forky&upstream=b%401",
            ),
            ("", "Package: a\nVersion: 1\n", "pkg:deb/debian/a@1?arch=amd64"),
        ] {
            let stanza = format!("Status: install ok installed\nArchitecture: amd64\n{fields}");
            let packages = crate::parse_status(&stanza).unwrap();
            assert_eq!(System::parse(os_release).package_url(&packages[0]), expected);
        }
        let title = System::parse(numbered).title;
        assert_eq!(title.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
    }

    #[test]
    fn suppliers() {
        for (maintainer, expected) in [
            (
                "Some Body <body@example.org>",
                Some("Person: Some Body (body@example.org)"),
            ),
            (
                "GNU Libc Maintainers <debian-glibc@lists.example.org>",
                Some("Organization: GNU Libc Maintainers (debian-glibc@lists.example.org)"),
            ),
            (
                "Dpkg <dpkg@lists.example.org>",
                Some("Organization: Dpkg (dpkg@lists.example.org)"),
            ),
            ("Some Body", Some("Person: Some Body")),
            ("<body@example.org>", None),
            ("", None),
        ] {
            assert_eq!(supplier(maintainer).as_deref(), expected);
        }
    }
}
