//! Every row of the tables in the CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data", read
//! through a whole alarm: its range of 5 periods, its datapoints and its state.

use crate::support::{alarm, minute, store};
use healstack_model::alarm::{State, TreatMissing, judge};
use serde_json::json;

const TREATMENTS: [&str; 4] = ["missing", "ignore", "breaching", "notBreaching"];

/// `0` is within the threshold, `X` beyond it, `-` missing; the most recent datapoint is the last.
fn datapoints(row: &str) -> Vec<Option<f64>> {
    let value = |mark: &str| match mark {
        "0" => Some(0.0),
        "X" => Some(1.0),
        "-" => None,
        _ => panic!("{mark}"),
    };
    row.split_whitespace().map(value).collect()
}

/// The state after a row, from a state before it; `None` where the table says "Retain current state".
fn check(row: &str, m: u32, expected: [Option<State>; 4]) {
    let values = datapoints(row);
    let end = minute(i64::try_from(values.len()).unwrap());
    for (treatment, expected) in TREATMENTS.into_iter().zip(expected) {
        for before in [State::Ok, State::Alarm, State::InsufficientData] {
            let mut alarm = alarm(&json!({"DatapointsToAlarm": m, "TreatMissingData": treatment}));
            alarm.set_state(end, before, "before", None);
            alarm.evaluate(end, &store(&values));
            assert_eq!(alarm.state().value, expected.unwrap_or(before), "{row}, {treatment}, from {before}");
        }
    }
}

const OK: Option<State> = Some(State::Ok);
const ALARM: Option<State> = Some(State::Alarm);
const INSUFFICIENT: Option<State> = Some(State::InsufficientData);
const RETAIN: Option<State> = None;

#[test]
fn first_table_row_1_three_datapoints_exist() {
    check("0 - X - X", 3, [OK, OK, OK, OK]);
}

#[test]
fn first_table_row_2_one_datapoint_within_the_threshold() {
    check("0 - - - -", 3, [OK, OK, OK, OK]);
}

#[test]
fn first_table_row_3_nothing() {
    check("- - - - -", 3, [INSUFFICIENT, RETAIN, ALARM, OK]);
}

#[test]
fn first_table_row_4_the_missing_datapoint_is_not_needed() {
    check("0 X X - X", 3, [ALARM, ALARM, ALARM, ALARM]);
}

#[test]
fn first_table_row_5_premature_alarm_state() {
    check("- - X - -", 3, [ALARM, RETAIN, ALARM, OK]);
}

#[test]
fn second_table_row_1_two_of_three() {
    check("0 - X - X", 2, [ALARM, ALARM, ALARM, ALARM]);
}

#[test]
fn second_table_row_2_older_datapoints_are_not_needed() {
    check("0 0 X 0 X", 2, [ALARM, ALARM, ALARM, ALARM]);
}

#[test]
fn second_table_row_3_one_missing() {
    check("0 - X - -", 2, [OK, OK, ALARM, OK]);
}

#[test]
fn second_table_row_4_two_missing() {
    check("- - - - 0", 2, [OK, OK, ALARM, OK]);
}

#[test]
fn second_table_row_5_premature_alarm_state() {
    check("- - - X -", 2, [ALARM, RETAIN, ALARM, OK]);
}

/// Same page, "Avoiding premature transitions to alarm state": not yet an alarm, because the next datapoint may be
/// good.
#[test]
fn a_recent_single_breach_waits_for_the_next_datapoint() {
    for row in ["- - - - X", "- - - X -"] {
        check(row, 3, [INSUFFICIENT, RETAIN, ALARM, OK]);
    }
    for row in ["- - - X 0", "- - X - 0"] {
        check(row, 3, [OK, OK, OK, OK]);
    }
}

/// Below the first table: "the next time this alarm is evaluated, if the data is still missing it will go to ALARM".
#[test]
fn the_good_datapoint_of_row_2_leaves_the_range() {
    let values = datapoints("0 - - - -");
    let mut alarm = alarm(&json!({"TreatMissingData": "breaching"}));
    let (first, next) = (alarm.evaluate(minute(5), &store(&values)), alarm.evaluate(minute(6), &store(&values)));
    assert_eq!(first.iter().map(|t| t.state.value).collect::<Vec<_>>(), [State::Ok]);
    assert_eq!(next.iter().map(|t| t.state.value).collect::<Vec<_>>(), [State::Alarm]);
}

/// The second columns of the tables: how many datapoints must be filled in.
#[test]
fn missing_datapoints_are_used_as_few_times_as_possible() {
    let filled = [("0 - X - X", 0), ("0 - - - -", 2), ("- - - - -", 3), ("0 X X - X", 0), ("- - X - -", 2)];
    let more = [("0 0 X 0 X", 0), ("0 - X - -", 1), ("- - - - 0", 2), ("- - - X -", 2)];
    for (row, expected) in filled.into_iter().chain(more) {
        let points: Vec<Option<bool>> =
            datapoints(row).into_iter().map(|value| value.map(|value| value >= 1.0)).collect();
        assert_eq!(judge(&points, 3, 3, TreatMissing::Missing).missing, expected, "{row}");
    }
}

/// Same page: "Alarms that evaluate metrics in the AWS/DynamoDB namespace default to ignore missing data."
#[test]
fn dynamodb_ignores_missing_data_unless_told_otherwise() {
    let state = |more| {
        let mut alarm = alarm(&more);
        alarm.set_state(minute(0), State::Alarm, "before", None);
        alarm.evaluate(minute(5), &store(&[]));
        alarm.state().value
    };
    assert_eq!(state(json!({"Namespace": "AWS/DynamoDB"})), State::Alarm);
    assert_eq!(state(json!({"Namespace": "AWS/DynamoDB", "TreatMissingData": "missing"})), State::InsufficientData);
    assert_eq!(state(json!({})), State::InsufficientData);
}
