//! What is wrong with a configuration, as data: the edge knows files and lines.

use std::fmt;

/// Where in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A value, by the keys that lead to it: `pools.orders.means.endpoint`. Empty for the whole document.
    Path(String),
    /// A position, where the document could not be read so far.
    Position {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Position { line, column } => write!(f, "{line}:{column}"),
        }
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong, with the value at fault.
    pub what: String,
    /// What to write instead.
    pub help: String,
}

/// The problems of a document, all of them.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, path: impl fmt::Display, what: impl Into<String>, help: impl Into<String>) {
        self.0.push(Problem { place: Place::Path(path.to_string()), what: what.into(), help: help.into() });
    }

    /// `value` unless there were problems.
    pub(super) fn or<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}

/// What serde says of a document.
pub(super) fn of_serde(error: &serde_json::Error, help: &str) -> Problem {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text).to_owned();
    // A value that was a tree already has no lines.
    let place = if error.line() > 0 {
        Place::Position { line: error.line(), column: error.column() }
    } else {
        Place::Path(String::new())
    };
    Problem { place, what, help: help.to_owned() }
}
