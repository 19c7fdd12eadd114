//! The agent's events, in the one shape of the ledger, as the recorder takes them (`templates/partials/recorder-agents.yaml.hbs`).
//!
//! A healing is one event id: `in_progress` when it begins, then its end. What was decided against, and an escalation, are
//! events of their own. An id is derived, never drawn: the same decision gives the same id, so whatever is published twice is
//! recorded once.

use super::config::{AgentRule, Identity};
use super::time::Now;
use crate::ledger::{SCHEMA_VERSION, Source, Status};
use crate::rule::{Action, Layer, Notify};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Longest text of an event in characters: what the recorder keeps.
pub const MAX_TEXT: usize = 900;

/// Why a healing was not begun, or failed: one word, as in `docs/operations.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The rule, or a switch, observes; or the host cannot act for it.
    Observed,
    /// A person has paused it.
    Paused,
    /// The alarm of `suppress_while` fires, or nobody can say whether it does.
    Suppressed,
    /// The database behind the pool is at its limit: the pool is the symptom.
    DatabaseBusy,
    /// What the resource depends on does not answer.
    DependencyDown,
    /// It had recovered when the agent looked once more.
    Recovered,
    /// The sensor could not tell when the agent looked once more.
    SensorBlind,
    /// No measure was left that could be taken.
    NothingToDo,
    /// The attempts are spent.
    MaxAttempts,
    /// The action failed.
    ActionFailed,
    /// The action was done, and the resource is not well.
    VerifyFailed,
    /// An answer did not come in time.
    TimedOut,
    /// The agent ended in the middle.
    Interrupted,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Observed => "OBSERVED",
            Self::Paused => "PAUSED",
            Self::Suppressed => "SUPPRESSED",
            Self::DatabaseBusy => "DATABASE_BUSY",
            Self::DependencyDown => "DEPENDENCY_DOWN",
            Self::Recovered => "RECOVERED",
            Self::SensorBlind => "SENSOR_BLIND",
            Self::NothingToDo => "NOTHING_TO_DO",
            Self::MaxAttempts => "MAX_ATTEMPTS",
            Self::ActionFailed => "ACTION_FAILED",
            Self::VerifyFailed => "VERIFY_FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Interrupted => "INTERRUPTED",
        })
    }
}

/// One event, as it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentEvent {
    /// A UUID that is derived from the decision.
    pub event_id: String,
    /// The rule's stack.
    pub stack: String,
    /// The rule's name in it.
    pub rule_name: String,
    /// The rule's layer.
    pub layer: Layer,
    /// What the rule does.
    pub action: Action,
    /// This host.
    pub instance_id: String,
    /// What is healed, by the name in the rule.
    pub resource_id: String,
    /// `unit`, `pool` or `breaker`.
    pub resource_type: String,
    /// How far it is.
    pub status: Status,
    /// Why it was not begun, or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When it began, RFC 3339.
    pub start_time: String,
    /// When it ended, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    /// Which attempt in the rule's window.
    pub attempt_count: u32,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// What was seen, with the figures that the decision was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// What the rule reports.
    pub notify: Notify,
    /// Whether it asks for the rule of `escalate_to`. The reporter proves it (`docs/guard.md`, "Items").
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub escalate: bool,
    /// The AWS account.
    pub account: String,
    /// The AWS region.
    pub region: String,
    /// Always `agent`.
    pub source: Source,
    /// The version of this shape.
    pub schema_version: u32,
}

impl AgentEvent {
    /// An event of a rule about one of its resources, `pending` until its status is set, that begins and ends `now`.
    #[must_use]
    pub fn new(event_id: String, identity: &Identity, rule: &AgentRule, resource: &str, now: &Now) -> Self {
        Self {
            event_id,
            stack: rule.id.stack.to_string(),
            rule_name: rule.id.rule.to_string(),
            layer: rule.layer,
            action: rule.action,
            instance_id: identity.instance_id.clone(),
            resource_id: resource.to_owned(),
            resource_type: rule.target.in_events().to_owned(),
            status: Status::Pending,
            reason: None,
            start_time: now.rfc3339(),
            end_time: None,
            attempt_count: 0,
            error_message: None,
            evidence: None,
            notify: rule.notify,
            escalate: false,
            account: identity.account.clone(),
            region: identity.region.clone(),
            source: Source::Agent,
            schema_version: SCHEMA_VERSION,
        }
    }
}

