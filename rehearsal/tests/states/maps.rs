//! Map states.

use healstack_rehearsal::AwsError;
use serde_json::{Value, json};

use crate::drive::{Reply, START, drive, machine, run};

/// A Map over the input whose items make one call each.
fn mapped(concurrency: &Value) -> Value {
    json!({"A": {
        "Type": "Map",
        "Items": "{% $states.input %}",
        "MaxConcurrency": concurrency,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "I", "States": {"I": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
            "Arguments": {"Name": "{% $string($states.context.Map.Item.Index) & $states.input %}"},
            "Output": "{% $states.result.Name %}",
            "End": true,
        }}},
        "End": true,
    }})
}

fn echo(after: i64, request: &Value) -> Reply {
    Reply::Later(after, json!({"Name": request["Name"]}))
}

#[test]
fn results_keep_the_order_of_the_items() {
    let mut after = 5000;
    let run = drive(&machine(&mapped(&json!(0))), json!(["a", "b", "c"]), |call| {
        after -= 1000;
        echo(after, &call.request)
    });
    assert_eq!(run.output(), json!(["0a", "1b", "2c"]));
}

#[test]
fn no_more_run_at_once_than_they_may() {
    let items: Vec<_> = (0..5).map(|item| item.to_string()).collect();
    let run = drive(&machine(&mapped(&json!("{% 2 %}"))), json!(items), |call| echo(1000, &call.request));
    let moments: Vec<_> = run.calls.iter().map(|call| (call.at - START) / 1000).collect();
    assert_eq!(moments, [0, 0, 1, 1, 2]);
}

#[test]
fn an_inline_map_runs_forty_at_once() {
    let run = drive(&machine(&mapped(&json!(0))), json!(vec!["x"; 100]), |call| echo(1000, &call.request));
    assert_eq!(run.calls.iter().filter(|call| call.at == START).count(), 40);
    assert_eq!(run.output().as_array().map(Vec::len), Some(100));
}

#[test]
fn an_item_that_fails_fails_all() {
    let run = drive(&machine(&mapped(&json!(1))), json!(["a", "b", "c"]), |call| {
        if call.request["Name"] == "1b" {
            Reply::Error(AwsError::client("ParameterNotFound", "none"))
        } else {
            echo(1000, &call.request)
        }
    });
    assert_eq!((run.calls.len(), run.error().error.as_str()), (2, "Ssm.ParameterNotFoundException"));
}

#[test]
fn answers_for_items_that_were_stopped_are_ignored() {
    let mut states = mapped(&json!(0));
    states["A"]["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "Output": "caught", "Next": "W"}]);
    states["W"] = json!({"Type": "Wait", "Seconds": 60, "Next": "Z"});
    states["Z"] = json!({"Type": "Succeed"});
    let run = drive(&machine(&states), json!(["a", "b"]), |call| {
        if call.request["Name"] == "0a" {
            Reply::Error(AwsError::client("ParameterNotFound", "none"))
        } else {
            echo(1000, &call.request)
        }
    });
    assert_eq!((run.output(), run.seconds()), (json!("caught"), 60.0));
}

#[test]
fn a_map_that_is_retried_runs_all_items_again() {
    let mut states = mapped(&json!(0));
    states["A"]["Retry"] = json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5}]);
    let mut failed = false;
    let run = drive(&machine(&states), json!(["a", "b"]), |call| {
        if call.request["Name"] == "1b" && !std::mem::replace(&mut failed, true) {
            Reply::Error(AwsError::client("ParameterNotFound", "none"))
        } else {
            echo(1000, &call.request)
        }
    });
    assert_eq!((run.output(), run.calls.len()), (json!(["0a", "1b"]), 4));
}

#[test]
fn maps_nest() {
    let inner = json!({
        "Type": "Map",
        "Items": "{% $states.input %}",
        "ItemProcessor": {"StartAt": "J", "States": {"J": {
            "Type": "Pass", "Output": "{% $states.context.Map.Item.Value * 10 %}", "End": true,
        }}},
        "End": true,
    });
    let states = json!({"A": {
        "Type": "Map",
        "Items": "{% $states.input %}",
        "ItemProcessor": {"StartAt": "I", "States": {"I": inner}},
        "Output": "{% {'sum': $sum($states.result.*)} %}",
        "End": true,
    }});
    assert_eq!(run(&states, json!([[1, 2], [], [3]])).output(), json!({"sum": 60}));
}

#[test]
fn items_are_an_array() {
    assert_eq!(run(&mapped(&json!(0)), json!("x")).error().error, "States.QueryEvaluationError");
    assert_eq!(run(&mapped(&json!(0)), json!({"a": 1})).error().error, "Rehearsal.Unsupported");
    assert_eq!(run(&mapped(&json!(0)), json!([])).output(), json!([]));
}
