//! One alarm over time: its transitions, their words and their actions.

use crate::support::{alarm, metric, minute, store};
use healstack_model::alarm::{Alarm, AlarmDefinition, HOUR, MINUTE, MetricId, MetricStore, Mute, State, Transition};
use serde_json::{Value, json};

/// `OK -> ALARM` and the reason, minute by minute.
fn run(alarm: &mut Alarm, store: &MetricStore, minutes: i64) -> Vec<(i64, String, String)> {
    let shown = |number, transition: Transition| {
        (number, format!("{} -> {}", transition.previous.value, transition.state.value), transition.state.reason)
    };
    let evaluations = (0..=minutes).flat_map(|number| {
        let transitions = alarm.evaluate(minute(number) + 7_000, store);
        transitions.into_iter().map(move |transition| shown(number, transition)).collect::<Vec<_>>()
    });
    evaluations.collect()
}

/// The figure of the CloudWatch user guide, "Alarm evaluation": 3 of 3 above the threshold of 3 in the third to fifth
/// period.
#[test]
fn the_documented_figure() {
    let values = [2.0, 2.0, 4.0, 4.0, 5.0, 2.0, 2.0, 2.0, 4.0, 2.0].map(Some);
    let mut alarm = alarm(&json!({"ComparisonOperator": "GreaterThanThreshold", "Threshold": 3}));
    let seen = run(&mut alarm, &store(&values), 10);
    let states: Vec<(i64, &str)> = seen.iter().map(|(number, change, _)| (*number, change.as_str())).collect();
    assert_eq!(states, [(1, "INSUFFICIENT_DATA -> OK"), (5, "OK -> ALARM"), (6, "ALARM -> OK")]);
    assert_eq!(
        seen[1].2,
        "Threshold Crossed: 3 out of the last 3 datapoints [5.0 (24/11/26 10:04:00), 4.0 (24/11/26 10:03:00), \
         4.0 (24/11/26 10:02:00)] were greater than the threshold (3.0) (minimum 3 datapoints for OK -> ALARM \
             transition)."
    );
    assert_eq!(
        seen[2].2,
        "Threshold Crossed: 1 out of the last 3 datapoints [2.0 (24/11/26 10:05:00)] was not greater than the \
            threshold \
         (3.0) (minimum 1 datapoint for ALARM -> OK transition)."
    );
}

#[test]
fn words_without_datapoints() {
    let reason = |more: Value| {
        let mut alarm = alarm(&more);
        alarm.set_state(
            minute(0),
            if more["TreatMissingData"] == "missing" { State::Ok } else { State::InsufficientData },
            "x",
            None,
        );
        alarm.evaluate(minute(5), &store(&[])).remove(0).state.reason
    };
    assert_eq!(
        reason(json!({"TreatMissingData": "breaching"})),
        "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated \
            as [Breaching]."
    );
    assert_eq!(
        reason(json!({"TreatMissingData": "notBreaching", "EvaluationPeriods": 1, "DatapointsToAlarm": 1})),
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as \
            [NonBreaching]."
    );
    assert_eq!(reason(json!({"TreatMissingData": "missing"})), "Insufficient Data: 3 datapoints were unknown.");
    let one = json!({"TreatMissingData": "missing", "EvaluationPeriods": 1, "DatapointsToAlarm": 1});
    assert_eq!(reason(one), "Insufficient Data: 1 datapoint was unknown.");
}

#[test]
fn words_of_many_datapoints_and_of_none_asked_for() {
    let mut many = alarm(&json!({"EvaluationPeriods": 6, "DatapointsToAlarm": 6}));
    assert_eq!(
        many.evaluate(minute(6), &store(&[Some(2.0); 6])).remove(0).state.reason,
        "Threshold Crossed: 6 out of the last 6 datapoints were greater than or equal to the threshold (1.0). \
            The most recent \
         datapoints which crossed the threshold: [2.0 (24/11/26 10:05:00), 2.0 (24/11/26 10:04:00), 2.0 \
             (24/11/26 10:03:00), \
         2.0 (24/11/26 10:02:00), 2.0 (24/11/26 10:01:00)] (minimum 6 datapoints for OK -> ALARM transition)."
    );
    let mut properties = crate::support::properties(&json!({"EvaluationPeriods": 2, "TreatMissingData": "breaching"}));
    properties.as_object_mut().unwrap().remove("DatapointsToAlarm");
    let mut plain = Alarm::new(AlarmDefinition::parse(&properties).unwrap(), minute(0));
    assert_eq!(
        plain.evaluate(minute(1), &store(&[Some(1.0)])).remove(0).state.reason,
        "Threshold Crossed: 1 datapoint [1.0 (24/11/26 10:00:00)] was greater than or equal to the threshold \
            (1.0) and 1 \
         missing datapoint was treated as [Breaching]."
    );
}

