//! Switches against a ledger whose CloudWatch refuses everything.

use serde_json::{Value, json};

use super::*;
use crate::operate::fake::Fake;

fn request(verb: Verb, scope: &str) -> SwitchRequest {
    let scope = Scope::of_sort_key(scope).unwrap();
    SwitchRequest { verb, scope, reason: "load test".to_owned(), until: None }
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
    let seen = overrides(&connection).await.unwrap();
    switch(&connection, request, &seen, now(), &|| None).await.unwrap()
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
    assert!(value.get("stopped").is_none());
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
async fn an_item_that_was_written_by_hand_is_lifted() {
    // Exactly what docs/operations.md has people write.
    let by_hand = json!({"pk": {"S": "CONTROL"}, "sk": {"S": "ALL"}, "mode": {"S": "pause"}, "reason": {"S": "…"},
                         "schema_version": {"N": "1"}});
    for verb in [Verb::Resume, Verb::Observe] {
        let fake = Fake::start();
        fake.put(by_hand.clone());
        let report = run(&fake, &request(verb, "ALL")).await;
        assert!(report.changed, "{verb:?}");
        let left: Vec<Value> = of(&fake.items(), "CONTROL").iter().map(|item| item["mode"]["S"].clone()).collect();
        assert_eq!(left, if verb == Verb::Resume { vec![] } else { vec![json!("observe")] });
        let before = serde_json::to_value(&report).unwrap()["before"].clone();
        assert_eq!((&before["by"], &before["since"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn a_switch_that_changed_in_the_meantime_stays() {
    let fake = Fake::start();
    fake.put(control("ALL", "pause"));
    let connection = fake.connection().await;
    let seen = overrides(&connection).await.unwrap();
    let mut newer = control("ALL", "pause");
    newer["since_time"] = json!({"S": "2026-11-24T09:30:00.000Z"});
    fake.put(newer);
    for verb in [Verb::Resume, Verb::Observe] {
        let error = switch(&connection, &request(verb, "ALL"), &seen, now(), &|| None).await.unwrap_err();
        assert!(matches!(error, OperateError::Changed { .. }), "{error}");
    }
    assert_eq!(of(&fake.items(), "CONTROL").len(), 1);
}

#[tokio::test]
async fn what_has_ended_is_neither_told_nor_lifted_and_is_written_over() {
    let ended = |mode: &str| {
        let mut item = control("checkout", mode);
        item["until"] = json!({"N": now().as_second().to_string()});
        item
    };
    let fake = Fake::start();
    fake.put(ended("pause"));
    let report = run(&fake, &request(Verb::Resume, "checkout")).await;
    assert_eq!((report.changed, &report.before), (false, &None));
    assert_eq!(of(&fake.items(), "CONTROL").len(), 1, "it is kept for people to see");
    let report = run(&fake, &request(Verb::Observe, "checkout")).await;
    assert_eq!((report.changed, &report.before), (true, &None));
}

#[tokio::test]
async fn what_cannot_be_read_stops_what_lifts_it_and_no_pause() {
    let fake = Fake::start();
    fake.put(control("checkout", "stop"));
    fake.put(control("shop", "pause"));
    let connection = fake.connection().await;
    let seen = overrides(&connection).await.unwrap();
    for (verb, scope) in [(Verb::Resume, "checkout"), (Verb::Enforce, "checkout/web"), (Verb::Observe, "checkout")] {
        let error = switch(&connection, &request(verb, scope), &seen, now(), &|| None).await.unwrap_err();
        assert!(error.to_string().contains("CONTROL/checkout cannot be read: its mode is `stop`"), "{error}");
    }
    assert!(run(&fake, &request(Verb::Resume, "shop")).await.changed);
    assert!(run(&fake, &request(Verb::Pause, "checkout")).await.changed);
    assert_eq!(of(&fake.items(), "CONTROL")[0]["mode"]["S"], "pause");
}

#[tokio::test]
async fn the_layer_is_asked_for_after_the_switch_is_written() {
    let fake = Fake::start();
    let connection = fake.connection().await;
    let layer = || {
        assert_eq!(of(&fake.items(), "CONTROL").len(), 1);
        Some(Layer::Platform)
    };
    let seen = Overrides::default();
    switch(&connection, &request(Verb::Pause, "checkout/web"), &seen, now(), &layer).await.unwrap();
    assert_eq!(of(&fake.items(), "EVENT#")[0]["layer"]["S"], "platform");
}
