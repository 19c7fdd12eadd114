//! Colours: green is new or good, yellow changes, red can lose something or went wrong.

use std::fmt::Display;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// New or good.
pub(crate) fn green<D: Display>(text: D) -> String {
    paint(AnsiColor::Green.on_default(), text)
}

/// Changes.
pub(crate) fn yellow<D: Display>(text: D) -> String {
    paint(AnsiColor::Yellow.on_default(), text)
}

/// Can lose something, or went wrong.
pub(crate) fn red<D: Display>(text: D) -> String {
    paint(AnsiColor::Red.on_default(), text)
}

/// Names and headings.
pub(crate) fn bold<D: Display>(text: D) -> String {
    paint(Style::new().bold(), text)
}

/// What is read last.
pub(crate) fn dim<D: Display>(text: D) -> String {
    paint(Style::new().dimmed(), text)
}

/// A CloudFormation status in its colour.
pub(crate) fn status(status: &str) -> String {
    if status.contains("FAILED") || status.contains("ROLLBACK") {
        red(status)
    } else if status.ends_with("_COMPLETE") {
        green(status)
    } else {
        yellow(status)
    }
}

/// `40ms`, `12.3s`, `3m 05s`.
pub(crate) fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole == 0 {
        return format!("{}ms", time.as_millis());
    }
    if whole < 60 {
        return format!("{:.1}s", time.as_secs_f64());
    }
    format!("{}m {:02}s", whole / 60, whole % 60)
}
