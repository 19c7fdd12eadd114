//! What a person did, as an event of the ledger beside the healings.

use healstack_model::ledger::{self, HealingEvent, RuleId, Scope, Source, Status};
use healstack_model::{Layer, guard};
use jiff::Timestamp;

use super::connection::Connection;
use super::error::OperateError;
use super::{item, time};
use crate::deploy::aws::Identity;

/// What stands where there is nothing to name.
const NOTHING: &str = "-";
/// What stands where everything is meant.
const EVERYTHING: &str = "*";

/// What cannot be done again by the same command, since what it would write down is done.
pub(super) const WRITING: &str = "writing the event to the ledger";

/// What a person did.
pub(super) struct Deed<'a> {
    /// The command.
    pub(super) action: &'static str,
    /// To what.
    pub(super) scope: &'a Scope,
    /// The layer of the scope's rule, where it is known.
    pub(super) layer: Option<Layer>,
    /// The resource's id and key, where there is one.
    pub(super) resource: Option<(&'a str, &'a str)>,
    /// Why, in their words; empty when they said nothing.
    pub(super) reason: &'a str,
    /// What exactly.
    pub(super) evidence: String,
}

/// Writes it down; gives the event's id.
pub(super) async fn record(
    connection: &Connection,
    who: &Identity,
    deed: &Deed<'_>,
    now: Timestamp,
) -> Result<String, OperateError> {
    let event_id = uuid::Uuid::new_v4().to_string();
    let event = event(&event_id, who, deed, now, &connection.ledger.region);
    connection.ledger.put(item::write(&ledger::event(&event_id), &event)).await?;
    Ok(event_id)
}

fn event(event_id: &str, who: &Identity, deed: &Deed<'_>, now: Timestamp, region: &str) -> HealingEvent {
    let time = time::rfc3339(now);
    let (stack, rule_name) = match deed.scope {
        Scope::All => (EVERYTHING.to_owned(), EVERYTHING.to_owned()),
        Scope::Stack(stack) => (stack.to_string(), EVERYTHING.to_owned()),
        Scope::Rule(RuleId { stack, rule }) => (stack.to_string(), rule.to_string()),
    };
    let (resource_id, resource_key) = deed.resource.unwrap_or((NOTHING, NOTHING));
    HealingEvent {
        event_id: event_id.to_owned(),
        stack,
        rule_name,
        layer: deed.layer.map_or(NOTHING, Layer::as_str).to_owned(),
        action: deed.action.to_owned(),
        resource_id: resource_id.to_owned(),
        resource_key: resource_key.to_owned(),
        status: Status::Completed,
        reason: Some(deed.reason.to_owned()).filter(|reason| !reason.is_empty()),
        start_time: time.clone(),
        end_time: Some(time.clone()),
        attempt_count: None,
        error_message: None,
        source: Source::Operator,
        evidence: Some(format!("{}: {}", who.arn, deed.evidence)),
        account: who.account.clone(),
        region: region.to_owned(),
        execution_id: None,
        cooldown: None,
        notify: None,
        places: None,
        signal: None,
        overdue: None,
        day: ledger::day(&time).to_owned(),
        at: ledger::at(&time, event_id),
        open: None,
        deadline: None,
        holder: None,
        recorder: None,
        ttl: Some(retained(now)),
        schema_version: ledger::SCHEMA_VERSION,
    }
}

/// When an event that changes now is deleted, seconds since 1970.
pub(super) fn retained(now: Timestamp) -> i64 {
    time::after(now, guard::EVENT_TTL).as_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_is_an_event_that_is_no_healing() {
        let who = Identity { account: "111122223333".to_owned(), arn: "arn:aws:iam::111122223333:user/ana".to_owned() };
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        let of = |scope: &Scope| {
            let (layer, resource, evidence) = (None, None, "paused".to_owned());
            let deed = Deed { action: "pause", scope, layer, resource, reason: "load test", evidence };
            event("e", &who, &deed, now, "eu-west-1")
        };
        let all = of(&Scope::All);
        assert_eq!((all.stack.as_str(), all.rule_name.as_str(), all.layer.as_str()), ("*", "*", "-"));
        assert_eq!((all.day.as_str(), all.at.as_str()), ("2026-11-24", "2026-11-24T10:00:00.000Z#e"));
        assert_eq!(all.ttl, Some(now.as_second() + 400 * 86_400));
        assert!(!all.source.heals() && all.open.is_none());
        let rule = of(&Scope::parse("checkout/web").unwrap());
        assert_eq!((rule.stack.as_str(), rule.rule_name.as_str()), ("checkout", "web"));
        assert_eq!(rule.evidence.as_deref(), Some("arn:aws:iam::111122223333:user/ana: paused"));
    }
}
