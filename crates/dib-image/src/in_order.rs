//! Jobs done on all cores, their results handed over in the jobs' order.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

/// More threads than this have nothing to do but to fill the memory.
const MOST_THREADS: usize = 16;
/// Jobs per thread that may be under way, which bounds the memory.
const AHEAD: usize = 3;

/// A thread could not be started.
#[derive(Debug, thiserror::Error)]
#[error("failed to start a thread")]
pub struct ThreadError(#[from] io::Error);

/// Returns how many threads work at once.
pub(crate) fn threads() -> usize {
    // Asking takes reading several files of the kernel.
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| {
        thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(MOST_THREADS)
    })
}

/// Has the jobs done by several workers, each in its own thread, and calls `consume` with their results in order.
///
/// Jobs are taken, and results consumed, in the caller's thread, and only so many are under way that the memory they take
/// is bounded. Ends early with the first error of `consume`.
pub(crate) fn in_order<Job, Outcome, Worker, Error>(
    jobs: impl IntoIterator<Item = Job>,
    start_worker: impl Fn() -> Worker + Sync,
    mut consume: impl FnMut(Outcome) -> Result<(), Error>,
) -> Result<(), Error>
where
    Job: Send,
    Outcome: Send,
    Worker: FnMut(Job) -> Outcome,
    Error: From<ThreadError>,
{
    let (work, queue) = channel();
    let (finished, results) = channel();
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        // Moved in, so that whichever way this closure is left, the queue ends and the threads with it.
        let work = work;
        for _ in 0..threads() {
            let (queue, finished, start_worker) = (&queue, finished.clone(), &start_worker);
            let work_off = move || work_off(start_worker(), queue, &finished);
            let builder = thread::Builder::new().name("image".to_owned());
            builder.spawn_scoped(scope, work_off).map_err(ThreadError)?;
        }
        drop(finished);
        let mut jobs = (0..).zip(jobs);
        let mut early = BTreeMap::new();
        let (mut sent, mut next) = (0, 0);
        loop {
            while sent - next < threads() * AHEAD {
                let Some(job) = jobs.next() else { break };
                // The threads end only when the queue does.
                let _ = work.send(job);
                sent += 1;
            }
            if next == sent {
                return Ok(());
            }
            let (number, outcome) = results.recv().expect("a thread works on each job that was sent");
            early.insert(number, outcome);
            while let Some(outcome) = early.remove(&next) {
                consume(outcome.unwrap_or_else(|panic| resume_unwind(panic)))?;
                next += 1;
            }
        }
    })
}

/// What became of a job: its outcome, or the panic that it ended with.
type Ended<Outcome> = (usize, Result<Outcome, Box<dyn Any + Send>>);

fn work_off<Job, Outcome>(
    mut worker: impl FnMut(Job) -> Outcome,
    queue: &Mutex<Receiver<(usize, Job)>>,
    finished: &Sender<Ended<Outcome>>,
) {
    loop {
        let received = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, job)) = received else { return };
        // A thread that ended without its result would be waited for forever.
        let outcome = catch_unwind(AssertUnwindSafe(|| worker(job)));
        if finished.send((number, outcome)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_order_and_few_are_under_way() {
        let (taken, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let jobs = (0..1000_usize).inspect(|_| {
            taken.fetch_add(1, Ordering::SeqCst);
        });
        let mut results = Vec::new();
        let worker = || {
            |number: usize| {
                if number.is_multiple_of(7) {
                    thread::yield_now();
                }
                number * 2
            }
        };
        in_order(jobs, worker, |result| {
            results.push(result);
            most.fetch_max(taken.load(Ordering::SeqCst) - results.len(), Ordering::SeqCst);
            Ok::<(), ThreadError>(())
        })
        .unwrap();
        assert!(results.iter().copied().eq((0..2000).step_by(2)));
        assert!(most.into_inner() < MOST_THREADS * AHEAD);
    }

    #[test]
    fn an_error_ends_it() {
        let error = in_order(
            0..,
            || |number: u32| number,
            |result| {
                if result < 5 {
                    Ok(())
                } else {
                    Err(ThreadError(io::Error::other(result.to_string())))
                }
            },
        );
        assert_eq!(error.unwrap_err().0.to_string(), "5");
    }

    #[test]
    fn a_panic_is_passed_on() {
        let run = || in_order(0..100, || |number| assert_ne!(number, 50), Ok::<(), ThreadError>);
        assert!(catch_unwind(run).is_err());
    }
}
