//! What expressions see, and what becomes of their results.

use serde_json::{Value, json};

use crate::drive::{Reply, drive, machine, run};

fn evaluated(expression: &str, input: Value) -> Value {
    run(&json!({"A": {"Type": "Succeed", "Output": format!("{{% {expression} %}}")}}), input).output()
}

fn failed(expression: &str) -> String {
    run(&json!({"A": {"Type": "Succeed", "Output": format!("{{% {expression} %}}")}}), json!({})).error().error
}

#[test]
fn output_is_the_input_without_a_field() {
    assert_eq!(run(&json!({"A": {"Type": "Succeed"}}), json!({"a": [1]})).output(), json!({"a": [1]}));
}

#[test]
fn literals_and_expressions_mix() {
    let states =
        json!({"A": {"Type": "Succeed", "Output": {"a": "{% $states.input.x %}", "b": ["{% 1 + 1 %}", "$x"]}}});
    assert_eq!(run(&states, json!({"x": true})).output(), json!({"a": true, "b": [2, "$x"]}));
}

#[test]
fn nothing_is_an_error_but_a_member_without_value_is_left_out() {
    assert_eq!(failed("$states.input.missing"), "States.QueryEvaluationError");
    assert_eq!(evaluated("{'a': 1, 'b': $states.input.missing}", json!({})), json!({"a": 1}));
}

#[test]
fn wrong_types_are_an_error() {
    assert_eq!(failed("1 + 'a'"), "States.QueryEvaluationError");
    assert_eq!(failed("$parse('{')"), "States.QueryEvaluationError");
    assert_eq!(failed("$hash('x', 'CRC')"), "States.QueryEvaluationError");
    assert_eq!(failed("function($x) { $x }"), "States.QueryEvaluationError");
}

#[test]
fn bare_names_and_the_context_item_mean_nothing() {
    assert_eq!(failed("a"), "States.QueryEvaluationError");
    assert_eq!(failed("$"), "States.QueryEvaluationError");
}

#[test]
fn the_context_object_is_there() {
    let context = evaluated("$states.context", json!({"a": 1}));
    assert_eq!(
        context,
        json!({
            "Execution": {
                "Id": "arn:aws:states:eu-west-1:111122223333:execution:test:run",
                "Name": "run",
                "StartTime": "2026-01-05T12:00:00Z",
                "Input": {"a": 1},
            },
            "StateMachine": {"Id": "arn:aws:states:eu-west-1:111122223333:stateMachine:test", "Name": "test"},
            "State": {"Name": "A", "EnteredTime": "2026-01-05T12:00:00Z", "RetryCount": 0},
        })
    );
}

#[test]
fn time_is_virtual() {
    assert_eq!(evaluated("$now()", json!({})), "2026-01-05T12:00:00.000Z");
    assert_eq!(evaluated("$millis()", json!({})), 1_767_614_400_000_i64);
}

#[test]
fn randomness_is_the_seeds() {
    let drawn = evaluated("[$random(), $random(), $uuid()]", json!({}));
    assert_eq!(drawn, evaluated("[$random(), $random(), $uuid()]", json!({})));
    assert_ne!(drawn[0], drawn[1]);
    assert!(drawn[0].as_f64().is_some_and(|number| (0.0..1.0).contains(&number)));
    assert_eq!(drawn[2].as_str().map(str::len), Some(36));
    assert_eq!(evaluated("$random(7) = $random(7)", json!({})), true);
}

#[test]
fn functions_of_step_functions() {
    assert_eq!(evaluated("$parse('{\"a\": [1]}').a", json!({})), json!([1]));
    assert_eq!(
        evaluated("$hash('abc', 'SHA-256')", json!({})),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(evaluated("$partition([1..5], 2)", json!({})), json!([[1, 2], [3, 4], [5]]));
    assert_eq!(evaluated("$range(0, 10, 4)", json!({})), json!([0, 4, 8]));
    assert_eq!(evaluated("$range(3, 1, -1)", json!({})), json!([3, 2, 1]));
}

#[test]
fn arguments_may_be_one_expression() {
    let states = json!({"A": {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution",
        "Arguments": "{% {'StateMachineArn': 'm', 'Input': {'n': $states.input.n}} %}",
        "Output": "{% $states.result.ExecutionArn %}",
        "End": true,
    }});
    let run = drive(&machine(&states), json!({"n": 3}), |_| Reply::Value(json!({"executionArn": "e"})));
    assert_eq!(run.requests("StartExecution"), [&json!({"stateMachineArn": "m", "input": "{\"n\":3}"})]);
    assert_eq!(run.output(), "e");
}
