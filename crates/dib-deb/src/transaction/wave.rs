//! Downloads and unpacking, side by side.

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use dib_archive::SharedTree;
use dib_cache::{CacheKey, Check, Download, VerifiedFile};

use super::{Place, State, Transaction, TransactionError, scripts, unpack_error};
use crate::PackageRecord;
use crate::unpack::{Claims, Contest, Opened};

/// How many packages are downloaded at once. A single connection seldom fills a line.
const DOWNLOADS: usize = 8;
/// How many packages may wait to be unpacked: each is an open file.
const WAITING: usize = 32;

/// When the script that prepares a package's unpacking runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scripts {
    /// Before the package is unpacked.
    First,
    /// Once all packages of the wave are unpacked.
    Later,
}

/// What the threads of a wave share.
struct Wave<'w, 'a> {
    place: Place<'a>,
    claims: &'w Claims,
    tree: SharedTree<'a>,
    scripts: Scripts,
    first_rank: usize,
    records: Vec<PackageRecord>,
    /// Ranks by size, the largest first: the last one to be unpacked should be a small one.
    by_size: Vec<usize>,
    next: AtomicUsize,
    bytes_done: AtomicU64,
    bytes_total: u64,
    packages_done: AtomicUsize,
    results: Mutex<Vec<(usize, State)>>,
    error: Mutex<Option<TransactionError>>,
    has_failed: AtomicBool,
    /// Scripts see the database that other scripts change, so one runs at a time.
    script_turn: Mutex<()>,
}

impl Transaction<'_> {
    /// Fetches and unpacks the packages of these ranks.
    pub(super) fn run_wave(&mut self, ranks: Range<usize>, scripts: Scripts) -> Result<(), TransactionError> {
        let records: Vec<_> = self.packages[ranks.clone()]
            .iter()
            .map(|member| member.record.clone())
            .collect();
        let mut by_size: Vec<_> = (0..records.len()).collect();
        by_size.sort_by_key(|&index| std::cmp::Reverse(records[index].size()));
        let wave = Wave {
            place: self.place,
            claims: &self.claims,
            tree: SharedTree::new(self.place.target),
            scripts,
            first_rank: ranks.start,
            bytes_total: records.iter().map(PackageRecord::size).sum(),
            records,
            by_size,
            next: AtomicUsize::new(0),
            bytes_done: AtomicU64::new(0),
            packages_done: AtomicUsize::new(0),
            results: Mutex::default(),
            error: Mutex::default(),
            has_failed: AtomicBool::new(false),
            script_turn: Mutex::default(),
        };
        wave.run()?;
        let Wave {
            tree, results, error, ..
        } = wave;
        if let Some(error) = error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        for (rank, state) in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.packages[rank].state = state;
        }
        self.settle_contests(&tree)?;
        tree.finish().map_err(TransactionError::Directories)
    }

    /// Puts files that two packages ship into the target, those of the one that replaces the other's.
    fn settle_contests(&mut self, tree: &SharedTree<'_>) -> Result<(), TransactionError> {
        let contests = self.claims.take_contests();
        for Contest { loser, path, .. } in &contests {
            if let State::Unpacked(unpacked) = &mut self.packages[*loser].state {
                unpacked
                    .paths
                    .retain(|listed| listed.strip_prefix(b"/") != Some(path));
            }
        }
        for group in contests.chunk_by(|one, other| one.winner == other.winner) {
            let record = &self.packages[group[0].winner].record;
            let is_contested = |name: &[u8]| group.iter().any(|contest| contest.path == name);
            Opened::open(fetch(self.place, record)?.file)
                .and_then(|package| package.unpack_only(tree, &is_contested))
                .map_err(|source| unpack_error(record, source))?;
        }
        Ok(())
    }
}

