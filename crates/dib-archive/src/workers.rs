//! Threads that fill files.
//!
//! The thread that walks the archive creates each file and gives it, open, to a worker, which writes the
//! contents and then sets the attributes. Names are settled before that, so nothing that follows in the
//! archive needs to wait.

use std::fs::File;
use std::num::NonZero;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope};

use crate::entry_name::EntryName;
use crate::tree::Attributes;
use crate::{ExtractError, SkippedAttribute};

/// How many files may wait for a worker: each is an open descriptor, and at most some hundred KB of contents.
const FILES_WAITING: usize = 64;
/// More threads than this only wait for each other in the kernel.
const WORKERS_AT_MOST: usize = 8;

/// Writes a file's contents and returns how many bytes they were.
pub(crate) type Contents = Box<dyn FnOnce(&File) -> Result<u64, ExtractError> + Send>;

struct Job {
    file: File,
    name: EntryName,
    attributes: Attributes,
    contents: Contents,
}

/// What the workers have done so far.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) bytes: u64,
    pub(crate) skipped_attributes: Vec<SkippedAttribute>,
    error: Option<ExtractError>,
}

struct Shared {
    jobs: Mutex<Receiver<Job>>,
    done: Mutex<Done>,
    failed: AtomicBool,
}

/// Threads that end when this is dropped, which their scope waits for.
pub(crate) struct Workers<'scope> {
    sender: SyncSender<Job>,
    shared: Arc<Shared>,
    threads: Vec<thread::ScopedJoinHandle<'scope, ()>>,
}

impl<'scope> Workers<'scope> {
    /// Starts one thread per processor.
    pub(crate) fn start(scope: &'scope Scope<'scope, '_>) -> Result<Self, ExtractError> {
        let (sender, jobs) = sync_channel(FILES_WAITING);
        let shared = Arc::new(Shared {
            jobs: Mutex::new(jobs),
            done: Mutex::new(Done::default()),
            failed: AtomicBool::new(false),
        });
        let count = thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(WORKERS_AT_MOST);
        let mut threads = Vec::new();
        for _ in 0..count {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name("extract".to_owned());
            threads.push(
                thread
                    .spawn_scoped(scope, move || work(&shared))
                    .map_err(ExtractError::Thread)?,
            );
        }
        Ok(Self {
            sender,
            shared,
            threads,
        })
    }

    /// Gives a file to a worker, or returns the error that one has met.
    pub(crate) fn fill(
        &self,
        file: File,
        name: EntryName,
        attributes: Attributes,
        contents: Contents,
    ) -> Result<(), ExtractError> {
        if self.shared.failed.load(Ordering::Acquire)
            && let Some(error) = lock(&self.shared.done).error.take()
        {
            return Err(error);
        }
        // The receiver lives as long as `shared`.
        let _ = self.sender.send(Job {
            file,
            name,
            attributes,
            contents,
        });
        Ok(())
    }

    /// Waits for the workers and returns what they did.
    pub(crate) fn finish(self) -> Result<Done, ExtractError> {
        let Self {
            sender,
            shared,
            threads,
        } = self;
        drop(sender);
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        let mut done = std::mem::take(&mut *lock(&shared.done));
        done.error.take().map_or(Ok(done), Err)
    }
}

fn work(shared: &Shared) {
    let mut mine = Done::default();
    loop {
        let job = lock(&shared.jobs).recv();
        let Ok(job) = job else { break };
        if shared.failed.load(Ordering::Acquire) {
            continue;
        }
        if let Err(error) = fill(job, &mut mine) {
            lock(&shared.done).error.get_or_insert(error);
            shared.failed.store(true, Ordering::Release);
        }
    }
    let mut done = lock(&shared.done);
    done.bytes += mine.bytes;
    done.skipped_attributes.append(&mut mine.skipped_attributes);
}

fn fill(job: Job, done: &mut Done) -> Result<(), ExtractError> {
    done.bytes += (job.contents)(&job.file)?;
    job.attributes
        .set_on_file(job.file.as_fd(), &job.name, &mut done.skipped_attributes)
}

/// What these locks guard is whole at every moment, also when a thread that held one has panicked.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
