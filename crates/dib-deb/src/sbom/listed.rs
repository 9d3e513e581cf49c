//! What apt's lists say of a package: the sum of its file and where that comes from.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader};

use dib_cache::Sha256;
use dib_sys::{TargetError, TargetPath, TargetRoot};

use super::{list_if_there, read_if_there};
use crate::list_name::mangled;
use crate::sources::{parse_deb822, parse_one_line};
use crate::{InstalledPackage, version};

const LISTS: &str = "/var/lib/apt/lists";

/// What the lists say of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Listed {
    /// Nothing.
    #[default]
    Nowhere,
    /// One file, perhaps in several places.
    As(PackageFile),
    /// Different files of the same name, version and architecture.
    Differently,
}

/// A package's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackageFile {
    pub(super) sha256: Sha256,
    /// Its name, without directories.
    pub(super) name: String,
    /// Where it comes from, if a source of the target tells.
    pub(super) url: Option<String>,
}

/// The packages that are looked for, and what has been found of them.
pub(super) struct Wanted<'p>(HashMap<&'p str, Vec<(&'p InstalledPackage, Listed)>>);

impl<'p> Wanted<'p> {
    pub(super) fn new(packages: &[&'p InstalledPackage]) -> Self {
        let mut wanted: HashMap<_, Vec<_>> = HashMap::new();
        for package in packages {
            let of_name = wanted.entry(package.name()).or_default();
            of_name.push((*package, Listed::Nowhere));
        }
        Self(wanted)
    }

    /// Returns what was found of a package, once.
    pub(super) fn take(&mut self, package: &InstalledPackage) -> Listed {
        self.0
            .get_mut(package.name())
            .and_then(|of_name| of_name.iter_mut().find(|(wanted, _)| *wanted == package))
            .map(|(_, listed)| std::mem::take(listed))
            .unwrap_or_default()
    }

    fn note(&mut self, stanza: &Stanza, base: Option<&str>) {
        let Some(of_name) = self.0.get_mut(stanza.get(PACKAGE)) else {
            return;
        };
        let found = of_name.iter_mut().find(|(package, _)| {
            package.architecture() == stanza.get(ARCHITECTURE)
                && version::compare(package.version(), stanza.get(VERSION)).is_eq()
        });
        let (Some(found), Ok(sha256)) = (found, stanza.get(SHA256).parse()) else {
            return;
        };
        let listed = &mut found.1;
        let path = stanza.get(FILENAME).trim_start_matches("./");
        let url = base.map(|base| format!("{base}/{path}"));
        match listed {
            Listed::Nowhere => {
                *listed = Listed::As(PackageFile {
                    sha256,
                    name: path.rsplit('/').next().unwrap_or_default().to_owned(),
                    url,
                });
            }
            Listed::As(file) if file.sha256 == sha256 => file.url = file.url.take().or(url),
            Listed::As(_) | Listed::Differently => *listed = Listed::Differently,
        }
    }
}

/// Reads all lists of binary packages that apt keeps uncompressed in a target.
pub(super) fn read_lists(target: &TargetRoot, wanted: &mut Wanted<'_>) -> Result<(), TargetError> {
    let bases = list_bases(target)?;
    for name in list_if_there(target, LISTS)? {
        if !name.ends_with("_Packages") {
            continue;
        }
        let base = bases
            .iter()
            .find(|(beginning, _)| name.starts_with(beginning))
            .map(|(_, base)| base.as_str());
        let path: TargetPath = format!("{LISTS}/{name}")
            .parse()
            .expect("the name is one of a file");
        let list = BufReader::with_capacity(1 << 16, target.open_file(&path)?);
        read_list(list, base, wanted).map_err(|source| TargetError::Path {
            path,
            operation: "read",
            source,
        })?;
    }
    Ok(())
}

const FIELDS: [&str; 5] = ["Package", "Version", "Architecture", "Filename", "SHA256"];
const PACKAGE: usize = 0;
const VERSION: usize = 1;
const ARCHITECTURE: usize = 2;
const FILENAME: usize = 3;
const SHA256: usize = 4;

/// What matters of a stanza, in buffers that the next one uses again: a list has tens of thousands.
#[derive(Default)]
struct Stanza([String; FIELDS.len()]);

impl Stanza {
    fn get(&self, field: usize) -> &str {
        &self.0[field]
    }

    fn take_line(&mut self, line: &[u8]) {
        for (name, value) in FIELDS.iter().zip(&mut self.0) {
            let Some((beginning, rest)) = line.split_at_checked(name.len()) else {
                continue;
            };
            if let (true, [b':', rest @ ..]) = (beginning.eq_ignore_ascii_case(name.as_bytes()), rest) {
                value.clear();
                value.push_str(&String::from_utf8_lossy(rest.trim_ascii()));
                return;
            }
        }
    }

    fn clear(&mut self) {
        self.0.iter_mut().for_each(String::clear);
    }
}

/// Reads one list line by line, since that of a distribution has 50 MB.
fn read_list(mut list: impl BufRead, base: Option<&str>, wanted: &mut Wanted<'_>) -> io::Result<()> {
    let mut stanza = Stanza::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let is_end = list.read_until(b'\n', &mut line)? == 0;
        match line.trim_ascii() {
            [] => {
                wanted.note(&stanza, base);
                stanza.clear();
            }
            _ => stanza.take_line(&line),
        }
        if is_end {
            return Ok(());
        }
    }
}

/// Returns how the names of lists begin, by the target's sources, with the address that paths in such a list are
/// relative to. A file of sources that can't be used tells nothing; apt has complained about it.
fn list_bases(target: &TargetRoot) -> Result<Vec<(String, String)>, TargetError> {
    let mut paths = vec!["/etc/apt/sources.list".to_owned()];
    let parts = "/etc/apt/sources.list.d";
    let names = list_if_there(target, parts)?;
    paths.extend(names.iter().map(|name| format!("{parts}/{name}")));
    let mut bases = Vec::new();
    for path in paths {
        let parse = match path.rsplit('.').next() {
            Some("list") => parse_one_line,
            Some("sources") => parse_deb822,
            _ => continue,
        };
        let Some(text) = read_if_there(target, &path)? else {
            continue;
        };
        for source in parse(&text).unwrap_or_default() {
            for uri in &source.uris {
                for suite in &source.suites {
                    bases.push(list_base(uri, suite));
                }
            }
        }
    }
    // The longest that fits is the right one.
    bases.sort_by_key(|(beginning, _)| std::cmp::Reverse(beginning.len()));
    Ok(bases)
}

/// A suite that ends with a slash is a directory without the usual layout, and paths are relative to it.
fn list_base(uri: &str, suite: &str) -> (String, String) {
    let uri = without_password(uri.trim_end_matches('/'));
    match suite.strip_suffix('/') {
        None => (mangled(&format!("{uri}/dists/{suite}")) + "_", uri),
        Some(directory) => {
            let base = format!("{uri}/{directory}");
            let base = base.trim_end_matches('/').to_owned();
            (mangled(&base) + "_Packages", base)
        }
    }
}

/// Takes user and password out of an address: it goes into a document that is given away.
fn without_password(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return uri.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_by_the_names_of_lists() {
        for (uri, suite, beginning, base) in [
            (
                "http://a.example.org/debian/",
                "stable",
                "a.example.org_debian_dists_stable_",
                "http://a.example.org/debian",
            ),
            (
                "https://me:secret@a.example.org/x_y",
                "stable/updates",
                "a.example.org_x%5fy_dists_stable_updates_",
                "https://a.example.org/x_y",
            ),
            (
                "http://a.example.org",
                "./",
                "a.example.org_._Packages",
                "http://a.example.org/.",
            ),
            (
                "http://a.example.org/flat",
                "/",
                "a.example.org_flat_Packages",
                "http://a.example.org/flat",
            ),
        ] {
            assert_eq!(list_base(uri, suite), (beginning.to_owned(), base.to_owned()));
        }
    }

    #[test]
    fn a_package_is_found_by_name_version_and_architecture() {
        let stanza = |version: &str, arch: &str, sum: char| {
            let sum = sum.to_string().repeat(64);
            format!(
                "Package: a\nArchitecture: {arch}\nversion: {version}\nDescription: x\n SHA256: y\nFilename: ./p/a.deb\nSHA256: {sum}\n\n"
            )
        };
        let packages = crate::parse_status(
            "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n",
        )
        .unwrap();
        let check = |lists: &[String]| {
            let mut wanted = Wanted::new(&[&packages[0]]);
            for list in lists {
                read_list(
                    list.trim_end().as_bytes(),
                    Some("http://a.example.org"),
                    &mut wanted,
                )
                .unwrap();
            }
            match wanted.take(&packages[0]) {
                Listed::Nowhere => "nowhere".to_owned(),
                Listed::Differently => "differently".to_owned(),
                Listed::As(PackageFile { sha256, name, url }) => {
                    format!("{} {name} {}", &sha256.to_string()[..4], url.unwrap_or_default())
                }
            }
        };
        let found = "bbbb a.deb http://a.example.org/p/a.deb";
        assert_eq!(
            check(&[stanza("2", "amd64", 'a') + &stanza("0:1", "amd64", 'b')]),
            found
        );
        assert_eq!(
            check(&[stanza("1", "amd64", 'b'), stanza("1", "amd64", 'b')]),
            found
        );
        assert_eq!(check(&[stanza("1", "i386", 'a')]), "nowhere");
        assert_eq!(check(&[stanza("1", "amd64", 'g')]), "nowhere");
        assert_eq!(
            check(&[stanza("1", "amd64", 'a'), stanza("1", "amd64", 'b')]),
            "differently"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_list_is_read(list in "(Package: a|Version: |SHA256: |ä|\n|:|\\PC){0,12}") {
            let packages = crate::parse_status("Package: a\nStatus: install ok installed\nVersion: 1\n").unwrap();
            let mut wanted = Wanted::new(&[&packages[0]]);
            proptest::prop_assert!(read_list(list.as_bytes(), None, &mut wanted).is_ok());
        }
    }
}
