//! Virtual time.

use jiff::Timestamp;

/// Milliseconds since 1970-01-01T00:00:00Z. Every moment of a rehearsal is one; nothing here asks the computer's clock.
pub type Millis = i64;

/// One second.
pub const SECOND: Millis = 1000;
/// One minute, the period in which CloudWatch keeps most metrics.
pub const MINUTE: Millis = 60 * SECOND;
/// One hour.
pub const HOUR: Millis = 60 * MINUTE;

/// A moment as RFC 3339 in UTC with milliseconds, as JSONata's `$now()` and `$fromMillis()` write it: `2026-01-05T12:00:00.000Z`.
#[must_use]
pub fn iso(at: Millis) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A moment as EventBridge and Systems Manager write it, to the second: `2026-01-05T12:00:00Z`.
#[must_use]
pub fn iso_seconds(at: Millis) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The calendar's view of a moment. Times past the year 9999 are held at its end.
#[must_use]
pub fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX)
}
