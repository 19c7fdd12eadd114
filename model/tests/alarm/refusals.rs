//! What is not understood, and what CloudWatch would refuse.

use crate::support::properties;
use healstack_model::alarm::AlarmDefinition;
use serde_json::{Value, json};

/// The error contains the text.
#[track_caller]
fn refused(properties: &Value, text: &str) {
    let error = AlarmDefinition::parse(properties).unwrap_err().to_string();
    assert!(error.contains(text), "{error}");
}

#[test]
fn unknown_properties_and_values_are_named() {
    let cases = [
        (json!({"EvaluateLowSampleCountPercentile": "ignore"}), "EvaluateLowSampleCountPercentile"),
        (json!({"Unit": "Percent"}), "Unit"),
        (json!({"ThresholdMetricId": "ad1"}), "ThresholdMetricId"),
        (json!({"ComparisonOperator": "GreaterThanUpperThreshold"}), "GreaterThanUpperThreshold"),
        (json!({"TreatMissingData": "Missing"}), "Missing"),
        (json!({"Dimensions": [{"Name": "a", "Value": "b", "Colour": "c"}]}), "Colour"),
        (json!({"Statistic": "tm99"}), "`tm99`"),
        (json!({"Threshold": {"Ref": "Threshold"}}), "a number"),
        (json!({"Threshold": "high"}), "high"),
        (json!({"ActionsEnabled": "no"}), "true or false"),
        (json!({"EvaluationPeriods": 0}), "a whole number above 0"),
        (json!({"EvaluationPeriods": 1.5}), "a whole number above 0"),
    ];
    for (more, text) in cases {
        refused(&properties(&more), text);
    }
}

#[test]
fn what_does_not_fit_together() {
    let cases = [
        (json!({"Period": 10}), "a period of 10 seconds is not understood"),
        (json!({"DatapointsToAlarm": 4}), "DatapointsToAlarm is greater than EvaluationPeriods"),
        (json!({"EvaluationPeriods": 1441, "DatapointsToAlarm": 1}), "more than CloudWatch evaluates"),
        (json!({"EvaluationPeriods": 8, "DatapointsToAlarm": 1, "Period": 86400}), "more than CloudWatch evaluates"),
        (json!({"ExtendedStatistic": "p99"}), "one of Statistic and ExtendedStatistic"),
        (json!({"Statistic": "p99"}), "percentiles, and only they"),
        (json!({"AlarmActions": ["a", "b", "c", "d", "e", "f"]}), "more than 5 actions"),
        (json!({"Metrics": [{"Id": "m"}]}), "Metrics excludes"),
        (json!({"Dimensions": [{"Name": "a", "Value": "b"}, {"Name": "a", "Value": "c"}]}), "is given twice"),
    ];
    for (more, text) in cases {
        refused(&properties(&more), text);
    }
    let mut nameless = properties(&json!({}));
    nameless.as_object_mut().unwrap().remove("AlarmName");
    refused(&nameless, "AlarmName");
    let mut nothing = properties(&json!({}));
    nothing.as_object_mut().unwrap().remove("MetricName");
    refused(&nothing, "it needs Namespace, MetricName and Period, or Metrics");
}

fn math(metrics: &Value) -> Value {
    json!({"AlarmName": "math", "Metrics": metrics, "EvaluationPeriods": 1, "Threshold": 1,
           "ComparisonOperator": "GreaterThanThreshold"})
}

fn stat(id: &str, period: u32) -> Value {
    json!({"Id": id, "ReturnData": false,
           "MetricStat": {"Metric": {"Namespace": "n", "MetricName": id}, "Period": period, "Stat": "Sum"}})
}

#[test]
fn metric_math_that_is_not_understood() {
    let query = "SELECT MAX(a) FROM n GROUP BY x ORDER BY MAX()";
    let eleven: Vec<Value> =
        (0..11).map(|number| stat(&format!("m{number}"), 60)).chain([json!({"Id": "e", "Expression": "m0"})]).collect();
    let cases = [
        (json!([stat("m", 60)]), "one entry of Metrics, and no more"),
        (
            json!([{"Id": "a", "Expression": "m"}, {"Id": "b", "Expression": "m"}, stat("m", 60)]),
            "one entry of Metrics, and no more",
        ),
        (json!([{"Id": "A", "Expression": "m"}, stat("m", 60)]), "the id `A`"),
        (json!([{"Id": "a", "Expression": "a"}, stat("m", 60)]), "in a circle"),
        (
            json!([{"Id": "a", "Expression": "b"}, {"Id": "b", "Expression": "a + m", "ReturnData": false},
                   stat("m", 60)]),
            "in a circle",
        ),
        (json!([{"Id": "a", "Expression": "m + n"}, stat("m", 60)]), "there is no id `n`"),
        (json!([{"Id": "a", "Expression": "m + n"}, stat("m", 60), stat("n", 300)]), "different periods"),
        (json!([{"Id": "a", "Expression": "m"}, stat("m", 60), stat("m", 60)]), "the id `m` is given twice"),
        (json!([{"Id": "a"}, stat("m", 60)]), "one of Expression and MetricStat"),
        (json!([{"Id": "a", "Expression": query}]), "a query with its own Period"),
        (json!([{"Id": "a", "Expression": query, "Period": 60}, stat("m", 60)]), "a query with its own Period"),
        (json!([{"Id": "a", "Expression": "m", "AccountId": "1"}, stat("m", 60)]), "AccountId"),
        (Value::Array(eleven), "more than 10 metrics"),
    ];
    for (metrics, text) in cases {
        refused(&math(&metrics), text);
    }
    let mut long = math(&json!([{"Id": "a", "Expression": query, "Period": 3600}]));
    long["EvaluationPeriods"] = json!(4);
    refused(&long, "more than CloudWatch evaluates");
}
