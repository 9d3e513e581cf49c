//! The scripts that prepare the unpacking of packages.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use dib_archive::SharedTree;
use dib_sys::TargetPath;
use dib_sys::command::{Stdin, TargetCommand, run_in_target};

use super::wave::fetch;
use super::{Place, State, Transaction, TransactionError, path, unpack_error};
use crate::dpkg_database::info;
use crate::package::field;
use crate::relation;
use crate::unpack::{Opened, UnpackError, Unpacked};

/// The package whose script makes `/etc/passwd`, which any other script may look into without saying so.
const FIRST: &str = "base-passwd";

/// Returns why dpkg itself must unpack a package with this script.
pub(super) fn reason_for_dpkg(script: &[u8]) -> Option<&'static str> {
    let script = String::from_utf8_lossy(script);
    let code = script
        .lines()
        .filter(|line| !line.trim_ascii_start().starts_with('#'));
    let names = |name: &str| code.clone().any(|line| line.contains(name));
    if names("dpkg-divert") {
        Some("its script diverts files of other packages")
    } else if names("dpkg-statoverride") {
        Some("its script sets owners and modes of files")
    } else {
        None
    }
}

/// Runs `preinst install` of a package whose control files are in the database.
pub(super) fn run_preinst(
    place: Place<'_>,
    database_name: &str,
    name: &str,
    architecture: &str,
) -> Result<(), TransactionError> {
    let mut environment = place.environment.clone();
    // deb-preinst(5) and dpkg(1), section "Internal environment".
    let variables = [
        ("DPKG_MAINTSCRIPT_PACKAGE", name),
        ("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1"),
        ("DPKG_MAINTSCRIPT_ARCH", architecture),
        ("DPKG_MAINTSCRIPT_NAME", "preinst"),
        ("DPKG_MAINTSCRIPT_DEBUG", "0"),
        ("DPKG_ADMINDIR", "/var/lib/dpkg"),
        ("DPKG_ROOT", ""),
    ];
    environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let script = info(database_name, "preinst").to_string();
    let command = TargetCommand {
        argv: vec![script, "install".to_owned()],
        environment,
        working_directory: TargetPath::root(),
        stdin: Stdin::Nothing,
    };
    run_in_target(place.target, &command, &mut |_, line| place.progress.line(line))
        .and_then(|outcome| outcome.require_success(&command))
        .map_err(|source| TransactionError::Script {
            package: name.to_owned(),
            source,
        })?;
    Ok(())
}

