//! Every generated alarm is understood in full.

use crate::support::minute;
use crate::yaml::alarms;
use healstack_model::alarm::{Alarm, AlarmDefinition, MetricStore, Place, Plan};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn definitions() -> Vec<AlarmDefinition> {
    let alarms = ["core", "checkout"].into_iter().flat_map(alarms);
    alarms.map(|properties| AlarmDefinition::parse(&properties).unwrap()).collect()
}

#[test]
fn every_generated_alarm_is_understood() {
    let definitions = definitions();
    let of = |kind: fn(&Plan) -> bool| definitions.iter().filter(|definition| kind(definition.plan())).count();
    assert!(of(|plan| matches!(plan, Plan::Metric(..))) >= 20);
    assert!(of(|plan| matches!(plan, Plan::Math(_))) >= 10);
    assert!(of(|plan| matches!(plan, Plan::Fleet(_))) >= 10);
    let names: BTreeSet<&str> = definitions.iter().map(AlarmDefinition::name).collect();
    assert_eq!(names.len(), definitions.len());
}

#[test]
fn every_generated_alarm_lives_without_a_datapoint() {
    for definition in definitions() {
        let mut alarm = Alarm::new(definition, minute(0));
        let transitions = alarm.evaluate(minute(1), &MetricStore::new());
        assert!(transitions.len() <= 1, "{transitions:?}");
        assert_eq!(alarm.evaluate(minute(2), &MetricStore::new()), []);
    }
}

/// Templates write what `DescribeAlarms` answers: the sweeper and the runbooks read the same names.
#[test]
fn a_description_keeps_the_properties() {
    for properties in ["core", "checkout"].into_iter().flat_map(alarms) {
        let alarm = Alarm::new(AlarmDefinition::parse(&properties).unwrap(), minute(0));
        let described = alarm.describe(&Place::new("123456789012", "eu-west-1"));
        for (name, value) in properties.as_object().unwrap() {
            let (value, described) = (floats(value), floats(&described[name]));
            assert_eq!(described, value, "{} of {}", name, properties["AlarmName"]);
        }
    }
}

/// Numbers in one form; a metric's dimensions always there.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}
