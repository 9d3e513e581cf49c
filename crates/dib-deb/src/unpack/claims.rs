//! Which package owns a file that several ship.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::relation;

/// A package that claims files.
#[derive(Debug, Clone)]
pub(crate) struct Claimant {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its field `Replaces`, which has been found well-formed.
    pub(crate) replaces: String,
}

/// A file that two packages ship, one of which replaces the other's files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Contest {
    pub(crate) winner: usize,
    pub(crate) loser: usize,
    /// Relative to the root.
    pub(crate) path: Vec<u8>,
}

/// The files of all packages unpacked so far. Packages are known by their rank.
#[derive(Default)]
pub(crate) struct Claims {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    claimants: HashMap<usize, Claimant>,
    owners: HashMap<Vec<u8>, usize>,
    contests: Vec<Contest>,
}

impl Claims {
    /// Makes a package known, before it claims anything.
    pub(crate) fn enter(&self, rank: usize, claimant: Claimant) {
        self.lock().claimants.insert(rank, claimant);
    }

    /// Claims a file: true when it is to be unpacked now.
    ///
    /// A file that is contested is left to [`Claims::take_contests`], as another thread may be unpacking the other
    /// package's right now. The error is the name of the package that has the file and keeps it.
    pub(crate) fn claim(&self, path: &[u8], rank: usize) -> Result<bool, String> {
        let mut inner = self.lock();
        let Some(&owner) = inner.owners.get(path) else {
            inner.owners.insert(path.to_vec(), rank);
            return Ok(true);
        };
        if owner == rank {
            return Ok(true);
        }
        let (mine, other) = (&inner.claimants[&rank], &inner.claimants[&owner]);
        // Packages for several architectures share what is the same in them.
        if mine.name == other.name {
            return Ok(false);
        }
        let (winner, loser) = if mine.replaces(other) {
            (rank, owner)
        } else if other.replaces(mine) {
            (owner, rank)
        } else {
            return Err(other.name.clone());
        };
        inner.owners.insert(path.to_vec(), winner);
        inner.contests.push(Contest {
            winner,
            loser,
            path: path.to_vec(),
        });
        Ok(false)
    }

    /// Takes the contests since the last call, in an order that does not depend on that of the claims.
    pub(crate) fn take_contests(&self) -> Vec<Contest> {
        let mut contests = std::mem::take(&mut self.lock().contests);
        contests.sort_unstable();
        contests
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claimant {
    /// Whether files of `other` may be replaced, as the field `Replaces` says: by real names, not provided ones.
    fn replaces(&self, other: &Self) -> bool {
        let groups = relation::parse(&self.replaces).unwrap_or_default();
        groups
            .iter()
            .flatten()
            .any(|relation| relation.name == other.name && relation.admits(&other.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(packages: &[(&str, &str, &str)]) -> Claims {
        let claims = Claims::default();
        for (rank, (name, version, replaces)) in packages.iter().enumerate() {
            let (name, version, replaces) =
                ((*name).to_owned(), (*version).to_owned(), (*replaces).to_owned());
            claims.enter(
                rank,
                Claimant {
                    name,
                    version,
                    replaces,
                },
            );
        }
        claims
    }

    #[test]
    fn who_replaces_wins_whoever_came_first() {
        let packages = [
            ("old", "1", ""),
            ("new", "1", "old (<< 2)"),
            ("third", "1", "old (<< 1)"),
        ];
        for order in [[0, 1], [1, 0]] {
            let claims = claims(&packages);
            assert_eq!(claims.claim(b"usr/bin/x", order[0]), Ok(true));
            assert_eq!(claims.claim(b"usr/bin/x", order[1]), Ok(false));
            let path = b"usr/bin/x".to_vec();
            assert_eq!(
                claims.take_contests(),
                [Contest {
                    winner: 1,
                    loser: 0,
                    path
                }]
            );
            assert_eq!(claims.take_contests(), []);
            assert_eq!(claims.claim(b"usr/bin/x", 2), Err("new".to_owned()));
        }
    }

    #[test]
    fn one_package_for_two_architectures_shares_its_files() {
        let claims = claims(&[("libc6", "1", ""), ("libc6", "1", "")]);
        assert_eq!(claims.claim(b"usr/share/doc/libc6/copyright", 0), Ok(true));
        assert_eq!(claims.claim(b"usr/share/doc/libc6/copyright", 1), Ok(false));
        assert_eq!(claims.claim(b"usr/share/doc/libc6/copyright", 0), Ok(true));
        assert_eq!(claims.take_contests(), []);
    }
}
