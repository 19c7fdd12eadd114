//! Switches against a ledger whose CloudWatch refuses everything.

use serde_json::{Value, json};

use super::*;
use crate::operate::fake::Fake;

fn request(verb: Verb, scope: &str) -> SwitchRequest {
    let scope = Scope::of_sort_key(scope).unwrap();
    SwitchRequest { verb, scope, reason: "load test".to_owned(), until: None, layer: None }
}

fn now() -> Timestamp {
    "2026-11-24T10:00:00Z".parse().unwrap()
}

fn control(scope: &str, mode: &str) -> Value {
    json!({"pk": {"S": "CONTROL"}, "sk": {"S": scope}, "mode": {"S": mode}, "reason": {"S": "r"}, "by": {"S": "b"},
           "since_time": {"S": "2026-11-24T09:00:00.000Z"}, "until": {"N": "1795521600"}})
}

async fn run(fake: &Fake, request: &SwitchRequest) -> SwitchReport {
    let connection = fake.connection().await;
    let before = overrides(&connection).await.unwrap().into_iter().find(|one| one.scope == request.scope);
    switch(&connection, request, before, now()).await.unwrap()
}

fn of<'a>(items: &'a [Value], pk: &str) -> Vec<&'a Value> {
    items.iter().filter(|item| item["pk"]["S"].as_str().unwrap().starts_with(pk)).collect()
}

#[tokio::test]
async fn a_pause_is_in_force_before_anything_can_fail_and_the_rest_is_still_done() {
    let fake = Fake::start();
    let until = "2026-11-24T12:00:00Z".parse().unwrap();
    let report = run(&fake, &SwitchRequest { until: Some(until), ..request(Verb::Pause, "checkout/web") }).await;
    assert!(report.changed && report.alarms.is_empty());
    assert_eq!(report.undone.len(), 1, "{:?}", report.undone);
    assert!(report.undone[0].error.contains("cloudwatch:DescribeAlarms"), "{:?}", report.undone);

    let writes: Vec<String> = fake.log().into_iter().filter(|call| call.starts_with("putitem")).collect();
    assert_eq!(writes[0], "putitem CONTROL checkout/web");
    let items = fake.items();
    let control = of(&items, "CONTROL")[0];
    for (name, value) in [
        ("mode", json!({"S": "pause"})),
        ("until", json!({"N": "1795521600"})),
        ("ttl", json!({"N": (1_795_521_600 + 30 * 86_400).to_string()})),
        ("by", json!({"S": "arn:aws:iam::111122223333:user/ana"})),
        ("reason", json!({"S": "load test"})),
        ("since_time", json!({"S": "2026-11-24T10:00:00.000Z"})),
        ("schema_version", json!({"N": "1"})),
    ] {
        assert_eq!(control[name], value, "{name}");
    }
    let event = of(&items, "EVENT#")[0];
    assert_eq!(event["event_id"]["S"].as_str(), report.event_id.as_deref());
    assert_eq!((&event["source"]["S"], &event["action"]["S"]), (&json!("operator"), &json!("pause")));
    assert_eq!((&event["stack"]["S"], &event["rule_name"]["S"]), (&json!("checkout"), &json!("web")));
}

#[tokio::test]
async fn a_pause_without_an_end_has_none_and_is_kept() {
    let fake = Fake::start();
    run(&fake, &request(Verb::Pause, "ALL")).await;
    let items = fake.items();
    let control = of(&items, "CONTROL")[0];
    assert!(control.get("until").is_none() && control.get("ttl").is_none());
}

#[tokio::test]
async fn lifting_says_what_still_covers_and_leaves_it() {
    let fake = Fake::start();
    for scope in ["ALL", "checkout", "checkout/web", "shop"] {
        fake.put(control(scope, "pause"));
    }
    let report = run(&fake, &request(Verb::Resume, "checkout")).await;
    assert!(report.changed && report.undone.is_empty(), "{:?}", report.undone);
    let others: Vec<String> = report.others.iter().map(|one| one.scope.sort_key()).collect();
    assert_eq!(others, ["ALL", "checkout/web"]);
    assert_eq!(of(&fake.items(), "CONTROL").len(), 3);
    let value = serde_json::to_value(&report).unwrap();
    assert_eq!(value["before"]["until"], "2026-11-24T12:00:00.000Z");
    assert_eq!((&value["scope"], &value["verb"]), (&json!("checkout"), &json!("resume")));
}

#[tokio::test]
async fn lifting_what_is_not_there_changes_nothing() {
    let fake = Fake::start();
    fake.put(control("checkout", "observe"));
    let report = run(&fake, &request(Verb::Resume, "checkout")).await;
    assert!(!report.changed && report.event_id.is_none());
    assert_eq!(fake.items().len(), 1);
    assert!(run(&fake, &request(Verb::Enforce, "checkout")).await.changed);
    assert!(of(&fake.items(), "CONTROL").is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_not_taken_for_nothing() {
    let fake = Fake::start();
    fake.put(control("checkout", "invented-later"));
    let error = overrides(&fake.connection().await).await.unwrap_err();
    assert!(error.to_string().contains("CONTROL/checkout"), "{error}");
    assert!(error.to_string().contains("invented-later"), "{error}");
}
