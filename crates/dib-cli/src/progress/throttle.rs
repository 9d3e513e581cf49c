//! How often a plain log tells of progress.

use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(5);
const SHARE: u64 = 10;

/// Lets a message pass when 10 % more is done, or 5 seconds after the last one; never more often than ten times for
/// work that is quickly done.
#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    last: Instant,
    last_tenth: u64,
}

impl Throttle {
    pub(crate) fn started_at(now: Instant) -> Self {
        Self {
            last: now,
            last_tenth: 0,
        }
    }

    /// Returns whether a message about `done` of `total` may pass; a `total` of 0 is an unknown one.
    pub(crate) fn passes(&mut self, done: u64, total: u64, now: Instant) -> bool {
        let tenth = done.saturating_mul(SHARE).checked_div(total).unwrap_or(0);
        let passes = tenth > self.last_tenth || now.duration_since(self.last) >= INTERVAL;
        if passes {
            self.last = now;
            self.last_tenth = tenth;
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_or_five_seconds_pass() {
        let start = Instant::now();
        let mut throttle = Throttle::started_at(start);
        let mut check = |done, total, seconds, expected| {
            assert_eq!(
                throttle.passes(done, total, start + Duration::from_secs(seconds)),
                expected,
                "{done} of {total}"
            );
        };
        check(9, 100, 1, false);
        check(10, 100, 1, true);
        check(11, 100, 2, false);
        check(12, 100, 6, true);
        check(90, 100, 7, true);
        check(91, 100, 7, false);
        check(1000, 0, 8, false);
        check(1001, 0, 13, true);
    }
}
