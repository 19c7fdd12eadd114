//! Metric filters: what CloudWatch Logs counts in a log group that events are sent to.

use super::filter::{self, Filter};
use super::path::Path;
use crate::Unsupported;
use serde_json::Value;
use std::collections::BTreeMap;

/// Dimensions that a metric filter may set (CloudWatch Logs user guide, publishing dimensions with metrics).
const MOST_DIMENSIONS: usize = 3;

/// A metric filter of a log group.
#[derive(Debug, Clone)]
pub struct MetricFilter {
    log_group: String,
    filter: Filter,
    metrics: Vec<Metric>,
}

#[derive(Debug, Clone)]
struct Metric {
    namespace: String,
    name: String,
    value: MetricValue,
    dimensions: Vec<(String, Path)>,
}

#[derive(Debug, Clone)]
enum MetricValue {
    Constant(f64),
    Path(Path),
}

/// What one log event adds to a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// `Healing/Signals`.
    pub namespace: String,
    /// The metric's name.
    pub name: String,
    /// Dimensions by name.
    pub dimensions: BTreeMap<String, String>,
    /// The value of this one event.
    pub value: f64,
}

impl MetricFilter {
    /// Reads the resolved properties of an `AWS::Logs::MetricFilter`.
    pub fn load(properties: &Value) -> Result<Self, Unsupported> {
        let log_group = properties["LogGroupName"].as_str().unwrap_or_default().to_owned();
        let place = format!("metric filter of log group {log_group}");
        for property in properties.as_object().into_iter().flat_map(|members| members.keys()) {
            if !["LogGroupName", "FilterName", "FilterPattern", "MetricTransformations"].contains(&property.as_str()) {
                return Err(Unsupported::new(place, format!("the property `{property}`")));
            }
        }
        let pattern = &properties["FilterPattern"];
        let filter = pattern.as_str().and_then(filter::parse);
        let filter = filter.ok_or_else(|| Unsupported::new(&place, format!("the filter pattern {pattern}")))?;
        let metrics = properties["MetricTransformations"].as_array().map_or(&[][..], Vec::as_slice);
        let metrics = metrics.iter().map(|metric| {
            metric_of(metric).ok_or_else(|| Unsupported::new(&place, format!("the metric transformation {metric}")))
        });
        Ok(Self { log_group, filter, metrics: metrics.collect::<Result<_, _>>()? })
    }

    /// The log group whose events it looks at.
    #[must_use]
    pub fn log_group(&self) -> &str {
        &self.log_group
    }

    /// What a log event, which is the event that was sent there, adds to metrics. An event without a dimension's field,
    /// or without the number that is the value, adds nothing.
    #[must_use]
    pub fn apply(&self, event: &Value) -> Vec<Sample> {
        if !self.filter.matches(event) {
            return Vec::new();
        }
        self.metrics.iter().filter_map(|metric| metric.of(event)).collect()
    }
}

fn metric_of(properties: &Value) -> Option<Metric> {
    let known = ["MetricNamespace", "MetricName", "MetricValue", "Dimensions", "Unit"];
    if properties.as_object()?.keys().any(|property| !known.contains(&property.as_str())) {
        return None;
    }
    let value = match &properties["MetricValue"] {
        Value::String(text) if text.starts_with('$') => MetricValue::Path(Path::parse(text)?),
        Value::String(text) => MetricValue::Constant(text.parse().ok()?),
        other => MetricValue::Constant(other.as_f64()?),
    };
    let dimensions = properties["Dimensions"].as_array().map_or(&[][..], Vec::as_slice);
    let dimensions = dimensions
        .iter()
        .map(|dimension| Some((dimension["Key"].as_str()?.to_owned(), Path::parse(dimension["Value"].as_str()?)?)));
    let dimensions = dimensions.collect::<Option<Vec<_>>>().filter(|all| all.len() <= MOST_DIMENSIONS)?;
    let (namespace, name) = (properties["MetricNamespace"].as_str()?, properties["MetricName"].as_str()?);
    Some(Metric { namespace: namespace.to_owned(), name: name.to_owned(), value, dimensions })
}

impl Metric {
    fn of(&self, event: &Value) -> Option<Sample> {
        let value = match &self.value {
            MetricValue::Constant(value) => *value,
            MetricValue::Path(path) => path.find(event)?.as_f64()?,
        };
        let dimensions = self.dimensions.iter().map(|(key, path)| match path.find(event)? {
            Value::String(text) => Some((key.clone(), text.clone())),
            Value::Number(number) => Some((key.clone(), number.to_string())),
            _ => None,
        });
        let dimensions = dimensions.collect::<Option<_>>()?;
        Some(Sample { namespace: self.namespace.clone(), name: self.name.clone(), dimensions, value })
    }
}
