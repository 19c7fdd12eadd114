//! The only place of this crate that reads a clock.

use std::time::{Duration, Instant};

/// A moment from which elapsed time is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Started(Instant);

impl Started {
    /// The current moment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// The time since that moment.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
