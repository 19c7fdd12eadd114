//! How soon a sensor that has no events is read again.

use super::time::{MINUTE, SECOND, Span};
use serde::{Deserialize, Serialize};

/// The range of intervals, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Polling {
    /// Between two readings where nothing is near.
    #[serde(rename = "normal_ms")]
    pub normal: Span,
    /// Between two readings near a threshold, while something is ill, and while something is verified.
    #[serde(rename = "fast_ms")]
    pub fast: Span,
}

impl Default for Polling {
    /// Ten seconds where nothing is near, as long as monit's longest usual cycle; half a second where something is: at monit's
    /// fastest cycle of one second that still halves the wait.
    fn default() -> Self {
        Self { normal: 10 * SECOND, fast: SECOND / 2 }
    }
}

impl Polling {
    /// Least interval in milliseconds. Reading a cgroup takes tens of microseconds, so 100 units ten times a second stay at a few percent of a core.
    pub const LEAST: Span = 100;
    /// Longest interval in milliseconds.
    pub const MOST: Span = 10 * MINUTE;

    /// How far two samples may be apart before the older says nothing any more, in milliseconds: six intervals, so that a host under load
    /// does not look blind.
    #[must_use]
    pub const fn gap(&self) -> Span {
        self.normal.saturating_mul(6)
    }

    /// The next interval in milliseconds.
    ///
    /// `nearness` is 0 far from the threshold and 1 at it. `time_to` is when the limit is reached at the present rate, in milliseconds: it is
    /// read ten times until then.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an interval of at most ten minutes; a float cast saturates"
    )]
    pub fn interval(&self, nearness: f64, time_to: Option<Span>) -> Span {
        let fast = self.fast.min(self.normal);
        // The upper fifth of the way to the threshold is near: above it the interval shrinks in a straight line.
        let near = (nearness.clamp(0.0, 1.0) * 5.0 - 4.0).max(0.0);
        let range = (self.normal - fast) as f64;
        let by_level = self.normal.saturating_sub((range * near) as Span);
        let by_rate = time_to.map_or(self.normal, |span| span / 10);
        by_level.min(by_rate).clamp(fast, self.normal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn near_the_threshold_it_is_fast() {
        let polling = Polling::default();
        assert_eq!(polling.interval(0.0, None), 10_000);
        assert_eq!(polling.interval(0.8, None), 10_000);
        assert_eq!(polling.interval(1.0, None), 500);
        assert_eq!(polling.interval(0.9, None), 5250);
        assert_eq!(polling.interval(0.1, Some(20_000)), 2000);
        assert_eq!(polling.interval(f64::NAN, Some(0)), 500);
    }

    proptest! {
        #[test]
        fn always_within_its_range_and_never_slower_when_nearer(
            normal in 100_u64..600_000, fast in 100_u64..600_000, near in any::<f64>(), more in 0.0_f64..1.0, time in any::<Option<u64>>()
        ) {
            let polling = Polling { normal, fast };
            let interval = polling.interval(near, time);
            prop_assert!(interval <= normal && interval >= fast.min(normal));
            prop_assert!(near.is_nan() || polling.interval(near + more, time) <= interval);
        }
    }
}
