//! Deletes stacks, those that others depend on last.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::Stack;
use serde_json::Value;
use tokio::task::JoinSet;

use super::delete;
use super::error::DeployError;
use super::jobs;
use super::order::Schedule;
use super::render;
use super::report::{DestroyReport, Outcome, ResourceRef, StackOutcome, StackResult};
use super::run::Context;
use super::state;
use super::template;
use super::{DestroyOptions, PlannedStack};

/// What deleting a stack would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removal {
    /// The stack.
    pub(crate) stack: String,
    stack_id: String,
    /// Whether its deletion is refused until that is lifted.
    pub(crate) protected: bool,
    /// Resources that go.
    pub(crate) deleted: Vec<ResourceRef>,
    /// Resources that stay, because their deletion policy says so.
    pub(crate) retained: Vec<ResourceRef>,
}

/// Shows what would go, asks, deletes. A stack that does not exist is fine.
pub(super) async fn destroy(
    context: &Context,
    stacks: &[PlannedStack],
    options: DestroyOptions,
) -> Result<DestroyReport, DeployError> {
    let mut schedule = Schedule::backward(stacks)?;
    let order = schedule.sequence();
    let found = jobs::all_ok(order.iter().cloned().map(|name| {
        let context = context.clone();
        async move { removal(&context, &name).await }
    }));
    let found = context.unless_interrupted(found).await?;
    let removals: Vec<Removal> = found.into_iter().flatten().collect();
    context.ui.show(&render::removals(&context.aws.region, &removals));
    let report =
        |outcome, stacks, retained| DestroyReport { outcome, region: context.aws.region.clone(), stacks, retained };
    if removals.is_empty() {
        let missing = order.iter().map(|name| StackResult::new(name, StackOutcome::Missing)).collect();
        return Ok(report(Outcome::Unchanged, missing, Vec::new()));
    }
    let protected: Vec<String> = removals.iter().filter(|one| one.protected).map(|one| one.stack.clone()).collect();
    if !protected.is_empty() && !options.disable_protection {
        return Err(DeployError::Protected { stacks: protected });
    }
    if !context.confirm("Delete these stacks?", options.yes).await? {
        let left = order.iter().map(|name| StackResult::new(name, StackOutcome::NotStarted)).collect();
        return Ok(report(Outcome::Cancelled, left, Vec::new()));
    }
    let mut retained: Vec<ResourceRef> = removals.iter().flat_map(|one| one.retained.clone()).collect();
    let mut results = delete_all(context, &mut schedule, removals).await?;
    let stacks: Vec<StackResult> = order.iter().filter_map(|name| results.remove(name)).collect();
    let gone = |name: &str| stacks.iter().any(|one| one.stack == name && one.outcome == StackOutcome::Deleted);
    retained.retain(|resource| gone(&resource.stack));
    Ok(report(Outcome::of(&stacks), stacks, retained))
}

async fn delete_all(
    context: &Context,
    schedule: &mut Schedule,
    removals: Vec<Removal>,
) -> Result<BTreeMap<String, StackResult>, DeployError> {
    let mut open: BTreeMap<String, Removal> = removals.into_iter().map(|one| (one.stack.clone(), one)).collect();
    let mut results = BTreeMap::new();
    let mut tasks = JoinSet::new();
    loop {
        while !context.interrupt.is_pressed() && tasks.len() < jobs::AT_ONCE {
            let Some(name) = schedule.start_next() else {
                break;
            };
            let Some(removal) = open.remove(&name) else {
                schedule.done(&name);
                results.insert(name.clone(), StackResult::new(&name, StackOutcome::Missing));
                continue;
            };
            let context = context.clone();
            tasks.spawn(async move { remove(&context, &removal).await });
        }
        let Some(joined) = tasks.join_next().await else {
            break;
        };
        let result = joined.map_err(|error| jobs::ended(&error))?;
        match result.outcome {
            StackOutcome::Deleted => schedule.done(&result.stack),
            StackOutcome::Detached => {}
            _ => {
                for (name, cause) in schedule.failed(&result.stack) {
                    let skipped =
                        StackResult { waited_for: Some(cause), ..StackResult::new(&name, StackOutcome::Skipped) };
                    results.insert(name, skipped);
                }
            }
        }
        results.insert(result.stack.clone(), result);
    }
    for name in schedule.waiting() {
        results.insert(name.clone(), StackResult::new(&name, StackOutcome::NotStarted));
    }
    Ok(results)
}

async fn remove(context: &Context, removal: &Removal) -> StackResult {
    if removal.protected
        && let Err(error) = context.aws.set_protection(&removal.stack, false).await
    {
        return StackResult::failed(&removal.stack, &error);
    }
    delete::delete(context, &removal.stack, &removal.stack_id, removal.deleted.len() + removal.retained.len()).await
}

/// What deleting the stack would do; `None` when there is none.
async fn removal(context: &Context, name: &str) -> Result<Option<Removal>, DeployError> {
    let Some(stack) = context.aws.stack(name).await? else {
        return Ok(None);
    };
    let status = stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default();
    if status == "DELETE_COMPLETE" {
        return Ok(None);
    }
    if state::is_running(&status) && status != "REVIEW_IN_PROGRESS" {
        let advice =
            "another operation is under way: follow it with `healstack status`, and destroy again when it has ended";
        return Err(DeployError::Unusable {
            stack: name.to_owned(),
            status,
            reason: stack.stack_status_reason().map(str::to_owned),
            advice: advice.to_owned(),
        });
    }
    let template = context.aws.template(name).await?.map(|text| template::parse(&text)).unwrap_or_default();
    let resources = context.aws.resources(name).await?;
    let exists = resources
        .iter()
        .filter(|resource| resource.resource_status().is_none_or(|status| status.as_str() != "DELETE_COMPLETE"));
    let (retained, deleted) = exists
        .map(|resource| ResourceRef {
            stack: name.to_owned(),
            logical_id: resource.logical_resource_id().unwrap_or_default().to_owned(),
            resource_type: resource.resource_type().unwrap_or_default().to_owned(),
            physical_id: resource.physical_resource_id().filter(|id| !id.is_empty()).map(str::to_owned),
        })
        .partition(|resource| is_retained(&template, &resource.logical_id));
    Ok(Some(Removal {
        stack: name.to_owned(),
        stack_id: stack.stack_id().unwrap_or(name).to_owned(),
        protected: Stack::enable_termination_protection(&stack).unwrap_or_default(),
        deleted,
        retained,
    }))
}

/// `RetainExceptOnCreate` deletes only when the creation itself is rolled back.
fn is_retained(template: &Value, logical_id: &str) -> bool {
    let policy = template.get("Resources").and_then(|all| all.get(logical_id)?.get("DeletionPolicy")?.as_str());
    matches!(policy, Some("Retain" | "RetainExceptOnCreate"))
}
