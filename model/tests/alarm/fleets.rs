//! Alarms over several time series: contributors, and the alarm's own state (CloudWatch user guide, "Missing Data in
//! CloudWatch Metrics Insights alarms", "Alarm actions", "Limits").

use crate::support::minute;
use healstack_model::alarm::{Alarm, AlarmDefinition, MetricId, MetricStore, State, Transition};
use serde_json::{Value, json};

const QUERY: &str = "SELECT MAX(StatusCheckFailed_System) FROM SCHEMA(\"AWS/EC2\", InstanceId) WHERE \
    tag.\"app\" = 'checkout' \
                     GROUP BY InstanceId ORDER BY MAX() DESC";

pub(crate) fn fleet(more: &Value) -> Alarm {
    let mut properties = json!({
        "AlarmName": "heal--checkout--ec2-instance-healing--system",
        "Metrics": [{"Id": "fleet", "Expression": QUERY, "Period": 60, "ReturnData": true}],
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "TreatMissingData": "missing",
        "AlarmActions": ["arn:aws:automate:eu-west-1:ec2:recover", "arn:aws:sns:eu-west-1:123456789012:t",
                         "arn:aws:ssm:eu-west-1:123456789012:opsitem:1"],
    });
    for (name, value) in more.as_object().unwrap() {
        properties[name] = value.clone();
    }
    Alarm::new(AlarmDefinition::parse(&properties).unwrap(), minute(0))
}

fn instance(id: &str) -> MetricId {
    MetricId::new("AWS/EC2", "StatusCheckFailed_System", [("InstanceId", id)])
}

/// Minutes of instances; all are tagged.
fn store(instances: &[(&str, &[f64])]) -> MetricStore {
    let mut store = MetricStore::new();
    for (id, values) in instances {
        store.tag_resource("AWS/EC2", "InstanceId", id, [("app", "checkout")]);
        for (number, value) in values.iter().enumerate() {
            store.put(&instance(id), minute(i64::try_from(number).unwrap()), *value);
        }
    }
    store
}

/// `i-1 OK -> ALARM`, the alarm's own without a name.
fn shown(transitions: &[Transition]) -> Vec<String> {
    let name = |transition: &Transition| {
        transition.contributor.as_ref().map(|contributor| format!("{} ", contributor.attributes["InstanceId"]))
    };
    let change = |transition: &Transition| format!("{} -> {}", transition.previous.value, transition.state.value);
    transitions.iter().map(|t| format!("{}{}", name(t).unwrap_or_default(), change(t))).collect()
}

#[test]
fn each_contributor_has_its_own_state() {
    let mut alarm = fleet(&json!({}));
    let store = store(&[("i-1", &[0.0, 1.0, 1.0, 1.0, 0.0, 0.0]), ("i-2", &[0.0, 0.0, 1.0, 1.0, 1.0, 0.0])]);
    let seen: Vec<Vec<String>> = (1..=6).map(|number| shown(&alarm.evaluate(minute(number), &store))).collect();
    assert_eq!(seen[0], ["INSUFFICIENT_DATA -> OK"]);
    assert_eq!(seen[1], <[&str; 0]>::default());
    assert_eq!(seen[2], ["i-1 OK -> ALARM", "OK -> ALARM"]);
    assert_eq!(seen[3], ["i-2 OK -> ALARM"], "the alarm itself is in ALARM already");
    assert_eq!(seen[4], ["i-1 ALARM -> OK"], "the other is still in ALARM");
    assert_eq!(seen[5], ["i-2 ALARM -> OK", "ALARM -> OK"]);
}

#[test]
fn reasons_and_actions() {
    let mut alarm = fleet(&json!({}));
    let store = store(&[("i-1", &[1.0, 1.0]), ("i-2", &[0.0, 0.0])]);
    let transitions = alarm.evaluate(minute(2), &store);
    let [contributor, own] = transitions.as_slice() else { panic!("{transitions:?}") };
    assert_eq!(
        contributor.state.reason,
        "Threshold Crossed: 2 datapoints were greater than the threshold (0.0). The most recent datapoints \
            which crossed the \
         threshold: [1.0 (24/11/26 10:01:00)]."
    );
    assert_eq!(contributor.state.reason_data, None);
    assert_eq!(own.state.reason, "1 out of 2 time series evaluated to ALARM");
    assert_eq!(contributor.actions.len(), 2, "recover and SNS, for the contributor");
    assert_eq!(own.actions, ["arn:aws:ssm:eu-west-1:123456789012:opsitem:1"]);
    let contributors: Vec<_> = alarm.contributors().map(|(contributor, _)| contributor.attributes.clone()).collect();
    assert_eq!(json!(contributors), json!([{"InstanceId": "i-1"}]));
}

/// "If a time series is not retrieved by the query anymore, it will transition to OK no matter the treat missing data
/// treatment", and says that no data was returned.
#[test]
fn a_vanished_contributor_is_ok_and_says_why() {
    for treatment in ["missing", "ignore", "breaching"] {
        let mut alarm = fleet(&json!({"TreatMissingData": treatment}));
        let store = store(&[("i-1", &[1.0, 1.0]), ("i-2", &[0.0; 20])]);
        assert_eq!(alarm.evaluate(minute(2), &store).len(), 2);
        // Two evaluation periods, and two more for missing datapoints.
        assert_eq!(alarm.evaluate(minute(5), &store), [], "{treatment}");
        let gone = alarm.evaluate(minute(6), &store);
        assert_eq!(shown(&gone), ["i-1 ALARM -> OK", "ALARM -> OK"], "{treatment}");
        assert_eq!(gone[0].state.reason, "No data was returned for this contributor");
        assert_eq!(gone[1].state.reason, "1 time series evaluated to OK");
    }
}

