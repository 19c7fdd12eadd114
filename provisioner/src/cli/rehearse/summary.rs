//! What all scenarios of a run come to, a line a rule: how many held, and how long healing took in virtual time.

use super::Ran;
use crate::table;
use healstack_rehearsal::figures::Figures;
use healstack_rehearsal::rehearse::Outcome;
use serde::Serialize;

/// A rule's identity takes half of a terminal of 80 columns.
const HEADER: [&str; 6] = ["rule", "held", "in", "detected", "healed", "worst"];

/// A rule's line. Times are virtual seconds, over those of its scenarios in which something was healed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Row {
    rule: String,
    scenarios: usize,
    failed: usize,
    /// Scenarios in which a healing completed, AWS's own among them.
    healed: usize,
    /// From the failure to the signal that the healing began with.
    median_to_detect: Option<f64>,
    /// From the failure to the proof.
    median_to_heal: Option<f64>,
    worst_to_heal: Option<f64>,
}

/// The rows in the order of the run.
pub(super) fn rows(ran: &[Ran<'_>]) -> Vec<Row> {
    let of_a_rule = |ran: &[Ran<'_>]| {
        let outcomes: Vec<&Outcome> = ran.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).collect();
        let held = outcomes.iter().filter(|outcome| outcome.held()).count();
        let figures: Vec<Figures> = outcomes.iter().map(|outcome| outcome.figures).collect();
        let rule = ran.first().map(|(item, _)| item.rule.identity.clone()).unwrap_or_default();
        row(rule, ran.len(), ran.len() - held, &figures)
    };
    ran.chunk_by(|(one, _), (other, _)| one.rule.identity == other.rule.identity).map(of_a_rule).collect()
}

fn row(rule: String, scenarios: usize, failed: usize, figures: &[Figures]) -> Row {
    let healed: Vec<&Figures> = figures.iter().filter(|figures| figures.total.is_some()).collect();
    let sorted = |of: fn(&Figures) -> Option<f64>| {
        let mut seconds: Vec<f64> = healed.iter().copied().filter_map(of).collect();
        seconds.sort_by(f64::total_cmp);
        seconds
    };
    let to_heal = sorted(|figures| figures.total);
    Row {
        rule,
        scenarios,
        failed,
        healed: healed.len(),
        median_to_detect: median(&sorted(|figures| figures.detection)),
        median_to_heal: median(&to_heal),
        worst_to_heal: to_heal.last().copied(),
    }
}

/// The middle one, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    let even = sorted.len().is_multiple_of(2);
    Some(if even { f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, upper) } else { upper })
}

/// A table of them.
pub(super) fn table(rows: &[Row]) -> String {
    let mut table = table::of_figures(HEADER, 0);
    for row in rows {
        table.add_row([
            row.rule.clone(),
            format!("{}/{}", row.scenarios - row.failed, row.scenarios),
            row.healed.to_string(),
            row.median_to_detect.map_or_else(none, seconds),
            row.median_to_heal.map_or_else(none, seconds),
            row.worst_to_heal.map_or_else(none, seconds),
        ]);
    }
    table.to_string()
}

fn none() -> String {
    "-".to_owned()
}

/// Seconds as a scenario writes them, with as much as one compares by: `42s`, `8m05s`, `3h25m`.
fn seconds(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded, and a rehearsal's time is within weeks"
    )]
    let whole = seconds.round().max(0.0) as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, row, seconds, table};

    fn healed(detection: f64, total: f64) -> Figures {
        Figures { detection: Some(detection), total: Some(total), ..Figures::default() }
    }

    #[test]
    fn times_are_over_what_was_healed() {
        // Detected, and nothing came of it: in no figure.
        let refused = Figures { detection: Some(1.0), ..Figures::default() };
        // As long as the longest that is shipped.
        let rule = "checkout/database-corruption-healing".to_owned();
        let row = row(rule, 105, 1, &[healed(60.0, 300.0), refused, healed(120.0, 90.0)]);
        assert_eq!((row.healed, row.median_to_detect, row.median_to_heal), (2, Some(90.0), Some(195.0)));
        assert_eq!(row.worst_to_heal, Some(300.0));
        let shown = table(&[row]);
        assert!(shown.lines().all(|line| line.trim_end().len() <= 80), "{shown}");
        assert!(shown.trim_end().ends_with("1m30s   3m15s  5m00s"), "{shown}");
    }

    #[test]
    fn a_rule_that_healed_nothing_has_no_times() {
        let row = row("a/b".to_owned(), 1, 0, &[]);
        assert_eq!((row.median_to_detect, row.median_to_heal, row.worst_to_heal), (None, None, None));
    }

    #[test]
    fn seconds_are_read_at_a_glance() {
        assert_eq!([0.4, 59.6, 485.0, 12_300.0].map(seconds), ["0s", "1m00s", "8m05s", "3h25m"]);
    }
}
