//! Packages whose scripts need other packages of the wave (`Pre-Depends`).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::PackageRecord;
use crate::package::field;
use crate::relation;
use crate::unpack::Opened;

/// Which packages of a wave have to be unpacked before the scripts of others run. Packages are known by their index.
pub(super) struct Needs {
    /// For each package that pre-depends on others of the wave: these, and what they depend on in turn.
    of: HashMap<usize, BTreeSet<usize>>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    unpacked: BTreeSet<usize>,
    left_to_dpkg: BTreeSet<usize>,
    waiting: Vec<(usize, Opened)>,
}

/// What is to be done with a package whose script is about to run.
pub(super) enum Turn {
    /// All that the script needs is unpacked.
    Now(Box<Opened>),
    /// The package waits for others; [`Needs::take_ready`] gives it back.
    Waits,
    /// dpkg is to unpack what the script needs, so the package too.
    LeftToDpkg,
}

impl Needs {
    pub(super) fn of(records: &[PackageRecord]) -> Self {
        let mut providers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, record) in records.iter().enumerate() {
            let virtual_packages =
                relation::parse(record.field("Provides").unwrap_or_default()).unwrap_or_default();
            let names = virtual_packages.iter().flatten().map(|relation| relation.name);
            for name in names.chain([record.name()]) {
                providers.entry(name).or_default().push(index);
            }
        }
        let named_in = |index: usize, fields: &[&str]| -> Vec<usize> {
            let stanza: &str = records[index].stanza();
            let groups = fields
                .iter()
                .filter_map(|name| relation::parse(field(stanza, name)?).ok());
            groups
                .flatten()
                .flatten()
                .filter_map(|relation| providers.get(relation.name))
                .flatten()
                .copied()
                .collect()
        };
        let mut of = HashMap::new();
        for index in 0..records.len() {
            let mut needed = BTreeSet::new();
            let mut pending = named_in(index, &["Pre-Depends"]);
            while let Some(next) = pending.pop() {
                if next != index && needed.insert(next) {
                    pending.extend(named_in(next, &["Pre-Depends", "Depends"]));
                }
            }
            if !needed.is_empty() {
                of.insert(index, needed);
            }
        }
        Self {
            of,
            progress: Mutex::default(),
        }
    }

    /// Returns whether another package may have to wait for this one.
    pub(super) fn is_needed(&self, index: usize) -> bool {
        self.of.values().any(|needed| needed.contains(&index))
    }

    /// Decides on a package whose script is about to run.
    pub(super) fn turn(&self, index: usize, opened: Opened) -> Turn {
        let Some(needed) = self.of.get(&index) else {
            return Turn::Now(Box::new(opened));
        };
        let mut progress = self.lock();
        if !needed.is_disjoint(&progress.left_to_dpkg) {
            Turn::LeftToDpkg
        } else if needed.is_subset(&progress.unpacked) {
            Turn::Now(Box::new(opened))
        } else {
            progress.waiting.push((index, opened));
            Turn::Waits
        }
    }

    /// Notes that a package is unpacked.
    pub(super) fn note_unpacked(&self, index: usize) {
        self.lock().unpacked.insert(index);
    }

    /// Notes that dpkg is to unpack a package.
    pub(super) fn note_left_to_dpkg(&self, index: usize) {
        self.lock().left_to_dpkg.insert(index);
    }

    /// Takes a package that has waited, once nothing keeps it back any more.
    pub(super) fn take_ready(&self) -> Option<(usize, Opened)> {
        let mut progress = self.lock();
        let place = progress.waiting.iter().position(|(index, _)| {
            let mut others = self.of[index].iter();
            others.all(|other| progress.unpacked.contains(other) || progress.left_to_dpkg.contains(other))
        })?;
        Some(progress.waiting.swap_remove(place))
    }

    /// Takes a package that still waits when all others are done: those left need each other.
    pub(super) fn take_waiting(&self) -> Option<(usize, Opened)> {
        let mut progress = self.lock();
        let first = progress.waiting.iter().map(|(index, _)| *index).min()?;
        self.of[&first].iter().for_each(|other| {
            progress.unpacked.insert(*other);
        });
        let place = progress.waiting.iter().position(|(index, _)| *index == first)?;
        Some(progress.waiting.swap_remove(place))
    }

    /// What the lock guards is whole at every moment.
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;
    use crate::deb_file::tests::DebBuilder;
    use crate::test_archive::record;

    fn opened(name: &str) -> Opened {
        let control = format!("Package: {name}\nVersion: 1\nArchitecture: amd64\n");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&DebBuilder::new(&control).bytes()).unwrap();
        file.rewind().unwrap();
        Opened::open(file).unwrap()
    }

    #[test]
    fn what_a_script_needs_is_followed_through() {
        let records = [
            record("image", "Pre-Depends: base (>= 1), elsewhere\nDepends: tools\n"),
            record("base", "Depends: runtime | other\n"),
            record("lib", "Depends: image\n"),
            record("libx", "Provides: runtime\nDepends: lib\n"),
            record("tools", ""),
        ];
        let needs = Needs::of(&records);
        assert_eq!(needs.of, HashMap::from([(0, BTreeSet::from([1, 2, 3]))]));
        assert!(needs.is_needed(1) && needs.is_needed(3) && !needs.is_needed(0) && !needs.is_needed(4));
    }
    #[test]
    fn a_script_waits_for_what_it_needs() {
        let records = [
            record("image", "Pre-Depends: base\n"),
            record("base", ""),
            record("one", "Pre-Depends: other\n"),
            record("other", "Pre-Depends: one\n"),
            record("last", "Pre-Depends: diverting\n"),
            record("diverting", ""),
        ];
        let needs = Needs::of(&records);
        let waiting = |index: usize| needs.turn(index, opened(records[index].name()));
        assert!(matches!(waiting(1), Turn::Now(_)));
        for index in [0, 2, 3, 4] {
            assert!(matches!(waiting(index), Turn::Waits), "{index}");
        }
        assert!(needs.take_ready().is_none());
        needs.note_unpacked(1);
        assert_eq!(needs.take_ready().map(|(index, _)| index), Some(0));
        needs.note_left_to_dpkg(5);
        let (index, package) = needs.take_ready().unwrap();
        assert!(index == 4 && matches!(needs.turn(4, package), Turn::LeftToDpkg));

        // Those that need each other come one after the other in the end.
        let (index, package) = needs.take_waiting().unwrap();
        assert!(index == 2 && matches!(needs.turn(2, package), Turn::Now(_)));
        needs.note_unpacked(2);
        assert_eq!(needs.take_waiting().map(|(index, _)| index), Some(3));
        assert!(needs.take_waiting().is_none());
    }
}
