//! A metric, an alarm on it, and moments by the minute.

use healstack_model::alarm::{Alarm, AlarmDefinition, MINUTE, MetricId, MetricStore, Millis};
use serde_json::{Value, json};

/// 2026-11-24T10:00:00Z, a whole hour.
pub(crate) const BEGIN: Millis = 1_795_514_400_000;

/// The moment some minutes later.
pub(crate) fn minute(number: i64) -> Millis {
    BEGIN + number * MINUTE
}

pub(crate) fn metric() -> MetricId {
    MetricId::new("AWS/EC2", "CPUUtilization", [("InstanceId", "i-1")])
}

/// An alarm on [`metric`]: `>= 1` for 3 of 3 minutes, with properties replaced or added.
pub(crate) fn properties(more: &Value) -> Value {
    let mut properties = json!({
        "AlarmName": "cpu",
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 3,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    });
    for (name, value) in more.as_object().unwrap() {
        properties[name] = value.clone();
    }
    properties
}

pub(crate) fn alarm(more: &Value) -> Alarm {
    Alarm::new(AlarmDefinition::parse(&properties(more)).unwrap(), BEGIN)
}

/// Datapoints of [`metric`], one a minute from [`BEGIN`] on; `None` is missing.
pub(crate) fn store(values: &[Option<f64>]) -> MetricStore {
    let mut store = MetricStore::new();
    for (number, value) in values.iter().enumerate() {
        if let Some(value) = value {
            store.put(&metric(), minute(i64::try_from(number).unwrap()) + 5_000, *value);
        }
    }
    store
}
