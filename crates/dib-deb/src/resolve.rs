//! Which packages a list of names comes to: apt itself decides, in the target.

use std::collections::{BTreeSet, HashMap};

use dib_sys::command::{CommandError, Stdin, Stream, TargetCommand, run_in_target};
use dib_sys::{TargetError, TargetPath, TargetRoot};

use crate::transaction::Place;
use crate::{Archive, PackageRecord};

/// What apt is told to take for dpkg's status: nothing is installed.
const EMPTY_STATUS: &str = "/var/lib/apt/dib-status";

/// Where apt keeps which packages were installed because others need them.
const EXTENDED_STATES: &str = "/var/lib/apt/extended_states";

/// Whether packages bring those along that they recommend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recommends {
    /// They do, as apt has it.
    Installed,
    /// They don't.
    LeftOut,
}

/// Why apt did not decide.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// apt could not be run, or found no set of packages that fits.
    #[error("apt in the target can't find a set of packages that fits")]
    Apt(#[from] CommandError),
    /// What apt needs can't be written or removed.
    #[error("failed to prepare apt in the target")]
    Target(#[from] TargetError),
    /// apt chose something that the verified indexes don't have.
    #[error("apt chose a package that no verified index lists: {line}")]
    Unknown {
        /// What apt wrote.
        line: String,
    },
    /// apt left out what the bootstrap has unpacked already.
    #[error("apt leaves out packages that the target began with: {}", packages.join(", "))]
    LeftOut {
        /// Their names.
        packages: Vec<String>,
    },
}

/// Asks apt in the target for all packages of a system that holds those of `bootstrap` and those named.
///
/// apt sees the lists and sources that the target has, and an empty status, so that its answer is the whole set; what
/// apt may write in `names`, such as `package/suite` or `package-`, may stand there too. The set comes in the order in
/// which apt would install it.
///
/// # Errors
/// When apt finds no such set (its last lines say why), or chooses what `archive` doesn't have.
pub fn resolve(
    place: Place<'_>,
    archive: &Archive,
    bootstrap: &[PackageRecord],
    names: &[&str],
    recommends: Recommends,
) -> Result<Vec<PackageRecord>, ResolveError> {
    // What the first packages came to is left to apt, but for those that must be there in any case.
    let wanted = bootstrap
        .iter()
        .filter(|package| package.is_essential())
        .map(PackageRecord::name);
    let mut wanted: Vec<&str> = wanted.chain(["apt"]).collect();
    wanted.extend(names);
    let chosen = ask_apt(place, archive, &wanted, recommends)?;
    let left_out = |chosen: &[PackageRecord]| -> Vec<String> {
        let sums: BTreeSet<_> = chosen
            .iter()
            .map(|package| *package.sha256().as_bytes())
            .collect();
        let is_missing = |package: &&PackageRecord| !sums.contains(package.sha256().as_bytes());
        bootstrap
            .iter()
            .filter(is_missing)
            .map(|package| package.name().to_owned())
            .collect()
    };
    let missing = left_out(&chosen);
    if missing.is_empty() {
        return Ok(chosen);
    }
    // The bootstrap took another alternative than apt would have; it is there, so it stays.
    wanted.extend(missing.iter().map(String::as_str));
    let chosen = ask_apt(place, archive, &wanted, recommends)?;
    let packages = left_out(&chosen);
    if packages.is_empty() {
        Ok(chosen)
    } else {
        Err(ResolveError::LeftOut { packages })
    }
}

/// Tells apt in the target that nobody asked for these packages, but others need them: it may remove them with those.
///
/// # Errors
/// When apt's list of such packages can't be written.
pub fn mark_automatic(
    target: &TargetRoot,
    packages: &[PackageRecord],
    arch: &str,
) -> Result<(), TargetError> {
    let path = path(EXTENDED_STATES);
    let mut text = match target.read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => String::new(),
        Err(error) => return Err(error),
    };
    for package in packages {
        // apt keeps packages for all architectures under the machine's own.
        for word in [
            "Package: ",
            package.name(),
            "\nArchitecture: ",
            arch,
            "\nAuto-Installed: 1\n\n",
        ] {
            text.push_str(word);
        }
    }
    target.write(&path, text.as_bytes(), 0o644)
}

