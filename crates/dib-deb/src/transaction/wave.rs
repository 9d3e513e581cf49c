//! Downloads and unpacking, side by side.

mod downloads;
mod needs;

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use dib_archive::SharedTree;
use dib_cache::VerifiedFile;

use self::downloads::Downloads;
pub(super) use self::downloads::fetch;
use self::needs::{Needs, Turn};
use super::{Ahead, Place, State, Transaction, TransactionError, scripts, unpack_error};
use crate::PackageRecord;
use crate::unpack::{Claims, Contest, Opened};

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
    ahead: Option<&'a Ahead>,
    claims: &'w Claims,
    tree: SharedTree<'a>,
    scripts: Scripts,
    first_rank: usize,
    records: Vec<PackageRecord>,
    needs: Needs,
    /// Indexes: first those that others wait for, then by size, the largest first, as the last one to be unpacked should
    /// be a small one.
    order: Vec<usize>,
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
        let needs = Needs::of(&records);
        let mut order: Vec<_> = (0..records.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse((needs.is_needed(index), records[index].size())));
        let wave = Wave {
            place: self.place,
            ahead: self.ahead,
            claims: &self.claims,
            tree: SharedTree::new(self.place.target),
            scripts,
            first_rank: ranks.start,
            records,
            needs,
            order,
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
            Opened::open(fetch(self.place.cache, record)?.file)
                .and_then(|package| package.unpack_only(tree, &is_contested))
                .map_err(|source| unpack_error(record, source))?;
        }
        Ok(())
    }
}

impl Wave<'_, '_> {
    fn run(&self) -> Result<(), TransactionError> {
        let unpackers = thread::available_parallelism().map_or(1, NonZero::get);
        let downloads = Downloads::begin(self.place.cache, &self.records, self.order.clone());
        let downloads = downloads.map_err(TransactionError::Thread)?;
        // No more than are at work: those that have arrived wait with the downloads.
        let (sender, receiver) = sync_channel(0);
        let receiver = Mutex::new(receiver);
        thread::scope(|scope| {
            // Dropped when this returns, whereupon the unpacking threads end.
            let sender = sender;
            for _ in 0..unpackers {
                thread::Builder::new()
                    .name("unpack".to_owned())
                    .spawn_scoped(scope, || self.unpack_all(&receiver))
                    .map_err(TransactionError::Thread)?;
            }
            let bytes_total = self.records.iter().map(PackageRecord::size).sum();
            while let Some(arrival) = downloads.next(&self.has_failed) {
                match arrival {
                    Ok(arrived) => {
                        self.place
                            .progress
                            .downloaded(downloads.bytes_done(), bytes_total);
                        if sender.send(arrived).is_err() {
                            break;
                        }
                    }
                    Err(error) => self.fail(error),
                }
            }
            Ok::<(), TransactionError>(())
        })?;
        while !self.has_failed.load(Ordering::Acquire)
            && let Some((index, opened)) = self.needs.take_waiting()
        {
            self.note(index, self.unpack(index, opened));
        }
        Ok(())
    }

    fn unpack_all(&self, receiver: &Mutex<Receiver<(usize, VerifiedFile)>>) {
        loop {
            if !self.has_failed.load(Ordering::Acquire)
                && let Some((index, opened)) = self.needs.take_ready()
            {
                self.note(index, self.unpack(index, opened));
                continue;
            }
            let arrived = lock(receiver).recv();
            let Ok((index, file)) = arrived else { return };
            // What was sent after a failure is taken all the same, so that no sender waits for ever.
            if !self.has_failed.load(Ordering::Acquire) {
                let opened = open(&self.records[index], file, self.ahead);
                self.note(index, opened.and_then(|opened| self.unpack(index, opened)));
            }
        }
    }

    /// Notes what became of a package, if anything did yet.
    fn note(&self, index: usize, unpacked: Result<Option<State>, TransactionError>) {
        match unpacked {
            Ok(None) => {}
            Ok(Some(state)) => {
                if let State::ForDpkg(_) = state {
                    self.needs.note_left_to_dpkg(index);
                } else {
                    self.needs.note_unpacked(index);
                }
                lock(&self.results).push((self.first_rank + index, state));
                let done = self.packages_done.fetch_add(1, Ordering::Relaxed) + 1;
                self.place.progress.unpacked(done, self.records.len());
            }
            Err(error) => self.fail(error),
        }
    }

    /// Unpacks a package, unless its script has to wait for another.
    fn unpack(&self, index: usize, opened: Opened) -> Result<Option<State>, TransactionError> {
        let (record, rank, target) = (&self.records[index], self.first_rank + index, self.place.target);
        let refused = |source| unpack_error(record, source);
        let has_script = self.scripts == Scripts::First && opened.preinst().is_some();
        let reason = opened.preinst().filter(|_| has_script);
        if let Some(reason) = reason.and_then(|script| scripts::reason_for_dpkg(&script.contents)) {
            return Ok(Some(State::ForDpkg(reason)));
        }
        let opened = if has_script {
            match self.needs.turn(index, opened) {
                Turn::Now(opened) => *opened,
                Turn::Waits => return Ok(None),
                Turn::LeftToDpkg => {
                    return Ok(Some(State::ForDpkg(
                        "its script needs a package that dpkg unpacks",
                    )));
                }
            }
        } else {
            opened
        };
        self.claims.enter(rank, opened.claimant().map_err(refused)?);
        opened.write_info(target).map_err(refused)?;
        if has_script {
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
        Ok(Some(State::Unpacked(Box::new(unpacked))))
    }

    fn fail(&self, error: TransactionError) {
        lock(&self.error).get_or_insert(error);
        self.has_failed.store(true, Ordering::Release);
    }
}

/// Opens a package that has arrived, and checks that it is the one that was asked for.
fn open(
    record: &PackageRecord,
    file: VerifiedFile,
    ahead: Option<&Ahead>,
) -> Result<Opened, TransactionError> {
    let opened = Opened::open(file.file).and_then(|opened| {
        opened.require(record.name(), record.version(), record.architecture())?;
        Ok(match ahead.and_then(|ahead| ahead.take(&record.sha256())) {
            Some(data) => opened.with_data(data),
            None => opened,
        })
    });
    opened.map_err(|source| unpack_error(record, source))
}

/// What these locks guard is whole at every moment, also when a thread that held one has panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
