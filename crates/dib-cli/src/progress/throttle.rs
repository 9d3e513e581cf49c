//! How often a plain log tells of progress.

use std::time::{Duration, Instant};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);
const SHARE: u64 = 10;

/// Lets a message pass when 5 seconds have gone by since the last one, or 10 % more is done and a second has gone by.
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
        let since = now.duration_since(self.last);
        let passes = since >= LONGEST || (since >= SHORTEST && tenth > self.last_tenth);
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
    fn five_seconds_pass_or_a_tenth_and_a_second() {
        let start = Instant::now();
        let mut throttle = Throttle::started_at(start);
        let mut check = |done, total, milliseconds, expected| {
            let now = start + Duration::from_millis(milliseconds);
            assert_eq!(throttle.passes(done, total, now), expected, "{done} of {total}");
        };
        check(50, 100, 900, false);
        check(9, 100, 1000, false);
        check(10, 100, 1000, true);
        check(11, 100, 5900, false);
        check(12, 100, 6000, true);
        check(90, 100, 7000, true);
        check(91, 100, 8000, false);
        check(1000, 0, 11_900, false);
        check(1001, 0, 12_000, true);
    }
}
