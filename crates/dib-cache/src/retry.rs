//! One file from the network: tries, and waits between them.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use crate::cache::{Cache, Retries};
use crate::error::CacheError;
use crate::transfer::{Failure, Outcome, Request, Route, attempt};

/// The longest a server may make a fetch wait by asking for patience.
const LONGEST_REQUESTED_WAIT: Duration = Duration::from_secs(120);

impl Cache {
    /// Makes a request until it succeeds, fails for good, or the tries are used up.
    ///
    /// The caller holds the lock of the request's key.
    pub(crate) fn request(&self, request: Request<'_>) -> Result<Outcome, CacheError> {
        if request.route == Route::PastCaches {
            // What a stale cache on the way began must not be gone on with.
            self.store.discard_partial(request.key)?;
        }
        let http = self.http()?;
        let mut tries = 0;
        loop {
            tries += 1;
            let outcome = http
                .runtime
                .block_on(attempt(http, &self.store, self.progress.as_ref(), request));
            let (error, wait) = match outcome {
                Ok(outcome) => return Ok(outcome),
                Err(Failure::Permanent(error)) => return Err(error),
                Err(Failure::Transient { error, wait }) => (error, wait),
            };
            if tries > self.retries.count {
                return Err(CacheError::GaveUp {
                    tries,
                    source: Box::new(error),
                });
            }
            self.progress
                .retrying(request.key.as_str(), tries + 1, &chain(&error));
            std::thread::sleep(wait.map_or_else(
                || with_jitter(backoff(self.retries, tries)),
                |wait| wait.min(LONGEST_REQUESTED_WAIT),
            ));
        }
    }
}

/// Returns the delay after try number `tries`: twice as long each time, up to a limit.
fn backoff(retries: Retries, tries: u32) -> Duration {
    let factor = 1_u32.checked_shl(tries - 1).unwrap_or(u32::MAX);
    retries
        .first_delay
        .saturating_mul(factor)
        .min(retries.longest_delay)
}

/// Returns between half and all of `delay`, so that many processes that failed together don't return together.
fn with_jitter(delay: Duration) -> Duration {
    let random = RandomState::new().hash_one(0);
    let share = u32::try_from(random % 1000).expect("a remainder of 1000 fits");
    delay / 2 + delay / 2 * share / 1000
}

/// Returns an error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{backoff, with_jitter};
    use crate::cache::Retries;

    #[test]
    fn delays_double_up_to_the_limit() {
        let retries = Retries::default();
        let seconds: Vec<u64> = (1..=7).map(|tries| backoff(retries, tries).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff(retries, 200), retries.longest_delay);
    }

    #[test]
    fn jitter_keeps_at_least_half() {
        for _ in 0..100 {
            let delay = with_jitter(Duration::from_secs(2));
            assert!(
                delay >= Duration::from_secs(1) && delay <= Duration::from_secs(2),
                "{delay:?}"
            );
        }
    }
}