/// The id of a decision: the state's origin, the number of decisions before, and what it is about, as a UUID.
#[must_use]
pub fn event_id(origin: u128, decision: u64, rule: &str, resource: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(origin.to_be_bytes());
    digest.update(decision.to_be_bytes());
    // Neither a rule nor a resource holds a NUL.
    digest.update(rule.as_bytes());
    digest.update([0]);
    digest.update(resource.as_bytes());
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(digest.finalize()) {
        *to = from;
    }
    // RFC 9562: version 8 (of the writer's own making), variant 10.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = format!("{:032x}", u128::from_be_bytes(bytes));
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// A text that the recorder keeps whole.
#[must_use]
pub fn clipped(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::AgentRule;

    #[test]
    fn ids_are_uuids_of_the_decision() {
        let id = event_id(1, 2, "shop/web", "unit/web.service");
        assert_eq!(id, event_id(1, 2, "shop/web", "unit/web.service"));
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert!(id.chars().all(|c| c.is_ascii_hexdigit() || c == '-') && id.chars().nth(14) == Some('8'));
        for other in [
            event_id(2, 2, "shop/web", "unit/web.service"),
            event_id(1, 3, "shop/web", "unit/web.service"),
            event_id(1, 2, "shop/we", "bunit/web.service"),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn reasons_are_one_word() {
        for reason in [Reason::Observed, Reason::DatabaseBusy, Reason::MaxAttempts, Reason::Interrupted] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.to_string());
        }
    }

    #[test]
    fn texts_are_clipped_by_characters() {
        assert_eq!(clipped("für"), "für");
        assert_eq!(clipped(&"ü".repeat(901)).chars().count(), 901);
        assert!(clipped(&"ü".repeat(901)).ends_with('…'));
    }

    /// What the recorder checks of a message before it takes it (state `CheckMessage`).
    #[test]
    fn the_recorder_takes_it() {
        let identity = Identity { instance_id: "i-0123456789abcdef0".into(), ..Identity::default() };
        let rule = AgentRule::parse(
            r#"{"schema_version":1,"rule":"checkout/pools","kind":"k","layer":"application","trigger_condition":"connection_pool_exhausted",
            "action":"repair","enabled":true,"mode":"enforce","healed_by":"agent","target":{"pools":{"names":["orders"],"hosts":{"ids":["i-0123456789abcdef0"]}}},
            "parameters":{},"cooldown_seconds":180,"max_attempts":4,"window_seconds":86400,"stable_for_seconds":3600,
            "budget":{"concurrent":1,"per_hour":6},"notify":"all","signals":{},"resource":{}}"#,
        )
        .unwrap()
        .unwrap();
        let now = Now { boot: 1, monotonic: 2, wall: 1_795_000_000_000 };
        let mut event = AgentEvent::new(event_id(1, 2, "a", "b"), &identity, &rule, "orders", &now);
        event.status = Status::Failed;
        event.reason = Some(Reason::MaxAttempts);
        event.escalate = true;
        let json = serde_json::to_value(&event).unwrap();
        let text = |field: &str| json[field].as_str().unwrap().to_owned();
        assert!((8..=64).contains(&text("event_id").len()));
        assert!(["in_progress", "completed", "failed", "skipped"].contains(&text("status").as_str()));
        assert!(["application", "data", "platform"].contains(&text("layer").as_str()));
        assert!(["pool", "breaker", "unit"].contains(&text("resource_type").as_str()));
        assert_eq!(text("start_time").as_bytes()[10], b'T');
        assert_eq!((json["escalate"].as_bool(), json["attempt_count"].as_u64()), (Some(true), Some(0)));
        assert_eq!(
            (text("reason"), text("source"), text("stack")),
            ("MAX_ATTEMPTS".into(), "agent".into(), "checkout".into())
        );
        assert_eq!(serde_json::from_value::<AgentEvent>(json).unwrap(), event);
    }
}
