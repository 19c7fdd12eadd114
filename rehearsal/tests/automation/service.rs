//! Starts, places and questions.

use crate::drive::document;
use healstack_rehearsal::automation::{Action, Document, Limits, Service, Status, status_event};
use healstack_rehearsal::{Millis, Random};
use serde_json::{Value, json};
use std::sync::Arc;

const TOKEN: &str = "0a1b2c3d-0000-4000-8000-00000000000f";

fn service(concurrent: usize, queue: usize) -> Service {
    let mut service = Service::new(Limits { starts_per_second: 1, concurrent, queue });
    let nap = json!([{"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT10S"}}]);
    service.add(Arc::new(Document::load("heal--nap", &document(nap)).unwrap()));
    service
}

fn request(id: &str) -> Value {
    json!({"DocumentName": "heal--nap", "Parameters": {"Id": [id]}})
}

fn start(service: &mut Service, now: Millis, request: &Value) -> Result<String, String> {
    service.start(now, request, &mut Random::new(now.unsigned_abs())).map_err(|error| error.code)
}

#[test]
fn one_start_a_second_is_taken() {
    let mut service = service(100, 5000);
    assert!(start(&mut service, 0, &request("i-1")).is_ok());
    assert_eq!(start(&mut service, 999, &request("i-1")), Err("ThrottlingException".into()));
    assert!(start(&mut service, 1000, &request("i-1")).is_ok());
}

#[test]
fn a_token_starts_once() {
    let mut service = service(100, 5000);
    let mut with_token = request("i-1");
    with_token["ClientToken"] = json!(TOKEN);
    let first = start(&mut service, 0, &with_token).unwrap();
    with_token["ClientToken"] = json!(TOKEN.to_uppercase());
    assert_eq!(start(&mut service, 1000, &with_token), Ok(first));
    assert_eq!(service.due().len(), 1);
    with_token["Parameters"] = json!({"Id": ["i-2"]});
    assert_eq!(start(&mut service, 2000, &with_token), Err("IdempotentParameterMismatch".into()));
    with_token["ClientToken"] = json!("no-token");
    assert_eq!(start(&mut service, 3000, &with_token), Err("ValidationException".into()));
}

#[test]
fn what_cannot_start_is_refused() {
    let mut service = service(100, 5000);
    for (now, request, code) in [
        (0, json!({"DocumentName": "other"}), "AutomationDefinitionNotFoundException"),
        (1000, json!({"DocumentName": "heal--nap"}), "InvalidAutomationExecutionParametersException"),
        (2000, json!({"DocumentName": "heal--nap", "Targets": []}), "ValidationException"),
        (3000, json!({}), "ValidationException"),
    ] {
        assert_eq!(start(&mut service, now, &request), Err(code.into()), "{request}");
    }
    assert!(service.due().is_empty());
}

#[test]
fn those_without_a_place_wait_for_one() {
    let mut service = service(2, 1);
    let ids: Vec<String> = (0..3)
        .map(|n| {
            let id = start(&mut service, n * 1000, &request("i-1")).unwrap();
            for due in service.due() {
                service.run_mut(&due).unwrap().advance(n * 1000, &mut Random::new(1));
            }
            id
        })
        .collect();
    let status = |service: &Service, id: &str| service.run(id).unwrap().status();
    let statuses: Vec<Status> = ids.iter().map(|id| status(&service, id)).collect();
    assert_eq!(statuses, [Status::InProgress, Status::InProgress, Status::Pending]);
    assert_eq!(start(&mut service, 4000, &request("i-1")), Err("AutomationExecutionLimitExceededException".into()));
    service.stop(5000, &json!({"AutomationExecutionId": ids[0], "Type": "Cancel"})).unwrap();
    assert_eq!(status(&service, &ids[0]), Status::Cancelled);
    assert_eq!(service.due(), [ids[2].clone()]);
    assert!(service.due().is_empty(), "each is due once");
    assert!(start(&mut service, 6000, &request("i-1")).is_ok());
}

#[test]
fn one_that_is_stopped_in_the_queue_takes_no_place() {
    let mut service = service(1, 2);
    let ids: Vec<String> = (0..3).map(|n| start(&mut service, n * 1000, &request("i-1")).unwrap()).collect();
    assert_eq!(service.due(), [ids[0].clone()]);
    for (at, id) in [(4000, &ids[1]), (5000, &ids[0])] {
        service.stop(at, &json!({"AutomationExecutionId": id})).unwrap();
    }
    assert_eq!(service.due(), [ids[2].clone()]);
}

#[test]
fn runs_can_be_asked_for() {
    let mut service = service(100, 5000);
    let id = start(&mut service, 0, &request("i-1")).unwrap();
    let get = json!({"AutomationExecutionId": id});
    let status = |answer: &Value| answer["AutomationExecutionStatus"].clone();
    assert_eq!(status(&service.get(&get).unwrap()["AutomationExecution"]), "Pending");
    assert_eq!(service.due(), std::slice::from_ref(&id));
    let run = service.run_mut(&id).unwrap();
    let actions = run.advance(2000, &mut Random::new(1));
    let [Action::Timer { token, at }] = actions[..] else { panic!("{actions:?}") };
    assert_eq!(at, 12_000);
    run.fire(token);
    assert!(run.advance(at, &mut Random::new(1)).is_empty());
    assert_eq!(
        status_event(run, "111122223333", "eu-west-1"),
        json!({
            "source": "aws.ssm",
            "detail-type": "EC2 Automation Execution Status-change Notification",
            "resources": [
                format!("arn:aws:ssm:eu-west-1:111122223333:automation-execution/{id}"),
                "arn:aws:ssm:eu-west-1:111122223333:automation-definition/heal--nap:1",
            ],
            "detail": {
                "ExecutionId": id, "Definition": "heal--nap", "DefinitionVersion": 1.0, "Status": "Success",
                "StartTime": "Jan 1, 1970 12:00:00 AM", "EndTime": "Jan 1, 1970 12:00:12 AM", "Time": 12_000.0,
                "ExecutedBy": "arn:aws:sts::111122223333:assumed-role/rehearsal/healstack",
            },
        })
    );
    let filter = json!({"Filters": [{"Key": "ExecutionId", "Values": [id, "other"]}]});
    let found = service.describe(&filter).unwrap();
    let [one] = &found["AutomationExecutionMetadataList"].as_array().unwrap()[..] else { panic!("{found}") };
    assert_eq!((status(one), &one["ExecutionEndTime"]), (json!("Success"), &json!("1970-01-01T00:00:12.000Z")));
    let code = |answer: Result<Value, healstack_rehearsal::AwsError>| answer.unwrap_err().code;
    let unknown = json!({"AutomationExecutionId": "other"});
    assert_eq!(code(service.get(&unknown)), "AutomationExecutionNotFoundException");
    assert_eq!(code(service.describe(&json!({"Filters": []}))), "ValidationException");
}
