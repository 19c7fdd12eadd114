//! Times as people write and read them. All are UTC: an incident is told in one time zone.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize as _, Serializer};
use std::str::FromStr;

use healstack_model::Seconds;

/// The current time.
#[must_use]
pub fn now() -> Timestamp {
    crate::deploy::clock::now()
}

/// A moment as Systems Manager's `{{ global:DATE_TIME }}` writes it: `2026-11-24_10.00.00` (Automation system variables, 2026-11).
#[must_use]
pub(super) fn automation(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d_%H.%M.%S").to_string()
}

/// A moment as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This long before or after now.
    Distance(Seconds),
    /// This moment.
    At(Timestamp),
}

/// A text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a duration (90s, 10m, 24h, 7d) nor a time in UTC (2026-11-24, 2026-11-24T10:00:00Z)")]
pub struct TimeError(String);

impl FromStr for When {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        // A number alone is seconds elsewhere; here it could as well be a year or an hour.
        let is_number = text.chars().all(|c| c.is_ascii_digit());
        if let (false, Ok(distance)) = (is_number, Seconds::parse(text)) {
            return Ok(Self::Distance(distance));
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self::At(time));
        }
        let midnight = text.parse::<Date>().ok().filter(|_| text.len() == "2026-11-24".len());
        let midnight = midnight.and_then(|date| TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok());
        midnight.map(Self::At).ok_or_else(|| TimeError(text.to_owned()))
    }
}

impl When {
    /// The moment, when a duration counts back from `now`.
    #[must_use]
    pub fn back_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Distance(distance) => before(now, distance.get()),
            Self::At(time) => time,
        }
    }

    /// The moment, when a duration counts on from `now`.
    #[must_use]
    pub fn on_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Distance(distance) => after(now, distance.get()),
            Self::At(time) => time,
        }
    }
}

/// `seconds` before `time`, or the earliest time that there is.
pub(super) fn before(time: Timestamp, seconds: u64) -> Timestamp {
    time.saturating_sub(duration(seconds)).unwrap_or(Timestamp::MIN)
}

/// `seconds` after `time`, or the latest time that there is.
pub(super) fn after(time: Timestamp, seconds: u64) -> Timestamp {
    time.saturating_add(duration(seconds)).unwrap_or(Timestamp::MAX)
}

fn duration(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// The ledger's form: RFC 3339 in UTC, in milliseconds, so that times sort as text.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// [`rfc3339`] from seconds since 1970; what is no time is shown as the number.
pub(super) fn of_seconds(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), rfc3339)
}

/// The same, for reports as JSON.
#[allow(clippy::ref_option, reason = "serde gives a reference to the field")]
pub(super) fn maybe_seconds<S: Serializer>(seconds: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    seconds.map(of_seconds).serialize(serializer)
}

/// For people: `2026-11-24 10:00:00`. Text that is no time is shown as it is.
pub(super) fn shown(rfc3339: &str) -> String {
    rfc3339.parse().map_or_else(|_| rfc3339.to_owned(), shown_time)
}

/// For people: `2026-11-24 10:00:00`.
pub(super) fn shown_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// For people, from seconds since 1970.
pub(super) fn shown_seconds(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| format!("{seconds} s after 1970"), shown_time)
}

/// The time between two texts of RFC 3339, in whole seconds; `None` when one is no time or the end comes first.
pub(super) fn between(start: &str, end: &str) -> Option<u64> {
    let (start, end) = (start.parse::<Timestamp>().ok()?, end.parse::<Timestamp>().ok()?);
    u64::try_from(end.duration_since(start).as_secs()).ok()
}

/// The days of UTC from one time to another, in order; at least the first.
pub(super) fn days(from: Timestamp, to: Timestamp) -> impl DoubleEndedIterator<Item = String> {
    let day = |time: Timestamp| time.as_second().div_euclid(DAY);
    let (first, last) = (day(from), day(to).max(day(from)));
    (first..=last)
        .filter_map(|day| Timestamp::from_second(day * DAY).ok())
        .map(|day| day.strftime("%Y-%m-%d").to_string())
}

/// Seconds of a day of UTC. Time since 1970 knows no leap seconds.
const DAY: i64 = 24 * 3600;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn moments_are_durations_times_and_days() {
        let now = time("2026-11-24T10:00:00Z");
        for (text, expected) in [
            ("24h", "2026-11-23T10:00:00Z"),
            ("7d", "2026-11-17T10:00:00Z"),
            ("90s", "2026-11-24T09:58:30Z"),
            ("2026-11-24T09:00:00Z", "2026-11-24T09:00:00Z"),
            ("2026-11-24T09:00:00+02:00", "2026-11-24T07:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
        ] {
            assert_eq!(text.parse::<When>().unwrap().back_from(now), time(expected), "{text}");
        }
        for text in
            ["yesterday", "24", "2026", "20261124", "24 h", "2026-11-24T10:00:00", "2026-13-01", "401d", "0h", ""]
        {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_ledgers_times_sort_as_text() {
        assert_eq!(rfc3339(time("2026-11-24T10:00:00Z")), "2026-11-24T10:00:00.000Z");
        assert_eq!(rfc3339(time("2026-11-24T10:00:00.123987Z")), "2026-11-24T10:00:00.123Z");
        assert_eq!(of_seconds(1_795_521_600), "2026-11-24T12:00:00.000Z");
        assert_eq!(of_seconds(i64::MAX), i64::MAX.to_string());
        assert_eq!(shown("2026-11-24T10:00:00.123Z"), "2026-11-24 10:00:00");
        assert_eq!(shown("?"), "?");
        assert_eq!(between("2026-11-24T10:00:00Z", "2026-11-24T10:01:30.5Z"), Some(90));
        assert_eq!(between("2026-11-24T10:00:00Z", "2026-11-24T09:00:00Z"), None);
    }

    #[test]
    fn days_go_over_ends_of_months() {
        let of = |from: &str, to: &str| days(time(from), time(to)).collect::<Vec<_>>();
        assert_eq!(of("2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z"), ["2026-11-30", "2026-12-01"]);
        assert_eq!(of("2026-11-24T10:00:00Z", "2026-11-24T09:00:00Z"), ["2026-11-24"]);
        assert_eq!(days(time("2026-11-01T00:00:00Z"), time("2026-11-24T10:00:00Z")).count(), 24);
    }

    proptest! {
        #[test]
        fn every_moment_is_within_its_days(from in 0..4_000_000_000_i64, span in 0..4_000_000_i64) {
            let (from, to) = (Timestamp::from_second(from).unwrap(), Timestamp::from_second(from + span).unwrap());
            let found: Vec<String> = days(from, to).collect();
            prop_assert_eq!(found.first().unwrap().as_str(), &rfc3339(from)[..10]);
            prop_assert_eq!(found.last().unwrap().as_str(), &rfc3339(to)[..10]);
            prop_assert!(found.is_sorted());
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = text.parse::<When>();
        }
    }
}
