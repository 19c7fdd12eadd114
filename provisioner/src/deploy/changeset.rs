//! Makes a stack's change set and reads what it holds.

use std::sync::Arc;

use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{Change as SdkChange, EventFilter, ExecutionStatus, Stack};

use super::PlannedStack;
use super::artifact::{self, Bucket};
use super::classify::{self, Templates};
use super::draft::Draft;
use super::error::DeployError;
use super::iam::{self, IamDelta};
use super::plan::{Change, StackAction, StackPlan};
use super::run::Context;
use super::state::Situation;
use super::template;
use super::workload;

/// CloudFormation's reasons for a change set that fails because it would change nothing. They are part of its documented
/// behaviour and what its own CLI looks for.
const NO_CHANGES: [&str; 2] = ["didn't contain changes", "No updates are to be performed"];

/// A stack as it is and as it is to be.
#[derive(Debug, Clone)]
pub(super) struct Surveyed {
    /// As it is to be.
    pub(super) planned: Arc<PlannedStack>,
    /// As it is.
    pub(super) deployed: Option<Stack>,
    /// What can be done with it.
    pub(super) situation: Situation,
}

/// A stack whose plan is known.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    /// Both sides.
    pub(super) surveyed: Surveyed,
    /// The change set to execute; `None` when there is none to execute (yet).
    pub(super) draft: Option<Draft>,
    /// What is shown.
    pub(super) plan: StackPlan,
}

/// The plan of one stack. The draft is returned in any case, so that the caller can delete it when this or another stack fails.
pub(super) async fn prepare(
    context: &Context,
    surveyed: &Surveyed,
    bucket: &Bucket,
    workload: Option<&str>,
) -> (Option<Draft>, Result<StackPlan, DeployError>) {
    let planned = &surveyed.planned;
    if let Some(workload) = workload {
        let note = format!("it reads from {workload} what it heals, and that is not deployed as it is to be yet");
        return (None, Ok(StackPlan { notes: vec![note], ..plan(surveyed, StackAction::Unknown) }));
    }
    if surveyed.situation == Situation::Leftover {
        return (None, Ok(recreation(surveyed)));
    }
    match artifact::is_large(planned) {
        Ok(true) => {
            if let Bucket::After(provider) = bucket {
                let note = format!(
                    "its template has {} bytes and must go through the artifact bucket of stack {provider}, which is not deployed yet",
                    planned.template.len()
                );
                return (None, Ok(StackPlan { notes: vec![note], ..plan(surveyed, StackAction::Unknown) }));
            }
        }
        Ok(false) => {}
        Err(error) => return (None, Err(error)),
    }
    let draft = match begin(context, surveyed, bucket).await {
        Ok(draft) => draft,
        Err(error) => return (None, Err(error)),
    };
    let plan = finish(context, surveyed, &draft).await;
    (Some(draft), plan)
}

/// Begins the change set. Not interrupted, so that its id is known afterwards.
pub(super) async fn begin(context: &Context, surveyed: &Surveyed, bucket: &Bucket) -> Result<Draft, DeployError> {
    let planned = &surveyed.planned;
    let source = artifact::source(&context.aws, planned, bucket).await?;
    let new = surveyed.situation.is_new();
    let (change_set, stack_id) = context
        .aws
        .create_change_set(planned, &source, workload::parameters(surveyed), &context.change_set_name, new)
        .await?;
    let placeholder = matches!(surveyed.situation, Situation::Missing | Situation::Leftover);
    Ok(Draft { stack: planned.name.clone(), stack_id, change_set, placeholder })
}

/// Waits for the change set and reads it.
pub(super) async fn finish(context: &Context, surveyed: &Surveyed, draft: &Draft) -> Result<StackPlan, DeployError> {
    let Some(changes) = wait(context, draft).await? else {
        let protect = needs_protection(surveyed);
        return Ok(StackPlan { enable_protection: protect, ..plan(surveyed, StackAction::Unchanged) });
    };
    let is_update = surveyed.situation == Situation::Deployed;
    let before = if is_update { context.aws.template(&draft.stack_id).await? } else { None };
    let templates = Templates {
        before: before.as_deref().map(template::parse).unwrap_or_default(),
        after: template::parse(&surveyed.planned.template),
    };
    let changes: Vec<Change> = changes
        .iter()
        .filter_map(SdkChange::resource_change)
        .map(|change| classify::change(change, &templates))
        .collect();
    let mut notes = Vec::new();
    if changes.is_empty() {
        notes.push("no resource changes; outputs, descriptions or other parts of the template do".to_owned());
    }
    let action = if is_update { StackAction::Update } else { StackAction::Create };
    Ok(StackPlan {
        iam: IamDelta::between(&iam::of_template(&templates.before), &iam::of_template(&templates.after)),
        changes,
        notes,
        ..plan(surveyed, action)
    })
}

