//! Changes of events as they come, oldest first.
//!
//! The index is eventually consistent, and writers' clocks are not this one's: a change may appear behind one that was shown
//! already. So every look goes [`LOOK_BACK`] seconds behind the newest change, and what was shown in that span is
//! remembered; beyond it, it is forgotten. The span hangs on the times in the ledger, this machine's clock only bounds it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use healstack_model::ledger::HealingEvent;
use jiff::Timestamp;

use super::connection::Connection;
use super::error::OperateError;
use super::filter::EventFilter;
use super::history::{CLOCK_AHEAD, Listed, of_day, readable};
use super::time;

/// Between two looks.
const PACE: Duration = Duration::from_secs(2);

/// How late a change may appear in the index, in seconds. DynamoDB's indexes are behind by less than a second as a rule; the
/// guard's retries hold a write back for tens of seconds.
const LOOK_BACK: u64 = 60;

/// How far this machine's clock may be ahead, in seconds: AWS refuses signatures beyond 15 minutes.
const CLOCK_BEHIND: u64 = 900;

/// Hands on changes since `since`, oldest first, until Ctrl-C, `limit`, or until `show` breaks.
pub async fn follow(
    connection: &Connection,
    since: Timestamp,
    filter: &EventFilter,
    limit: Option<usize>,
    show: &mut dyn FnMut(&HealingEvent) -> ControlFlow<()>,
) -> Result<Listed, OperateError> {
    let mut listed = Listed::default();
    let mut position = Position::new(since);
    loop {
        let looked = look(connection, &mut position, filter, limit, &mut listed, show);
        match connection.unless_interrupted(looked).await {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return Ok(listed),
            Err(error) if error.is_interruption() => return Ok(listed),
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = tokio::time::sleep(PACE) => {}
            () = connection.context.interrupt.pressed() => return Ok(listed),
        }
    }
}

