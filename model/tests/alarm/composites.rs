//! Composite alarms (`PutCompositeAlarm`).

use crate::support::minute;
use healstack_model::alarm::{AlarmError, AlarmRule, CompositeAlarm, CompositeDefinition, Place, State, StateChange};
use serde_json::json;

fn place() -> Place {
    Place::new("123456789012", "us-east-1")
}

fn change(value: State, at: i64) -> StateChange {
    StateChange { value, reason: String::new(), reason_data: None, at: minute(at) }
}

fn composite(rule: &str) -> CompositeAlarm {
    let properties = json!({"AlarmName": "all", "AlarmRule": rule, "AlarmActions": ["arn:topic"]});
    CompositeAlarm::new(CompositeDefinition::parse(&properties).unwrap(), minute(0))
}

/// The state of a rule's alarm where `a` is in ALARM, `b` is OK and `c (1)` has no data.
fn state(rule: &str) -> State {
    let mut alarm = composite(rule);
    let states = |name: &str| match name {
        "a" => Some(change(State::Alarm, 1)),
        "b" => Some(change(State::Ok, 2)),
        "c (1)" => Some(change(State::InsufficientData, 3)),
        _ => None,
    };
    alarm.evaluate(minute(5), &place(), states).unwrap();
    alarm.state().value
}

#[test]
fn rules_hold_or_not() {
    let holding = [
        "ALARM(a)",
        "ALARM(\"a\") AND OK(b)",
        "ALARM(a) AND NOT ALARM(b)",
        "(ALARM(b) OR ALARM(a)) AND OK(b)",
        "INSUFFICIENT_DATA(\"c (1)\")",
        "OK(a) AND OK(b) OR TRUE",
        "NOT NOT TRUE",
        "ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a)",
        "  TRUE\n AND ( ALARM( a ) ) ",
    ];
    for rule in holding {
        assert_eq!(state(rule), State::Alarm, "{rule}");
    }
    for rule in
        ["OK(a)", "ALARM(a) AND (OK(a) OR ALARM(b))", "FALSE", "NOT (ALARM(a) OR FALSE)", "FALSE AND TRUE OR FALSE"]
    {
        assert_eq!(state(rule), State::Ok, "{rule}");
    }
}

#[test]
fn a_transition_names_what_caused_it() {
    let mut alarm = composite("ALARM(a) OR ALARM(b)");
    let states = |name: &str| Some(if name == "a" { change(State::Alarm, 3) } else { change(State::Ok, 1) });
    let transition = alarm.evaluate(minute(3), &place(), states).unwrap().unwrap();
    assert_eq!(
        transition.state.reason,
        "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a transitioned to ALARM at Tuesday 24 November, 2026 \
            10:03:00 UTC"
    );
    assert_eq!(transition.actions, ["arn:topic"]);
    let event = alarm.event(&transition, &place(), "id", minute(3));
    assert_eq!(event["detail"]["configuration"], json!({"alarmRule": "ALARM(a) OR ALARM(b)"}));
    assert_eq!(event["detail"]["state"]["value"], "ALARM");
    assert_eq!(alarm.evaluate(minute(4), &place(), states), Ok(None));
    assert_eq!(alarm.describe(&place())["StateValue"], "ALARM");
}

#[test]
fn an_unknown_alarm_is_an_error() {
    let expected = AlarmError::UnknownAlarm { composite: "all".to_owned(), alarm: "z".to_owned() };
    assert_eq!(composite("ALARM(z)").evaluate(minute(1), &place(), |_| None), Err(expected));
}

#[test]
fn what_is_not_understood_is_named() {
    let cases = [
        ("ALARM(a", "`)` is missing after `a`"),
        ("ALARM(\"a\"", "`)` is missing after `a`"),
        ("ALARM a", "`(` is missing before `a`"),
        ("ALARM()", "an alarm's name is missing"),
        ("(TRUE", "`)` is missing before ``"),
        ("TRUE FALSE", "nothing is understood before `FALSE`"),
        ("ANY(a)", "`ANY(a)` does not begin with a condition that is understood"),
        (
            "AT_LEAST(2, ALARM, (a, b))",
            "`AT_LEAST(2, ALARM, (a, b))` does not begin with a condition that is understood",
        ),
        ("", "`` does not begin with a condition that is understood"),
    ];
    for (rule, problem) in cases {
        let expected = AlarmError::Rule { rule: rule.to_owned(), problem: problem.to_owned() };
        assert_eq!(AlarmRule::parse(rule), Err(expected));
    }
    let suppressed = json!({"AlarmName": "all", "AlarmRule": "TRUE", "ActionsSuppressor": "a"});
    let error = CompositeDefinition::parse(&suppressed).unwrap_err().to_string();
    assert!(error.contains("ActionsSuppressor"), "{error}");
}
