//! What a command did. Durations are in seconds.

use serde::Serialize;

use super::error::DeployError;

/// What a deployment did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeployReport {
    /// How it ended as a whole.
    pub outcome: Outcome,
    /// The region.
    pub region: String,
    /// One result a stack, in the order in which they were given.
    pub stacks: Vec<StackResult>,
}

/// What a destruction did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DestroyReport {
    /// How it ended as a whole.
    pub outcome: Outcome,
    /// The region.
    pub region: String,
    /// One result a stack, in the order of deletion.
    pub stacks: Vec<StackResult>,
    /// Resources that exist on, outside any stack, because their deletion policy says so.
    pub retained: Vec<ResourceRef>,
}

/// How a command ended as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There was nothing to do.
    Unchanged,
    /// Everything was done.
    Done,
    /// At least one stack failed; others may have succeeded.
    Failed,
    /// The user said no, or left between two stacks; what was not begun is not done, and nothing is under way.
    Cancelled,
    /// The user left while CloudFormation went on.
    Detached,
}

impl Outcome {
    /// The outcome of stacks that were executed: the gravest of theirs.
    pub(super) fn of(stacks: &[StackResult]) -> Self {
        let any = |wanted: &[StackOutcome]| stacks.iter().any(|stack| wanted.contains(&stack.outcome));
        if any(&[StackOutcome::Failed, StackOutcome::Skipped, StackOutcome::Lost]) {
            Self::Failed
        } else if any(&[StackOutcome::Detached]) {
            Self::Detached
        } else if any(&[StackOutcome::NotStarted]) {
            Self::Cancelled
        } else if any(&[StackOutcome::Created, StackOutcome::Updated, StackOutcome::Deleted]) {
            Self::Done
        } else {
            Self::Unchanged
        }
    }
}

/// What became of one stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StackResult {
    /// Its name.
    pub stack: String,
    /// How it ended.
    pub outcome: StackOutcome,
    /// Its CloudFormation status when last seen.
    pub status: Option<String>,
    /// How long its operation took, in seconds.
    pub seconds: f64,
    /// How many resources were created, changed or deleted.
    pub resources: usize,
    /// What went wrong: the cause first, then what followed from it.
    pub failures: Vec<Failure>,
    /// The stack that this one waited for in vain.
    pub waited_for: Option<String>,
    /// The stack's outputs after the operation.
    pub outputs: Vec<OutputValue>,
}

impl StackResult {
    /// A result that says no more than its outcome.
    pub(super) fn new(stack: &str, outcome: StackOutcome) -> Self {
        Self {
            stack: stack.to_owned(),
            outcome,
            status: None,
            seconds: 0.0,
            resources: 0,
            failures: Vec::new(),
            waited_for: None,
            outputs: Vec::new(),
        }
    }

    /// A failure that no resource caused.
    pub(super) fn failed(stack: &str, error: &DeployError) -> Self {
        Self { failures: vec![Failure::of_error(error)], ..Self::new(stack, StackOutcome::Failed) }
    }
}

/// How one stack ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StackOutcome {
    /// It is new.
    Created,
    /// It was updated.
    Updated,
    /// It was as planned already.
    Unchanged,
    /// It is gone.
    Deleted,
    /// There was no such stack to delete.
    Missing,
    /// Its operation failed, and CloudFormation has rolled it back as far as it could.
    Failed,
    /// It was not begun, because a stack that it waits for failed.
    Skipped,
    /// Its operation goes on; the user left.
    Detached,
    /// Its operation goes on, but could not be followed any more.
    Lost,
    /// It was not begun, because the user left.
    NotStarted,
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The resource's name in the template; `None` when the stack itself failed.
    pub logical_id: Option<String>,
    /// The resource's type.
    pub resource_type: Option<String>,
    /// The status, such as `CREATE_FAILED`.
    pub status: Option<String>,
    /// The service's reason.
    pub reason: String,
    /// What to do about it, if that is known.
    pub help: Option<String>,
}

impl Failure {
    /// A failure that no resource caused.
    pub(super) fn of_stack(reason: impl Into<String>) -> Self {
        Self { logical_id: None, resource_type: None, status: None, reason: reason.into(), help: None }
    }

    /// A failure of our own calls.
    pub(super) fn of_error(error: &DeployError) -> Self {
        let help = miette::Diagnostic::help(error).map(|help| help.to_string());
        Self { help, ..Self::of_stack(error.to_string()) }
    }
}

/// An output of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutputValue {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What the template says about it.
    pub description: Option<String>,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceRef {
    /// The stack.
    pub stack: String,
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub resource_type: String,
    /// Its name or ARN.
    pub physical_id: Option<String>,
}

/// A stack's outputs in the order of their names.
pub(super) fn outputs(stack: &aws_sdk_cloudformation::types::Stack) -> Vec<OutputValue> {
    let mut outputs: Vec<OutputValue> = stack
        .outputs()
        .iter()
        .map(|output| OutputValue {
            key: output.output_key().unwrap_or_default().to_owned(),
            value: output.output_value().unwrap_or_default().to_owned(),
            description: output.description().filter(|text| !text.is_empty()).map(str::to_owned),
        })
        .collect();
    outputs.sort_by(|a, b| a.key.cmp(&b.key));
    outputs
}
