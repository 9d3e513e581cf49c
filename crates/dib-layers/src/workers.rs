//! Threads that work through numbered jobs.

use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// More threads than this only wait for each other in the kernel.
const THREADS_AT_MOST: usize = 8;

/// Does the jobs `0..jobs` in about this order on all processors, and returns the first error met.
///
/// Each thread has a state of its own, made by `state`.
pub(crate) fn run<State, Failure: Send>(
    jobs: usize,
    no_thread: fn(io::Error) -> Failure,
    state: impl Fn() -> State + Sync,
    work: impl Fn(&mut State, usize) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let failure = Mutex::new(None);
    let fail = |error| {
        failed.store(true, Ordering::Relaxed);
        lock(&failure).get_or_insert(error);
    };
    let work_through = || {
        let mut state = state();
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs || failed.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = work(&mut state, job) {
                fail(error);
            }
        }
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 1..processors.min(THREADS_AT_MOST).min(jobs) {
            let thread = thread::Builder::new().name("layer".to_owned());
            if let Err(error) = thread.spawn_scoped(scope, work_through) {
                fail(no_thread(error));
            }
        }
        work_through();
    });
    failure
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .map_or(Ok(()), Err)
}

/// Locks what is whole at every moment, also when a thread that held the lock has panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::run;

    #[test]
    fn each_job_is_done_once() {
        let sum = AtomicUsize::new(0);
        let add = |(): &mut (), job| {
            sum.fetch_add(job, Ordering::Relaxed);
            Ok::<(), std::io::Error>(())
        };
        run(101, |error| error, || (), add).expect("no job fails");
        assert_eq!(sum.into_inner(), 5050);
        run(
            0,
            |error| error,
            || (),
            |(), _| Err(std::io::Error::other("a job")),
        )
        .expect("there is no job");
    }

    #[test]
    fn the_first_error_ends_all() {
        let fail = |(): &mut (), job| {
            if job == 7 {
                Err(format!("job {job}"))
            } else {
                Ok(())
            }
        };
        let error = run(1000, |error| error.to_string(), || (), fail);
        assert_eq!(error, Err("job 7".to_owned()));
    }
}
