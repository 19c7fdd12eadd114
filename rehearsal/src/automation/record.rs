//! How runs and their steps stand.

use crate::Millis;
use serde_json::{Map, Value};

/// The status of an automation or a step (user guide, statuses returned by Automation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It has not begun.
    Pending,
    /// It runs.
    InProgress,
    /// It waits for an approval.
    Waiting,
    /// It came to its end.
    Success,
    /// It took longer than it may.
    TimedOut,
    /// It was stopped, and does what `onCancel` says.
    Cancelling,
    /// It was stopped.
    Cancelled,
    /// It failed.
    Failed,
}

impl Status {
    /// The status as AWS writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Waiting => "Waiting",
            Self::Success => "Success",
            Self::TimedOut => "TimedOut",
            Self::Cancelling => "Cancelling",
            Self::Cancelled => "Cancelled",
            Self::Failed => "Failed",
        }
    }

    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::TimedOut | Self::Cancelled | Self::Failed)
    }
}

/// One step of a run; every step of the document has one, in the document's order.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    /// The step's name.
    pub name: String,
    /// Its action, such as `aws:executeAwsApi`.
    pub action: &'static str,
    /// How it stands. A step that was not reached stays `Pending`.
    pub status: Status,
    /// When it began.
    pub start: Option<Millis>,
    /// When it ended.
    pub end: Option<Millis>,
    /// Why it failed.
    pub failure: Option<String>,
    /// The values of its outputs by name; those that its answer did not have are not there.
    pub outputs: Map<String, Value>,
}
