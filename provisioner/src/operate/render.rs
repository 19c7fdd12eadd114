//! Reports over the ledger as text for people, coloured with ANSI sequences as those of a deployment are.
//!
//! What stands in the ledger was written by others, an agent's words among it: control characters never reach a terminal.

mod events;
mod statistics;
mod switches;
mod unlock;

pub use events::EventTable;
pub use statistics::statistics;
pub use switches::{GoesOn, switch, switches, told};
pub use unlock::{lease, unlock};

use super::report::Undone;
use crate::deploy::render::style;
use std::fmt::Write as _;

/// Text of the ledger in one line, without anything that a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The text in at most `width` characters, shortened in the middle: both ends of an id tell it from others.
fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    let first = text.chars().take(head);
    first.chain(['…'].into_iter().take(width)).chain(text.chars().skip(length - tail)).collect()
}

/// The text in at most `width` characters, cut at its end.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…'].into_iter().take(width)).collect()
}

/// `45s`, `3m 05s`, `2h 05m`, `3d 04h`: at most 7 characters below 100 days.
fn took(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Columns of sentences.
const PROSE: usize = 80;

/// A sentence in lines of at most [`PROSE`] columns, broken between words, `indent` columns in; `mark` stands before it.
fn prose(text: &mut String, indent: usize, mark: &str, sentence: &str) {
    let hanging = indent + mark.chars().count();
    let mut column = hanging;
    // Writing to a String cannot fail.
    let _ = write!(text, "{:indent$}{mark}", "");
    for word in words(sentence) {
        let word = word.as_str();
        let width = anstream::adapter::strip_str(word).to_string().chars().count();
        if column == hanging {
            let _ = write!(text, "{word}");
        } else if column + 1 + width > PROSE {
            let _ = write!(text, "\n{:hanging$}{word}", "");
            column = hanging;
        } else {
            let _ = write!(text, " {word}");
            column += 1;
        }
        column += width;
    }
    text.push('\n');
}

/// Words, with a command between backticks as one: it is to be copied.
fn words(sentence: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in sentence.split_whitespace() {
        match words.last_mut().filter(|last| last.matches('`').count() % 2 == 1) {
            Some(command) => {
                command.push(' ');
                command.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
    }
    words
}

/// A line for each step that failed, then what to do: `again` where the same command does what is missing.
fn undone(text: &mut String, undone: &[Undone], again: &str) {
    for Undone { step, error, help } in undone {
        prose(text, 0, "", &format!("{} {step}: {}", style::red("not done:"), plain(error)));
        if let Some(help) = help {
            prose(text, 2, "help: ", help);
        }
    }
    if !undone.is_empty() {
        prose(text, 0, "", again);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_ends_of_an_id_stay() {
        assert_eq!(shortened("i-0123456789abcdef0", 19), "i-0123456789abcdef0");
        assert_eq!(shortened("i-0123456789abcdef0", 11), "i-012…cdef0");
        assert_eq!(cut("MAX_ATTEMPTS", 5), "MAX_…");
        assert_eq!(plain("a\u{1b}[31mb\nc"), "a [31mb c");
    }

    #[test]
    fn durations_fit_their_column() {
        for (seconds, expected) in [(0, "0s"), (59, "59s"), (185, "3m 05s"), (7500, "2h 05m"), (273_600, "3d 04h")] {
            assert_eq!(took(seconds), expected);
        }
    }

    #[test]
    fn sentences_break_between_words() {
        let mut text = String::new();
        prose(&mut text, 2, "- ", &format!("{} {}", style::red("mended"), "word ".repeat(30)));
        let lines: Vec<String> = anstream::adapter::strip_str(&text).to_string().lines().map(str::to_owned).collect();
        assert!(lines.len() == 3 && lines.iter().all(|line| line.chars().count() <= PROSE), "{lines:#?}");
        assert_eq!(words("run `healstack check` again"), ["run", "`healstack check`", "again"]);
        assert!(lines[0].starts_with("  - mended word") && lines[1].starts_with("    word"), "{lines:#?}");
    }

    proptest! {
        #[test]
        fn shortened_text_fits(text in ".{0,40}", width in 0..30_usize) {
            prop_assert!(shortened(&text, width).chars().count() <= width);
            prop_assert!(cut(&text, width).chars().count() <= width);
        }

        #[test]
        fn a_duration_below_100_days_has_7_characters(seconds in 0..8_640_000_u64) {
            prop_assert!(took(seconds).len() <= 7);
        }
    }
}