impl Wave<'_, '_> {
    fn run(&self) -> Result<(), TransactionError> {
        let unpackers = thread::available_parallelism().map_or(1, NonZero::get);
        let (sender, receiver) = sync_channel(WAITING);
        let receiver = Mutex::new(receiver);
        thread::scope(|scope| {
            let mut started = Ok(());
            for _ in 0..unpackers {
                let builder = thread::Builder::new().name("unpack".to_owned());
                let thread = builder.spawn_scoped(scope, || self.unpack_all(&receiver));
                started = started.and(thread.map(|_| ()));
            }
            for _ in 0..DOWNLOADS.min(self.records.len()) {
                let sender = sender.clone();
                let builder = thread::Builder::new().name("fetch".to_owned());
                let thread = builder.spawn_scoped(scope, move || self.fetch_all(&sender));
                started = started.and(thread.map(|_| ()));
            }
            drop(sender);
            if started.is_err() {
                self.has_failed.store(true, Ordering::Release);
            }
            started.map_err(TransactionError::Thread)
        })
    }

    fn fetch_all(&self, sender: &SyncSender<(usize, VerifiedFile)>) {
        while !self.has_failed.load(Ordering::Acquire) {
            let Some(&index) = self.by_size.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            match fetch(self.place, &self.records[index]) {
                Ok(file) => {
                    let size = self.records[index].size();
                    let done = self.bytes_done.fetch_add(size, Ordering::Relaxed) + size;
                    self.place.progress.downloaded(done, self.bytes_total);
                    if sender.send((index, file)).is_err() {
                        return;
                    }
                }
                Err(error) => self.fail(error),
            }
        }
    }

    fn unpack_all(&self, receiver: &Mutex<Receiver<(usize, VerifiedFile)>>) {
        loop {
            let arrived = lock(receiver).recv();
            let Ok((index, file)) = arrived else { return };
            // What was sent after a failure is taken all the same, so that no sender waits for ever.
            if self.has_failed.load(Ordering::Acquire) {
                continue;
            }
            match self.unpack(index, file) {
                Ok(state) => {
                    lock(&self.results).push((self.first_rank + index, state));
                    let done = self.packages_done.fetch_add(1, Ordering::Relaxed) + 1;
                    self.place.progress.unpacked(done, self.records.len());
                }
                Err(error) => self.fail(error),
            }
        }
    }

    fn unpack(&self, index: usize, file: VerifiedFile) -> Result<State, TransactionError> {
        let (record, rank, target) = (&self.records[index], self.first_rank + index, self.place.target);
        let refused = |source| unpack_error(record, source);
        let opened = Opened::open(file.file).map_err(refused)?;
        opened
            .require(record.name(), record.version(), record.architecture())
            .map_err(refused)?;
        let preinst = opened.preinst().filter(|_| self.scripts == Scripts::First);
        if let Some(reason) = preinst.and_then(|script| scripts::reason_for_dpkg(&script.contents)) {
            return Ok(State::ForDpkg(reason));
        }
        self.claims.enter(rank, opened.claimant().map_err(refused)?);
        opened.write_info(target).map_err(refused)?;
        if preinst.is_some() {
            let _turn = lock(&self.script_turn);
            scripts::run_preinst(
                self.place,
                &opened.database_name,
                &opened.name,
                &opened.architecture,
            )?;
        }
        let unpacked = opened
            .unpack(target, &self.tree, rank, self.claims)
            .map_err(refused)?;
        Ok(State::Unpacked(Box::new(unpacked)))
    }

    fn fail(&self, error: TransactionError) {
        lock(&self.error).get_or_insert(error);
        self.has_failed.store(true, Ordering::Release);
    }
}

/// Brings a package into the cache, unless it is there, and opens it.
pub(super) fn fetch(place: Place<'_>, record: &PackageRecord) -> Result<VerifiedFile, TransactionError> {
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
        cached_as: CacheKey::new(key).expect("names and versions of packages are plain, and sums are too"),
        check: Check::Sha256(sum),
    };
    place.cache.fetch(&download).map_err(failed)
}

/// What these locks guard is whole at every moment, also when a thread that held one has panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
