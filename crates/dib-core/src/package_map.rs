//! Packages that have other names elsewhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Names by what they stand for.
type Names = BTreeMap<String, String>;

/// What an element's names of packages stand for, by distribution.
///
/// Its serialised form is upstream's file `pkg-map`. Source: the README and the program of diskimage-builder's
/// element `pkg-map`.
///
/// ```
/// use dib_core::PackageMap;
///
/// let map = PackageMap::new().by_default("iscsi", "iscsi-initiator-utils").for_family("debian", "iscsi", "open-iscsi");
/// assert_eq!(map.map("iscsi", "ubuntu", "noble"), ["open-iscsi"]);
/// assert_eq!(map.map("iscsi", "fedora", "43"), ["iscsi-initiator-utils"]);
/// assert_eq!(map.map("vim", "ubuntu", "noble"), ["vim"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageMap {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    release: BTreeMap<String, BTreeMap<String, Names>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    distro: BTreeMap<String, Names>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    family: BTreeMap<String, Names>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    default: Names,
}

impl PackageMap {
    /// Makes a map in which every name stands for itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Maps a name to packages, separated by blanks, where nothing more specific does; to no package when `to` is
    /// empty.
    #[must_use]
    pub fn by_default(mut self, name: &str, to: &str) -> Self {
        self.default.insert(name.to_owned(), to.to_owned());
        self
    }

    /// Maps a name for a family of distributions: `debian`, `redhat`, `suse` or `gentoo`.
    #[must_use]
    pub fn for_family(mut self, family: &str, name: &str, to: &str) -> Self {
        self.family
            .entry(family.to_owned())
            .or_default()
            .insert(name.to_owned(), to.to_owned());
        self
    }

    /// Maps a name for a distribution, by its `DISTRO_NAME`.
    #[must_use]
    pub fn for_distribution(mut self, distribution: &str, name: &str, to: &str) -> Self {
        self.distro
            .entry(distribution.to_owned())
            .or_default()
            .insert(name.to_owned(), to.to_owned());
        self
    }

    /// Maps a name for a release of a distribution, by its `DIB_RELEASE`.
    #[must_use]
    pub fn for_release(mut self, distribution: &str, release: &str, name: &str, to: &str) -> Self {
        let releases = self.release.entry(distribution.to_owned()).or_default();
        releases
            .entry(release.to_owned())
            .or_default()
            .insert(name.to_owned(), to.to_owned());
        self
    }

    /// Returns the packages that a name stands for: itself where it is not mapped, perhaps none where it is.
    #[must_use]
    pub fn map<'n>(&'n self, name: &'n str, distribution: &str, release: &str) -> Vec<&'n str> {
        let of_release = self
            .release
            .get(distribution)
            .and_then(|releases| releases.get(numbered(release)));
        let of_family = family(distribution).and_then(|family| self.family.get(family));
        let sections = [
            of_release,
            self.distro.get(distribution),
            of_family,
            Some(&self.default),
        ];
        match sections.into_iter().flatten().find_map(|names| names.get(name)) {
            Some(names) => names.split_whitespace().collect(),
            None => vec![name],
        }
    }
}

/// Returns the family of a distribution, where it has one.
///
/// Source: `os_family` of upstream's `pkg-map`.
pub(crate) fn family(distribution: &str) -> Option<&'static str> {
    match distribution {
        "debian" | "ubuntu" => Some("debian"),
        "almalinux" | "centos" | "fedora" | "openeuler" | "rhel" | "rocky" => Some("redhat"),
        "opensuse" => Some("suse"),
        "gentoo" => Some("gentoo"),
        _ => None,
    }
}

/// Returns the number that stands for a release in a map.
///
/// Source: `os_major_release` of upstream's `pkg-map`.
fn numbered(release: &str) -> &str {
    match release {
        "8-stream" => "8",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_section_wins_name_by_name() {
        let map = PackageMap::new()
            .by_default("x", "of-default")
            .by_default("y", "y-of-default")
            .for_family("redhat", "x", "of-family")
            .for_distribution("centos", "x", "of-distribution")
            .for_release("centos", "8", "x", "of-release one-more")
            .for_release("centos", "9", "x", "");
        let check = |name, distribution, release, expected: &[&str]| {
            assert_eq!(
                map.map(name, distribution, release),
                expected,
                "for {name} on {distribution} {release}"
            );
        };
        check("x", "centos", "8", &["of-release", "one-more"]);
        check("x", "centos", "8-stream", &["of-release", "one-more"]);
        check("x", "centos", "9", &[]);
        check("x", "centos", "10", &["of-distribution"]);
        check("x", "fedora", "8", &["of-family"]);
        check("x", "debian", "sid", &["of-default"]);
        check("x", "", "", &["of-default"]);
        check("y", "centos", "8", &["y-of-default"]);
        check("z", "centos", "8", &["z"]);
    }

    #[test]
    fn it_is_written_and_read_as_upstream_has_it() {
        let text = r#"{"release":{"fedora":{"43":{"x":"a"}}},"distro":{"fedora":{"x":"b"}},"family":{"suse":{"x":""}},"default":{"x":"c d"}}"#;
        let map: PackageMap = serde_json::from_str(text).unwrap();
        assert_eq!(map.map("x", "fedora", "43"), ["a"]);
        assert_eq!(serde_json::to_string(&map).unwrap(), text);
        assert_eq!(serde_json::to_string(&PackageMap::new()).unwrap(), "{}");
        assert!(serde_json::from_str::<PackageMap>(r#"{"distros":{}}"#).is_err());
    }
}
