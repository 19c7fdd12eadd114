//! Events as rows of fixed widths: rows are printed as they come, so no width can depend on those that follow.

use std::fmt::Write as _;

use healstack_model::ledger::{HealingEvent, Source, Status};

use super::{cut, plain, shortened, style, took};
use crate::operate::time;

/// `2026-11-24 10:00:00`.
const TIME: usize = 19;
/// `in_progress`.
const STATUS: usize = 11;
/// `100` at most.
const TRY: usize = 3;
/// `12m 05s`.
const TOOK: usize = 7;
/// Between two columns.
const GAP: usize = 2;
/// An instance's id.
const RESOURCE: usize = 19;
/// Stack and rule of usual length.
const RULE: usize = 33;
/// Wider than this no rule's name is given room for, where a line has no more than the rule.
const RULE_AT_MOST: usize = 48;
/// From this width on everything stands in one line: a rule's whole name, and enough of the reason to read it. Below, resource
/// and reason have a line of their own.
const WIDE: usize = 132;

/// How events are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTable {
    rule: usize,
    resource: usize,
    /// `None`: whatever is left, as when no terminal bounds it.
    why: Option<usize>,
    one_line: bool,
    fits: bool,
}

impl EventTable {
    /// For a terminal of `width` columns. Without one nothing is shortened: a program reads it, or a file keeps it.
    #[must_use]
    pub fn new(width: Option<usize>) -> Self {
        let Some(width) = width else {
            return Self { rule: RULE, resource: RESOURCE, why: None, one_line: true, fits: false };
        };
        let before = TIME + STATUS + TRY + TOOK + 4 * GAP;
        if width < WIDE {
            let rule = width.saturating_sub(before).clamp(8, RULE_AT_MOST);
            let second = width.saturating_sub(TIME + 2 * GAP).max(16);
            let resource = RESOURCE.max(second * 2 / 5).min(second);
            return Self { rule, resource, why: Some(second - resource), one_line: false, fits: true };
        }
        // Twice the gap more: before resource and reason.
        let left = width - before - 2 * GAP;
        let resource = (left / 4).max(RESOURCE);
        Self { rule: RULE, resource, why: Some(left - RULE - resource), one_line: true, fits: true }
    }

    /// The line above the first event.
    #[must_use]
    pub fn header(&self) -> String {
        let Self { rule, resource, .. } = *self;
        let mut line = format!("{:<TIME$}  {:<STATUS$}  ", "time (UTC)", "status");
        let numbers = format!("{:>TRY$}  {:>TOOK$}", "try", "took");
        // Writing to a String cannot fail.
        let _ = if self.one_line {
            write!(line, "{:<rule$}  {:<resource$}  {numbers}  why", "rule", "resource")
        } else {
            write!(line, "{:<rule$}  {numbers}\n{:TIME$}  {:<resource$}  why", "rule", "", "resource")
        };
        let lines: Vec<String> = line.lines().map(|line| style::dim(line.trim_end())).collect();
        format!("{}\n", lines.join("\n"))
    }

    /// An event, in one line or two.
    #[must_use]
    pub fn row(&self, event: &HealingEvent) -> String {
        let Self { rule, resource, .. } = *self;
        let time = plain(&time::shown(event.changed()));
        let status = painted(event.status);
        let tries = event.attempt_count.map_or_else(|| "-".to_owned(), |attempt| attempt.to_string());
        let duration = event.end_time.as_deref().and_then(|end| time::between(&event.start_time, end));
        let duration = duration.filter(|_| event.source.heals() && event.status != Status::Skipped);
        let duration = duration.map_or_else(|| "-".to_owned(), took);
        let numbers = format!("{tries:>TRY$}  {duration:>TOOK$}");
        let fitted = |text: &str, width: usize| {
            let text = plain(text);
            if self.fits { shortened(&text, width) } else { text }
        };
        let why = plain(&why(event));
        let why = self.why.map_or_else(|| why.clone(), |width| cut(&why, width));
        let (name, id) = (fitted(&event.rule(), rule), fitted(&event.resource_id, resource));
        let text = if self.one_line {
            format!("{time:<TIME$}  {status}  {name:<rule$}  {id:<resource$}  {numbers}  {why}")
        } else {
            format!("{time:<TIME$}  {status}  {name:<rule$}  {numbers}\n{:TIME$}  {id:<resource$}  {why}", "")
        };
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        format!("{}\n", lines.join("\n"))
    }
}