/// CloudWatch user guide, "Alarm evaluation": every minute, by the window of the period, not by whole periods.
#[test]
fn a_window_slides_by_the_minute() {
    let mut alarm = alarm(
        &json!({"Period": 300, "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "Statistic": "Sum", "Threshold": 10}),
    );
    let mut values = [Some(0.0); 12];
    values[6] = Some(10.0);
    let seen = run(&mut alarm, &store(&values), 12);
    let states: Vec<(i64, &str)> = seen.iter().map(|(number, change, _)| (*number, change.as_str())).collect();
    assert_eq!(states, [(1, "INSUFFICIENT_DATA -> OK"), (7, "OK -> ALARM"), (12, "ALARM -> OK")]);
}

/// CloudWatch user guide, "Example of evaluating a multi-day alarm": it considers data up to the whole hour.
#[test]
fn more_than_a_day_is_looked_at_by_the_hour() {
    let properties = json!({
        "AlarmName": "job", "Namespace": "Jobs", "MetricName": "Failed", "Statistic": "Sum", "Period": 3 * 86400,
        "EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    });
    let mut alarm = Alarm::new(AlarmDefinition::parse(&properties).unwrap(), minute(0));
    assert_eq!(alarm.definition().interval(), HOUR);
    let mut store = MetricStore::new();
    store.put(&MetricId::new("Jobs", "Failed", []), minute(2), 1.0);
    let states = [3, 59, 63].map(|number| {
        alarm.evaluate(minute(number), &store);
        alarm.state().value
    });
    assert_eq!(states, [State::Ok, State::Ok, State::Alarm]);
}

#[test]
fn actions_run_when_they_are_on_and_not_muted() {
    let more = json!({"AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:t"], "OKActions": ["arn:ok"]});
    let mut alarm = alarm(&more);
    let high = store(&[Some(1.0); 3]);
    assert_eq!(alarm.evaluate(minute(3), &high)[0].actions, ["arn:aws:sns:eu-west-1:123456789012:t"]);
    let ok = alarm.set_state(minute(3), State::Ok, "by hand", Some("{}")).unwrap();
    assert_eq!(
        (ok.actions, ok.state.reason.as_str(), ok.state.reason_data.as_deref()),
        (vec!["arn:ok".to_owned()], "by hand", Some("{}"))
    );
    assert_eq!(alarm.set_state(minute(3), State::Ok, "again", None), None);
    alarm.set_actions_enabled(false);
    assert_eq!(alarm.evaluate(minute(3), &high)[0].actions, <[String; 0]>::default());
    // A deployment turns actions on again.
    alarm.redefine(alarm.definition().clone());
    let mute = Mute { by_arn: "arn:mute".to_owned(), start: minute(0), end: minute(60) };
    alarm.set_mute(Some(mute.clone()));
    let muted = alarm.set_state(minute(4), State::Ok, "by hand", None).unwrap();
    assert_eq!((muted.actions.len(), muted.mute), (0, Some(mute)));
    alarm.set_mute(None);
    assert_eq!(alarm.evaluate(minute(3), &high)[0].actions.len(), 1);
}

#[test]
fn a_range_keeps_judging_the_last_datapoints_for_a_while() {
    // The note in "How alarm state is evaluated when data is missing": the last set of datapoints, again and again.
    let mut alarm = alarm(&json!({"TreatMissingData": "missing"}));
    let seen = run(&mut alarm, &store(&[Some(1.0), Some(1.0), Some(1.0)]), 12);
    let states: Vec<(i64, &str)> = seen.iter().map(|(number, change, _)| (*number, change.as_str())).collect();
    assert_eq!(states, [(3, "INSUFFICIENT_DATA -> ALARM"), (8, "ALARM -> INSUFFICIENT_DATA")]);
}

#[test]
fn how_far_an_alarm_looks_back() {
    let definition = alarm(&json!({})).definition().clone();
    assert_eq!(definition.lookback(), 6 * MINUTE);
    let mut pruned = store(&[Some(1.0); 100]);
    pruned.prune(minute(100) - definition.lookback());
    let mut alarm = Alarm::new(definition, minute(0));
    assert_eq!(alarm.evaluate(minute(100), &pruned)[0].state.value, State::Alarm);
    pruned.prune(minute(101));
    assert!(pruned.is_empty());
    assert_eq!(metric().namespace, "AWS/EC2");
}
