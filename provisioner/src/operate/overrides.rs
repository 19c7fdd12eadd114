//! The overrides in the ledger: what people wrote, through this command line or by hand.
//!
//! An item that cannot be read stands beside those that can: it hides none of them, and it stays in the way of what it may
//! be about, because what keeps healing from starting must not be lifted by not understanding it.

use healstack_model::ledger::{self, Override, RuleId, Scope, Switch, effect};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::connection::Connection;
use super::error::OperateError;
use super::filter::Expression;
use super::item::{self, Item, read};
use super::render::plain;
use super::time;

/// Attributes of an item of `CONTROL`. One that was written by hand need not have more than `mode`.
#[derive(Serialize, Deserialize)]
pub(super) struct Attributes {
    pub(super) mode: String,
    pub(super) until: Option<i64>,
    /// `until` as runbooks compare it, which know the time as text only.
    pub(super) until_text: Option<String>,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) by: String,
    #[serde(default)]
    pub(super) since_time: String,
    pub(super) ttl: Option<i64>,
    #[serde(default)]
    pub(super) schema_version: u32,
}

/// Every override there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Those that can be read, in force or not, the widest first.
    pub readable: Vec<Override>,
    /// Those that cannot.
    pub unreadable: Vec<UnreadableSwitch>,
}

/// An item of `CONTROL` that this version cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableSwitch {
    /// Its key, for people: `CONTROL/checkout`.
    pub key: String,
    /// What it is about; `None` when its key is no scope, so that it is about no rule.
    pub scope: Option<Scope>,
    /// What is wrong with it.
    pub reason: String,
    /// The command that deletes it.
    pub delete: String,
}

impl UnreadableSwitch {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        let Self { delete, .. } = self;
        format!("correct it, or delete it: `{delete}`. Where a newer healstack has written it, use that version")
    }

    /// As JSON.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({"scope": self.scope.as_ref().map(Scope::sort_key), "key": self.key, "reason": self.reason, "help": self.help()})
    }

    fn error(&self) -> OperateError {
        OperateError::UnreadableSwitch { key: self.key.clone(), reason: self.reason.clone(), advice: self.help() }
    }
}

impl Overrides {
    /// The override of exactly this scope, in force or not.
    pub(crate) fn of(&self, scope: &Scope) -> Option<&Override> {
        self.readable.iter().find(|one| one.scope == *scope)
    }

    /// Whether a rule is kept from healing, as far as is known: an item that cannot be read may do that too.
    pub(super) fn hold(&self, rule: &RuleId, now: i64) -> bool {
        let unreadable = self.unreadable.iter().filter_map(|one| one.scope.as_ref()).any(|scope| scope.covers(rule));
        unreadable || effect(&self.readable, rule, now).is_some()
    }

    /// Refuses to write or lift where an item that cannot be read stands in the way.
    pub(super) fn readable_for(&self, scope: &Scope, lifting: bool) -> Result<(), OperateError> {
        let in_the_way = |other: &Scope| other == scope || (lifting && other.is_wider_than(scope));
        let found = self.unreadable.iter().find(|one| one.scope.as_ref().is_some_and(in_the_way));
        found.map_or(Ok(()), |one| Err(one.error()))
    }
}

/// Every override there is.
pub async fn overrides(connection: &Connection) -> Result<Overrides, OperateError> {
    let items = connection.ledger.all_of(ledger::CONTROL).await?;
    let (table, region) = (&connection.ledger.table, &connection.ledger.region);
    let mut overrides = Overrides::default();
    for item in &items {
        match of_item(item) {
            Ok(one) => overrides.readable.push(one),
            Err(reason) => overrides.unreadable.push(unreadable(item, &reason, (table, region))),
        }
    }
    overrides.readable.sort_by(|left, right| left.scope.cmp(&right.scope));
    Ok(overrides)
}

fn of_item(item: &Item) -> Result<Override, String> {
    let scope = Scope::of_sort_key(sort_key(item)).map_err(|error| error.to_string())?;
    let attributes: Attributes = read(item)?;
    let switch = [Switch::Pause, Switch::Observe].into_iter().find(|switch| switch.as_str() == attributes.mode);
    let switch = switch.ok_or_else(|| format!("its mode is `{}`", attributes.mode))?;
    let Attributes { until, reason, by, since_time, .. } = attributes;
    Ok(Override { scope, switch, until, reason, by, since_time })
}

fn sort_key(item: &Item) -> &str {
    item::text(item, "sk").unwrap_or_default()
}

