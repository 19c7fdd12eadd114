//! Moments and durations as Automation writes them.

use crate::{Millis, time};

/// A duration of days, hours, minutes and seconds, `P1DT2H3M4S`, as `aws:sleep` takes it.
pub(super) fn duration(text: &str) -> Option<Millis> {
    let (days, times) = match text.strip_prefix('P')?.split_once('T') {
        Some((days, times)) if !times.is_empty() => (days, times),
        Some(_) => return None,
        None => (text.strip_prefix('P')?, ""),
    };
    if days.is_empty() && times.is_empty() {
        return None;
    }
    let days = part(days, &[('D', 24 * time::HOUR)])?;
    let times = part(times, &[('H', time::HOUR), ('M', time::MINUTE), ('S', time::SECOND)])?;
    days.checked_add(times)
}

/// Numbers, each with its unit, in the order of the units.
fn part(text: &str, units: &[(char, Millis)]) -> Option<Millis> {
    let (mut rest, mut total): (&str, Millis) = (text, 0);
    for (unit, length) in units {
        let digits = rest.trim_start_matches(|each: char| each.is_ascii_digit());
        if let Some(after) = digits.strip_prefix(*unit) {
            let number: Millis = rest[..rest.len() - digits.len()].parse().ok()?;
            total = total.checked_add(number.checked_mul(*length)?)?;
            rest = after;
        }
    }
    rest.is_empty().then_some(total)
}

/// `2026-01-05`: `global:DATE`.
pub(super) fn date(at: Millis) -> String {
    time::timestamp(at).strftime("%Y-%m-%d").to_string()
}

/// `2026-01-05_12.00.00`: `global:DATE_TIME` (user guide, Automation system variables).
pub(super) fn date_time(at: Millis) -> String {
    time::timestamp(at).strftime("%Y-%m-%d_%H.%M.%S").to_string()
}

/// `Nov 29, 2016 7:43:20 PM`: how status events write a moment (user guide, Automation event examples).
pub(super) fn event_time(at: Millis) -> String {
    time::timestamp(at).strftime("%b %-d, %Y %-I:%M:%S %p").to_string()
}

#[cfg(test)]
mod tests {
    use super::{date_time, duration, event_time};

    #[test]
    fn durations_are_read_whole() {
        for (text, seconds) in [("PT1S", 1), ("PT5M", 300), ("PT1H30M10S", 5410), ("P1D", 86_400), ("P1DT1S", 86_401)] {
            assert_eq!(duration(text), Some(seconds * 1000), "{text}");
        }
        for wrong in ["", "P", "PT", "5M", "PT5", "PTM", "P1H", "PT1S1M", "-PT1S", "P1M"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn moments_are_written_as_aws_does() {
        assert_eq!(event_time(1_480_448_600_000), "Nov 29, 2016 7:43:20 PM");
        assert_eq!(date_time(1_480_448_600_000), "2016-11-29_19.43.20");
    }
}
