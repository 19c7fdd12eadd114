//! The properties of `AWS::CloudWatch::Alarm` and `AWS::CloudWatch::CompositeAlarm` as they are written. A property
//! that is not here is not understood, and named by the error.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// How a datapoint is compared with the threshold. The operators of anomaly detection are not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `>=`
    #[serde(rename = "GreaterThanOrEqualToThreshold")]
    GreaterOrEqual,
    /// `>`
    #[serde(rename = "GreaterThanThreshold")]
    Greater,
    /// `<`
    #[serde(rename = "LessThanThreshold")]
    Less,
    /// `<=`
    #[serde(rename = "LessThanOrEqualToThreshold")]
    LessOrEqual,
}

impl Comparison {
    /// Whether a value is beyond the threshold.
    #[must_use]
    pub fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::Less => value < threshold,
            Self::LessOrEqual => value <= threshold,
        }
    }

    /// As a state's reason says it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "greater than or equal to",
            Self::Greater => "greater than",
            Self::Less => "less than",
            Self::LessOrEqual => "less than or equal to",
        }
    }
}

/// What a missing datapoint counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TreatMissing {
    /// As nothing: without any datapoint the state is `INSUFFICIENT_DATA`.
    Missing,
    /// As nothing: without datapoints the state stays.
    Ignore,
    /// As beyond the threshold.
    Breaching,
    /// As within the threshold.
    NotBreaching,
}

impl TreatMissing {
    /// As a state's reason says it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Missing => "Missing",
            Self::Ignore => "Ignore",
            Self::Breaching => "Breaching",
            Self::NotBreaching => "NonBreaching",
        }
    }
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Dimension {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A tag of the alarm itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// `Metric` of a `MetricStat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct MetricName {
    pub(crate) namespace: String,
    #[serde(rename = "MetricName")]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) dimensions: Vec<Dimension>,
}

/// `MetricStat`: a metric, a period in seconds and a statistic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct MetricStat {
    pub(crate) metric: MetricName,
    #[serde(deserialize_with = "whole")]
    pub(crate) period: u32,
    pub(crate) stat: String,
}

/// An entry of `Metrics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct MetricQuery {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expression: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metric_stat: Option<MetricStat>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// Whether it is what the alarm watches; CloudFormation leaves it out for yes.
    #[serde(default = "yes", deserialize_with = "truth")]
    pub(crate) return_data: bool,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "maybe_whole")]
    pub(crate) period: Option<u32>,
}

/// Everything that is understood of an alarm; `Unit` is not, because datapoints here have no units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Properties {
    pub(crate) alarm_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alarm_description: Option<String>,
    #[serde(default = "yes", deserialize_with = "truth")]
    pub(crate) actions_enabled: bool,
    #[serde(default, rename = "OKActions")]
    pub(crate) ok_actions: Vec<String>,
    #[serde(default)]
    pub(crate) alarm_actions: Vec<String>,
    #[serde(default)]
    pub(crate) insufficient_data_actions: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metric_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) statistic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) extended_statistic: Option<String>,
    #[serde(default)]
    pub(crate) dimensions: Vec<Dimension>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "maybe_whole")]
    pub(crate) period: Option<u32>,
    #[serde(deserialize_with = "whole")]
    pub(crate) evaluation_periods: u32,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "maybe_whole")]
    pub(crate) datapoints_to_alarm: Option<u32>,
    #[serde(deserialize_with = "number")]
    pub(crate) threshold: f64,
    pub(crate) comparison_operator: Comparison,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) treat_missing_data: Option<TreatMissing>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) metrics: Vec<MetricQuery>,
    /// Tags are no part of an alarm's answers.
    #[serde(default, skip_serializing)]
    pub(crate) tags: Vec<Tag>,
}

/// Everything that is understood of a composite alarm; suppressors are not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CompositeProperties {
    pub(crate) alarm_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alarm_description: Option<String>,
    pub(crate) alarm_rule: String,
    #[serde(default = "yes", deserialize_with = "truth")]
    pub(crate) actions_enabled: bool,
    #[serde(default, rename = "OKActions")]
    pub(crate) ok_actions: Vec<String>,
    #[serde(default)]
    pub(crate) alarm_actions: Vec<String>,
    #[serde(default)]
    pub(crate) insufficient_data_actions: Vec<String>,
    #[serde(default, skip_serializing)]
    pub(crate) tags: Vec<Tag>,
}

fn yes() -> bool {
    true
}

/// CloudFormation takes numbers and truths as texts too, which is what parameters are.
struct Text(&'static str);

impl Visitor<'_> for Text {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    #[expect(clippy::cast_precision_loss, reason = "periods and counts are far below 2^53")]
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "periods and counts are far below 2^53")]
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<f64, E> {
        if self.0 == TRUTH {
            Ok(f64::from(u8::from(value)))
        } else {
            Err(E::invalid_type(de::Unexpected::Bool(value), &self))
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<f64, E> {
        match (self.0, text) {
            (TRUTH, "true") => Ok(1.0),
            (TRUTH, "false") => Ok(0.0),
            (TRUTH, _) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
            _ => text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}

const TRUTH: &str = "true or false";
const WHOLE: &str = "a whole number above 0";

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = deserializer.deserialize_any(Text("a number"))?;
    if value.is_finite() { Ok(value) } else { Err(de::Error::custom("the number is not finite")) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = deserializer.deserialize_any(Text(WHOLE))?;
    let fits = value.fract() == 0.0 && value >= 1.0 && value <= f64::from(u32::MAX);
    if fits { Ok(value as u32) } else { Err(de::Error::custom(format!("`{value}` is not {WHOLE}"))) }
}

fn maybe_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    whole(deserializer).map(Some)
}

fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = deserializer.deserialize_any(Text(TRUTH))?;
    match value {
        0.0 => Ok(false),
        1.0 => Ok(true),
        _ => Err(de::Error::custom(format!("`{value}` is not {TRUTH}"))),
    }
}
