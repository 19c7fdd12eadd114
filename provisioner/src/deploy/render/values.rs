//! A changed value: short ones side by side, long ones as lines that differ.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::style;
use crate::deploy::plan::PropertyChange;

/// Values up to this many characters stand in one line.
const SHORT: usize = 60;

/// Unchanged lines around a changed one.
const CONTEXT: usize = 2;

/// The lines of one changed property, without indentation.
pub(super) fn property(change: &PropertyChange) -> Vec<String> {
    let mut lines = Vec::new();
    match (&change.before, &change.after) {
        (None, None) => lines.push(change.path.clone()),
        (before, after) if is_short(before.as_deref()) && is_short(after.as_deref()) => {
            lines.push(format!(
                "{}: {} -> {}",
                change.path,
                side(before.as_deref(), style::red),
                side(after.as_deref(), style::green)
            ));
        }
        (before, after) => {
            lines.push(format!("{}:", change.path));
            lines.extend(differing(&lay_out(before.as_deref()), &lay_out(after.as_deref())));
        }
    }
    if let (Some(cause), Some(first)) = (&change.because_of, lines.first_mut()) {
        first.push_str(&style::dim(format!(" (because of {cause})")));
    }
    lines
}

fn is_short(value: Option<&str>) -> bool {
    value.is_none_or(|value| value.chars().count() <= SHORT && !value.contains('\n'))
}

fn side(value: Option<&str>, paint: fn(String) -> String) -> String {
    value.map_or_else(|| style::dim("(none)"), |value| paint(value.to_owned()))
}

/// JSON a member a line; other text as it is.
fn lay_out(value: Option<&str>) -> String {
    let Some(value) = value else {
        return String::new();
    };
    let parsed: Option<Value> = serde_json::from_str(value).ok();
    let pretty = parsed.filter(|parsed| parsed.is_object() || parsed.is_array());
    pretty.and_then(|parsed| serde_json::to_string_pretty(&parsed).ok()).unwrap_or_else(|| value.to_owned())
}

fn differing(before: &str, after: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            lines.push(style::dim("  …"));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = change.value().trim_end_matches('\n');
            lines.push(match change.tag() {
                ChangeTag::Delete => style::red(format!("  - {text}")),
                ChangeTag::Insert => style::green(format!("  + {text}")),
                ChangeTag::Equal => style::dim(format!("    {text}")),
            });
        }
    }
    lines
}
