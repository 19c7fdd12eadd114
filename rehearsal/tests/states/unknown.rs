//! What the rehearsal does not know is an error when the machine is loaded.

use healstack_rehearsal::Unsupported;
use healstack_rehearsal::states::Machine;
use serde_json::{Value, json};

fn loaded(change: impl FnOnce(&mut Value)) -> Result<Machine, Unsupported> {
    let mut definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "A",
        "States": {
            "A": {
                "Type": "Task",
                "Resource": "arn:aws:states:::dynamodb:getItem",
                "Arguments": {"TableName": "t"},
                "Retry": [{"ErrorEquals": ["States.ALL"]}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}],
                "Next": "M",
            },
            "M": {
                "Type": "Map",
                "Items": [1],
                "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}},
                "Next": "C",
            },
            "C": {"Type": "Choice", "Choices": [{"Condition": true, "Next": "Z"}]},
            "Z": {"Type": "Succeed"},
        },
    });
    change(&mut definition);
    Machine::load("arn:aws:states:eu-west-1:111122223333:stateMachine:test", &definition)
}

#[test]
fn what_is_known_loads() {
    loaded(|_| {}).unwrap();
}

#[test]
fn what_is_not_known_does_not() {
    let cases: [(&str, Value); 34] = [
        ("/QueryLanguage", json!("JSONPath")),
        ("/Version", json!("1.0")),
        ("/StartAt", json!("X")),
        ("/TimeoutSeconds", json!("x")),
        ("/States/Z/Type", json!("Parallel")),
        ("/States/Z/QueryLanguage", json!("JSONPath")),
        ("/States/Z/Assign", json!({"x": 1})),
        ("/States/A/HeartbeatSeconds", json!(1)),
        ("/States/A/Credentials", json!({})),
        ("/States/A/ResultPath", json!("$.x")),
        ("/States/A/Resource", json!("arn:aws:states:::lambda:invoke")),
        ("/States/A/Resource", json!("arn:aws:states:::states:startExecution.sync:2")),
        ("/States/A/Arguments", Value::Null),
        ("/States/A/Arguments/TableName", json!("{% x")),
        ("/States/A/Arguments/TableName", json!("{% ( %}")),
        ("/States/A/Arguments/TableName", json!("{% $eval('1') %}")),
        ("/States/A/Arguments/TableName", json!("{% $now('[Y]') %}")),
        ("/States/A/Arguments/TableName", json!("{% $hash('x', 'MD5') %}")),
        ("/States/A/Next", json!("X")),
        ("/States/A/End", json!(true)),
        ("/States/A/Retry/0/Other", json!(1)),
        ("/States/A/Retry/0/JitterStrategy", json!("HALF")),
        ("/States/A/Retry/0/MaxAttempts", json!(-1)),
        ("/States/A/Retry/0/ErrorEquals", json!([])),
        ("/States/A/Retry/0/ErrorEquals", json!(["States.ALL", "X"])),
        ("/States/A/Catch/0/ResultPath", json!("$.x")),
        ("/States/A/Catch/0/Next", json!("I")),
        ("/States/M/ItemSelector", json!({})),
        ("/States/M/ItemReader", json!({})),
        ("/States/M/ToleratedFailureCount", json!(1)),
        ("/States/M/ItemProcessor/ProcessorConfig", json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"})),
        ("/States/C/Choices", json!([])),
        ("/States/C/Choices/0/Variable", json!("$.x")),
        ("/States/Z", json!({"Type": "Wait", "Timestamp": "2026-01-05T12:00:00Z", "End": true})),
    ];
    for (pointer, value) in cases {
        let loaded = loaded(|definition| {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let parent = definition.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            if value.is_null() {
                parent.remove(name);
            } else {
                parent.insert(name.to_owned(), value.clone());
            }
        });
        assert!(loaded.is_err(), "{pointer}: {value}");
    }
}

#[test]
fn an_error_says_where_and_what() {
    let error = loaded(|definition| definition["States"]["A"]["HeartbeatSeconds"] = json!(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "state machine test, state A: the rehearsal does not know the field `HeartbeatSeconds`"
    );
}

#[test]
fn a_variable_of_an_item_has_no_name_from_outside() {
    let error = loaded(|definition| {
        definition["States"]["A"]["Assign"] = json!({"x": 1});
        definition["States"]["M"]["ItemProcessor"]["States"]["I"]["Assign"] = json!({"x": 1});
    });
    assert!(error.is_err());
}