/// "The treat missing data treatment is applied for individual datapoints within the time series": with `notBreaching`
/// a contributor is OK before its series is gone, and nothing says that data is missing but the datapoints themselves.
#[test]
fn not_breaching_makes_a_silent_contributor_ok_before_it_vanishes() {
    let mut alarm = fleet(&json!({"TreatMissingData": "notBreaching"}));
    let store = store(&[("i-1", &[1.0, 1.0]), ("i-2", &[0.0; 20])]);
    alarm.evaluate(minute(2), &store);
    assert_eq!(alarm.evaluate(minute(4), &store), [], "both datapoints are still in the range");
    let silent = alarm.evaluate(minute(5), &store);
    assert_eq!(shown(&silent), ["i-1 ALARM -> OK", "ALARM -> OK"]);
    assert_eq!(silent[0].state.reason, "Threshold Crossed: 1 missing datapoint was treated as [NonBreaching].");
    assert_eq!(alarm.evaluate(minute(6), &store), []);
}

/// "At alarm level, if the query returns an empty result (no time series at all), the treat missing data treatment is
/// applied."
#[test]
fn no_series_at_all_is_treated_as_the_alarm_says() {
    let cases = [
        ("missing", State::InsufficientData, "Missing"),
        ("ignore", State::Alarm, "Ignore"),
        ("breaching", State::Alarm, "Breaching"),
        ("notBreaching", State::Ok, "NonBreaching"),
    ];
    for (treatment, expected, word) in cases {
        let mut alarm = fleet(&json!({"TreatMissingData": treatment}));
        let store = store(&[("i-1", &[1.0, 1.0])]);
        alarm.evaluate(minute(2), &store);
        let gone = alarm.evaluate(minute(10), &store);
        assert_eq!(shown(&gone[..1]), ["i-1 ALARM -> OK"], "{treatment}");
        let reason =
            format!("No time series were returned by the query. Treat missing data is configured as [{word}].");
        assert_eq!((alarm.state().value, &alarm.state().reason), (expected, &reason));
        assert_eq!(gone.len(), if expected == State::Alarm { 1 } else { 2 }, "no transition into the same state");
    }
}

#[test]
fn the_same_resource_is_the_same_contributor_again() {
    let store = store(&[("i-1", &[1.0, 1.0]), ("i-2", &[1.0, 1.0])]);
    let ids = |alarm: &mut Alarm| -> Vec<String> {
        let transitions = alarm.evaluate(minute(2), &store);
        transitions.into_iter().filter_map(|transition| Some(transition.contributor?.id)).collect()
    };
    let first = ids(&mut fleet(&json!({})));
    assert_eq!(first, ids(&mut fleet(&json!({"AlarmName": "another"}))));
    assert!(first.iter().all(|id| id.len() == 16 && id.bytes().all(|digit| digit.is_ascii_hexdigit())), "{first:?}");
    assert_ne!(first[0], first[1]);
}

#[test]
fn only_tagged_resources_are_seen() {
    let mut store = store(&[("i-1", &[1.0, 1.0])]);
    for id in ["i-2", "i-3"] {
        store.put(&instance(id), minute(0), 1.0);
        store.put(&instance(id), minute(1), 1.0);
    }
    store.tag_resource("AWS/EC2", "InstanceId", "i-3", [("app", "other")]);
    let mut alarm = fleet(&json!({}));
    assert_eq!(shown(&alarm.evaluate(minute(2), &store)), ["i-1 OK -> ALARM", "INSUFFICIENT_DATA -> ALARM"]);
}

/// "Limits": 100 contributors in ALARM, 500 time series, 10,000 metrics.
#[test]
fn quotas_cut_contributors_off_and_say_so() {
    let many = |count: usize| -> MetricStore {
        let ids: Vec<String> = (0..count).map(|number| format!("i-{number:05}")).collect();
        store(&ids.iter().map(|id| (id.as_str(), &[1.0, 1.0][..])).collect::<Vec<_>>())
    };
    let mut alarm = fleet(&json!({}));
    assert_eq!(alarm.evaluate(minute(2), &many(105)).len(), 101);
    assert_eq!(alarm.state().reason, "100+ time series evaluated to ALARM");
    assert!(!alarm.partial_data());
    alarm.evaluate(minute(2), &many(501));
    assert!(alarm.partial_data());
    alarm.evaluate(minute(2), &many(95));
    assert_eq!(alarm.state().reason, "95 out of 95 time series evaluated to ALARM");
    assert!(!alarm.partial_data());
}

#[test]
fn a_reason_alone_is_no_transition() {
    let mut alarm = fleet(&json!({}));
    let store = store(&[("i-1", &[1.0; 4]), ("i-2", &[0.0, 0.0, 1.0, 1.0])]);
    alarm.evaluate(minute(2), &store);
    let since = alarm.state().at;
    assert_eq!(shown(&alarm.evaluate(minute(4), &store)), ["i-2 OK -> ALARM"]);
    assert_eq!(alarm.state().reason, "2 out of 2 time series evaluated to ALARM");
    assert_eq!((alarm.state().at, alarm.updated()), (since, minute(4)));
}

#[test]
fn an_evaluation_can_be_repeated() {
    let mut alarm = fleet(&json!({}));
    let store = store(&[("i-1", &[1.0; 4])]);
    assert_eq!(alarm.evaluate(minute(2), &store).len(), 2);
    let before = alarm.clone();
    assert_eq!(alarm.evaluate(minute(2) + 30_000, &store), []);
    assert_eq!(alarm, before);
}
