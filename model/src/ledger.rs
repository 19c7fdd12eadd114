//! The ledger table: keys, healing events, switches and statistics, as [docs/guard.md](../../docs/guard.md) lays them out.
//!
//! | pk | sk | function |
//! |---|---|---|
//! | `RES#<key>` | `STATE` | [`resource`] |
//! | `EVENT#<event id>` | `EVENT` | [`event()`] |
//! | `CONTROL` | `ALL`, `<stack>` or `<rule>` | [`control`] |
//! | `DISABLED` | `<alarm name>` | [`disabled`] |
//!
//! The other items are the state machines' own; what a healing holds of them stands in its event's `places`.
//!
//! Times are whole seconds since 1970, unless they are named `…_time`, which are RFC 3339 in UTC.
//!
//! **Invariant:** nothing here knows how a table is read. Items come and go as values that serialise with the table's own
//! attribute names.

mod event;
mod resource;
mod scope;
mod statistics;
mod switch;

pub use event::{HealingEvent, Source, Status};
pub use resource::{ResourceKey, ResourceKeyError};
pub use scope::{RuleId, Scope, ScopeError};
pub use statistics::{Figures, Statistics};
pub use switch::{Override, Switch, effect};

/// The version of every item that is written.
pub const SCHEMA_VERSION: u32 = 1;
/// Index of events by day and time of their last change.
pub const BY_TIME: &str = "by-time";
/// Index of events that are not final, by the time at which the sweeper closes them.
pub const BY_DEADLINE: &str = "by-deadline";
/// The one hash key of [`BY_DEADLINE`].
pub const OPEN: &str = "open";
/// Hash key of every switch.
pub const CONTROL: &str = "CONTROL";
/// Hash key of every alarm whose actions Healstack has disabled.
pub const DISABLED: &str = "DISABLED";
/// Seconds that a switch is kept after its end, so that people can see what it was.
pub const SWITCH_RETENTION: u64 = 30 * 24 * 3600;

/// What identifies an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey {
    /// The hash key.
    pub pk: String,
    /// The range key.
    pub sk: String,
}

impl ItemKey {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

/// A resource: its lease, and what each rule did to it.
#[must_use]
pub fn resource(key: &ResourceKey) -> ItemKey {
    ItemKey::new(format!("RES#{key}"), "STATE")
}

/// A healing event.
#[must_use]
pub fn event(event_id: &str) -> ItemKey {
    ItemKey::new(format!("EVENT#{event_id}"), "EVENT")
}

/// The switch of a scope.
#[must_use]
pub fn control(scope: &Scope) -> ItemKey {
    ItemKey::new(CONTROL, scope.sort_key())
}

/// An alarm whose actions Healstack has disabled.
#[must_use]
pub fn disabled(alarm: &str) -> ItemKey {
    ItemKey::new(DISABLED, alarm)
}

/// `day` of an event that changed at `time` (RFC 3339 in UTC): `2026-11-24`.
#[must_use]
pub fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

/// `at` of an event that changed at `time` (RFC 3339 in UTC, in milliseconds): the time, then the event id, so that no two
/// changes are at the same place.
#[must_use]
pub fn at(time: &str, event_id: &str) -> String {
    format!("{time}#{event_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_documented_ones() {
        let rule = RuleId::parse("checkout/web").unwrap();
        let key = ResourceKey::parse("ec2:instance/i-0abc").unwrap();
        let text = |key: ItemKey| format!("{} {}", key.pk, key.sk);
        assert_eq!(text(resource(&key)), "RES#ec2:instance/i-0abc STATE");
        assert_eq!(text(event("e-1")), "EVENT#e-1 EVENT");
        assert_eq!(text(control(&Scope::All)), "CONTROL ALL");
        assert_eq!(text(control(&Scope::Rule(rule))), "CONTROL checkout/web");
        assert_eq!(text(disabled("heal--a--b--c")), "DISABLED heal--a--b--c");
    }

    #[test]
    fn changes_sort_by_time_within_their_day() {
        let time = "2026-11-24T10:00:00.000Z";
        assert_eq!(day(time), "2026-11-24");
        assert_eq!(at(time, "e-1"), "2026-11-24T10:00:00.000Z#e-1");
        assert!(at(time, "z") < at("2026-11-24T10:00:00.001Z", "a"));
        // A time alone is before everything that happened at it, and after everything before.
        assert!(time < at(time, "").as_str());
    }
}
