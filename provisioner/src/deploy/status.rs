//! What is deployed.

use aws_sdk_cloudformation::primitives::{DateTime, DateTimeFormat};
use aws_sdk_cloudformation::types::StackEvent;
use serde::Serialize;

use super::PlannedStack;
use super::error::DeployError;
use super::failure;
use super::jobs;
use super::report::{self, Failure, OutputValue};
use super::run::Context;

/// The state of the stacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusReport {
    /// The region.
    pub region: String,
    /// One entry a stack, in the order in which they were given.
    pub stacks: Vec<StackStatus>,
}

/// The state of one stack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StackStatus {
    /// Its name.
    pub stack: String,
    /// Its CloudFormation status; `None` when it is not deployed.
    pub status: Option<String>,
    /// CloudFormation's reason for the status.
    pub reason: Option<String>,
    /// When it was last updated or created, RFC 3339.
    pub last_updated: Option<String>,
    /// Its drift status, if drift was ever looked for: `IN_SYNC` or `DRIFTED`.
    pub drift: Option<String>,
    /// When drift was last looked for, RFC 3339.
    pub drift_checked: Option<String>,
    /// Whether the deployed template is the given one, as far as CloudFormation tells: it gives `?` for every character
    /// beyond ASCII.
    pub up_to_date: Option<bool>,
    /// Whether nothing asks for it any more.
    pub left_over: bool,
    /// How many resources it has.
    pub resources: Option<usize>,
    /// Whether its deletion is refused.
    pub termination_protection: Option<bool>,
    /// Its outputs.
    pub outputs: Vec<OutputValue>,
    /// What went wrong in its last operation, the cause first.
    pub failures: Vec<Failure>,
}

/// Looks at every stack; changes nothing.
pub(super) async fn status(context: &Context, stacks: &[PlannedStack]) -> Result<StatusReport, DeployError> {
    let stacks = jobs::all_ok(stacks.iter().cloned().map(|planned| {
        let context = context.clone();
        async move { one(&context, &planned).await }
    }));
    Ok(StatusReport { region: context.aws.region.clone(), stacks: context.unless_interrupted(stacks).await? })
}

async fn one(context: &Context, planned: &PlannedStack) -> Result<StackStatus, DeployError> {
    let name = planned.name.clone();
    let found = context.aws.stack(&planned.name).await?;
    let Some(stack) =
        found.filter(|stack| stack.stack_status().is_none_or(|status| status.as_str() != "DELETE_COMPLETE"))
    else {
        return Ok(StackStatus { stack: name, ..StackStatus::default() });
    };
    let status = stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default();
    let template = context.aws.template(&planned.name).await?.filter(|text| !text.is_empty());
    let resources = context.aws.resources(&planned.name).await?;
    let alive = resources
        .iter()
        .filter(|resource| resource.resource_status().is_none_or(|status| status.as_str() != "DELETE_COMPLETE"));
    let drift = stack.drift_information();
    let failures = if status.contains("ROLLBACK") || status.contains("FAILED") {
        let events = context.aws.events(stack.stack_id().unwrap_or(&planned.name), None).await?;
        failure::failures(last_operation(&events))
    } else {
        Vec::new()
    };
    Ok(StackStatus {
        stack: name,
        status: Some(status),
        reason: stack.stack_status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
        last_updated: stack.last_updated_time().or(stack.creation_time()).and_then(rfc3339),
        drift: drift
            .and_then(|drift| drift.stack_drift_status())
            .map(|status| status.as_str().to_owned())
            .filter(|status| status != "NOT_CHECKED"),
        drift_checked: drift.and_then(|drift| drift.last_check_timestamp()).and_then(rfc3339),
        up_to_date: template.filter(|_| !planned.left_over).map(|deployed| is_same(&deployed, &planned.template)),
        left_over: planned.left_over,
        resources: Some(alive.count()),
        termination_protection: stack.enable_termination_protection(),
        outputs: report::outputs(&stack),
        failures,
    })
}

/// `GetTemplate` gives a `?` for every character beyond ASCII, though the stack has what was sent.
pub(super) fn is_same(deployed: &str, planned: &str) -> bool {
    let given_back = planned.chars().map(|c| if c.is_ascii() { c } else { '?' });
    deployed == planned || deployed.chars().eq(given_back)
}

/// The events since the stack's last operation began.
fn last_operation(events: &[StackEvent]) -> &[StackEvent] {
    const BEGINNINGS: [&str; 4] =
        ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS", "DELETE_IN_PROGRESS"];
    let begins = |event: &StackEvent| failure::is_stack(event) && BEGINNINGS.contains(&failure::status(event));
    let start = events.iter().rposition(begins).unwrap_or_default();
    &events[start..]
}

fn rfc3339(time: &DateTime) -> Option<String> {
    // Fails only for years that RFC 3339 cannot express.
    time.fmt(DateTimeFormat::DateTime).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_beyond_ascii_is_the_same_as_what_cloudformation_gives_back() {
        assert!(is_same("Description: K\u{fc}hlung \u{1f680}", "Description: K\u{fc}hlung \u{1f680}"));
        assert!(is_same("Description: K?hlung ?", "Description: K\u{fc}hlung \u{1f680}"));
        assert!(!is_same("Description: Kuhlung ?", "Description: K\u{fc}hlung \u{1f680}"));
        assert!(!is_same("Description: ?", "Description: x"));
    }
}