fn plan(surveyed: &Surveyed, action: StackAction) -> StackPlan {
    let status =
        surveyed.deployed.as_ref().and_then(|stack| stack.stack_status()).map(|status| status.as_str().to_owned());
    StackPlan {
        stack: surveyed.planned.name.clone(),
        action,
        status,
        changes: Vec::new(),
        iam: IamDelta::default(),
        enable_protection: needs_protection(surveyed),
        notes: Vec::new(),
    }
}

fn recreation(surveyed: &Surveyed) -> StackPlan {
    let after = template::parse(&surveyed.planned.template);
    let mut plan = plan(surveyed, StackAction::Recreate);
    plan.changes = classify::additions(&after);
    plan.iam = IamDelta::between(&[], &iam::of_template(&after));
    let status = plan.status.clone().unwrap_or_default();
    plan.notes
        .push(format!("it is in {status}, what a failed creation leaves: it will be deleted first, then created"));
    plan
}

fn needs_protection(surveyed: &Surveyed) -> bool {
    let has = surveyed.deployed.as_ref().and_then(Stack::enable_termination_protection).unwrap_or_default();
    surveyed.planned.termination_protection && !has
}

/// The changes of a change set once it is complete; `None` when there are none.
async fn wait(context: &Context, draft: &Draft) -> Result<Option<Vec<SdkChange>>, DeployError> {
    let mut interval = context.aws.pace.first;
    loop {
        if context.interrupt.is_pressed() {
            return Err(DeployError::Interrupted);
        }
        let page = describe(context, draft, None).await?;
        let status = page.status().map_or("", |status| status.as_str());
        match status {
            "CREATE_COMPLETE" if page.execution_status() == Some(&ExecutionStatus::Available) => {
                return rest(context, draft, page).await.map(Some);
            }
            "CREATE_PENDING" | "CREATE_IN_PROGRESS" => {}
            _ => {
                let reason = page.status_reason().unwrap_or_default();
                // Complete, and somebody else has changed the stack since.
                let status = match page.execution_status() {
                    Some(execution) if status == "CREATE_COMPLETE" => execution.as_str(),
                    _ => status,
                };
                if NO_CHANGES.iter().any(|text| reason.contains(text)) {
                    return Ok(None);
                }
                return Err(refused(context, draft, status, reason).await);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => interval = context.aws.pace.after(interval),
            () = context.interrupt.pressed() => {}
        }
    }
}

async fn rest(
    context: &Context,
    draft: &Draft,
    mut page: DescribeChangeSetOutput,
) -> Result<Vec<SdkChange>, DeployError> {
    let mut changes = page.changes.take().unwrap_or_default();
    while let Some(token) = page.next_token.take().filter(|token| !token.is_empty()) {
        page = describe(context, draft, Some(token)).await?;
        changes.extend(page.changes.take().unwrap_or_default());
    }
    Ok(changes)
}

async fn describe(
    context: &Context,
    draft: &Draft,
    token: Option<String>,
) -> Result<DescribeChangeSetOutput, DeployError> {
    let call = context.aws.cloudformation.describe_change_set().change_set_name(&draft.change_set);
    let answer = call.include_property_values(true).set_next_token(token).send().await;
    answer.map_err(|error| DeployError::call("cloudformation:DescribeChangeSet", Some(&draft.stack), &error))
}

async fn refused(context: &Context, draft: &Draft, status: &str, reason: &str) -> DeployError {
    let reason = if reason.is_empty() { format!("it is {status} without a reason") } else { reason.to_owned() };
    let validated = reason.to_lowercase().contains("validation");
    let details = if validated { validation(context, draft).await } else { Vec::new() };
    let advice =
        details.is_empty().then(|| "run `healstack check`; it finds most of what CloudFormation refuses".to_owned());
    DeployError::ChangeSet { stack: draft.stack.clone(), reason, details, advice }
}

/// What CloudFormation's validation before deployment found. The reason of a change set that it refuses only counts the findings.
async fn validation(context: &Context, draft: &Draft) -> Vec<String> {
    let call = context.aws.cloudformation.describe_events().change_set_name(&draft.change_set);
    let failed = EventFilter::builder().failed_events(true).build();
    // The refusal itself is reported in any case; an endpoint without this call only makes it less detailed.
    let Ok(events) = call.filters(failed).send().await else {
        return Vec::new();
    };
    events
        .operation_events()
        .iter()
        .filter_map(|event| {
            let reason = event.validation_status_reason().or(event.resource_status_reason())?;
            let resource = event.logical_resource_id().unwrap_or_default();
            let path = event.validation_path().unwrap_or_default();
            Some(format!("{resource} {path}: {reason}").trim_start().to_owned())
        })
        .collect()
}
