//! Events of the past, newest first: index `by-time`, day by day, page by page.

use std::ops::ControlFlow;

use healstack_model::ledger::{BY_TIME, HealingEvent};
use jiff::Timestamp;
use serde::{Serialize as _, Serializer};
use serde_json::Value;

use super::connection::Connection;
use super::error::OperateError;
use super::filter::{EventFilter, Expression};
use super::item::{Item, read};
use super::ledger::Select;
use super::time;

/// How far a writer's clock may be ahead of this one's, in seconds. AWS's own are within milliseconds; this one's may be
/// minutes behind before AWS refuses its signatures.
pub(super) const CLOCK_AHEAD: u64 = 300;

/// Most items a page when there is no filter: what a table on the screen needs, and a page's 1 MB is never reached.
const PAGE: usize = 500;

/// What was listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listed {
    /// Events that were handed on.
    pub shown: usize,
    /// Whether there are more.
    pub more: bool,
    /// Events that this version cannot read.
    pub unreadable: usize,
}

/// Hands on events that changed since `since`, newest first, at most `limit`; ends when `show` breaks.
pub async fn events(
    connection: &Connection,
    since: Timestamp,
    now: Timestamp,
    filter: &EventFilter,
    limit: usize,
    show: &mut dyn FnMut(&HealingEvent) -> ControlFlow<()>,
) -> Result<Listed, OperateError> {
    let mut listed = Listed::default();
    for day in time::days(since, time::after(now, CLOCK_AHEAD)).rev() {
        let page = filter.is_empty().then(|| (limit - listed.shown).saturating_add(1).min(PAGE));
        let page = page.and_then(|page| i32::try_from(page).ok());
        let select = Select { backward: true, page, ..of_day(&day, &time::rfc3339(since), filter) };
        let mut pages = connection.ledger.select(select);
        while let Some(items) = connection.unless_interrupted(pages.next()).await? {
            for item in items {
                let Some(event) = readable(&item, &mut listed) else { continue };
                if listed.shown == limit {
                    listed.more = true;
                    return Ok(listed);
                }
                listed.shown += 1;
                if show(&event).is_break() {
                    return Ok(listed);
                }
            }
        }
    }
    Ok(listed)
}

/// Changes of a day from a time on, in the ledger's form.
pub(super) fn of_day(day: &str, from: &str, filter: &EventFilter) -> Select {
    let keys = Expression::new("#day = :day AND #at >= :from")
        .name("#day", "day")
        .name("#at", "at")
        .text(":day", day)
        .text(":from", from);
    Select { index: Some(BY_TIME), keys, filter: filter.expression(), ..Select::default() }
}

/// An event as JSON: the ledger's words, times as RFC 3339.
#[must_use]
pub fn shown_event(event: &HealingEvent) -> Value {
    let mut value = serde_json::to_value(event).unwrap_or_default();
    for (name, seconds) in [("deadline", event.deadline), ("ttl", event.ttl)] {
        if let (Some(seconds), Some(field)) = (seconds, value.get_mut(name)) {
            *field = time::of_seconds(seconds).into();
        }
    }
    value
}

#[allow(clippy::ref_option, reason = "serde gives a reference to the field")]
pub(super) fn maybe_shown<S: Serializer>(event: &Option<HealingEvent>, serializer: S) -> Result<S::Ok, S::Error> {
    event.as_ref().map(shown_event).serialize(serializer)
}

/// An event, or one more that this version cannot read.
pub(super) fn readable(item: &Item, listed: &mut Listed) -> Option<HealingEvent> {
    read(item).map_err(|_| listed.unreadable += 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::fake::{Fake, event};
    use serde_json::json;

    async fn list(fake: &Fake, since: &str, limit: usize) -> (Vec<String>, Listed) {
        let connection = fake.connection().await;
        let (since, now) = (since.parse().unwrap(), "2026-11-24T10:00:00Z".parse().unwrap());
        let mut ids = Vec::new();
        let mut show = |event: &HealingEvent| {
            ids.push(event.event_id.clone());
            ControlFlow::Continue(())
        };
        let listed = events(&connection, since, now, &EventFilter::default(), limit, &mut show).await.unwrap();
        (ids, listed)
    }

    fn filled() -> Fake {
        let fake = Fake::start();
        for (id, time) in [
            ("a", "2026-11-22T23:59:59.999Z"),
            ("b", "2026-11-23T00:00:00.000Z"),
            ("c", "2026-11-23T12:00:00.000Z"),
            ("d", "2026-11-24T09:59:59.000Z"),
            ("e", "2026-11-24T09:59:59.000Z"),
        ] {
            fake.put(event(id, time, "completed"));
        }
        fake
    }

    #[tokio::test]
    async fn events_come_newest_first_over_days_and_pages() {
        let (ids, listed) = list(&filled(), "2026-11-22T10:00:00Z", 50).await;
        assert_eq!(ids, ["e", "d", "c", "b", "a"]);
        assert_eq!(listed, Listed { shown: 5, more: false, unreadable: 0 });
        let (ids, _) = list(&filled(), "2026-11-23T00:00:00.001Z", 50).await;
        assert_eq!(ids, ["e", "d", "c"]);
    }

    #[tokio::test]
    async fn a_limit_says_whether_there_are_more() {
        for (limit, more) in [(2, true), (4, true), (5, false)] {
            let (ids, listed) = list(&filled(), "2026-11-22T10:00:00Z", limit).await;
            assert_eq!((ids.len(), listed.more), (limit, more));
        }
    }

    #[test]
    fn times_are_told_as_people_read_them() {
        let event: HealingEvent = serde_json::from_value(json!({
            "event_id": "e", "status": "pending", "source": "runbook", "deadline": 1_795_521_600, "ttl": 1_795_521_600,
            "cooldown": 600,
        }))
        .unwrap();
        let value = shown_event(&event);
        assert_eq!((&value["deadline"], &value["ttl"]), (&json!("2026-11-24T12:00:00.000Z"), &value["deadline"]));
        assert_eq!(value["cooldown"], 600);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_counted_and_hides_nothing() {
        let fake = filled();
        let mut wrong = event("f", "2026-11-24T09:00:00.000Z", "completed");
        wrong["status"] = json!({"S": "invented_later"});
        fake.put(wrong);
        let (ids, listed) = list(&fake, "2026-11-24T00:00:00Z", 50).await;
        assert_eq!((ids.len(), listed.unreadable), (2, 1));
    }
}
