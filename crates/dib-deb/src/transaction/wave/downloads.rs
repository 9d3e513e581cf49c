//! Packages on their way into the cache.
//!
//! The threads that download are nobody's: when a build fails, the transfers that are under way may hang for minutes,
//! and nobody is to wait for them. They write to the cache alone, which another transfer of the same file takes over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use std::{io, thread};

use dib_cache::{Cache, CacheKey, Check, Download, VerifiedFile};

use super::super::TransactionError;
use crate::PackageRecord;

/// How many packages are downloaded at once. A single connection seldom fills a line.
const DOWNLOADS: usize = 8;
/// How many packages may wait to be unpacked: each is an open file.
const WAITING: usize = 32;
/// How long it may take until a failure elsewhere is seen.
const PATIENCE: Duration = Duration::from_millis(100);

/// Threads that download packages, until this is dropped.
pub(super) struct Downloads {
    shared: Arc<Shared>,
    receiver: Receiver<Arrival>,
}

/// A package that is there, by its index, or why it can't be.
pub(super) type Arrival = Result<(usize, VerifiedFile), TransactionError>;

struct Shared {
    cache: Cache,
    records: Vec<PackageRecord>,
    /// Indexes, in the order in which the packages are wanted.
    order: Vec<usize>,
    next: AtomicUsize,
    bytes_done: AtomicU64,
    is_over: AtomicBool,
}

impl Downloads {
    /// Begins to download packages in this order of their indexes.
    pub(super) fn begin(cache: &Cache, records: &[PackageRecord], order: Vec<usize>) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let threads = DOWNLOADS.min(records.len());
        let downloads = Self {
            shared: Arc::new(Shared {
                cache: cache.clone(),
                records: records.to_vec(),
                order,
                next: AtomicUsize::new(0),
                bytes_done: AtomicU64::new(0),
                is_over: AtomicBool::new(false),
            }),
            receiver,
        };
        for _ in 0..threads {
            let (shared, sender) = (Arc::clone(&downloads.shared), sender.clone());
            thread::Builder::new()
                .name("fetch".to_owned())
                .spawn(move || shared.fetch_all(&sender))?;
        }
        Ok(downloads)
    }

    /// Waits for the next package; `None` when all have come, or it does not matter any more since something else has
    /// failed.
    pub(super) fn next(&self, has_failed: &AtomicBool) -> Option<Arrival> {
        while !has_failed.load(Ordering::Acquire) {
            match self.receiver.recv_timeout(PATIENCE) {
                Ok(arrival) => return Some(arrival),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        None
    }

    /// Returns how many bytes of packages have come.
    pub(super) fn bytes_done(&self) -> u64 {
        self.shared.bytes_done.load(Ordering::Relaxed)
    }
}

impl Drop for Downloads {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
    }
}

impl Shared {
    fn fetch_all(&self, sender: &SyncSender<Arrival>) {
        while !self.is_over.load(Ordering::Acquire) {
            let Some(&index) = self.order.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            let arrival = fetch(&self.cache, &self.records[index]).map(|file| (index, file));
            let has_failed = arrival.is_err();
            if !has_failed {
                self.bytes_done
                    .fetch_add(self.records[index].size(), Ordering::Relaxed);
            }
            if sender.send(arrival).is_err() || has_failed {
                return;
            }
        }
    }
}

/// Brings a package into the cache, unless it is there, and opens it.
pub(in crate::transaction) fn fetch(
    cache: &Cache,
    record: &PackageRecord,
) -> Result<VerifiedFile, TransactionError> {
    let failed = |source| TransactionError::Fetch {
        package: record.to_string(),
        url: record.url(),
        source: Box::new(source),
    };
    let sum = record.sha256();
    let key = format!(
        "packages/{}/{}_{}_{}.deb",
        &sum.to_string()[..16],
        record.name(),
        record.version().replace(':', "%3a"),
        record.architecture(),
    );
    let download = Download {
        url: record.url(),
        cached_as: CacheKey::new(key).map_err(|source| TransactionError::Name {
            package: record.to_string(),
            source,
        })?,
        check: Check::Sha256(sum),
    };
    cache.fetch(&download).map_err(failed)
}
