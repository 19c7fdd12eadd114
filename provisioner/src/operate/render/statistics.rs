//! Statistics as a table, and what its figures count.

use healstack_model::ledger::Figures;

use super::style;
use crate::operate::StatisticsReport;
use crate::operate::time;
use crate::table;

const HEADER: [&str; 9] = ["layer", "total", "ok", "failed", "success", "skipped", "active", "rules", "enabled"];

/// One row a layer, then all together.
#[must_use]
pub fn statistics(report: &StatisticsReport) -> String {
    let mut table = table::of_figures(HEADER, 0);
    for (layer, figures) in report.statistics.layers() {
        table.add_row(row(layer.as_str(), figures));
    }
    table.add_row(row("all layers", report.statistics.all()));
    let since = time::shown(&report.since);
    // At most 80 columns, as a table of these figures has.
    let notes = [
        format!("total, ok, failed, skipped: events that changed since {since} UTC"),
        "total: begun by runbooks, AWS or agents; skipped: refused, in no total".to_owned(),
        "success: ok of those that ended; active: not ended now, whenever begun".to_owned(),
        "rules: deployed; enabled: of them, not switched off in their file and not".to_owned(),
        "paused now (those that observe are enabled)".to_owned(),
    ];
    let mut text = format!("{table}\n\n");
    for note in notes {
        text.push_str(&style::dim(note));
        text.push('\n');
    }
    if report.unreadable > 0 {
        let events = crate::text::count(report.unreadable, "event");
        text.push_str(&style::yellow(format!("{events} of a newer version cannot be read and are in no figure.\n")));
    }
    if report.unreadable_rules > 0 {
        let rules = crate::text::count(report.unreadable_rules, "deployed rule");
        text.push_str(&style::yellow(format!("The parameter of {rules} cannot be read; they are in no figure.\n")));
    }
    text
}

fn row(name: &str, figures: &Figures) -> [String; HEADER.len()] {
    let Figures { total, successful, failed, skipped, active, registered, enabled } = *figures;
    let rate = figures.success_rate().map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1} %"));
    let [total, successful, failed, skipped, active, registered, enabled] =
        [total, successful, failed, skipped, active, registered, enabled].map(|figure| figure.to_string());
    [name.to_owned(), total, successful, failed, rate, skipped, active, registered, enabled]
}
