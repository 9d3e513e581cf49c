//! Large packages, decompressed before their turn.
//!
//! A kernel's package takes longer to decompress than all of the first wave, and the first wave's scripts and apt use one
//! processor. So it is decompressed beside them, into memory, and only has to be put into the target when its turn comes.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use dib_cache::Sha256;

use super::{Place, wave};
use crate::deb_file::{DebFile, LARGE};
use crate::unpack::READ_SIZE;
use crate::{Archive, PackageRecord, bootstrap_set};

/// How many bytes of packages are decompressed so, in all: as much lies in memory, and somewhat more.
const AT_MOST: u64 = 512 << 20;
/// How much is decompressed between two looks at whether it is still wanted.
const PIECE: u64 = 1 << 20;

/// Large packages' files, as a tar stream, by the sum of the package.
#[derive(Default)]
pub struct Ahead {
    slots: Mutex<HashMap<[u8; 32], Slot>>,
    changed: Condvar,
    is_stopped: AtomicBool,
}

enum Slot {
    Begun,
    Ready(Vec<u8>),
}

impl Ahead {
    /// Decompresses the large ones among what these names come to, as far as that can be told without apt.
    ///
    /// It is to run on a thread of its own, and ends early when [`Ahead::stop`] is called. What can't be had or read is
    /// left to the transaction, which will meet it again and tell.
    pub fn work(&self, place: Place<'_>, archive: &Archive, names: &[&str]) {
        let Ok(packages) = bootstrap_set(archive, names) else {
            return;
        };
        let mut left = AT_MOST;
        for record in packages.iter().filter(|record| record.size() >= LARGE) {
            if record.size() > left {
                continue;
            }
            left -= record.size();
            let sum = *record.sha256().as_bytes();
            self.lock().insert(sum, Slot::Begun);
            // Also when it panics, nobody may wait for it any longer.
            let begun = Begun { ahead: self, sum };
            if let Some(data) = self.decompress(place, record) {
                begun.end(data);
            }
        }
    }

    /// Has [`Ahead::work`] end soon.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
    }

    /// Returns a package's files, waiting for them where they are on their way; `None` where they are not.
    pub(super) fn take(&self, sum: &Sha256) -> Option<Vec<u8>> {
        let mut slots = self.lock();
        while let Some(Slot::Begun) = slots.get(sum.as_bytes()) {
            slots = self.changed.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
        match slots.remove(sum.as_bytes()) {
            Some(Slot::Ready(data)) => Some(data),
            _ => None,
        }
    }

    fn decompress(&self, place: Place<'_>, record: &PackageRecord) -> Option<Vec<u8>> {
        let file = wave::fetch(place.cache, record).ok()?.file;
        let deb = DebFile::open(std::io::BufReader::with_capacity(READ_SIZE, file)).ok()?;
        let (_, mut stream) = deb.into_data().ok()?;
        let mut data = Vec::new();
        while !self.is_stopped.load(Ordering::Acquire) {
            if (&mut stream).take(PIECE).read_to_end(&mut data).ok()? == 0 {
                return Some(data);
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A package that is being decompressed; when this goes, it is not any more.
struct Begun<'a> {
    ahead: &'a Ahead,
    sum: [u8; 32],
}

impl Begun<'_> {
    fn end(self, data: Vec<u8>) {
        self.ahead.lock().insert(self.sum, Slot::Ready(data));
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let mut slots = self.ahead.lock();
        if let Some(Slot::Begun) = slots.get(&self.sum) {
            slots.remove(&self.sum);
        }
        self.ahead.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn whoever_takes_a_package_waits_for_it_and_for_no_other() {
        let ahead = Ahead::default();
        let (one, other) = (Sha256::of(b"one"), Sha256::of(b"other"));
        assert_eq!(ahead.take(&one), None);
        ahead.lock().insert(*one.as_bytes(), Slot::Begun);
        ahead.lock().insert(*other.as_bytes(), Slot::Begun);
        thread::scope(|scope| {
            let taken = scope.spawn(|| (ahead.take(&one), ahead.take(&other)));
            let begun = |sum: &Sha256| Begun {
                ahead: &ahead,
                sum: *sum.as_bytes(),
            };
            begun(&one).end(b"files".to_vec());
            // This one failed.
            drop(begun(&other));
            assert_eq!(taken.join().unwrap(), (Some(b"files".to_vec()), None));
        });
        assert_eq!(ahead.take(&one), None);
    }
}
