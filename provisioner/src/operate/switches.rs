//! Switching healing off and on: the override first, then EC2's own alarm actions, then the record of it.

use healstack_model::Layer;
use healstack_model::ledger::{self, Override, Scope, Switch};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use super::connection::Connection;
use super::error::OperateError;
use super::filter::Expression;
use super::item::{self, Item, read};
use super::recorded::{Deed, record};
use super::report::{Undone, attempt};
use super::{alarms, time};
use crate::deploy::aws::Identity;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Heal nothing.
    Pause,
    /// Lift a pause.
    Resume,
    /// Detect and report only.
    Observe,
    /// Lift an `observe`.
    Enforce,
}

impl Verb {
    /// The command.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }

    /// The override that it sets or lifts.
    #[must_use]
    pub const fn switch(self) -> Switch {
        match self {
            Self::Pause | Self::Resume => Switch::Pause,
            Self::Observe | Self::Enforce => Switch::Observe,
        }
    }

    /// Whether it sets one.
    #[must_use]
    pub const fn sets(self) -> bool {
        matches!(self, Self::Pause | Self::Observe)
    }
}

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchRequest {
    /// What.
    pub verb: Verb,
    /// Of what.
    pub scope: Scope,
    /// Why, in their words; may be empty where something is lifted.
    pub reason: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// The layer of the scope's rule, where it is known.
    pub layer: Option<Layer>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SwitchReport {
    /// What was asked.
    pub verb: Verb,
    /// Of what.
    #[serde(serialize_with = "sort_key")]
    pub scope: Scope,
    /// Whether an override was written or lifted.
    pub changed: bool,
    /// When what was set ends by itself, seconds since 1970.
    pub until: Option<i64>,
    /// The scope's override before.
    #[serde(serialize_with = "maybe_shown")]
    pub before: Option<Override>,
    /// Other overrides in force over the scope, or over a part of it.
    #[serde(serialize_with = "all_shown")]
    pub others: Vec<Override>,
    /// Alarms whose actions were disabled, or enabled.
    pub alarms: Vec<String>,
    /// Alarms whose actions stay disabled.
    pub alarms_kept: Vec<String>,
    /// The event that says so.
    pub event_id: Option<String>,
    /// What failed after something was done.
    pub undone: Vec<Undone>,
}

/// Attributes of an item of `CONTROL`.
#[derive(Serialize, Deserialize)]
struct Attributes {
    mode: String,
    until: Option<i64>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    since_time: String,
    ttl: Option<i64>,
    #[serde(default)]
    schema_version: u32,
}

/// Every override there is, in force or not, the widest first.
pub async fn overrides(connection: &Connection) -> Result<Vec<Override>, OperateError> {
    let items = connection.ledger.all_of(ledger::CONTROL).await?;
    let mut overrides: Vec<Override> = items.iter().map(of_item).collect::<Result<_, _>>()?;
    overrides.sort_by(|left, right| left.scope.cmp(&right.scope));
    Ok(overrides)
}

/// Unreadable means: do not act. An item that this version cannot read stops everything that lifts, and hides nothing.
fn of_item(item: &Item) -> Result<Override, OperateError> {
    let sk = item::text(item, "sk").unwrap_or_default();
    let unreadable = |reason: String| OperateError::Unreadable { key: format!("{}/{sk}", ledger::CONTROL), reason };
    let scope = Scope::of_sort_key(sk).map_err(|error| unreadable(error.to_string()))?;
    let attributes: Attributes = read(item).map_err(unreadable)?;
    let switch = [Switch::Pause, Switch::Observe].into_iter().find(|switch| switch.as_str() == attributes.mode);
    let switch = switch.ok_or_else(|| unreadable(format!("its mode is `{}`", attributes.mode)))?;
    let Attributes { until, reason, by, since_time, .. } = attributes;
    Ok(Override { scope, switch, until, reason, by, since_time })
}

/// Does it. An error means that nothing was done; what fails later is in the report.
pub async fn switch(
    connection: &Connection,
    request: &SwitchRequest,
    before: Option<Override>,
    now: Timestamp,
) -> Result<SwitchReport, OperateError> {
    let who = connection.unless_interrupted(connection.identity()).await?;
    let mut report = SwitchReport {
        verb: request.verb,
        scope: request.scope.clone(),
        changed: false,
        until: request.until.map(Timestamp::as_second).filter(|_| request.verb.sets()),
        before,
        others: Vec::new(),
        alarms: Vec::new(),
        alarms_kept: Vec::new(),
        event_id: None,
        undone: Vec::new(),
    };
    if request.verb.sets() {
        set(connection, request, &report, &who, now).await?;
        report.changed = true;
        stop_alarms(connection, &mut report, now).await;
        report.others =
            attempt(&mut report.undone, "reading the other switches", overrides(connection).await).unwrap_or_default();
    } else {
        report.changed = lift(connection, request, &report).await?;
        // Read again: somebody may have switched something in the meantime.
        report.others = match overrides(connection).await {
            Ok(overrides) => overrides,
            Err(error) => {
                report.undone.push(Undone::new("enabling alarm actions: the other switches are not known", &error));
                record_it(connection, request, &mut report, &who, now).await;
                return Ok(report);
            }
        };
        start_alarms(connection, &mut report, now).await;
    }
    let scope = &request.scope;
    let concerns = |other: &Override| other.scope.is_wider_than(scope) || scope.is_wider_than(&other.scope);
    report.others.retain(|other| concerns(other) && other.is_in_force(now.as_second()));
    record_it(connection, request, &mut report, &who, now).await;
    Ok(report)
}

/// Writes the override. A pause is written whatever was there; an `observe` only over what the person has seen, since it
/// does less than a pause that came in the meantime.
async fn set(
    connection: &Connection,
    request: &SwitchRequest,
    report: &SwitchReport,
    who: &Identity,
    now: Timestamp,
) -> Result<(), OperateError> {
    let attributes = Attributes {
        mode: request.verb.switch().as_str().to_owned(),
        until: report.until,
        reason: request.reason.clone(),
        by: who.arn.clone(),
        since_time: time::rfc3339(now),
        ttl: request.until.map(|until| time::after(until, ledger::SWITCH_RETENTION).as_second()),
        schema_version: ledger::SCHEMA_VERSION,
    };
    let item = item::write(&ledger::control(&request.scope), &attributes);
    if request.verb == Verb::Pause {
        return connection.ledger.put(item).await;
    }
    if connection.ledger.put_if(item, as_seen(report.before.as_ref())).await? { Ok(()) } else { Err(changed(request)) }
}

/// Deletes the override, if it is of the kind that is to be lifted, and still the one that the person has seen.
async fn lift(connection: &Connection, request: &SwitchRequest, report: &SwitchReport) -> Result<bool, OperateError> {
    let Some(before) = report.before.as_ref().filter(|before| before.switch == request.verb.switch()) else {
        return Ok(false);
    };
    let key = ledger::control(&request.scope);
    if connection.ledger.delete_if(&key, as_seen(Some(before))).await? { Ok(true) } else { Err(changed(request)) }
}

fn changed(request: &SwitchRequest) -> OperateError {
    OperateError::Changed { what: format!("the switch of {}", request.scope) }
}

fn as_seen(before: Option<&Override>) -> Expression {
    let Some(before) = before else { return Expression::new("attribute_not_exists(pk)") };
    Expression::new("#mode = :mode AND #since = :since")
        .name("#mode", "mode")
        .name("#since", "since_time")
        .text(":mode", before.switch.as_str())
        .text(":since", before.since_time.as_str())
}

async fn stop_alarms(connection: &Connection, report: &mut SwitchReport, now: Timestamp) {
    let step = "disabling EC2's actions of alarms";
    let Some(found) = attempt(&mut report.undone, step, alarms::native(connection, &report.scope).await) else {
        return;
    };
    let (enabled, disabled): (Vec<_>, Vec<_>) = found.into_iter().partition(|alarm| alarm.enabled);
    report.alarms_kept = disabled.into_iter().map(|alarm| alarm.name).collect();
    let names: Vec<String> = enabled.into_iter().map(|alarm| alarm.name).collect();
    let (done, result) = alarms::disable(connection, &names, now.as_second()).await;
    attempt(&mut report.undone, step, result);
    report.alarms = done;
}

async fn start_alarms(connection: &Connection, report: &mut SwitchReport, now: Timestamp) {
    let step = "enabling EC2's actions of alarms";
    let Some(marked) = attempt(&mut report.undone, step, alarms::marked(connection).await) else { return };
    if marked.is_empty() {
        return;
    }
    let Some(found) = attempt(&mut report.undone, step, alarms::native(connection, &report.scope).await) else {
        return;
    };
    let prefix = connection.names.prefix.as_str();
    let plan = alarms::lifting((prefix, &report.scope), &marked, &found, &report.others, now.as_second());
    let (done, result) = alarms::enable(connection, &plan.enable).await;
    attempt(&mut report.undone, step, result);
    let forgotten = alarms::forget(connection, &plan.forget).await;
    attempt(&mut report.undone, "forgetting alarms that need no enabling", forgotten);
    report.alarms = done;
    report.alarms_kept = plan.keep.into_iter().map(|(name, _)| name).collect();
}

/// The event. What changed nothing leaves none.
async fn record_it(
    connection: &Connection,
    request: &SwitchRequest,
    report: &mut SwitchReport,
    who: &Identity,
    now: Timestamp,
) {
    if !report.changed && report.alarms.is_empty() {
        return;
    }
    let until = match (request.verb.sets(), report.until) {
        (true, Some(until)) => format!(" until {} UTC", time::shown_seconds(until)),
        (true, None) => " until it is lifted".to_owned(),
        (false, _) => String::new(),
    };
    let alarms = crate::text::count(report.alarms.len(), "alarm");
    let verb = if request.verb.sets() { "disabled" } else { "enabled" };
    let deed = Deed {
        action: request.verb.as_str(),
        scope: &request.scope,
        layer: request.layer,
        resource: None,
        reason: &request.reason,
        evidence: format!("{} {}{until}; actions of {alarms} {verb}", request.verb.as_str(), request.scope),
    };
    report.event_id =
        attempt(&mut report.undone, "writing the event to the ledger", record(connection, who, &deed, now).await);
}

/// An override as JSON: the ledger's words, times as RFC 3339.
#[must_use]
pub fn shown(one: &Override) -> serde_json::Value {
    let until = one.until.and_then(|until| Timestamp::from_second(until).ok()).map(time::rfc3339);
    json!({
        "scope": one.scope.sort_key(), "mode": one.switch, "until": until, "reason": one.reason, "by": one.by,
        "since": one.since_time,
    })
}

fn sort_key<S: Serializer>(scope: &Scope, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&scope.sort_key())
}

#[allow(clippy::ref_option, reason = "serde gives a reference to the field")]
fn maybe_shown<S: Serializer>(one: &Option<Override>, serializer: S) -> Result<S::Ok, S::Error> {
    one.as_ref().map(shown).serialize(serializer)
}

fn all_shown<S: Serializer>(all: &[Override], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(shown))
}

#[cfg(test)]
#[path = "switches_test.rs"]
mod tests;
