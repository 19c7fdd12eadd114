//! What a document may say, what is given to it, and documents without a step.

use crate::drive::{Drive, document, now};
use healstack_rehearsal::automation::{Document, Run, Status};
use serde_json::{Value, json};
use std::sync::Arc;

fn refusal(content: &Value) -> String {
    Document::load("d", content).unwrap_err().to_string()
}

#[test]
fn what_is_not_known_is_an_error() {
    let api = json!({"name": "a", "action": "aws:executeAwsApi", "inputs": {"Service": "ec2", "Api": "Do"}});
    assert!(Document::load("d", &document(json!([api]))).is_ok());
    for (pointer, value, expected) in [
        ("/action", json!("aws:createStack"), "aws:createStack"),
        ("/retries", json!(2), "retries"),
        ("/onFailure", json!("Ignore"), "Ignore"),
        ("/onFailure", json!("step:b"), "`b`"),
        ("/nextStep", json!("b"), "`b`"),
        ("/nextStep", json!("a"), "cycle"),
        ("/isCritical", json!("false"), "isCritical"),
        ("/isCritical", json!(false), "not critical"),
        ("/maxAttempts", json!(0), "maxAttempts"),
        ("/timeoutSeconds", json!("60"), "timeoutSeconds"),
        ("/name", json!("a b"), "name"),
        ("/outputs", json!([{"Name": "N", "Selector": "$..N", "Type": "String"}]), "$..N"),
        ("/outputs", json!([{"Name": "N", "Selector": "$.N", "Type": "Float"}]), "Float"),
        ("/outputs", json!([{"Name": "N", "Selector": "$.N", "Default": "x"}]), "Default"),
        ("/inputs/Service", json!("{{ Id }}"), "Service"),
        ("/inputs/X", json!("{{ Nobody }}"), "Nobody"),
        ("/inputs/X", json!("{{ global:REGION }}"), "global:REGION"),
        ("/inputs/X", json!("{{ broken"), "braces"),
        ("/inputs/X", json!(["{{ Names }}"]), "inside of a list"),
    ] {
        let mut step = api.clone();
        match pointer.rsplit_once('/').unwrap() {
            ("", field) => step[field] = value.clone(),
            (_, input) => step["inputs"][input] = value.clone(),
        }
        let refusal = refusal(&document(json!([step])));
        assert!(refusal.contains(expected), "{pointer} {value}: {refusal}");
    }
    for (step, expected) in [
        (json!({"name": "a", "action": "aws:sleep", "inputs": {"Timestamp": "2026-01-01T00:00:00Z"}}), "Timestamp"),
        (json!({"name": "a", "action": "aws:sleep", "inputs": {"Duration": "P8D"}}), "Duration"),
        (json!({"name": "a", "action": "aws:branch", "inputs": {"Choices": []}}), "Choices"),
        (
            json!({"name": "a", "action": "aws:branch", "inputs": {"Choices": [
                {"NextStep": "a", "Variable": "{{ Id }}", "StringMatches": "x"},
            ]}}),
            "StringMatches",
        ),
        (
            json!({"name": "a", "action": "aws:assertAwsResourceProperty", "inputs": {
                "Service": "ec2", "Api": "Get", "PropertySelector": "$.A", "DesiredValues": ["x"],
            }}),
            "time limit",
        ),
        (
            json!({"name": "a", "action": "aws:waitForAwsResourceProperty", "inputs": {
                "Service": "ec2", "Api": "Get", "PropertySelector": "$.A", "DesiredValues": [true],
            }}),
            "DesiredValues",
        ),
        (
            json!({"name": "a", "action": "aws:executeScript", "inputs": {
                "Runtime": "python3.8", "Handler": "f", "Script": "",
            }}),
            "python3.8",
        ),
        (
            json!({"name": "a", "action": "aws:executeScript", "inputs": {
                "Runtime": "python3.11", "Handler": "f", "Script": "", "Attachment": "a.zip",
            }}),
            "Attachment",
        ),
        (json!({"name": "a", "action": "aws:approve", "inputs": {"Message": "?"}}), "Approvers"),
    ] {
        let refusal = refusal(&document(json!([step])));
        assert!(refusal.contains(expected), "{step}: {refusal}");
    }
    assert!(refusal(&json!({"schemaVersion": "2.2", "mainSteps": []})).contains("2.2"));
    assert!(refusal(&json!({"schemaVersion": "0.3", "files": {}})).contains("files"));
    let mut declared = document(json!([api]));
    for (field, value) in [("allowedPattern", json!("x")), ("type", json!("StringMap")), ("minChars", json!(1))] {
        declared["parameters"]["Id"] = json!({"type": "String", field: value});
        assert!(refusal(&declared).contains(field), "{field}");
    }
}