/// The status in its colour, as wide as its column.
fn painted(status: Status) -> String {
    let text = format!("{status:<STATUS$}");
    match status {
        Status::Completed => style::green(text),
        Status::Failed => style::red(text),
        Status::Pending | Status::InProgress => style::yellow(text),
        Status::Skipped => style::dim(text),
    }
}

/// Reason and error; for what a person did, what and why; where nothing went wrong, who acted on what was seen.
fn why(event: &HealingEvent) -> String {
    let reason = event.reason.as_deref().unwrap_or_default();
    let parts = match event.source {
        Source::Operator => [event.action.as_str(), reason],
        _ => [reason, event.error_message.as_deref().unwrap_or_default()],
    };
    let said = |parts: [&str; 2]| parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    let why = said(parts);
    if why.is_empty() { said([event.source.as_str(), event.evidence.as_deref().unwrap_or_default()]) } else { why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn event(rule: &str, resource: &str, reason: &str) -> HealingEvent {
        serde_json::from_value(json!({
            "event_id": "e", "status": "failed", "source": "runbook", "stack": "checkout", "rule_name": rule,
            "resource_id": resource, "reason": reason, "error_message": "the instance did not start", "attempt_count": 2,
            "start_time": "2026-11-24T10:00:00.000Z", "end_time": "2026-11-24T10:12:05.000Z",
            "at": "2026-11-24T10:12:05.123Z#e",
        }))
        .unwrap()
    }

    fn without_colours(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_wide_terminal_has_one_line_an_event() {
        let table = EventTable::new(Some(140));
        insta::assert_snapshot!(without_colours(&format!(
            "{}{}",
            table.header(),
            table.row(&event("ec2-instance-healing", "i-0123456789abcdef0", "VERIFICATION"))
        )));
    }

    #[test]
    fn a_narrow_terminal_has_two() {
        let table = EventTable::new(Some(80));
        insta::assert_snapshot!(without_colours(&format!(
            "{}{}",
            table.header(),
            table.row(&event("ec2-instance-healing", "i-0123456789abcdef0", "VERIFICATION"))
        )));
    }

    #[test]
    fn what_a_person_did_says_what_and_why() {
        let mut event = event("*", "-", "load test");
        (event.source, event.action) = (Source::Operator, "pause".to_owned());
        let row = without_colours(&EventTable::new(None).row(&event));
        assert!(row.ends_with("pause: load test\n") && row.contains("  checkout  "), "{row}");
    }

    #[test]
    fn a_rules_usual_name_is_whole_from_80_columns_on() {
        for width in 80..200 {
            let row =
                without_colours(&EventTable::new(Some(width)).row(&event("ec2-instance-healing", "i-0", "FAILED")));
            assert!(row.contains("checkout/ec2-instance-healing "), "{width}: {row}");
        }
    }

    #[test]
    fn where_nothing_went_wrong_it_says_what_was_seen() {
        let mut event = event("web", "i-0abc", "");
        (event.error_message, event.evidence) = (None, Some("Threshold crossed".to_owned()));
        let row = without_colours(&EventTable::new(None).row(&event));
        assert!(row.ends_with("  runbook: Threshold crossed\n"), "{row}");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            width in 60..200_usize, rule in "[a-z-]{1,40}", resource in "[^\\p{C}]{0,60}", reason in ".{0,80}",
        ) {
            let table = EventTable::new(Some(width));
            let text = without_colours(&format!("{}{}", table.header(), table.row(&event(&rule, &resource, &reason))));
            for line in text.lines() {
                prop_assert!(line.chars().count() <= width, "{} > {}: {}", line.chars().count(), width, line);
            }
        }
    }
}
