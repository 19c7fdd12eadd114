//! Taking a resource's lease away from a healing that nobody expects to end any more.
//!
//! What follows is what the recorder does at the end of a healing, with now as the end: the lease and its places are given
//! back and the rule's cooldown begins. Without that, the resource would stay in the cooldown that the guard wrote down when
//! it took the lease, which counts from the lease's end. Where the event is gone, and with it the cooldown's length, the
//! resource gets back what the lease found.

use healstack_model::ledger::{self, HealingEvent, ItemKey, ResourceKey, RuleId, Scope, Status};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::error::OperateError;
use super::filter::{EventFilter, Expression};
use super::item::{self, Item, read};
use super::ledger::Select;
use super::recorded::{Deed, record, retained};
use super::report::{Undone, attempt};
use super::{statistics, time};

/// Attributes that say who holds an item, and what to put back when nothing was started.
const LEASE: &str = "leaseUntil, leaseOwner, leaseHolder, leaseRule";
const UNDO: &str = "undoCd, undoAtt, undoWin";

/// Why an event failed that somebody unlocked: a word of the ledger.
const UNLOCKED: &str = "UNLOCKED";

/// Pages of open events that are searched for an id. Budgets keep open events few; a page has hundreds.
const PAGES: usize = 20;

/// A resource's lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Locked {
    /// The resource.
    pub key: String,
    /// The rule that heals it.
    pub rule: String,
    /// The event that the lease is for.
    pub event_id: String,
    /// The execution that took it.
    pub holder: String,
    /// When it ends by itself, seconds since 1970.
    pub until: i64,
    /// The event itself; `None` when it is not in the ledger.
    pub event: Option<HealingEvent>,
    /// Whether the resource's item says when the rule's cooldown ends, which the unlocking then changes.
    #[serde(skip)]
    cools_down: bool,
    /// Whether the resource's item keeps what the lease found.
    #[serde(skip)]
    keeps_undo: bool,
}

impl Locked {
    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.until < now.as_second()
    }
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UnlockReport {
    /// The resource.
    pub key: String,
    /// Whether its event was open, and is failed now.
    pub event_closed: bool,
    /// Places that were freed, as `<pk> <sk>`.
    pub places: Vec<String>,
    /// When the rule may heal the resource again, seconds since 1970; `None` when that was not changed.
    pub cooldown_until: Option<i64>,
    /// The event that says so.
    pub event_id: Option<String>,
    /// What failed after the lease was taken away.
    pub undone: Vec<Undone>,
}

/// A place that a healing has taken, in its event's `places`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Place {
    pk: String,
    sk: String,
}

/// The guard's language writes a list of one as the one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Places {
    Many(Vec<Place>),
    One(Place),
}

/// The key of a resource of which only the id is known: that of an event which has not ended.
pub async fn find_key(connection: &Connection, id: &str) -> Result<ResourceKey, OperateError> {
    let error = match ResourceKey::parse(id) {
        Ok(key) => return Ok(key),
        Err(error) => error,
    };
    let filter = EventFilter { resource: Some(id.to_owned()), ..EventFilter::default() }.expression();
    let mut pages =
        connection.ledger.select(Select { filter, attributes: &["resource_key"], ..statistics::not_ended() });
    let mut keys = Vec::new();
    for _ in 0..PAGES {
        let Some(items) = connection.unless_interrupted(pages.next()).await? else { break };
        keys.extend(items.iter().filter_map(|item| item::text(item, "resource_key")).map(str::to_owned));
    }
    keys.sort();
    keys.dedup();
    match keys.as_slice() {
        [] => Err(OperateError::NoKey { id: id.to_owned(), advice: error.help() }),
        [key] => ResourceKey::parse(key)
            .map_err(|error| OperateError::Unreadable { key: format!("event of {id}"), reason: error.to_string() }),
        _ => Err(OperateError::SeveralKeys { id: id.to_owned(), keys }),
    }
}

