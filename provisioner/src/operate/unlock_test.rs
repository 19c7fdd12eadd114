//! Unlocking against a ledger that answers over HTTP.

use super::*;
use crate::operate::fake::{Fake, event};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

#[test]
fn places_are_a_list_or_the_one() {
    let one = r#"{"pk": "SLOT#ALL", "sk": "0"}"#;
    assert_eq!(places(one).unwrap(), [ItemKey { pk: "SLOT#ALL".to_owned(), sk: "0".to_owned() }]);
    assert_eq!(places(&format!("[{one}, {one}]")).unwrap().len(), 2);
    assert_eq!(places("[]"), Ok(Vec::new()));
    assert!(places("SLOT#ALL").is_err());
}

async fn locked(fake: &Fake) -> (Connection, Locked) {
    let mut healing = event("e", "2026-11-24T09:00:00.000Z", "in_progress");
    healing["holder"] = json!({"S": "arn"});
    healing["open"] = json!({"S": "open"});
    healing["cooldown"] = json!({"N": "600"});
    healing["resource_key"] = json!({"S": "ec2:instance/i-0abc"});
    healing["places"] = json!({"S": r#"[{"pk": "SLOT#ALL", "sk": "1"}]"#});
    fake.put(healing);
    fake.put(json!({
        "pk": {"S": "RES#ec2:instance/i-0abc"}, "sk": {"S": "STATE"}, "leaseOwner": {"S": "e"}, "leaseHolder": {"S": "arn"},
        "leaseRule": {"S": "checkout/web"}, "leaseUntil": {"N": "1795521600"}, "cd#checkout/web": {"N": "1795522200"},
    }));
    let connection = fake.connection().await;
    let key = find_key(&connection, "ec2:instance/i-0abc").await.unwrap();
    let locked = look(&connection, &key).await.unwrap().unwrap();
    (connection, locked)
}

#[tokio::test]
async fn unlocking_is_what_the_recorder_does_at_the_end() {
    let fake = Fake::start();
    let (connection, locked) = locked(&fake).await;
    let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
    let report = unlock(&connection, &locked, "stuck", now).await.unwrap();
    assert_eq!(report.undone, []);
    assert_eq!((report.event_closed, report.cooldown_until), (true, Some(now.as_second() + 600)));
    assert_eq!(report.places, ["SLOT#ALL 1"]);
    let updates = fake.updates();
    let keys: Vec<&str> = updates.iter().map(|call| call["Key"]["pk"]["S"].as_str().unwrap()).collect();
    assert_eq!(keys, ["RES#ec2:instance/i-0abc", "SLOT#ALL", "EVENT#e"], "the event is closed last");
    assert_eq!(updates[0]["ConditionExpression"], "leaseHolder = :holder AND leaseOwner = :owner");
    let events: Vec<_> = fake.items().into_iter().filter(|item| item["action"]["S"] == "unlock").collect();
    assert_eq!(events[0]["resource_key"]["S"], "ec2:instance/i-0abc");
}

#[tokio::test]
async fn without_its_event_a_resource_gets_back_what_the_lease_found() {
    let fake = Fake::start();
    fake.put(json!({
        "pk": {"S": "RES#ec2:instance/i-0abc"}, "sk": {"S": "STATE"}, "leaseOwner": {"S": "e"}, "leaseHolder": {"S": "arn"},
        "leaseRule": {"S": "checkout/web"}, "leaseUntil": {"N": "1795521600"}, "undoCd": {"N": "0"},
    }));
    let connection = fake.connection().await;
    let key = find_key(&connection, "ec2:instance/i-0abc").await.unwrap();
    let locked = look(&connection, &key).await.unwrap().unwrap();
    let report = unlock(&connection, &locked, "stuck", Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!((report.cooldown_until, report.undone), (None, Vec::new()));
    let update = fake.updates()[0]["UpdateExpression"].as_str().unwrap().to_owned();
    assert!(update.starts_with("SET #cd = undoCd, #att = undoAtt, #win = undoWin, #last = :now REMOVE"), "{update}");
}

#[tokio::test]
async fn a_lease_that_changed_is_not_taken() {
    let fake = Fake::refusing("leaseHolder = :holder");
    let (connection, locked) = locked(&fake).await;
    let error = unlock(&connection, &locked, "stuck", Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert!(matches!(error, OperateError::Changed { .. }), "{error}");
    assert!(fake.updates().is_empty() && fake.items().len() == 2);
}

#[test]
fn only_a_lease_locks() {
    let key = ResourceKey::parse("ec2:instance/i-0abc").unwrap();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let mut found = Item::from([
        ("cd#checkout/web".to_owned(), AttributeValue::N("5".to_owned())),
        ("leaseOwner".to_owned(), text("e")),
        ("leaseRule".to_owned(), text("checkout/web")),
        ("leaseUntil".to_owned(), AttributeValue::N("7".to_owned())),
    ]);
    assert_eq!(of_item(&key, &found), None);
    found.insert("leaseHolder".to_owned(), text("arn"));
    let locked = of_item(&key, &found).unwrap();
    assert_eq!((locked.rule.as_str(), locked.until, locked.cools_down), ("checkout/web", Some(7), true));
}

#[tokio::test]
async fn what_failed_is_done_by_the_same_command_again() {
    let fake = Fake::start();
    let (connection, locked) = locked(&fake).await;
    let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
    fake.fail("SLOT#ALL");
    let report = unlock(&connection, &locked, "stuck", now).await.unwrap();
    assert_eq!((report.undone.len(), report.event_closed), (1, false), "{:?}", report.undone);

    // What the updates have made of the resource.
    fake.put(json!({"pk": {"S": "RES#ec2:instance/i-0abc"}, "sk": {"S": "STATE"}, "cd#checkout/web": {"N": "1"}}));
    fake.fail("nothing");
    let key = ResourceKey::parse("ec2:instance/i-0abc").unwrap();
    let left = look(&connection, &key).await.unwrap().unwrap();
    assert_eq!((left.until, left.event_id.as_str(), left.rule.as_str()), (None, "e", "checkout/web"));
    let report = unlock(&connection, &left, "stuck", now).await.unwrap();
    assert_eq!((report.undone, report.event_closed, report.cooldown_until), (Vec::new(), true, None));
    assert_eq!(report.places, ["SLOT#ALL 1"]);
    let keys: Vec<Value> = fake.updates().iter().map(|call| call["Key"]["pk"]["S"].clone()).collect();
    assert_eq!(keys, ["RES#ec2:instance/i-0abc", "SLOT#ALL", "EVENT#e"]);
}

#[tokio::test]
async fn an_event_that_took_no_lease_is_left_alone() {
    for (name, value) in
        [("source", json!({"S": "native"})), ("holder", Value::Null), ("status", json!({"S": "failed"}))]
    {
        let fake = Fake::start();
        let mut other = event("e", "2026-11-24T09:00:00.000Z", "in_progress");
        other["resource_key"] = json!({"S": "ec2:instance/i-0abc"});
        other["holder"] = json!({"S": "arn"});
        other["open"] = json!({"S": "open"});
        other[name] = value;
        if other[name].is_null() {
            other.as_object_mut().unwrap().remove(name);
        }
        fake.put(other);
        let key = ResourceKey::parse("ec2:instance/i-0abc").unwrap();
        assert_eq!(look(&fake.connection().await, &key).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_search_that_stopped_says_so() {
    let fake = Fake::start();
    for index in 0..=2 * PAGES {
        let mut other = event(&format!("e{index:03}"), "2026-11-24T09:00:00.000Z", "in_progress");
        other["open"] = json!({"S": "open"});
        fake.put(other);
    }
    let error = find_key(&fake.connection().await, "i-0999").await.unwrap_err();
    assert!(error.to_string().contains("20 pages") && error.to_string().contains("there are more"), "{error}");
}
