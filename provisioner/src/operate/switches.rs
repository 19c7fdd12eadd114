//! Switching healing off and on: the override first, then EC2's own alarm actions, then the record of it.

use healstack_model::Layer;
use healstack_model::ledger::{self, Override, RuleId, Scope, Switch};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::connection::Connection;
use super::error::OperateError;
use super::overrides::{Attributes, Overrides, as_seen, overrides, shown};
use super::recorded::{Deed, WRITING, record};
use super::report::{Undone, attempt};
use super::{alarms, item, time};
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
    /// When what was set ends by itself, seconds since 1970; RFC 3339 as JSON.
    #[serde(serialize_with = "time::maybe_seconds")]
    pub until: Option<i64>,
    /// The scope's override that was in force before.
    #[serde(serialize_with = "maybe_shown")]
    pub before: Option<Override>,
    /// Other overrides in force over the scope, or over a part of it.
    #[serde(serialize_with = "all_shown")]
    pub others: Vec<Override>,
    /// Alarms whose actions were disabled, or enabled.
    pub alarms: Vec<String>,
    /// Alarms whose actions stay disabled.
    pub alarms_kept: Vec<String>,
    /// What EC2 does not do now by itself, by rule: the verbs of those alarms' actions.
    #[serde(skip)]
    pub stopped: Vec<(RuleId, Vec<String>)>,
    /// The event that says so.
    pub event_id: Option<String>,
    /// What failed after something was done.
    pub undone: Vec<Undone>,
}

/// Does it. An error means that nothing was done; what fails later is in the report. `seen` is what the person decides from;
/// `layer` is asked for after the switch is written, since knowing it may take a while.
pub async fn switch(
    connection: &Connection,
    request: &SwitchRequest,
    seen: &Overrides,
    now: Timestamp,
    layer: &dyn Fn() -> Option<Layer>,
) -> Result<SwitchReport, OperateError> {
    if request.verb != Verb::Pause {
        seen.readable_for(&request.scope, !request.verb.sets())?;
    }
    let who = connection.unless_interrupted(connection.identity()).await?;
    let seen = seen.of(&request.scope);
    let mut report = SwitchReport {
        verb: request.verb,
        scope: request.scope.clone(),
        changed: false,
        until: request.until.map(Timestamp::as_second).filter(|_| request.verb.sets()),
        before: seen.filter(|seen| seen.is_in_force(now.as_second())).cloned(),
        others: Vec::new(),
        alarms: Vec::new(),
        alarms_kept: Vec::new(),
        stopped: Vec::new(),
        event_id: None,
        undone: Vec::new(),
    };
    let others = if request.verb.sets() {
        set(connection, request, (&report, seen), &who, now).await?;
        report.changed = true;
        stop_alarms(connection, &mut report, now).await;
        attempt(&mut report.undone, "reading the other switches", overrides(connection).await)
    } else {
        report.changed = lift(connection, request, &report).await?;
        // Read again: somebody may have switched something in the meantime.
        let step = "enabling alarm actions: the other switches are not known";
        let others = attempt(&mut report.undone, step, overrides(connection).await);
        if let Some(others) = &others {
            start_alarms(connection, &mut report, others, now).await;
        }
        others
    };
    let scope = &request.scope;
    let concerns = |other: &Override| other.scope.is_wider_than(scope) || scope.is_wider_than(&other.scope);
    report.others = others.map(|others| others.readable).unwrap_or_default();
    report.others.retain(|other| concerns(other) && other.is_in_force(now.as_second()));
    record_it(connection, request, &mut report, (&who, layer), now).await;
    Ok(report)
}

/// Writes the override. A pause is written whatever was there; an `observe` only over what the person has seen, since it
/// does less than a pause that came in the meantime.
async fn set(
    connection: &Connection,
    request: &SwitchRequest,
    (report, seen): (&SwitchReport, Option<&Override>),
    who: &Identity,
    now: Timestamp,
) -> Result<(), OperateError> {
    let attributes = Attributes {
        mode: request.verb.switch().as_str().to_owned(),
        until: report.until,
        until_text: request.until.map(time::automation),
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
    if connection.ledger.put_if(item, as_seen(seen)).await? { Ok(()) } else { Err(changed(request)) }
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

async fn stop_alarms(connection: &Connection, report: &mut SwitchReport, now: Timestamp) {
    let step = "disabling EC2's actions of alarms";
    let Some(found) = attempt(&mut report.undone, step, alarms::native(connection, &report.scope).await) else {
        return;
    };
    let names: Vec<String> = found.iter().filter(|alarm| alarm.enabled).map(|alarm| alarm.name.clone()).collect();
    let (done, result) = alarms::disable(connection, &names, now.as_second()).await;
    attempt(&mut report.undone, step, result);
    report.alarms = done;
    for alarm in found {
        let is_off = !alarm.enabled || report.alarms.contains(&alarm.name);
        if !alarm.enabled {
            report.alarms_kept.push(alarm.name);
        }
        if is_off {
            report.stopped.push((alarm.rule, alarm.verbs));
        }
    }
}

async fn start_alarms(connection: &Connection, report: &mut SwitchReport, others: &Overrides, now: Timestamp) {
    let step = "enabling EC2's actions of alarms";
    let Some(marked) = attempt(&mut report.undone, step, alarms::marked(connection).await) else { return };
    let prefix = connection.names.prefix.as_str();
    let plan = alarms::lifting((prefix, &report.scope), &marked, others, now.as_second());
    let (done, result) = alarms::enable(connection, &plan.enable).await;
    attempt(&mut report.undone, step, result);
    report.alarms = done;
    report.alarms_kept = plan.keep;
}

/// The event. What changed nothing leaves none.
async fn record_it(
    connection: &Connection,
    request: &SwitchRequest,
    report: &mut SwitchReport,
    (who, layer): (&Identity, &dyn Fn() -> Option<Layer>),
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
        layer: layer(),
        resource: None,
        reason: &request.reason,
        evidence: format!("{} {}{until}; actions of {alarms} {verb}", request.verb.as_str(), request.scope),
    };
    report.event_id = attempt(&mut report.undone, WRITING, record(connection, who, &deed, now).await);
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
