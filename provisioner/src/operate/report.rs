//! What a command that changes things reports besides what it did.

use miette::Diagnostic as _;
use serde::Serialize;

use super::error::OperateError;

/// A step that failed after others were done. Running the command again tries it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// What was to be done.
    pub step: String,
    /// Why it was not.
    pub error: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Undone {
    pub(super) fn new(step: impl Into<String>, error: &OperateError) -> Self {
        Self { step: step.into(), error: error.to_string(), help: error.help().map(|help| help.to_string()) }
    }
}

/// Keeps the error of a step, and gives its value if there is none.
pub(super) fn attempt<T>(undone: &mut Vec<Undone>, step: &str, result: Result<T, OperateError>) -> Option<T> {
    result.map_err(|error| undone.push(Undone::new(step, &error))).ok()
}