fn ask_apt(
    place: Place<'_>,
    archive: &Archive,
    wanted: &[&str],
    recommends: Recommends,
) -> Result<Vec<PackageRecord>, ResolveError> {
    let status = path(EMPTY_STATUS);
    let recommends = match recommends {
        Recommends::Installed => "APT::Install-Recommends=true",
        Recommends::LeftOut => "APT::Install-Recommends=false",
    };
    let options = [
        &format!("Dir::State::status={EMPTY_STATUS}"),
        recommends,
        // The lists come from indexes that are verified already.
        "APT::Get::AllowUnauthenticated=true",
        // It prints one sum: the one that the records are known by.
        "Acquire::ForceHash=SHA256",
        // Nothing of this is to be left in the image.
        "Dir::Cache::pkgcache=",
        "Dir::Cache::srcpkgcache=",
        "APT::Get::Print-URIs=true",
        "APT::Get::Assume-Yes=true",
    ];
    let mut argv = vec!["apt-get".to_owned(), "--quiet=2".to_owned()];
    argv.extend(
        options
            .iter()
            .flat_map(|option| ["--option".to_owned(), (*option).to_owned()]),
    );
    argv.extend(["install", "--"].map(str::to_owned));
    argv.extend(wanted.iter().map(|&name| name.to_owned()));
    let command = TargetCommand {
        argv,
        environment: place.environment.clone(),
        working_directory: TargetPath::root(),
        stdin: Stdin::Nothing,
    };
    place.target.write(&status, b"", 0o644)?;
    let mut lines = Vec::new();
    let outcome = run_in_target(place.target, &command, &mut |stream, line| {
        if stream == Stream::Stdout && line.starts_with('\'') {
            lines.push(line.to_owned());
        } else {
            place.progress.line(line);
        }
    });
    place.target.remove_file(&status)?;
    outcome?.require_success(&command)?;
    let mut by_sum = HashMap::with_capacity(archive.packages().len());
    for package in archive.packages() {
        by_sum.entry(*package.sha256().as_bytes()).or_insert(package);
    }
    lines
        .into_iter()
        .map(|line| match chosen(&line, &by_sum) {
            Some(package) => Ok(package.clone()),
            None => Err(ResolveError::Unknown { line }),
        })
        .collect()
}

/// Finds the package of a line `'URI' FILE SIZE SHA256:SUM` (apt-get(8), `--print-uris`).
fn chosen<'a>(line: &str, by_sum: &HashMap<[u8; 32], &'a PackageRecord>) -> Option<&'a PackageRecord> {
    let sum = line
        .split_ascii_whitespace()
        .find_map(|word| word.strip_prefix("SHA256:"))?;
    let sum: dib_cache::Sha256 = sum.parse().ok()?;
    by_sum.get(sum.as_bytes()).copied()
}

fn path(text: &str) -> TargetPath {
    text.parse().expect("a constant path is well-formed")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use camino::Utf8Path;

    use super::*;
    use crate::ArchiveLocation;

    fn record(name: &str, sum: char) -> PackageRecord {
        let sum = sum.to_string().repeat(64);
        let stanza = format!(
            "Package: {name}\nVersion: 1\nArchitecture: all\nFilename: pool/{name}.deb\nSize: 1\nSHA256: {sum}\n"
        );
        let archive = ArchiveLocation {
            base_uri: "http://example.org/debian".to_owned(),
            suite: "stable".to_owned(),
            component: "main".to_owned(),
        };
        PackageRecord::parse(&stanza, &Arc::new(archive)).unwrap()
    }

    #[test]
    fn what_apt_chose_is_known_by_its_sum() {
        let tool = record("tool", 'a');
        let by_sum = HashMap::from([(*tool.sha256().as_bytes(), &tool)]);
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(chosen(line, &by_sum).map(PackageRecord::name), expected, "{line}");
        };
        let sum = "a".repeat(64);
        check(
            &format!("'http://example.org/pool/tool.deb' tool_1_all.deb 1 SHA256:{sum}"),
            Some("tool"),
        );
        check(
            &format!("'http://example.org/x' x 1 SHA256:{}", "b".repeat(64)),
            None,
        );
        check("'http://example.org/x' x 1 SHA256:short", None);
        check(
            "'http://example.org/pool/tool.deb' tool_1_all.deb 1 MD5Sum:00",
            None,
        );
    }

    #[test]
    fn automatic_packages_are_added_to_those_that_apt_knows() {
        let directory = tempfile::tempdir().unwrap();
        let target = TargetRoot::open(Utf8Path::from_path(directory.path()).unwrap()).unwrap();
        target
            .create_directory_all(&"/var/lib/apt".parse().unwrap(), 0o755)
            .unwrap();
        mark_automatic(&target, &[record("one", 'a')], "amd64").unwrap();
        mark_automatic(&target, &[record("two", 'b')], "amd64").unwrap();
        assert_eq!(
            target.read_to_string(&EXTENDED_STATES.parse().unwrap()).unwrap(),
            "Package: one\nArchitecture: amd64\nAuto-Installed: 1\n\n\
             Package: two\nArchitecture: amd64\nAuto-Installed: 1\n\n"
        );
    }
}
