//! A storm's curves in a terminal: one below the other, since they have different scales and a terminal may have no colours.

use crate::cli::output::{BOLD, DIM};
use healstack_rehearsal::storm::{Point, Report};
use std::fmt::Write as _;

/// Columns of a curve.
const COLUMNS: usize = 64;
/// Lines of a curve.
const LINES: usize = 4;
/// Eighths of a character's height, from nothing.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A curve: what it is called, and its value at a point.
type Curve = (&'static str, fn(&Point) -> usize);

/// The curves in their order.
const CURVES: [Curve; 4] = [
    ("ill", |point| point.ill),
    ("in healing", |point| point.healing),
    ("healed", |point| point.healed),
    ("offers refused", |point| point.skipped),
];

/// Writes them, with an axis of time below.
pub(super) fn curves(text: &mut String, report: &Report) {
    for (name, of) in CURVES {
        let columns = columns(&report.points, of);
        let most = columns.iter().copied().max().unwrap_or_default();
        for line in (0..LINES).rev() {
            let (name, scale) = match line {
                line if line + 1 == LINES => (name, most.to_string()),
                0 => ("", "0".to_owned()),
                _ => ("", String::new()),
            };
            let blocks: String = columns.iter().map(|value| EIGHTHS[eighths(*value, most, line)]).collect();
            let _ = writeln!(text, "  {BOLD}{name:<15}{BOLD:#}{DIM}{scale:>6} │{DIM:#}{}", blocks.trim_end());
        }
    }
    let end = report.points.last().map_or(0, |point| point.at);
    let ends = duration(end);
    let _ = writeln!(text, "  {:<15}{DIM}{:>6} └{}{DIM:#}", "", "", "─".repeat(COLUMNS));
    let _ = writeln!(text, "  {:<15}{DIM}{:>6}  0{ends:>width$}{DIM:#}", "", "", width = COLUMNS - 1);
}

/// The most of each column's points: what lasts for one point alone is seen too.
fn columns(points: &[Point], of: fn(&Point) -> usize) -> Vec<usize> {
    let last = points.len().saturating_sub(1);
    let of_column = |column: usize| {
        let (from, to) = (column * points.len() / COLUMNS, ((column + 1) * points.len() / COLUMNS).min(last + 1));
        points.get(from.min(last)..to.max(from.min(last) + 1)).into_iter().flatten().map(of).max().unwrap_or_default()
    };
    (0..COLUMNS).map(of_column).collect()
}

/// How much of a line's character a value fills.
fn eighths(value: usize, most: usize, line: usize) -> usize {
    // Whatever is not nothing is seen.
    let height = (value * LINES * 8).checked_div(most).unwrap_or_default().max(usize::from(value > 0));
    height.saturating_sub(line * 8).min(8)
}

/// Seconds as people say them: `3 h 25 min`.
pub(super) fn duration(seconds: i64) -> String {
    let minutes = seconds / 60;
    match (minutes / (24 * 60), minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, columns, duration, eighths};
    use healstack_rehearsal::storm::Point;

    #[test]
    fn a_peak_of_one_point_is_seen() {
        let mut points = vec![Point::default(); 1000];
        points[437].ill = 8;
        assert_eq!(columns(&points, |point| point.ill).iter().filter(|value| **value == 8).count(), 1);
        points.truncate(3);
        points[2].ill = 5;
        let few = columns(&points, |point| point.ill);
        assert_eq!((few.len(), few[0], few[COLUMNS - 1]), (COLUMNS, 0, 5));
    }

    #[test]
    fn a_little_is_more_than_nothing() {
        assert_eq!([eighths(0, 1000, 0), eighths(1, 1000, 0), eighths(1000, 1000, 3), eighths(0, 0, 0)], [0, 1, 8, 0]);
        assert_eq!(duration(3 * 3600 + 25 * 60), "3 h 25 min");
    }
}
