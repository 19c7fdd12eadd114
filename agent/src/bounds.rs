//! What one exchange with a peer may cost.

use std::time::Duration;

/// What one exchange may cost. The deadline covers all of it: connecting, asking and reading the last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How long the exchange may take.
    pub deadline: Duration,
    /// How many bytes of an answer are read at most. What a client holds of them at once can be far less: each says.
    pub bytes: usize,
}

impl Bounds {
    /// Two seconds and 256 KiB: a peer on the same host that takes longer is no longer healthy, and the answers of a
    /// PgBouncer with a thousand clients or of a HAProxy with five hundred servers are below that.
    pub const LOCAL: Self = Self { deadline: Duration::from_secs(2), bytes: 256 * 1024 };

    /// The same with another deadline.
    #[must_use]
    pub const fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The same with another limit in bytes.
    #[must_use]
    pub const fn at_most(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::LOCAL
    }
}