impl Transaction<'_> {
    /// Runs the scripts of packages that are unpacked already.
    pub(super) fn run_scripts_after(&mut self, ranks: Range<usize>) -> Result<(), TransactionError> {
        for rank in self.in_order_of_dependence(ranks) {
            let member = &self.packages[rank];
            let State::Unpacked(unpacked) = &member.state else {
                continue;
            };
            if !unpacked.has_preinst {
                continue;
            }
            run_preinst(
                self.place,
                &unpacked.database_name,
                &unpacked.name,
                &unpacked.architecture,
            )?;
            let removed = self.removed_paths(unpacked)?;
            if removed.is_empty() {
                continue;
            }
            // It removed what an older version may have left, which was the package's own.
            let tree = SharedTree::new(self.place.target);
            let wanted = |name: &[u8]| removed.contains(name);
            Opened::open(fetch(self.place.cache, &member.record)?.file)
                .and_then(|package| package.unpack_only(&tree, &wanted))
                .map_err(|source| unpack_error(&member.record, source))?;
        }
        Ok(())
    }

    /// Returns those of a package's paths that are not there, relative to the root.
    fn removed_paths(&self, unpacked: &Unpacked) -> Result<BTreeSet<Vec<u8>>, TransactionError> {
        let mut removed = BTreeSet::new();
        for entry in &unpacked.paths {
            let parsed = std::str::from_utf8(entry).ok().and_then(|text| text.parse().ok());
            let Some(parsed): Option<TargetPath> = parsed else {
                continue;
            };
            if self.place.target.metadata(&parsed)?.is_none() {
                removed.insert(entry[1..].to_vec());
            }
        }
        Ok(removed)
    }

    /// Sorts packages so that each follows those it depends on, where they don't depend on each other in a circle.
    fn in_order_of_dependence(&self, ranks: Range<usize>) -> Vec<usize> {
        let mut providers: HashMap<&str, usize> = HashMap::new();
        for rank in ranks.clone() {
            let record = &self.packages[rank].record;
            providers.insert(record.name(), rank);
        }
        for rank in ranks.clone() {
            let names = relation::parse(self.packages[rank].record.field("Provides").unwrap_or_default());
            for virtual_package in names.unwrap_or_default().into_iter().flatten() {
                providers.entry(virtual_package.name).or_insert(rank);
            }
        }
        let needed_by = |rank: usize| -> Vec<usize> {
            let stanza = self.packages[rank].record.stanza();
            let mut needed = Vec::new();
            for name in ["Pre-Depends", "Depends"] {
                let groups = relation::parse(field(stanza, name).unwrap_or_default()).unwrap_or_default();
                needed.extend(
                    groups
                        .iter()
                        .flatten()
                        .filter_map(|relation| providers.get(relation.name)),
                );
            }
            needed
        };
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        let first = providers.get(FIRST).copied();
        order.extend(first);
        seen.extend(first);
        for rank in ranks {
            // Without recursion, as chains of dependencies come from outside.
            let mut path = vec![(rank, None::<std::vec::IntoIter<usize>>)];
            while let Some((rank, rest)) = path.last_mut() {
                let rank = *rank;
                if rest.is_none() && !seen.insert(rank) {
                    path.pop();
                    continue;
                }
                let next = rest.get_or_insert_with(|| needed_by(rank).into_iter()).next();
                if let Some(next) = next {
                    path.push((next, None));
                } else {
                    order.push(rank);
                    path.pop();
                }
            }
        }
        order
    }

    /// Has dpkg unpack the packages that were left to it.
    pub(super) fn unpack_by_dpkg(&mut self) -> Result<Vec<(String, &'static str)>, TransactionError> {
        let mut unpacked = Vec::new();
        for member in &self.packages {
            let State::ForDpkg(reason) = member.state else {
                continue;
            };
            let record = &member.record;
            let refused = |source: UnpackError| unpack_error(record, source);
            let mut file = fetch(self.place.cache, record)?.file;
            let mut contents = Vec::new();
            std::io::Read::read_to_end(&mut file, &mut contents).map_err(|source| {
                refused(
                    crate::deb_file::DebFileError::Read {
                        part: "the file".to_owned(),
                        source,
                    }
                    .into(),
                )
            })?;
            let copy = path(&format!("/var/lib/dpkg/{}.deb", record.name()));
            self.place.target.write(&copy, &contents, 0o644)?;
            let command = TargetCommand {
                argv: ["dpkg", "--unpack", "--force-depends,unsafe-io", &copy.to_string()]
                    .map(str::to_owned)
                    .to_vec(),
                environment: self.place.environment.clone(),
                working_directory: TargetPath::root(),
                stdin: Stdin::Nothing,
            };
            let progress = self.place.progress;
            let outcome = run_in_target(self.place.target, &command, &mut |_, line| progress.line(line))
                .and_then(|outcome| outcome.require_success(&command));
            self.place.target.remove_file(&copy)?;
            outcome.map_err(|source| TransactionError::Dpkg {
                package: record.to_string(),
                source,
            })?;
            unpacked.push((record.to_string(), reason));
        }
        Ok(unpacked)
    }
}

/// Returns the variables that programs of packages see when nobody is there to answer questions.
#[must_use]
pub fn noninteractive_environment() -> BTreeMap<String, String> {
    [
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("HOME", "/root"),
        ("LC_ALL", "C.UTF-8"),
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}
