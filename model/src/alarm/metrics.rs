//! Where datapoints come from.

use super::{AlarmError, Millis, times};
use std::collections::BTreeMap;
use std::fmt;

/// A metric: a name in a namespace with an exact set of dimensions. Another set of dimensions is another metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricId {
    /// `AWS/EC2`, `Healing/Agent`.
    pub namespace: String,
    /// `StatusCheckFailed_System`.
    pub name: String,
    /// Values by dimension name.
    pub dimensions: BTreeMap<String, String>,
}

impl MetricId {
    /// A metric of these dimensions, each a name and a value.
    pub fn new<'a>(namespace: &str, name: &str, dimensions: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let dimensions = dimensions.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }
}

/// How the samples of a period become one datapoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// The number of samples.
    SampleCount,
    /// Sum by number.
    Average,
    /// The sum of the samples.
    Sum,
    /// The least sample.
    Minimum,
    /// The greatest sample.
    Maximum,
    /// The sample below which this many percent of the samples are, above 0 up to 100.
    Percentile(f64),
}

impl Statistic {
    /// Reads `Sum`, `p99.9` and so on. Trimmed means and the like are not understood.
    pub(crate) fn parse(alarm: &str, text: &str) -> Result<Self, AlarmError> {
        let percent = || text.strip_prefix('p').and_then(|percent| percent.parse::<f64>().ok());
        Ok(match text {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            _ => match percent() {
                Some(percent) if percent > 0.0 && percent <= 100.0 => Self::Percentile(percent),
                _ => return Err(AlarmError::definition(alarm, format!("the statistic `{text}` is not understood"))),
            },
        })
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SampleCount => f.write_str("SampleCount"),
            Self::Average => f.write_str("Average"),
            Self::Sum => f.write_str("Sum"),
            Self::Minimum => f.write_str("Minimum"),
            Self::Maximum => f.write_str("Maximum"),
            Self::Percentile(percent) => write!(f, "p{percent}"),
        }
    }
}

/// The samples of a period in short. At least one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The number of samples.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub minimum: f64,
    /// The greatest.
    pub maximum: f64,
}

impl Summary {
    /// `count` samples of one value.
    #[must_use]
    pub fn of(value: f64, count: f64) -> Self {
        Self { count, sum: value * count, minimum: value, maximum: value }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            minimum: self.minimum.min(other.minimum),
            maximum: self.maximum.max(other.maximum),
        }
    }

    /// A statistic; `None` for percentiles, which need the samples themselves.
    #[must_use]
    pub fn statistic(self, statistic: Statistic) -> Option<f64> {
        match statistic {
            Statistic::SampleCount => Some(self.count),
            Statistic::Average => Some(self.sum / self.count),
            Statistic::Sum => Some(self.sum),
            Statistic::Minimum => Some(self.minimum),
            Statistic::Maximum => Some(self.maximum),
            Statistic::Percentile(_) => None,
        }
    }
}

/// Periods in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Where the first period begins; a whole minute.
    pub start: Millis,
    /// The length of each, in milliseconds; whole minutes.
    pub period: Millis,
    /// How many.
    pub count: usize,
}

impl Window {
    /// The periods before `end`.
    #[must_use]
    pub fn before(end: Millis, period: Millis, count: usize) -> Self {
        Self { start: end.saturating_sub(times(count, period)), period, count }
    }

    /// Where the period of an index begins.
    #[must_use]
    pub fn start_of(&self, index: usize) -> Millis {
        self.start.saturating_add(times(index, self.period))
    }

    /// Where the last period ends.
    #[must_use]
    pub fn end(&self) -> Millis {
        self.start_of(self.count)
    }
}

/// The account's metrics. All answers are for what was put before the window's end; nothing is invented for periods
/// without samples.
pub trait Metrics {
    /// One value a period, oldest first; `None` in a period without a sample.
    fn values(&self, metric: &MetricId, statistic: Statistic, window: Window) -> Vec<Option<f64>>;

    /// One summary a period, oldest first; `None` in a period without a sample.
    fn summaries(&self, metric: &MetricId, window: Window) -> Vec<Option<Summary>>;

    /// Every metric of a name, in the order of their dimensions. With `schema` only those that have exactly these
    /// dimension names, in whatever order they are given.
    fn list(&self, namespace: &str, name: &str, schema: Option<&[String]>) -> Vec<MetricId>;

    /// The value of a tag of the resource that a metric is about; `None` where it has no such tag.
    fn tag(&self, metric: &MetricId, key: &str) -> Option<String>;
}