/// The resource's lease; `None` when it has none.
pub async fn look(connection: &Connection, key: &ResourceKey) -> Result<Option<Locked>, OperateError> {
    let Some(found) = connection.unless_interrupted(connection.ledger.get(&ledger::resource(key))).await? else {
        return Ok(None);
    };
    let Some(mut locked) = of_item(key, &found) else { return Ok(None) };
    let event = connection.unless_interrupted(connection.ledger.get(&ledger::event(&locked.event_id))).await?;
    // An event that cannot be read must not keep the resource locked; the report says what could not be done then.
    locked.event = event.and_then(|event| read(&event).ok());
    Ok(Some(locked))
}

fn of_item(key: &ResourceKey, found: &Item) -> Option<Locked> {
    let text = |name: &str| item::text(found, name).map(str::to_owned);
    let rule = text("leaseRule").unwrap_or_default();
    Some(Locked {
        key: key.to_string(),
        event_id: text("leaseOwner")?,
        holder: text("leaseHolder")?,
        until: item::number(found, "leaseUntil")?,
        event: None,
        cools_down: found.contains_key(&format!("cd#{rule}")),
        keeps_undo: found.contains_key("undoCd"),
        rule,
    })
}

/// Takes the lease away, if it is still the one that was looked at. An error means that nothing was done.
pub async fn unlock(
    connection: &Connection,
    locked: &Locked,
    reason: &str,
    now: Timestamp,
) -> Result<UnlockReport, OperateError> {
    let who = connection.unless_interrupted(connection.identity()).await?;
    let mut report = UnlockReport { key: locked.key.clone(), ..UnlockReport::default() };
    report.cooldown_until = take_lease(connection, locked, now).await?;
    match &locked.event {
        Some(event) if event.status.is_open() => {
            let closed = close(connection, event, &format!("{}: {reason}", who.arn), now).await;
            report.event_closed = attempt(&mut report.undone, "closing the event", closed).unwrap_or_default();
        }
        _ => {}
    }
    free_places(connection, locked, &mut report).await;
    let rule = RuleId::parse(&locked.rule).map_or(Scope::All, Scope::Rule);
    let id = locked
        .event
        .as_ref()
        .map_or_else(|| locked.key.rsplit('/').next().unwrap_or_default(), |event| event.resource_id.as_str());
    let deed = Deed {
        action: "unlock",
        scope: &rule,
        layer: locked.event.as_ref().and_then(HealingEvent::layer),
        resource: Some((id, &locked.key)),
        reason,
        evidence: format!("took {} from event {} of {}", locked.key, locked.event_id, locked.holder),
    };
    let recorded = record(connection, &who, &deed, now).await;
    report.event_id = attempt(&mut report.undone, "writing the event to the ledger", recorded);
    Ok(report)
}

/// Gives the end of the rule's cooldown, where it begins now.
async fn take_lease(connection: &Connection, locked: &Locked, now: Timestamp) -> Result<Option<i64>, OperateError> {
    let cooldown = locked.event.as_ref().and_then(|event| event.cooldown).filter(|_| locked.cools_down);
    let until = cooldown.map(|cooldown| time::after(now, cooldown).as_second());
    let set = match until {
        Some(_) => "SET #cd = :cd, #last = :now ",
        None if locked.keeps_undo => "SET #cd = undoCd, #att = undoAtt, #win = undoWin, #last = :now ",
        None => "",
    };
    let mut update = Expression::new(format!("{set}REMOVE {LEASE}, {UNDO}"))
        .text(":holder", locked.holder.as_str())
        .text(":owner", locked.event_id.as_str());
    if !set.is_empty() {
        update = update
            .name("#cd", format!("cd#{}", locked.rule))
            .name("#last", format!("last#{}", locked.rule))
            .number(":now", now.as_second());
    }
    match until {
        Some(until) => update = update.number(":cd", until),
        None if locked.keeps_undo => {
            update = update.name("#att", format!("att#{}", locked.rule)).name("#win", format!("win#{}", locked.rule));
        }
        None => {}
    }
    let key = ItemKey { pk: format!("RES#{}", locked.key), sk: "STATE".to_owned() };
    if connection.ledger.update_if(&key, update, "leaseHolder = :holder AND leaseOwner = :owner").await? {
        Ok(until)
    } else {
        Err(OperateError::Changed { what: format!("the lease of {}", locked.key) })
    }
}

