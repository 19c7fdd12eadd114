//! The generated guard over simple events, with an account that answers as if nothing had ever been healed.

use std::sync::{Arc, LazyLock};

use healstack_rehearsal::AwsError;
use healstack_rehearsal::aws::ErrorKind;
use healstack_rehearsal::states::Machine;
use serde_json::{Value, json};

use crate::drive::{Call, Reply, Run, drive};
use crate::template;

static GUARD: LazyLock<Arc<Machine>> = LazyLock::new(|| Arc::new(template::machine("Guard")));
static RULE: LazyLock<String> = LazyLock::new(|| template::rule("AsgCapacityHealingRule"));

fn event() -> Value {
    json!({
        "version": "0",
        "id": "2f9a1f2e-0000-4000-8000-000000000001",
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "time": "2026-01-05T11:59:58Z",
        "detail": {
            "alarmName": "heal--checkout--asg-capacity-healing--gap--checkout-web",
            "state": {"value": "ALARM", "reason": "Threshold Crossed"},
            "configuration": {"metrics": [
                {"id": "missing", "expression": "desired - inService"},
                {"id": "desired", "metricStat": {"metric": {"dimensions": {"AutoScalingGroupName": "checkout-web"}}}},
                {"id": "inService", "metricStat": {"metric": {"dimensions": {"AutoScalingGroupName": "checkout-web"}}}},
            ]},
        },
    })
}

fn answer(call: &Call) -> Reply {
    Reply::Value(match call.api.as_str() {
        "BatchGetItem" => json!({"Responses": {"heal--core--ledger": []}, "UnprocessedKeys": {}}),
        "GetParameter" => json!({"Parameter": {"Value": *RULE}}),
        "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" | "PutMetricData" => json!({}),
        "Query" => json!({"Items": [], "Count": 0}),
        "StartAutomationExecution" => json!({"AutomationExecutionId": "a-1"}),
        "StartExecution" => json!({"executionArn": "e"}),
        "Publish" => json!({"MessageId": "m"}),
        other => panic!("{other}"),
    })
}

fn decided(event: Value) -> Run {
    drive(&GUARD, event, answer)
}

#[test]
fn an_alarm_starts_its_runbook() {
    let run = decided(event());
    assert_eq!(run.output(), json!({"decision": "STARTED", "execution": "a-1"}));
    let [start] = run.requests("StartAutomationExecution")[..] else { panic!("{:?}", run.calls) };
    assert_eq!(start["DocumentName"], "heal--checkout--asg-capacity-healing");
    assert_eq!(start["Parameters"]["ResourceId"], json!(["checkout-web"]));
    // The lease is taken before the runbook is started.
    let lease = run.requests("UpdateItem")[0];
    assert_eq!(lease["Key"]["pk"]["S"], "RES#autoscaling:autoScalingGroup/checkout-web");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    assert_eq!(decided(event()).calls, decided(event()).calls);
}

#[test]
fn an_ok_is_ignored() {
    let mut ok = event();
    ok["detail"]["state"]["value"] = json!("OK");
    let run = decided(ok);
    assert_eq!(run.output()["decision"], "IGNORED");
    assert!(run.requests("UpdateItem").is_empty());
}

#[test]
fn an_alarm_that_names_no_rule_fails() {
    let mut strange = event();
    strange["detail"]["alarmName"] = json!("heal--checkout");
    assert_eq!(decided(strange).error().error, "Heal.Unroutable");
}

#[test]
fn a_rule_that_is_not_deployed_fails() {
    let run = drive(&GUARD, event(), |call| match call.api.as_str() {
        "GetParameter" => Reply::Error(AwsError::client("ParameterNotFound", "none")),
        _ => answer(call),
    });
    assert_eq!(run.error().error, "Heal.UnknownRule");
}

#[test]
fn a_pause_is_heard() {
    let run = drive(&GUARD, event(), |call| match call.api.as_str() {
        "BatchGetItem" => Reply::Value(json!({
            "Responses": {"heal--core--ledger": [{"pk": {"S": "CONTROL"}, "sk": {"S": "ALL"}, "mode": {"S": "pause"}}]},
            "UnprocessedKeys": {},
        })),
        _ => answer(call),
    });
    assert_eq!(run.output()["decision"], "PAUSED");
    assert!(run.requests("StartAutomationExecution").is_empty());
}

#[test]
fn a_start_without_answer_is_tried_again_and_then_not_undone() {
    let lost = AwsError { kind: ErrorKind::Timeout, ..AwsError::client("", "") };
    let run = drive(&GUARD, event(), |call| match call.api.as_str() {
        "StartAutomationExecution" => Reply::Error(lost.clone()),
        _ => answer(call),
    });
    assert_eq!(run.error().error, "Heal.StartUnknown");
    assert!(run.requests("StartAutomationExecution").len() > 1);
}

#[test]
fn a_start_that_is_refused_is_undone() {
    let run = drive(&GUARD, event(), |call| match call.api.as_str() {
        "StartAutomationExecution" => Reply::Error(AwsError::client("InvalidTarget", "no")),
        _ => answer(call),
    });
    assert_eq!(run.requests("StartAutomationExecution").len(), 1);
    assert!(run.states().contains(&"UndoHour"), "{:?}", run.states());
}

#[test]
#[ignore = "a measurement, for a release build"]
fn how_long_a_decision_takes() {
    for _ in 0..2000 {
        decided(event());
    }
}
