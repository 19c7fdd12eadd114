//! Durations as users write them: seconds (`600`) or a number with a unit (`10m`).

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A positive number of whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Seconds(u64);

/// Longest duration that a rule may name, in seconds: 400 days, beyond which the ledger's history has expired.
pub const MAX_SECONDS: u64 = 400 * 24 * 3600;

/// Why a string or number is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Zero or below.
    #[error("a duration must be at least 1 second, this is `{0}`")]
    NotPositive(String),
    /// The unit is none of `s`, `m`, `h`, `d`.
    #[error("`{unit}` in `{text}` is not a unit of time")]
    Unit {
        /// The whole text.
        text: String,
        /// The part that was taken for a unit.
        unit: String,
    },
    /// No number, or something else around it.
    #[error("`{0}` is not a duration")]
    Syntax(String),
    /// Above [`MAX_SECONDS`].
    #[error("`{0}` is longer than 400 days")]
    TooLong(String),
}

impl DurationError {
    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> &'static str {
        "write whole seconds (600) or a number with one unit of s, m, h or d (10m, 2h, 1d)"
    }
}

impl Seconds {
    /// What the JSON Schema calls a duration, so that errors can say precisely what is wrong with one.
    pub const FORMAT: &'static str = "healstack-duration";

    /// A duration of `seconds`, from 1 to [`MAX_SECONDS`].
    pub fn new(seconds: u64) -> Result<Self, DurationError> {
        match seconds {
            0 => Err(DurationError::NotPositive("0".to_owned())),
            1..=MAX_SECONDS => Ok(Self(seconds)),
            _ => Err(DurationError::TooLong(format!("{seconds}"))),
        }
    }

    /// Parses `600`, `600s`, `10m`, `2h` or `1d`.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(if text.starts_with('-') {
                DurationError::NotPositive(text.to_owned())
            } else {
                DurationError::Syntax(text.to_owned())
            });
        }
        let scale = match unit {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 24 * 3600,
            other => {
                let word = other.trim();
                let is_word = word.chars().all(char::is_alphabetic) && !["s", "m", "h", "d"].contains(&word);
                return Err(if is_word {
                    DurationError::Unit { text: text.to_owned(), unit: word.to_owned() }
                } else {
                    DurationError::Syntax(text.to_owned())
                });
            }
        };
        let seconds = number.parse::<u64>().ok().and_then(|n| n.checked_mul(scale));
        match seconds {
            Some(0) => Err(DurationError::NotPositive(text.to_owned())),
            Some(seconds @ 1..=MAX_SECONDS) => Ok(Self(seconds)),
            _ => Err(DurationError::TooLong(text.to_owned())),
        }
    }

    /// A duration of `seconds`, or the nearest that there is.
    #[must_use]
    pub fn clamped(seconds: u64) -> Self {
        Self(seconds.clamp(1, MAX_SECONDS))
    }

    /// The number of seconds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Seconds {
    /// The largest unit that divides the duration: `600` is `10m`, `90` is `90s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s % 86_400 == 0 => write!(f, "{}d", s / 86_400),
            s if s % 3600 == 0 => write!(f, "{}h", s / 3600),
            s if s % 60 == 0 => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl Visitor<'_> for V {
            type Value = Seconds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds, or a number with a unit of s, m, h or d")
            }
            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Seconds, E> {
                Seconds::new(seconds).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Seconds, E> {
                let seconds =
                    u64::try_from(seconds).map_err(|_| E::custom(DurationError::NotPositive(seconds.to_string())))?;
                self.visit_u64(seconds)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Seconds, E> {
                Seconds::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(V)
    }
}

impl JsonSchema for Seconds {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 1,
            "maximum": MAX_SECONDS,
            "pattern": "^0*[1-9][0-9]*[smhd]?$",
            "format": Self::FORMAT,
            "description": "Seconds (600), or a number with a unit of s, m, h or d (10m).",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parses_units() {
        let get = |text: &str| Seconds::parse(text).map(Seconds::get);
        assert_eq!(get("600"), Ok(600));
        assert_eq!(get("10m"), Ok(600));
        assert_eq!(get("2h"), Ok(7200));
        assert_eq!(get("1d"), Ok(86_400));
        assert!(matches!(get("10min"), Err(DurationError::Unit { unit, .. }) if unit == "min"));
        assert!(matches!(get("0s"), Err(DurationError::NotPositive(_))));
        assert!(matches!(get("-5"), Err(DurationError::NotPositive(_))));
        for text in ["soon", "10 m", "1.5", ""] {
            assert!(matches!(get(text), Err(DurationError::Syntax(_))), "{text}");
        }
        assert_eq!(Seconds::clamped(u64::MAX).get(), MAX_SECONDS);
        assert!(matches!(get("99999999999999999999d"), Err(DurationError::TooLong(_))));
        assert!(matches!(get("401d"), Err(DurationError::TooLong(_))));
    }

    proptest! {
        #[test]
        fn displays_what_it_parses(seconds in 1..=MAX_SECONDS) {
            let duration = Seconds::new(seconds).unwrap();
            prop_assert_eq!(Seconds::parse(&duration.to_string()), Ok(duration));
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = Seconds::parse(&text);
        }
    }
}
