//! Taking a resource's lease away from a healing that nobody expects to end any more.
//!
//! What follows is what the recorder does at the end of a healing, with now as the end: the lease and its places are given
//! back and the rule's cooldown begins. Without that, the resource would stay in the cooldown that the guard wrote down when
//! it took the lease, which counts from the lease's end. Where the event is gone, and with it the cooldown's length, the
//! resource gets back what the lease found.
//!
//! The lease goes first, because it is what people wait for. The event is closed last, and only when everything else was
//! given back: while it is open, the same command finds it again and does what is missing, and so does the sweeper.

use healstack_model::ledger::{self, HealingEvent, ItemKey, ResourceKey, RuleId, Scope, Source, Status};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::error::OperateError;
use super::filter::{EventFilter, Expression};
use super::item::{self, Item, read};
use super::ledger::Select;
use super::recorded::{Deed, WRITING, record, retained};
use super::report::{Undone, attempt};
use super::{history, statistics, time};

/// Attributes that say who holds an item, and what to put back when nothing was started.
const LEASE: &str = "leaseUntil, leaseOwner, leaseHolder, leaseRule";
const UNDO: &str = "undoCd, undoAtt, undoWin";

/// Why an event failed that somebody unlocked: a word of the ledger.
const UNLOCKED: &str = "UNLOCKED";

/// Pages of open events that are searched for an id. Budgets keep open events few; a page has hundreds.
const PAGES: usize = 20;

/// A resource's lease, or what an unlocking has left of a healing.
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
    /// When it ends by itself, seconds since 1970; RFC 3339 as JSON. `None` when there is no lease any more, only an event that
    /// was not closed.
    #[serde(serialize_with = "time::maybe_seconds")]
    pub until: Option<i64>,
    /// The event itself; `None` when it is not in the ledger.
    #[serde(serialize_with = "history::maybe_shown")]
    pub event: Option<HealingEvent>,
    /// Whether the resource's item says when the rule's cooldown ends, which the unlocking then changes.
    #[serde(skip)]
    cools_down: bool,
    /// Whether the resource's item keeps what the lease found.
    #[serde(skip)]
    keeps_undo: bool,
}

impl Locked {
    #[cfg(test)]
    pub(super) fn of_test() -> Self {
        Self {
            key: "ec2:instance/i-0abc".to_owned(),
            rule: "checkout/web".to_owned(),
            event_id: "e".to_owned(),
            holder: "arn".to_owned(),
            until: None,
            event: None,
            cools_down: false,
            keeps_undo: false,
        }
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until < now.as_second())
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
    /// When the rule may heal the resource again, seconds since 1970, RFC 3339 as JSON; `None` when that was not changed.
    #[serde(serialize_with = "time::maybe_seconds")]
    pub cooldown_until: Option<i64>,
    /// The event that says so.
    pub event_id: Option<String>,
    /// Whether there was an open event, by which a second run finds what is left.
    #[serde(skip)]
    pub has_event: bool,
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
    for page in 0_usize.. {
        let Some(items) = connection.unless_interrupted(pages.next()).await? else { break };
        if page == PAGES {
            return Err(OperateError::NotSearched { id: id.to_owned(), pages: PAGES, advice: error.help() });
        }
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

/// The resource's lease, or the event of a healing that has lost it and was not closed; `None` when there is neither.
pub async fn look(connection: &Connection, key: &ResourceKey) -> Result<Option<Locked>, OperateError> {
    let found = connection.unless_interrupted(connection.ledger.get(&ledger::resource(key))).await?;
    let Some(mut locked) = found.and_then(|found| of_item(key, &found)) else {
        return connection.unless_interrupted(left_open(connection, key)).await;
    };
    let event = connection.unless_interrupted(connection.ledger.get(&ledger::event(&locked.event_id))).await?;
    // An event that cannot be read must not keep the resource locked; the report says what could not be done then.
    locked.event = event.and_then(|event| read(&event).ok());
    Ok(Some(locked))
}

/// What an unlocking that failed in part has left: an open event of a healing that the guard has begun (its holder says so; a
/// person's own runbook and AWS's healings hold nothing), about the resource or with a place on it.
async fn left_open(connection: &Connection, key: &ResourceKey) -> Result<Option<Locked>, OperateError> {
    let of_resource = ledger::resource(key);
    let filter = Expression::new("#resource_key = :key OR contains(#places, :pk)")
        .name("#resource_key", "resource_key")
        .name("#places", "places")
        .text(":key", key.as_str())
        .text(":pk", of_resource.pk.as_str());
    let mut pages = connection.ledger.select(Select { filter: Some(filter), ..statistics::not_ended() });
    while let Some(items) = pages.next().await? {
        for item in items {
            let Some(id) = item::text(&item, "event_id") else { continue };
            // The index may be behind.
            let Some(item) = connection.ledger.get(&ledger::event(id)).await? else { continue };
            let Ok(event) = read::<HealingEvent>(&item) else { continue };
            let is_about =
                event.resource_key == key.as_str() || places_of(&event).is_ok_and(|all| all.contains(&of_resource));
            let is_healing = event.source == Source::Runbook && event.status.is_open();
            let Some(holder) = event.holder.clone().filter(|_| is_about && is_healing) else { continue };
            return Ok(Some(Locked {
                key: key.to_string(),
                rule: event.rule(),
                event_id: event.event_id.clone(),
                holder,
                until: None,
                event: Some(event),
                cools_down: false,
                keeps_undo: false,
            }));
        }
    }
    Ok(None)
}

fn of_item(key: &ResourceKey, found: &Item) -> Option<Locked> {
    let text = |name: &str| item::text(found, name).map(str::to_owned);
    let rule = text("leaseRule").unwrap_or_default();
    Some(Locked {
        key: key.to_string(),
        event_id: text("leaseOwner")?,
        holder: text("leaseHolder")?,
        until: Some(item::number(found, "leaseUntil")?),
        event: None,
        cools_down: found.contains_key(&format!("cd#{rule}")),
        keeps_undo: found.contains_key("undoCd"),
        rule,
    })
}

/// Takes the lease away, if it is still the one that was looked at, and gives back what is left. An error means that nothing
/// was done.
pub async fn unlock(
    connection: &Connection,
    locked: &Locked,
    reason: &str,
    now: Timestamp,
) -> Result<UnlockReport, OperateError> {
    let who = connection.unless_interrupted(connection.identity()).await?;
    let mut report = UnlockReport { key: locked.key.clone(), ..UnlockReport::default() };
    if locked.until.is_some() {
        report.cooldown_until = take_lease(connection, locked, now).await?;
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
    report.event_id = attempt(&mut report.undone, WRITING, recorded);
    let open = locked.event.as_ref().filter(|event| event.status.is_open());
    report.has_event = open.is_some();
    if let Some(event) = open.filter(|_| report.undone.is_empty()) {
        let closed = close(connection, event, &format!("{}: {reason}", who.arn), now).await;
        report.event_closed = attempt(&mut report.undone, "closing the event", closed).unwrap_or_default();
    }
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
    let mut places = match places_of(event) {
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

fn places_of(event: &HealingEvent) -> Result<Vec<ItemKey>, String> {
    places(event.places.as_deref().unwrap_or("[]"))
}

fn places(text: &str) -> Result<Vec<ItemKey>, String> {
    let places = match serde_json::from_str(text).map_err(|error| error.to_string())? {
        Places::Many(places) => places,
        Places::One(place) => vec![place],
    };
    Ok(places.into_iter().map(|Place { pk, sk }| ItemKey { pk, sk }).collect())
}

#[cfg(test)]
#[path = "unlock_test.rs"]
mod tests;