#[test]
fn parameters_have_to_fit() {
    let api = json!({"name": "a", "action": "aws:executeAwsApi", "inputs": {"Service": "ec2", "Api": "Do"}});
    let mut content = document(json!([api]));
    content["parameters"]["Mode"] = json!({"type": "String", "allowedValues": ["on", "off"], "default": "on"});
    let document = Arc::new(Document::load("d", &content).unwrap());
    let start = |parameters: &Value| {
        Run::start(Arc::clone(&document), "0".into(), parameters.as_object().unwrap(), 0).map_err(|error| error.code)
    };
    for right in [
        json!({"Id": ["i-1"]}),
        json!({"Id": ["i-1"], "Flag": ["false"], "Count": ["7"], "Names": [], "Mode": ["off"]}),
    ] {
        assert!(start(&right).is_ok(), "{right}");
    }
    for (wrong, code) in [
        (json!({}), "InvalidAutomationExecutionParametersException"),
        (json!({"Id": ["x"]}), "InvalidAutomationExecutionParametersException"),
        (json!({"Id": ["i-1", "i-2"]}), "InvalidAutomationExecutionParametersException"),
        (json!({"Id": ["i-1"], "Other": ["x"]}), "InvalidAutomationExecutionParametersException"),
        (json!({"Id": ["i-1"], "Flag": ["maybe"]}), "InvalidAutomationExecutionParametersException"),
        (json!({"Id": ["i-1"], "Count": ["some"]}), "InvalidAutomationExecutionParametersException"),
        (json!({"Id": ["i-1"], "Mode": ["dim"]}), "InvalidAutomationExecutionParametersException"),
        (json!({"Id": "i-1"}), "ValidationException"),
        (json!({"Id": [1]}), "ValidationException"),
        (json!({"Id": [""]}), "ValidationException"),
        (json!({"Id": ["i".repeat(513)]}), "ValidationException"),
    ] {
        assert_eq!(start(&wrong).unwrap_err(), code, "{wrong}");
    }
}

#[test]
fn a_document_without_a_step_goes_on_after_it() {
    let nap = |name: &str| json!({"name": name, "action": "aws:sleep", "inputs": {"Duration": "PT1S"}});
    let with = |mut step: Value, field: &str, value: &str| {
        step[field] = json!(value);
        step
    };
    let branch = json!({"name": "asks", "action": "aws:branch", "inputs": {
        "Choices": [{"NextStep": "b", "Variable": "{{ Id }}", "StringEquals": "i-1"}], "Default": "d",
    }});
    let content = document(json!([branch, nap("a"), with(nap("b"), "nextStep", "d"), nap("c"), nap("d"), nap("e")]));
    let document = Document::load("d", &content).unwrap();
    let walk = |document: Document| {
        let mut drive = Drive::of(Arc::new(document), json!({"Id": ["i-1"]}).as_object().unwrap(), 1);
        assert_eq!(drive.end(&mut |_, _| now(json!({}))), Status::Success);
        drive.reached().into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(walk(document.clone()), "asks b d e");
    assert_eq!(walk(document.without_step("b").unwrap()), "asks d e");
    assert_eq!(walk(document.without_step("d").unwrap()), "asks b e");
    assert_eq!(walk(document.without_step("c").unwrap()), "asks b d e");
    for kept in ["asks", "e", "nobody"] {
        assert!(document.without_step(kept).is_none(), "{kept}");
    }
    assert_eq!(document.without_step("b").unwrap().step_names().collect::<Vec<_>>(), ["asks", "a", "c", "d", "e"]);

    // What came simply before it goes where it went; the first step may be dropped as well.
    let content = self::document(json!([nap("a"), with(nap("b"), "nextStep", "d"), nap("c"), nap("d")]));
    let document = Document::load("d", &content).unwrap();
    assert_eq!(walk(document.without_step("b").unwrap()), "a d");
    assert_eq!(walk(document.without_step("a").unwrap()), "b d");

    // One whose outputs others use is needed.
    let get = json!({
        "name": "get", "action": "aws:executeAwsApi", "inputs": {"Service": "ec2", "Api": "Get"},
        "outputs": [{"Name": "N", "Selector": "$.N", "Type": "String"}],
    });
    let put = json!({"name": "put", "action": "aws:executeAwsApi", "inputs": {
        "Service": "ec2", "Api": "Put", "N": "{{ get.N }}",
    }});
    let document = Document::load("d", &self::document(json!([get, put, nap("end")]))).unwrap();
    assert!(document.without_step("get").is_none() && document.without_step("put").is_some());
}
