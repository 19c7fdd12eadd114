//! A lease, and what unlocking did.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{plain, style, undone};
use crate::operate::time::{shown, shown_seconds};
use crate::operate::{Locked, UnlockReport};
use crate::text::count;

/// The lease, and what may still be going on under it; of one that has ended, what it was.
#[must_use]
pub fn lease(locked: &Locked, now: Timestamp) -> String {
    let ended = locked.has_ended(now);
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<11} {}", plain(value));
    };
    line("rule", &locked.rule);
    if let Some(until) = locked.until.map(shown_seconds) {
        let how = if ended { "when it ended by itself" } else { "then it ends by itself" };
        line("until", &format!("{until} UTC, {how}"));
    }
    line("holder", &locked.holder);
    line("event", &locked.event_id);
    let Some(event) = &locked.event else {
        line("", "that event is not in the ledger, or was written by a newer version");
        return headed(locked, ended, &text);
    };
    line("status", &format!("{}, began {} UTC", event.status, shown(&event.start_time)));
    if let Some(execution) = &event.execution_id {
        line("automation", execution);
    }
    if let Some(execution) = event.execution_id.as_ref().filter(|_| !ended && event.status.is_open()) {
        let command = format!("aws ssm stop-automation-execution --automation-execution-id {}", plain(execution));
        let warning = "Its runbook may still run, and goes on after the unlocking. To stop it:";
        let _ = writeln!(text, "{}\n  {command}", style::yellow(warning));
    }
    headed(locked, ended, &text)
}

fn headed(locked: &Locked, ended: bool, text: &str) -> String {
    let what = match (locked.until, ended) {
        (None, _) => "is not locked any more, but its healing is not closed",
        (_, true) => "was locked",
        (_, false) => "is locked",
    };
    format!("{} {what}\n{text}", style::bold(plain(&locked.key)))
}

/// What was done.
#[must_use]
pub fn unlock(report: &UnlockReport) -> String {
    let done = if report.undone.is_empty() { style::green("unlocked") } else { style::yellow("unlocked in part") };
    let mut text = format!("{done} {}\n", style::bold(plain(&report.key)));
    if report.event_closed {
        let _ = writeln!(text, "Its event failed with reason UNLOCKED.");
    }
    if !report.places.is_empty() {
        let _ = writeln!(text, "{} freed.", count(report.places.len(), "place"));
    }
    if let Some(until) = report.cooldown_until {
        let _ = writeln!(text, "Its rule's cooldown begins now and ends {} UTC.", shown_seconds(until));
    }
    // Without an event there is nothing that a second run could find.
    let again = if report.has_event {
        "Its event stays open until everything is given back: run the same command again when the cause is removed."
    } else {
        "The lease is gone all the same; the rest needs no second run."
    };
    undone(&mut text, &report.undone, again);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::Undone;
    use serde_json::json;

    fn locked(until: Option<i64>) -> Locked {
        let event = json!({
            "event_id": "e", "status": "in_progress", "source": "runbook", "execution_id": "a-1",
            "start_time": "2026-11-24T11:00:00.000Z",
        });
        let mut locked = Locked::of_test();
        (locked.until, locked.event) = (until, serde_json::from_value(event).ok());
        locked
    }

    fn shown(until: Option<i64>) -> String {
        let now = "2026-11-24T11:30:00Z".parse().unwrap();
        anstream::adapter::strip_str(&lease(&locked(until), now)).to_string()
    }

    #[test]
    fn a_lease_that_holds_warns_of_the_runbook() {
        let text = shown(Some(1_795_521_600));
        assert!(text.starts_with("ec2:instance/i-0abc is locked\n"), "{text}");
        assert!(text.contains("2026-11-24 12:00:00 UTC, then it ends") && text.contains("goes on after"), "{text}");
    }

    #[test]
    fn a_lease_that_has_ended_was() {
        let text = shown(Some(1_795_518_000));
        assert!(text.starts_with("ec2:instance/i-0abc was locked\n"), "{text}");
        assert!(text.contains("when it ended by itself") && !text.contains("goes on after"), "{text}");
        let text = shown(None);
        assert!(text.contains("is not locked any more, but its healing is not closed"), "{text}");
    }

    #[test]
    fn what_failed_says_whether_a_second_run_helps() {
        let undone = vec![Undone { step: "freeing".to_owned(), error: "denied".to_owned(), help: None }];
        let of = |has_event: bool| {
            let report = UnlockReport { undone: undone.clone(), has_event, ..UnlockReport::default() };
            anstream::adapter::strip_str(&unlock(&report)).to_string()
        };
        assert!(of(true).contains("run the same command again") && of(true).starts_with("unlocked in part"));
        assert!(of(false).contains("needs no second run"));
    }
}
