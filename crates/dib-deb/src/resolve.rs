//! Which packages a list of names comes to: apt itself decides, in the target.

mod apt;
mod names;
mod reach;

use std::collections::{BTreeSet, HashSet};

use dib_sys::command::CommandError;
use dib_sys::{TargetError, TargetPath, TargetRoot};

use self::apt::Asking;
use crate::relation;
use crate::transaction::Place;
use crate::{Archive, PackageRecord};

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

/// Names that are decided on together, on top of all that earlier stages came to.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    /// Names of packages, or what else apt may be given for one, such as `package/suite` or `package-`.
    pub names: &'a [&'a str],
    /// Whether they bring along what they recommend.
    pub recommends: Recommends,
}

/// What the stages came to.
#[derive(Debug, Clone, Default)]
pub struct Resolution {
    /// All packages: those that the target began with, then each stage's in the order in which apt would install them.
    pub packages: Vec<PackageRecord>,
    /// Those that no name asked for and that the target did not begin with, for [`mark_automatic`].
    pub automatic: Vec<PackageRecord>,
}

/// Why apt did not decide.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// A name is known to no source.
    #[error(
        "no source has a package {name} for {arch}{}\nsources: {}",
        or_perhaps(near),
        sources.join("; ")
    )]
    NoPackage {
        /// The name.
        name: String,
        /// The architecture.
        arch: String,
        /// Names that differ little from it, the nearest first.
        near: Vec<String>,
        /// Each suite with its components and where it is.
        sources: Vec<String>,
    },
    /// apt could not be run, or found no set of packages that fits.
    #[error("apt in the target can't find a set of packages for {}", names.join(" "))]
    Apt {
        /// What it was to install.
        names: Vec<String>,
        /// How it ended, with its last lines.
        source: CommandError,
    },
    /// A package that is asked for can't be beside one that every system has.
    #[error("apt would remove {removed}, without which no script runs, for {}", names.join(" "))]
    Removes {
        /// What it would remove.
        removed: String,
        /// What it was to install.
        names: Vec<String>,
    },
    /// What apt needs can't be written or removed.
    #[error("failed to prepare apt in the target")]
    Target(#[from] TargetError),
    /// apt chose something that the verified indexes don't have.
    #[error("apt chose a package that no verified index lists: {line}")]
    Unknown {
        /// What apt wrote.
        line: String,
    },
}

/// Checks that a source knows each name, so that a misspelt one is told before anything is downloaded.
///
/// # Errors
/// When no source has a name.
pub fn check_names(archive: &Archive, stages: &[Stage<'_>]) -> Result<(), ResolveError> {
    let mut names = stages.iter().flat_map(|stage| stage.names);
    names.try_for_each(|name| names::check(archive, name))
}

/// Asks apt in the target what the names of the stages come to in a system that holds the packages of `bootstrap`.
///
/// apt sees the lists and sources that the target has. For each stage its status says that all packages of the stages
/// before are installed. What it would remove of theirs, since a later one conflicts with it, is left out; of `bootstrap`,
/// nothing may be removed.
///
/// # Errors
/// When no source has a name, apt finds no set that fits (its last lines say why), or chooses what `archive` doesn't
/// have.
pub fn resolve(
    place: Place<'_>,
    archive: &Archive,
    bootstrap: &[PackageRecord],
    stages: &[Stage<'_>],
) -> Result<Resolution, ResolveError> {
    check_names(archive, stages)?;
    // Of an error it tells with all lists.
    let likely = reach::reachable(archive, bootstrap, stages)
        .and_then(|names| decide(place, archive, bootstrap, stages, Some(&names)).ok())
        .filter(|chosen| reach::is_certain(archive, bootstrap, chosen));
    let chosen = match likely {
        Some(chosen) => chosen,
        None => decide(place, archive, bootstrap, stages, None)?,
    };
    let packages = [bootstrap, &chosen].concat();
    let automatic = automatic(&packages[bootstrap.len()..], stages);
    Ok(Resolution { packages, automatic })
}

/// Asks apt what the stages add, of the packages of these names or, without any, of all.
fn decide(
    place: Place<'_>,
    archive: &Archive,
    bootstrap: &[PackageRecord],
    stages: &[Stage<'_>],
    names: Option<&HashSet<&str>>,
) -> Result<Vec<PackageRecord>, ResolveError> {
    let mut packages = bootstrap.to_vec();
    let asking = Asking::begin(place, archive, names)?;
    let decided = stages
        .iter()
        .filter(|stage| !stage.names.is_empty())
        .try_for_each(|stage| {
            let answer = asking.ask(&packages, stage)?;
            let is_removed =
                |package: &PackageRecord| answer.removed.iter().any(|name| name == package.name());
            if let Some(package) = bootstrap.iter().find(|package| is_removed(package)) {
                return Err(ResolveError::Removes {
                    removed: package.to_string(),
                    names: stage.names.iter().map(|&name| name.to_owned()).collect(),
                });
            }
            packages.retain(|package| !is_removed(package));
            packages.extend(answer.added);
            Ok(())
        });
    let ended = asking.end();
    decided.and(ended.map_err(ResolveError::from))?;
    Ok(packages.split_off(bootstrap.len()))
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
    let mut names: Vec<_> = packages.iter().map(PackageRecord::name).collect();
    names.sort_unstable();
    for name in names {
        // apt keeps packages for all architectures under the machine's own.
        for word in [
            "Package: ",
            name,
            "\nArchitecture: ",
            arch,
            "\nAuto-Installed: 1\n\n",
        ] {
            text.push_str(word);
        }
    }
    target.write(&path, text.as_bytes(), 0o644)
}

/// Returns the packages that no name asks for, be it by their own name or, where no package has it, a virtual one.
fn automatic(packages: &[PackageRecord], stages: &[Stage<'_>]) -> Vec<PackageRecord> {
    let asked: BTreeSet<&str> = stages
        .iter()
        .flat_map(|stage| stage.names)
        .map(|name| names::plain(name))
        .collect();
    let real: BTreeSet<&str> = packages.iter().map(PackageRecord::name).collect();
    let is_asked_for = |package: &&PackageRecord| {
        let provided = relation::parse(package.field("Provides").unwrap_or_default()).unwrap_or_default();
        asked.contains(package.name())
            || provided.iter().flatten().any(|virtual_package| {
                asked.contains(virtual_package.name) && !real.contains(virtual_package.name)
            })
    };
    packages
        .iter()
        .filter(|package| !is_asked_for(package))
        .cloned()
        .collect()
}

fn or_perhaps(near: &[String]) -> String {
    if near.is_empty() {
        String::new()
    } else {
        format!(", but {}", near.join(", "))
    }
}

fn path(text: &str) -> TargetPath {
    text.parse().expect("a constant path is well-formed")
}

#[cfg(test)]
mod tests;
