//! Errors as the Amazon States Language knows them.

/// What a task failed with, or a state: an error's name and its explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskError {
    /// `DynamoDB.ConditionalCheckFailedException`, `States.Timeout`.
    pub error: String,
    /// What it says in words. Empty where Step Functions gives none.
    pub cause: String,
}

/// A wildcard for every error that is not terminal.
pub(super) const ALL: &str = "States.ALL";
/// A wildcard for every error that is not terminal and no timeout.
pub(super) const TASK_FAILED: &str = "States.TaskFailed";
/// A task or a machine that took longer than its `TimeoutSeconds`.
pub(super) const TIMEOUT: &str = "States.Timeout";
/// An expression that failed, or gave nothing, or a value that its field does not take.
const QUERY: &str = "States.QueryEvaluationError";
/// More than [`PAYLOAD`].
const DATA_LIMIT: &str = "States.DataLimitExceeded";
/// What Step Functions itself cannot go on after.
const RUNTIME: &str = "States.Runtime";
/// What Step Functions may know and the rehearsal does not.
const UNSUPPORTED: &str = "Rehearsal.Unsupported";

/// Bytes of JSON that a task, a state or the variables of one `Assign` may have (Step Functions, service quotas).
pub(super) const PAYLOAD: usize = 262_144;

impl TaskError {
    /// An error of the language itself.
    pub(super) fn new(error: &str, cause: impl Into<String>) -> Self {
        Self { error: error.to_owned(), cause: cause.into() }
    }

    /// An expression that did not give what its field needs.
    pub(super) fn query(cause: impl Into<String>) -> Self {
        Self::new(QUERY, cause)
    }

    /// Something larger than [`PAYLOAD`].
    pub(super) fn data_limit(what: &str) -> Self {
        Self::new(DATA_LIMIT, format!("{what} with a size exceeding the maximum number of bytes service limit."))
    }

    /// What ends an execution whatever it catches.
    pub(super) fn runtime(cause: impl Into<String>) -> Self {
        Self::new(RUNTIME, cause)
    }

    /// What the rehearsal would have to guess.
    pub(super) fn unsupported(what: &str) -> Self {
        Self::new(UNSUPPORTED, format!("the rehearsal does not know {what}"))
    }

    /// Whether nothing may catch it, not even by its name.
    fn ends(&self) -> bool {
        self.error == RUNTIME || self.error == UNSUPPORTED
    }

    /// Whether a retrier's or catcher's `ErrorEquals` is for it (Step Functions developer guide, handling errors).
    pub(super) fn matches(&self, names: &[String]) -> bool {
        !self.ends()
            && names.iter().any(|name| match name.as_str() {
                ALL => self.error != DATA_LIMIT,
                TASK_FAILED => self.error != DATA_LIMIT && self.error != TIMEOUT,
                name => name == self.error,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(name: &str, error: &TaskError) -> bool {
        error.matches(&[name.to_owned()])
    }

    #[test]
    fn wildcards_leave_what_is_terminal() {
        let limit = TaskError::data_limit("x");
        assert!(!matched(ALL, &limit) && !matched(TASK_FAILED, &limit) && matched(DATA_LIMIT, &limit));
        let runtime = TaskError::runtime("x");
        assert!(!matched(ALL, &runtime) && !matched(RUNTIME, &runtime));
        assert!(!matched(ALL, &TaskError::unsupported("x")));
    }

    #[test]
    fn task_failed_is_all_but_timeouts() {
        let timeout = TaskError::new(TIMEOUT, "");
        assert!(matched(ALL, &timeout) && !matched(TASK_FAILED, &timeout) && matched(TIMEOUT, &timeout));
        assert!(matched(TASK_FAILED, &TaskError::query("x")));
        assert!(!matched("Ssm.InvalidTarget", &TaskError::new("Ssm.InvalidTargetException", "")));
    }
}
