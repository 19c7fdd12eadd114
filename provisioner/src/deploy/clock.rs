//! The only place of this module that reads a clock or draws a random number.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment from which elapsed time is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Started(Instant);

impl Started {
    /// The current moment.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    /// The time since that moment.
    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The current time.
#[cfg(feature = "operate")]
#[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub(crate) fn now() -> jiff::Timestamp {
    // Fails only for a clock beyond the year 9999.
    jiff::Timestamp::try_from(SystemTime::now()).unwrap_or(jiff::Timestamp::MAX)
}

/// A token that no other run has: letters, digits and hyphens, as change-set names and request tokens allow
/// (CloudFormation: `[a-zA-Z][-a-zA-Z0-9]*`, at most 128 characters).
#[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub(super) fn unique_token() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // `RandomState` is seeded by the operating system, which is enough to tell two runs of the same second apart.
    let random = RandomState::new().hash_one(seconds);
    format!("healstack-{seconds:x}-{random:016x}")
}
