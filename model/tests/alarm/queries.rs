//! Metrics Insights queries (CloudWatch user guide, "Query components and syntax in CloudWatch Metrics Insights"), seen
//! through the contributors that an alarm on them has.

use crate::fleets::fleet;
use crate::support::minute;
use healstack_model::alarm::{AlarmError, InsightsQuery, MetricId, MetricStore};
use serde_json::json;

/// Volumes of instances in stacks, and one instance without a volume.
fn store() -> MetricStore {
    let mut store = MetricStore::new();
    let metrics = [
        (vec![("InstanceId", "i-1"), ("VolumeId", "v-1"), ("Stack", "a")], 1.0),
        (vec![("InstanceId", "i-1"), ("VolumeId", "v-2"), ("Stack", "a")], 2.0),
        (vec![("InstanceId", "i-2"), ("VolumeId", "v-3"), ("Stack", "b")], 3.0),
        (vec![("InstanceId", "i-3")], 4.0),
    ];
    for (dimensions, value) in metrics {
        let metric = MetricId::new("N/S", "Busy", dimensions);
        store.put(&metric, minute(0), value);
        store.put(&metric, minute(1), value);
    }
    store.tag_resource("N/S", "VolumeId", "v-2", [("it's", "\"x\"")]);
    store
}

/// The values of the contributors' labels, and the value of each datapoint, in the order in which they came.
fn contributors(query: &str) -> Vec<(Vec<String>, String)> {
    let query = json!([{"Id": "q", "Expression": query, "Period": 60}]);
    let mut alarm = fleet(&json!({"Metrics": query}));
    let transitions = alarm.evaluate(minute(2), &store());
    let value = |reason: &str| reason.rsplit('[').next().unwrap().split(' ').next().unwrap().to_owned();
    let shown = transitions.into_iter().filter_map(|transition| {
        let labels = transition.contributor?.attributes.into_values().collect();
        Some((labels, value(&transition.state.reason)))
    });
    shown.collect()
}

#[track_caller]
fn check(query: &str, expected: &[(&[&str], &str)]) {
    let expected: Vec<(Vec<String>, String)> = expected
        .iter()
        .map(|(labels, value)| (labels.iter().map(|label| (*label).to_owned()).collect(), (*value).to_owned()))
        .collect();
    assert_eq!(contributors(query), expected, "{query}");
}

#[test]
fn groups_have_values_of_their_labels() {
    check(
        "SELECT SUM(Busy) FROM \"N/S\" GROUP BY InstanceId ORDER BY MAX() DESC",
        &[(&["i-3"], "4.0"), (&["i-1"], "3.0"), (&["i-2"], "3.0")],
    );
    check(
        "SELECT MAX(Busy) FROM SCHEMA(\"N/S\", Stack, VolumeId, InstanceId) GROUP BY InstanceId, VolumeId \
            ORDER BY SUM() ASC",
        &[(&["i-1", "v-1"], "1.0"), (&["i-1", "v-2"], "2.0"), (&["i-2", "v-3"], "3.0")],
    );
    check("select avg(Busy) from schema(\"N/S\", InstanceId) group by InstanceId order by max()", &[(&["i-3"], "4.0")]);
    check("SELECT MIN(Busy) FROM SCHEMA(\"N/S\", InstanceId, VolumeId) GROUP BY InstanceId ORDER BY MAX()", &[]);
}

#[test]
fn a_metric_without_the_label_is_other() {
    check(
        "SELECT COUNT(Busy) FROM \"N/S\" GROUP BY Stack ORDER BY MAX()",
        &[(&["Other"], "1.0"), (&["b"], "1.0"), (&["a"], "2.0")],
    );
}

#[test]
fn conditions_on_dimensions_and_tags() {
    check("SELECT AVG(Busy) FROM \"N/S\" WHERE Stack = 'a' GROUP BY Stack ORDER BY MAX()", &[(&["a"], "1.5")]);
    check(
        "SELECT MAX(Busy) FROM \"N/S\" WHERE Stack != 'a' AND \"InstanceId\" != 'i-2' GROUP BY InstanceId \
            ORDER BY MAX()",
        &[(&["i-3"], "4.0")],
    );
    check(
        "SELECT MAX(Busy) FROM \"N/S\" WHERE tag.\"it\\'s\" = '\"x\"' GROUP BY VolumeId ORDER BY MAX()",
        &[(&["v-2"], "2.0")],
    );
    check("SELECT MAX(Busy) FROM \"N/S\" WHERE tag.env = 'prod' GROUP BY VolumeId ORDER BY MAX()", &[]);
}

#[test]
fn the_first_of_an_order() {
    check("SELECT MAX(Busy) FROM \"N/S\" GROUP BY InstanceId ORDER BY MAX() DESC LIMIT 1", &[(&["i-3"], "4.0")]);
    check("SELECT MAX(Busy) FROM \"N/S\" GROUP BY InstanceId ORDER BY MIN() LIMIT 1", &[(&["i-1"], "2.0")]);
}

/// "Alarms based on Metrics Insights queries that aggregate to a single time series" are like alarms on one metric.
#[test]
fn without_groups_it_is_one_series() {
    let query = json!([{"Id": "q", "Expression": "SELECT SUM(Busy) FROM \"N/S\"", "Period": 60}]);
    let mut alarm = fleet(&json!({"Metrics": query}));
    let transitions = alarm.evaluate(minute(2), &store());
    assert_eq!(transitions.len(), 1);
    assert_eq!(
        transitions[0].state.reason,
        "Threshold Crossed: 2 out of the last 2 datapoints [10.0 (24/11/26 10:01:00), 10.0 (24/11/26 \
            10:00:00)] were greater \
         than the threshold (0.0) (minimum 2 datapoints for OK -> ALARM transition)."
    );
    assert_eq!(transitions[0].actions.len(), 3);
}

#[test]
fn what_is_not_understood_is_named() {
    let cases = [
        ("SELECT MAX(a), MIN(b) FROM n", "FROM is missing before `,`"),
        ("SELECT MEDIAN(a) FROM n", "the function MEDIAN is not understood"),
        ("SELECT MAX(a) FROM n WHERE x = 'y' OR x = 'z'", "nothing is understood before `OR`"),
        ("SELECT MAX(a) FROM n WHERE x > 'y'", "= or != is missing before `>`"),
        ("SELECT MAX(a) FROM n WHERE x = y", "a value in single quotes is missing before `y`"),
        ("SELECT MAX(a) FROM n WHERE AWS.AccountId = '1'", "`AWS.` is not understood in a condition"),
        ("SELECT MAX(a) FROM n GROUP BY tag.x ORDER BY MAX()", "`tag.` is not understood in a list of labels"),
        ("SELECT MAX(a) FROM n GROUP BY x", "an alarm on GROUP BY needs ORDER BY"),
        ("SELECT MAX(a) FROM n GROUP x", "BY is missing before `x`"),
        ("SELECT MAX(LIMIT) FROM n", "the metric's name is missing before `LIMIT`"),
        ("SELECT MAX(a) FROM n LIMIT 501", "LIMIT needs a whole number from 1 to 500"),
        ("SELECT MAX(a) FROM n HAVING x", "nothing is understood before `HAVING`"),
        ("SELECT MAX(a) FROM \"n", "the \" of `\"n` has no end"),
        ("SELECT", "a function is missing at the end"),
    ];
    for (query, problem) in cases {
        let expected = AlarmError::Query { query: query.to_owned(), problem: problem.to_owned() };
        assert_eq!(InsightsQuery::parse(query), Err(expected));
    }
}