/// Gives whether it was still open.
async fn close(
    connection: &Connection,
    event: &HealingEvent,
    message: &str,
    now: Timestamp,
) -> Result<bool, OperateError> {
    let time = time::rfc3339(now);
    let set =
        "#status = :failed, #reason = :reason, #error = :error, #end = :time, #day = :day, #at = :at, #ttl = :ttl";
    let update = Expression::new(format!("SET {set} REMOVE #open, #deadline"))
        .name("#status", "status")
        .name("#reason", "reason")
        .name("#error", "error_message")
        .name("#end", "end_time")
        .name("#day", "day")
        .name("#at", "at")
        .name("#ttl", "ttl")
        .name("#open", "open")
        .name("#deadline", "deadline")
        .text(":failed", Status::Failed.as_str())
        .text(":pending", Status::Pending.as_str())
        .text(":in_progress", Status::InProgress.as_str())
        .text(":reason", UNLOCKED)
        .text(":error", message)
        .text(":time", time.as_str())
        .text(":day", ledger::day(&time))
        .text(":at", ledger::at(&time, &event.event_id))
        .number(":ttl", retained(now));
    connection.ledger.update_if(&ledger::event(&event.event_id), update, "#status IN (:pending, :in_progress)").await
}

/// Frees what the healing has taken besides the resource, and the resource that the healing is about, where the one that is
/// unlocked is a further one.
async fn free_places(connection: &Connection, locked: &Locked, report: &mut UnlockReport) {
    let Some(event) = &locked.event else {
        return;
    };
    let step = "freeing the places in the budget: they end by themselves with the lease";
    let mut places = match places(event.places.as_deref().unwrap_or("[]")) {
        Ok(places) => places,
        Err(reason) => {
            let key = format!("EVENT#{}, `places`", event.event_id);
            report.undone.push(Undone::new(step, &OperateError::Unreadable { key, reason }));
            Vec::new()
        }
    };
    if event.resource_key != locked.key
        && let Ok(key) = ResourceKey::parse(&event.resource_key)
    {
        places.push(ledger::resource(&key));
    }
    for place in places {
        let undo = if place.pk.starts_with("RES#") { format!(", {UNDO}") } else { String::new() };
        let update = Expression::new(format!("REMOVE {LEASE}{undo}")).text(":owner", event.event_id.as_str());
        let freed = connection.ledger.update_if(&place, update, "leaseOwner = :owner").await;
        if attempt(&mut report.undone, step, freed) == Some(true) {
            report.places.push(format!("{} {}", place.pk, place.sk));
        }
    }
}

fn places(text: &str) -> Result<Vec<ItemKey>, String> {
    let places = match serde_json::from_str(text).map_err(|error| error.to_string())? {
        Places::Many(places) => places,
        Places::One(place) => vec![place],
    };
    Ok(places.into_iter().map(|Place { pk, sk }| ItemKey { pk, sk }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::fake::{Fake, event};
    use aws_sdk_dynamodb::types::AttributeValue;
    use serde_json::json;

    #[test]
    fn places_are_a_list_or_the_one() {
        let one = r#"{"pk": "SLOT#ALL", "sk": "0"}"#;
        assert_eq!(places(one).unwrap(), [ledger::slot_of_all(0)]);
        assert_eq!(places(&format!("[{one}, {one}]")).unwrap().len(), 2);
        assert_eq!(places("[]"), Ok(Vec::new()));
        assert!(places("SLOT#ALL").is_err());
    }

    async fn locked(fake: &Fake) -> (Connection, Locked) {
        let mut healing = event("e", "2026-11-24T09:00:00.000Z", "in_progress");
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
        assert_eq!(keys, ["RES#ec2:instance/i-0abc", "EVENT#e", "SLOT#ALL"]);
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
        assert!(
            update.starts_with("SET #cd = undoCd, #att = undoAtt, #win = undoWin, #last = :now REMOVE"),
            "{update}"
        );
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
        assert_eq!((locked.rule.as_str(), locked.until, locked.cools_down), ("checkout/web", 7, true));
    }
}
