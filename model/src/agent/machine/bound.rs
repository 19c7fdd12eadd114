//! The bounds of the core by name, so that a test can take one out and see what misses it.

/// A bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code, reason = "some are asked for in tests only"))]
pub(crate) enum Bound {
    /// Attempts in the window.
    Attempts,
    /// Time from the end of a healing to the next.
    Cooldown,
    /// One healing of a resource at a time.
    OneAtOnce,
    /// Healings of a rule, and of the host, at once.
    Concurrent,
    /// Healings of a rule in an hour.
    PerHour,
    /// One escalation for spent attempts.
    Escalation,
    /// Pause, observation and what suppresses.
    Switches,
    /// The look right before the action.
    Look,
    /// Attempts are new only after health.
    Renewal,
    /// Time is what the boot clock counts.
    Clock,
    /// What a crash has interrupted is not begun again.
    Recovery,
}