fn unreadable(item: &Item, reason: &str, (table, region): (&str, &str)) -> UnreadableSwitch {
    let sk = sort_key(item);
    let key = json!({"pk": {"S": ledger::CONTROL}, "sk": {"S": sk}}).to_string().replace('\'', r"'\''");
    UnreadableSwitch {
        key: plain(&format!("{}/{sk}", ledger::CONTROL)),
        scope: Scope::of_sort_key(sk).ok(),
        reason: plain(reason),
        delete: format!("aws dynamodb delete-item --region {region} --table-name {table} --key '{key}'"),
    }
}

/// The condition that the scope's item is the one that the person has seen. One that was written by hand may have no time.
pub(super) fn as_seen(before: Option<&Override>) -> Expression {
    let Some(before) = before else { return Expression::new("attribute_not_exists(pk)") };
    let since = if before.since_time.is_empty() {
        "(attribute_not_exists(#since) OR #since = :since)"
    } else {
        "#since = :since"
    };
    Expression::new(format!("#mode = :mode AND {since}"))
        .name("#mode", "mode")
        .name("#since", "since_time")
        .text(":mode", before.switch.as_str())
        .text(":since", before.since_time.as_str())
}

/// An override as JSON: the ledger's words, times as RFC 3339; null where somebody who wrote it by hand said nothing.
#[must_use]
pub fn shown(one: &Override) -> Value {
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    json!({
        "scope": one.scope.sort_key(), "mode": one.switch, "until": one.until.map(time::of_seconds), "reason": one.reason,
        "by": said(&one.by), "since": said(&one.since_time),
    })
}

/// Whether a switch until `until` would end before the one that is in force.
#[must_use]
pub fn ends_earlier(until: Option<Timestamp>, before: &Override) -> bool {
    until.is_some_and(|until| before.until.is_none_or(|before| until.as_second() < before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::fake::Fake;

    #[test]
    fn only_an_earlier_end_takes_something_away() {
        let one = |until: Option<i64>| Override {
            scope: Scope::All,
            switch: Switch::Pause,
            until,
            reason: String::new(),
            by: String::new(),
            since_time: String::new(),
        };
        let at = |second: i64| Timestamp::from_second(second).ok();
        for (until, before, earlier) in [
            (at(99), Some(100), true),
            (at(100), Some(100), false),
            (None, Some(100), false),
            (None, None, false),
            (at(99), None, true),
        ] {
            assert_eq!(ends_earlier(until, &one(before)), earlier, "{until:?} {before:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_hides_nothing_and_is_not_taken_for_nothing() {
        let fake = Fake::start();
        for (scope, mode) in [("ALL", "pause"), ("checkout", "stop"), ("it's\u{7}", "pause")] {
            fake.put(json!({"pk": {"S": "CONTROL"}, "sk": {"S": scope}, "mode": {"S": mode}}));
        }
        let found = overrides(&fake.connection().await).await.unwrap();
        assert_eq!(found.readable.iter().map(|one| one.scope.sort_key()).collect::<Vec<_>>(), ["ALL"]);
        let [stop, no_scope] = found.unreadable.as_slice() else { panic!("{found:?}") };
        assert_eq!((stop.key.as_str(), stop.reason.as_str()), ("CONTROL/checkout", "its mode is `stop`"));
        assert_eq!(
            stop.delete,
            "aws dynamodb delete-item --region us-east-1 --table-name heal--core--ledger \
             --key '{\"pk\":{\"S\":\"CONTROL\"},\"sk\":{\"S\":\"checkout\"}}'"
        );
        assert!(no_scope.scope.is_none() && no_scope.key == "CONTROL/it's ", "{no_scope:?}");
        assert!(no_scope.delete.contains(r"it'\''s\u0007"), "{}", no_scope.delete);
        assert_eq!(stop.shown()["scope"], "checkout");

        let only = Overrides { readable: Vec::new(), ..found };
        assert!(only.hold(&RuleId::parse("checkout/web").unwrap(), 0));
        assert!(!only.hold(&RuleId::parse("shop/web").unwrap(), 0));
        for (scope, lifting, allowed) in [
            ("checkout", false, false),
            ("checkout/web", true, false),
            ("checkout/web", false, true),
            ("ALL", true, true),
            ("shop", true, true),
        ] {
            let scope = Scope::of_sort_key(scope).unwrap();
            assert_eq!(only.readable_for(&scope, lifting).is_ok(), allowed, "{scope} {lifting}");
        }
    }
}
