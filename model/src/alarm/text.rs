//! Moments and numbers as CloudWatch writes them.

use super::Millis;

/// The parts of a moment in UTC: year, month, day, hour, minute, second, millisecond.
type Civil = (i64, i64, i64, i64, i64, i64, i64);

/// The proleptic Gregorian calendar's view of a moment, counted in eras of 400 years that begin on 1 March.
fn civil(at: Millis) -> Civil {
    let days = at.div_euclid(super::DAY);
    let of_day = at.rem_euclid(super::DAY);
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, of_day / super::HOUR, of_day / 60_000 % 60, of_day / 1000 % 60, of_day % 1000)
}

/// `2019-10-02T17:04:40.989+0000`, as in events and in a state's data.
pub(crate) fn stamp(at: Millis) -> String {
    let (year, month, day, hour, minute, second, milli) = civil(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}+0000")
}

/// `2019-10-02T17:04:40.989Z`, as API answers reach state machines and runbooks.
pub(crate) fn iso(at: Millis) -> String {
    let (year, month, day, hour, minute, second, milli) = civil(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// `2019-10-02T17:04:40Z`, as the time of an event.
pub(crate) fn iso_seconds(at: Millis) -> String {
    let (year, month, day, hour, minute, second, _) = civil(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `02/10/19 16:59:00`, as in a state's reason.
pub(crate) fn short(at: Millis) -> String {
    let (year, month, day, hour, minute, second, _) = civil(at);
    format!("{day:02}/{month:02}/{:02} {hour:02}:{minute:02}:{second:02}", year.rem_euclid(100))
}

/// `Friday 22 July, 2022 15:57:45 UTC`, as in a composite alarm's reason.
pub(crate) fn long(at: Millis) -> String {
    const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (year, month, day, hour, minute, second, _) = civil(at);
    let pick = |names: &'static [&'static str], index: i64| {
        usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
    };
    let weekday = pick(&DAYS, at.div_euclid(super::DAY).rem_euclid(7));
    format!("{weekday} {day:02} {}, {year:04} {hour:02}:{minute:02}:{second:02} UTC", pick(&MONTHS, month - 1))
}

/// A number with a decimal point: `0.0`, `45628.0`, `1.0E10`. From 10 million on, and below a thousandth, with an
/// exponent.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    let digits = bytes.into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// `1 datapoint`, `3 datapoints`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `was` of one, `were` of several.
pub(crate) fn was(count: usize) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_in_the_documented_events() {
        // CloudWatch user guide, "Alarm events and EventBridge".
        assert_eq!(stamp(1_570_035_880_989), "2019-10-02T17:04:40.989+0000");
        assert_eq!(iso(1_570_035_880_989), "2019-10-02T17:04:40.989Z");
        assert_eq!(iso_seconds(1_570_035_880_989), "2019-10-02T17:04:40Z");
        assert_eq!(short(1_570_035_540_000), "02/10/19 16:59:00");
        assert_eq!(long(1_658_505_465_394), "Friday 22 July, 2022 15:57:45 UTC");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso(-1), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn numbers_have_a_decimal_point() {
        let texts = [0.0, 1.0, 45628.0, 0.066_685_190_330_647_2, 1e7, 12_345_678.5, 5e-4].map(number);
        assert_eq!(texts, ["0.0", "1.0", "45628.0", "0.0666851903306472", "1.0E7", "1.23456785E7", "5.0E-4"]);
    }
}
