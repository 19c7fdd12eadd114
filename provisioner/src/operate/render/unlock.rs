//! A lease, and what unlocking did.

use std::fmt::Write as _;

use super::{plain, style, undone};
use crate::operate::time::{shown, shown_seconds};
use crate::operate::{Locked, UnlockReport};
use crate::text::count;

/// The lease, and what may still be going on under it.
#[must_use]
pub fn lease(locked: &Locked) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<11} {}", plain(value));
    };
    line("rule", &locked.rule);
    line("until", &format!("{} UTC, then it ends by itself", shown_seconds(locked.until)));
    line("holder", &locked.holder);
    line("event", &locked.event_id);
    let Some(event) = &locked.event else {
        line("", "that event is not in the ledger, or was written by a newer version");
        return headed(locked, &text);
    };
    line("status", &format!("{}, began {} UTC", event.status, shown(&event.start_time)));
    if let Some(execution) = &event.execution_id {
        line("automation", execution);
        let command = format!("aws ssm stop-automation-execution --automation-execution-id {}", plain(execution));
        let warning = "Its runbook may still run, and goes on after the unlocking. To stop it:";
        let _ = writeln!(text, "{}\n  {command}", style::yellow(warning));
    }
    headed(locked, &text)
}

fn headed(locked: &Locked, text: &str) -> String {
    format!("{} is locked\n{text}", style::bold(plain(&locked.key)))
}

/// What was done.
#[must_use]
pub fn unlock(report: &UnlockReport) -> String {
    let mut text = format!("{} {}\n", style::green("unlocked"), style::bold(plain(&report.key)));
    if report.event_closed {
        let _ = writeln!(text, "Its event failed with reason UNLOCKED.");
    }
    if !report.places.is_empty() {
        let _ = writeln!(text, "{} freed.", count(report.places.len(), "place"));
    }
    if let Some(until) = report.cooldown_until {
        let _ = writeln!(text, "Its rule's cooldown begins now and ends {} UTC.", shown_seconds(until));
    }
    undone(&mut text, &report.undone);
    text
}
