//! Retry, Catch and Fail.

use healstack_rehearsal::AwsError;
use healstack_rehearsal::aws::ErrorKind;
use healstack_rehearsal::states::Status;
use serde_json::{Value, json};

use crate::drive::{Reply, START, drive, machine, run};

/// A task `A` with these policies; `B` tells what was caught.
fn task(retry: &Value, catch: &Value) -> Value {
    json!({
        "A": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
            "Arguments": {"Name": "n"},
            "Retry": retry,
            "Catch": catch,
            "Output": "done",
            "End": true,
        },
        "B": {"Type": "Succeed", "Output": "{% [$states.input, $caught] %}"},
    })
}

fn throttled() -> Reply {
    Reply::Error(AwsError::server("ThrottlingException", "Rate exceeded"))
}

fn refused() -> Reply {
    Reply::Error(AwsError::client("ParameterNotFound", "none"))
}

#[test]
fn retries_wait_longer_each_time_and_then_fail() {
    let retry = json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3, "MaxAttempts": 3, "MaxDelaySeconds": 7}]);
    let run = drive(&machine(&task(&retry, &json!([]))), json!({}), |_| throttled());
    let moments: Vec<_> = run.calls.iter().map(|call| (call.at - START) / 1000).collect();
    assert_eq!(moments, [0, 3, 9, 16]);
    assert_eq!(run.error().error, "Ssm.ThrottlingException");
    // A retry does not enter the state again.
    assert_eq!(run.states(), ["A"]);
}

#[test]
fn defaults_of_a_retrier() {
    let retry = json!([{"ErrorEquals": ["States.ALL"]}]);
    let run = drive(&machine(&task(&retry, &json!([]))), json!({}), |_| throttled());
    let moments: Vec<_> = run.calls.iter().map(|call| (call.at - START) / 1000).collect();
    assert_eq!(moments, [0, 1, 3, 7]);
}

#[test]
fn the_first_retrier_that_matches_decides() {
    let retry = json!([
        {"ErrorEquals": ["Ssm.ParameterNotFoundException"], "MaxAttempts": 0},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 5},
    ]);
    let run = drive(&machine(&task(&retry, &json!([]))), json!({}), |_| refused());
    assert_eq!((run.calls.len(), run.error().error.as_str()), (1, "Ssm.ParameterNotFoundException"));
}

#[test]
fn retriers_count_apart() {
    let retry = json!([
        {"ErrorEquals": ["Ssm.ParameterNotFoundException"], "MaxAttempts": 2},
        {"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1},
    ]);
    let mut calls = 0;
    let run = drive(&machine(&task(&retry, &json!([]))), json!({}), |_| {
        calls += 1;
        if calls == 3 { throttled() } else { refused() }
    });
    assert_eq!(run.calls.len(), 4);
}

#[test]
fn what_is_caught_is_told_and_kept() {
    let catch = json!([
        {"ErrorEquals": ["Ssm.Other"], "Next": "A"},
        {"ErrorEquals": ["States.ALL"], "Assign": {"caught": "{% $states.errorOutput.Error %}"}, "Next": "B"},
    ]);
    let run = drive(&machine(&task(&json!([]), &catch)), json!({}), |_| refused());
    let cause = "none (Service: Ssm, Status Code: 400, Request ID: 00000000-0000-0000-0000-000000000000)";
    let name = "Ssm.ParameterNotFoundException";
    assert_eq!(run.output(), json!([{"Error": name, "Cause": cause}, name]));
}

#[test]
fn a_catcher_may_have_an_output() {
    let catch = json!([{
        "ErrorEquals": ["States.ALL"],
        "Assign": {"caught": true},
        "Output": "{% $states.input.kept %}",
        "Next": "B",
    }]);
    let run = drive(&machine(&task(&json!([]), &catch)), json!({"kept": 7}), |_| refused());
    assert_eq!(run.output(), json!([7, true]));
}

#[test]
fn arguments_that_fail_are_caught() {
    let mut states = task(
        &json!([]),
        &json!([{
            "ErrorEquals": ["States.QueryEvaluationError"], "Assign": {"caught": 1}, "Output": 2, "Next": "B",
        }]),
    );
    states["A"]["Arguments"]["Name"] = json!("{% $states.input.missing %}");
    assert_eq!(run(&states, json!({})).output(), json!([2, 1]));
}

#[test]
fn a_catcher_that_fails_itself_is_not_caught() {
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Output": "{% $missing %}", "Next": "B"}]);
    let run = drive(&machine(&task(&json!([]), &catch)), json!({}), |_| refused());
    assert_eq!(run.error().error, "States.QueryEvaluationError");
}

#[test]
fn no_answer_is_told_from_a_refusal() {
    let lost = || Reply::Error(AwsError { kind: ErrorKind::Timeout, ..AwsError::client("", "") });
    let run = drive(&machine(&task(&json!([]), &json!([]))), json!({}), |_| lost());
    assert_eq!(run.error().error, "Ssm.SdkClientException");
}

#[test]
fn a_result_that_is_too_large_is_no_result() {
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Next": "B"}]);
    let run =
        drive(&machine(&task(&json!([]), &catch)), json!({}), |_| Reply::Value(json!({"Value": "x".repeat(262_144)})));
    assert_eq!(run.error().error, "States.DataLimitExceeded");
}

#[test]
fn conditions_are_booleans() {
    let choice = |condition: &str| {
        json!({
            "A": {"Type": "Choice", "Choices": [{"Condition": condition, "Next": "B"}]},
            "B": {"Type": "Succeed"},
        })
    };
    assert_eq!(run(&choice("{% 1 %}"), json!({})).error().error, "States.QueryEvaluationError");
    assert_eq!(run(&choice("{% false %}"), json!({})).error().error, "States.Runtime");
    assert_eq!(run(&choice("{% true %}"), json!({})).states(), ["A", "B"]);
}

#[test]
fn fail_ends_with_its_error() {
    let states = json!({"A": {"Type": "Fail", "Error": "Heal.X", "Cause": "{% 'of ' & $states.input %}"}});
    let expected = Status::Failed { error: "Heal.X".to_owned(), cause: "of 1".to_owned() };
    assert_eq!(*run(&states, json!(1)).execution.status(), expected);
}

#[test]
fn a_loop_that_waits_for_nothing_ends() {
    let states = json!({"A": {"Type": "Pass", "Next": "A"}});
    assert_eq!(run(&states, json!({})).error().error, "States.Runtime");
}
