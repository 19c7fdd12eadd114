//! Waits, time limits, and ends from outside.

use healstack_rehearsal::Random;
use healstack_rehearsal::states::{Action, Status};
use serde_json::{Value, json};

use crate::drive::{Reply, START, begin, drive, load, machine, run};

fn call(more: &Value) -> Value {
    let mut state = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:getItem",
        "Arguments": {"TableName": "t"},
        "TimeoutSeconds": 20,
        "Next": "Z",
    });
    for (name, value) in more.as_object().unwrap() {
        state[name] = value.clone();
    }
    json!({"A": state, "Z": {"Type": "Succeed"}})
}

#[test]
fn a_wait_takes_its_seconds() {
    let wait =
        |seconds: Value| json!({"A": {"Type": "Wait", "Seconds": seconds, "Next": "Z"}, "Z": {"Type": "Succeed"}});
    assert!((run(&wait(json!(30)), json!({})).seconds() - 30.0).abs() < 0.01);
    assert!((run(&wait(json!("{% 2 * $states.input %}")), json!(4)).seconds() - 8.0).abs() < 0.01);
    assert_eq!(run(&wait(json!("{% 1.5 %}")), json!({})).error().error, "States.QueryEvaluationError");
    assert_eq!(run(&wait(json!("{% 'x' %}")), json!({})).error().error, "States.QueryEvaluationError");
}

#[test]
fn a_task_without_answer_times_out() {
    let caught = json!({"Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Z"}]});
    let run = drive(&machine(&call(&caught)), json!({}), |_| Reply::Never);
    // Step Functions gives no cause.
    assert_eq!(run.output(), json!({"Error": "States.Timeout"}));
    assert!((run.seconds() - 20.0).abs() < 0.01);
}

#[test]
fn an_answer_after_the_time_limit_is_ignored() {
    let caught = json!({"Catch": [{"ErrorEquals": ["States.ALL"], "Output": "late", "Next": "W"}]});
    let mut states = call(&caught);
    states["W"] = json!({"Type": "Wait", "Seconds": 60, "Next": "Z"});
    let run = drive(&machine(&states), json!({}), |_| Reply::Later(30_000, json!({"Item": {}})));
    assert_eq!((run.output(), run.states()), (json!("late"), vec!["A", "W", "Z"]));
}

#[test]
fn task_failed_is_no_timeout() {
    let retry = json!({"Retry": [{"ErrorEquals": ["States.TaskFailed"]}]});
    let run = drive(&machine(&call(&retry)), json!({}), |_| Reply::Never);
    assert_eq!((run.error().error.as_str(), run.calls.len()), ("States.Timeout", 1));
}

#[test]
fn a_machine_has_a_time_limit() {
    let machine = load(&json!({
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": 30,
        "StartAt": "A",
        "States": {"A": {"Type": "Wait", "Seconds": 60, "Next": "Z"}, "Z": {"Type": "Succeed"}},
    }));
    let run = drive(&machine, json!({}), |_| Reply::Never);
    assert_eq!(*run.execution.status(), Status::TimedOut);
    assert!((run.seconds() - 30.0).abs() < 0.01);
}

#[test]
fn what_is_aborted_runs_no_further() {
    let machine = machine(&call(&json!({})));
    let mut execution = begin(&machine, json!({}));
    let actions = execution.advance(START, &mut Random::new(1));
    let Some(Action::Task { token, .. }) = actions.first() else { panic!("{actions:?}") };
    execution.abort(START + 5000);
    execution.answer(*token, Ok(json!({})));
    assert_eq!(execution.advance(START + 6000, &mut Random::new(1)), []);
    assert_eq!((execution.status(), execution.ended()), (&Status::Aborted, Some(START + 5000)));
    assert!(!execution.waits_for(*token));
}

#[test]
fn a_clone_goes_its_own_way() {
    let machine = machine(&call(&json!({})));
    let mut execution = begin(&machine, json!({}));
    let actions = execution.advance(START, &mut Random::new(1));
    let Some(Action::Task { token, .. }) = actions.first() else { panic!("{actions:?}") };
    let mut other = execution.clone();
    execution.answer(*token, Ok(json!({"Item": 1})));
    execution.advance(START, &mut Random::new(1));
    other.answer(*token, Ok(json!({"Item": 2})));
    other.advance(START, &mut Random::new(1));
    assert_eq!(*execution.status(), Status::Succeeded { output: json!({"Item": 1}) });
    assert_eq!(*other.status(), Status::Succeeded { output: json!({"Item": 2}) });
}