async fn look(
    connection: &Connection,
    position: &mut Position,
    filter: &EventFilter,
    limit: Option<usize>,
    listed: &mut Listed,
    show: &mut dyn FnMut(&HealingEvent) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, OperateError> {
    let now = time::now();
    // Counted once, not with every look at the same item.
    let mut unread = Listed::default();
    for day in time::days(position.from, time::after(now, CLOCK_AHEAD)) {
        let mut pages = connection.ledger.select(of_day(&day, &time::rfc3339(position.from), filter));
        while let Some(items) = pages.next().await? {
            for item in items {
                let Some(event) = readable(&item, &mut unread) else { continue };
                if !position.is_new(&event.at, now) {
                    continue;
                }
                listed.shown += 1;
                if show(&event).is_break() || limit.is_some_and(|limit| listed.shown >= limit) {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }
    listed.unreadable = listed.unreadable.max(unread.unreadable);
    position.looked(now);
    Ok(ControlFlow::Continue(()))
}

/// Where the next look begins, and what it will see again.
#[derive(Debug)]
struct Position {
    from: Timestamp,
    newest: Option<Timestamp>,
    /// `at` of what was shown, not older than the look-back.
    shown: BTreeSet<String>,
}

impl Position {
    fn new(from: Timestamp) -> Self {
        Self { from, newest: None, shown: BTreeSet::new() }
    }

    /// Whether a change was not shown before; it counts as shown from then on.
    fn is_new(&mut self, at: &str, now: Timestamp) -> bool {
        if !self.shown.insert(at.to_owned()) {
            return false;
        }
        let changed = at.split_once('#').map_or(at, |(time, _)| time);
        if let Ok(changed) = changed.parse::<Timestamp>() {
            self.newest = Some(self.newest.map_or(changed, |newest| newest.max(changed)));
        }
        let begin = time::rfc3339(self.begin(now));
        self.shown = self.shown.split_off(&begin);
        true
    }

    /// After a look at everything up to `now`.
    fn looked(&mut self, now: Timestamp) {
        self.from = self.begin(now);
        self.shown = self.shown.split_off(&time::rfc3339(self.from));
    }

    /// The look-back from the newest change. One whose time is in the future must not hide those of the present; where
    /// nothing happens, the days in between are not read again and again.
    fn begin(&self, now: Timestamp) -> Timestamp {
        let quiet = time::before(now, CLOCK_BEHIND + LOOK_BACK);
        let behind_newest = self.newest.map_or(quiet, |newest| time::before(newest.min(now), LOOK_BACK));
        self.from.max(behind_newest.max(quiet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::fake::{Fake, event};
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn key(seconds: i64, id: &str) -> String {
        healstack_model::ledger::at(&time::rfc3339(at(seconds)), id)
    }

    #[test]
    fn a_change_that_appears_late_is_shown_once() {
        let mut position = Position::new(at(0));
        assert!(position.is_new(&key(100, "a"), at(100)));
        position.looked(at(100));
        assert_eq!(position.from, at(40));
        assert!(position.is_new(&key(95, "late"), at(102)));
        assert!(!position.is_new(&key(95, "late"), at(104)));
        assert!(!position.is_new(&key(100, "a"), at(104)));
        assert!(position.is_new(&key(100, "b"), at(104)));
    }

    #[test]
    fn a_change_from_the_future_hides_none_of_the_present() {
        let mut position = Position::new(at(0));
        assert!(position.is_new(&key(400, "future"), at(100)));
        position.looked(at(100));
        assert_eq!(position.from, at(40));
        assert!(position.is_new(&key(101, "present"), at(102)));
    }

    #[test]
    fn a_clock_that_is_ahead_hides_nothing_either() {
        let mut position = Position::new(at(0));
        let ahead = 600;
        assert!(position.is_new(&key(100, "a"), at(100 + ahead)));
        position.looked(at(100 + ahead));
        assert!(position.from <= at(40));
    }

    #[test]
    fn days_without_changes_are_not_read_again() {
        let mut position = Position::new(at(-7 * 86_400));
        position.looked(at(0));
        assert_eq!(position.from, at(-960));
    }

    proptest! {
        /// Whatever comes in whatever order within the look-back: each change once, and what is remembered stays small.
        #[test]
        fn every_change_is_shown_once(delays in proptest::collection::vec(0..50_i64, 1..200)) {
            let mut position = Position::new(at(0));
            let mut shown = Vec::new();
            // Change i happens at 5 i and appears after its delay; a look every 2 s.
            let changes: Vec<(i64, i64)> = delays.iter().zip(0..).map(|(delay, i)| (5 * i, 5 * i + delay)).collect();
            for now in (0..5 * i64::try_from(changes.len()).unwrap() + 60).step_by(2) {
                let mut visible: Vec<i64> =
                    changes.iter().filter(|(at, from)| at <= &now && from <= &now).map(|(at, _)| *at).collect();
                visible.sort_unstable();
                let from = position.from;
                for change in visible.into_iter().filter(|change| at(*change) >= from) {
                    if position.is_new(&key(change, "x"), at(now)) {
                        shown.push(change);
                    }
                }
                position.looked(at(now));
                prop_assert!(position.shown.len() <= 13);
            }
            shown.sort_unstable();
            prop_assert_eq!(shown, changes.iter().map(|(at, _)| *at).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn changes_come_oldest_first_and_a_limit_ends_it() {
        let fake = Fake::start();
        for (id, time) in [("a", "2026-11-23T23:59:59.000Z"), ("b", "2026-11-24T00:00:01.000Z")] {
            fake.put(event(id, time, "completed"));
        }
        let connection = fake.connection().await;
        let mut ids = Vec::new();
        let mut show = |event: &HealingEvent| {
            ids.push(event.event_id.clone());
            ControlFlow::Continue(())
        };
        let since = "2026-11-23T10:00:00Z".parse().unwrap();
        let filter = EventFilter::default();
        let listed = follow(&connection, since, &filter, Some(2), &mut show).await.unwrap();
        assert_eq!((ids, listed.shown), (vec!["a".to_owned(), "b".to_owned()], 2));
    }
}
