//! `DynamoDB`'s numbers: decimal, 38 significant digits, compared and added exactly.

use std::cmp::Ordering;

/// Significant digits of a number (developer guide, supported data types).
const DIGITS: usize = 38;
/// The largest power of ten of a number's first digit, and the smallest (developer guide, supported data types).
const MAGNITUDE: std::ops::RangeInclusive<i32> = -130..=125;

/// A decimal number: `coefficient` times ten to the power of `exponent`, the coefficient without trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    coefficient: i128,
    exponent: i32,
}

impl Number {
    /// Reads a number as requests write it; the error says why it is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let not_a_number = || format!("The parameter cannot be converted to a numeric value: {text}");
        let (mantissa, power) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| not_a_number())?),
            None => (text, 0),
        };
        let (negative, unsigned) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(not_a_number());
        }
        let significant = digits.trim_start_matches('0').trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self { coefficient: 0, exponent: 0 });
        }
        if significant.len() > DIGITS {
            return Err("Attempting to store more than 38 significant digits in a Number".into());
        }
        let dropped = digits.len() - digits.trim_end_matches('0').len();
        let scale = |length: usize| i32::try_from(length).map_err(|_| not_a_number());
        let exponent = power.saturating_sub(scale(fraction.len())?).saturating_add(scale(dropped)?);
        let coefficient: i128 = significant.parse().map_err(|_| not_a_number())?;
        Self { coefficient: if negative { -coefficient } else { coefficient }, exponent }.in_range()
    }

    /// The sum, or why there is none.
    pub(super) fn plus(self, other: Self) -> Result<Self, String> {
        if self.coefficient == 0 || other.coefficient == 0 {
            return Ok(if self.coefficient == 0 { other } else { self });
        }
        let exponent = self.exponent.min(other.exponent);
        let aligned = |number: Self| {
            let shift = u32::try_from(number.exponent - exponent).ok()?;
            number.coefficient.checked_mul(10_i128.checked_pow(shift)?)
        };
        let too_long = || "Attempting to store more than 38 significant digits in a Number".to_owned();
        let sum = aligned(self).zip(aligned(other)).and_then(|(left, right)| left.checked_add(right));
        Self { coefficient: sum.ok_or_else(too_long)?, exponent }.trimmed().in_range()
    }

    /// The number with the other sign.
    pub(super) const fn negated(self) -> Self {
        Self { coefficient: -self.coefficient, exponent: self.exponent }
    }

    fn trimmed(mut self) -> Self {
        if self.coefficient == 0 {
            return Self { coefficient: 0, exponent: 0 };
        }
        while self.coefficient % 10 == 0 {
            self.coefficient /= 10;
            self.exponent += 1;
        }
        self
    }

    fn in_range(self) -> Result<Self, String> {
        let digits = self.coefficient.unsigned_abs().to_string().len();
        if digits > DIGITS {
            return Err("Attempting to store more than 38 significant digits in a Number".into());
        }
        let first = self.first_digit();
        match MAGNITUDE.contains(&first) {
            _ if self.coefficient == 0 => Ok(self),
            true => Ok(self),
            false if first > *MAGNITUDE.end() => {
                Err("Number overflow. Attempting to store a number with magnitude larger than supported range".into())
            }
            false => {
                Err("Number underflow. Attempting to store a number with magnitude smaller than supported range".into())
            }
        }
    }

    /// The power of ten that the first digit stands for.
    fn first_digit(self) -> i32 {
        let digits = self.coefficient.unsigned_abs().to_string().len();
        self.exponent.saturating_add(i32::try_from(digits).unwrap_or(i32::MAX) - 1)
    }
}

impl std::fmt::Display for Number {
    /// Plain decimal without exponent, as answers write it.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = self.coefficient.unsigned_abs().to_string();
        let sign = if self.coefficient < 0 { "-" } else { "" };
        let places = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(usize::MAX);
        if self.exponent >= 0 {
            write!(formatter, "{sign}{digits}{}", "0".repeat(places))
        } else if digits.len() > places {
            let (whole, fraction) = digits.split_at(digits.len() - places);
            write!(formatter, "{sign}{whole}.{fraction}")
        } else {
            write!(formatter, "{sign}0.{}{digits}", "0".repeat(places - digits.len()))
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.coefficient.signum().cmp(&other.coefficient.signum());
        if signs != Ordering::Equal || self.coefficient == 0 {
            return signs;
        }
        // Without trailing zeros, digits after the same first power of ten compare as text does.
        let digits = |number: &Self| number.coefficient.unsigned_abs().to_string();
        let larger = self
            .first_digit()
            .cmp(&other.first_digit())
            .then_with(|| digits(self).as_str().cmp(digits(other).as_str()));
        if self.coefficient < 0 { larger.reverse() } else { larger }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn one_value_has_one_text() {
        let pairs = [("007", "7"), ("1E2", "100"), ("-0", "0"), ("1.50", "1.5"), ("12e-4", "0.0012"), ("+3.0", "3")];
        for (written, kept) in pairs {
            assert_eq!(number(written).to_string(), kept, "{written}");
        }
        for wrong in ["", "-", ".", "1x", "0x1", "NaN", "1e", "123456789012345678901234567890123456789", "1e126"] {
            assert!(Number::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn order_is_that_of_the_values() {
        let ascending = ["-1e3", "-20", "-3", "-0.1", "0", "0.05", "0.5", "9", "10", "99.9", "100", "1e20"];
        for pair in ascending.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn sums_are_exact() {
        assert_eq!(number("0.1").plus(number("0.2")).unwrap(), number("0.3"));
        assert_eq!(number("95").plus(number("5")).unwrap().to_string(), "100");
        assert_eq!(number("5").plus(number("5").negated()).unwrap(), number("0"));
        assert!(number("1e38").plus(number("1")).is_err(), "39 digits");
    }
}
