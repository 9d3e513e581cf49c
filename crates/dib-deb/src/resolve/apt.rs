//! apt, asked what it would install.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use dib_sys::TargetError;
use dib_sys::command::{Stdin, Stream, TargetCommand, run_in_target};

use super::{Recommends, ResolveError, Stage, path};
use crate::transaction::Place;
use crate::{Archive, PackageRecord};

/// What apt reads and keeps while it is asked: nothing of this is to be left in the image.
const DIRECTORY: &str = "/var/lib/apt/dib";
/// What apt is told to take for dpkg's status.
const STATUS: &str = "/var/lib/apt/dib/status";
/// What apt has read from the lists, so that it reads them once for all stages.
const LISTS_READ: &str = "/var/lib/apt/dib/lists.bin";

/// The lists that hold only what the decision can be about.
const SHORT_LISTS: &str = "/var/lib/apt/dib/lists";

/// What apt does for a stage.
pub(super) struct Answer {
    /// What it installs, in order.
    pub(super) added: Vec<PackageRecord>,
    /// The names of what it removes, since it can't be beside what it installs.
    pub(super) removed: Vec<String>,
}

/// apt in the target, ready to be asked until [`Asking::end`].
pub(super) struct Asking<'a> {
    place: Place<'a>,
    by_sum: HashMap<[u8; 32], &'a PackageRecord>,
    has_short_lists: bool,
}

impl<'a> Asking<'a> {
    /// Prepares apt; it will see the packages of these names, or all without any.
    pub(super) fn begin(
        place: Place<'a>,
        archive: &'a Archive,
        names: Option<&HashSet<&str>>,
    ) -> Result<Self, TargetError> {
        let mut by_sum = HashMap::with_capacity(archive.packages().len());
        for package in archive.packages() {
            by_sum.entry(*package.sha256().as_bytes()).or_insert(package);
        }
        place.target.create_directory_all(&path(DIRECTORY), 0o755)?;
        if let Some(names) = names {
            archive.write_apt_lists_of(names, place.target, &path(SHORT_LISTS))?;
        }
        Ok(Self {
            place,
            by_sum,
            has_short_lists: names.is_some(),
        })
    }

    /// Returns what apt does to the packages that are there, for one stage.
    pub(super) fn ask(&self, there: &[PackageRecord], stage: &Stage<'_>) -> Result<Answer, ResolveError> {
        let place = self.place;
        place
            .target
            .write(&path(STATUS), status_of(there).as_bytes(), 0o644)?;
        let command = self.command(stage);
        let mut lines = Vec::new();
        run_in_target(place.target, &command, &mut |stream, line| match stream {
            Stream::Stdout => lines.push(line.to_owned()),
            Stream::Stderr => place.progress.line(line),
        })
        .and_then(|outcome| outcome.require_success(&command))
        .map_err(|source| ResolveError::Apt {
            names: stage.names.iter().map(|&name| name.to_owned()).collect(),
            source,
        })?;
        let removed = removed(&lines);
        let added = lines
            .into_iter()
            // The rest is of use only when apt fails, and is part of the error then.
            .filter(|line| line.starts_with('\''))
            .map(|line| match chosen(&line, &self.by_sum) {
                Some(package) => Ok(package.clone()),
                None => Err(ResolveError::Unknown { line }),
            })
            .collect::<Result<_, _>>()?;
        Ok(Answer { added, removed })
    }

    /// Removes what apt needed.
    pub(super) fn end(self) -> Result<(), TargetError> {
        self.place.target.remove_tree(&path(DIRECTORY)).map(|_| ())
    }

    fn command(&self, stage: &Stage<'_>) -> TargetCommand {
        let recommends = match stage.recommends {
            Recommends::Installed => "APT::Install-Recommends=true",
            Recommends::LeftOut => "APT::Install-Recommends=false",
        };
        let options = [
            &format!("Dir::State::status={STATUS}"),
            &format!("Dir::Cache::srcpkgcache={LISTS_READ}"),
            "Dir::Cache::pkgcache=",
            recommends,
            // The lists come from indexes that are verified already.
            "APT::Get::AllowUnauthenticated=true",
            // It prints one sum: the one that the records are known by.
            "Acquire::ForceHash=SHA256",
            "APT::Get::Print-URIs=true",
            "APT::Get::Assume-Yes=true",
        ];
        // Any quieter, it would not say which packages don't fit.
        let mut argv = vec!["apt-get".to_owned(), "--quiet=1".to_owned()];
        argv.extend(
            options
                .iter()
                .flat_map(|option| ["--option".to_owned(), (*option).to_owned()]),
        );
        if self.has_short_lists {
            // Suggestions are not among them.
            for option in [
                &format!("Dir::State::lists={SHORT_LISTS}"),
                "APT::Install-Suggests=false",
            ] {
                argv.extend(["--option".to_owned(), option.to_owned()]);
            }
        }
        argv.extend(["install", "--"].map(str::to_owned));
        argv.extend(stage.names.iter().map(|&name| name.to_owned()));
        TargetCommand {
            argv,
            environment: self.place.environment.clone(),
            working_directory: dib_sys::TargetPath::root(),
            stdin: Stdin::Nothing,
        }
    }
}

/// Writes a status by which these packages are installed.
fn status_of(packages: &[PackageRecord]) -> String {
    let mut status = String::new();
    for package in packages {
        // Writing to a string can't fail.
        let _ = write!(
            status,
            "{}\nStatus: install ok installed\n\n",
            package.stanza().trim_end()
        );
    }
    status
}

/// Finds the names that apt says it will remove: the indented lines after the one that announces them.
fn removed(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .skip_while(|line| *line != "The following packages will be REMOVED:")
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .flat_map(|line| line.split_ascii_whitespace())
        // A star marks what is removed with its configuration.
        .map(|name| name.trim_end_matches('*').to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_archive::record;

    #[test]
    fn what_apt_chose_is_known_by_its_sum() {
        let tool = record("tool", "");
        let by_sum = HashMap::from([(*tool.sha256().as_bytes(), &tool)]);
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(chosen(line, &by_sum).map(PackageRecord::name), expected, "{line}");
        };
        check(
            &format!(
                "'http://example.org/pool/tool.deb' tool_1_amd64.deb 1 SHA256:{}",
                tool.sha256()
            ),
            Some("tool"),
        );
        check(
            &format!("'http://example.org/x' x 1 SHA256:{}", "b".repeat(64)),
            None,
        );
        check("'http://example.org/x' x 1 SHA256:short", None);
        check(
            "'http://example.org/pool/tool.deb' tool_1_amd64.deb 1 MD5Sum:00",
            None,
        );
    }

    #[test]
    fn what_apt_removes_is_announced() {
        let check = |text: &str, expected: &[&str]| {
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            assert_eq!(removed(&lines), expected, "{text}");
        };
        check("Reading package lists...\n0 upgraded, 0 newly installed", &[]);
        check(
            "The following packages will be REMOVED:\n  one two*\n  three\nThe following NEW packages will be installed:\n  four",
            &["one", "two", "three"],
        );
    }

    #[test]
    fn a_status_has_a_stanza_for_each_package() {
        let status = status_of(&[record("one", ""), record("two", "Depends: one\n")]);
        let stanzas: Vec<_> = status.trim_end().split("\n\n").collect();
        assert_eq!(stanzas.len(), 2);
        assert!(
            stanzas[0].starts_with("Package: one\n")
                && stanzas[0].ends_with("\nStatus: install ok installed")
        );
        assert!(stanzas[1].contains("\nDepends: one\nStatus: "), "{status}");
    }
}
