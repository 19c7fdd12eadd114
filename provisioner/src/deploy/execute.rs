//! Executes change sets that were shown, in the order of the stacks' dependencies.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::PlannedStack;
use super::artifact::Bucket;
use super::changeset::{self, Prepared};
use super::clock;
use super::delete;
use super::draft::{self, Draft};
use super::error::DeployError;
use super::follow::{self, Operation};
use super::jobs;
use super::order::Schedule;
use super::plan::{Change, StackAction};
use super::report::{self, Failure, StackOutcome, StackResult};
use super::run::Context;
use super::state;

/// The results of all stacks in their order. Change sets that are not executed are deleted.
pub(super) async fn execute(
    context: &Context,
    prepared: Vec<Prepared>,
    bucket: &Bucket,
) -> Result<Vec<StackResult>, DeployError> {
    let planned: Vec<PlannedStack> = prepared.iter().map(|one| (*one.surveyed.planned).clone()).collect();
    let mut schedule = Schedule::forward(&planned)?;
    let mut open: BTreeMap<String, Prepared> =
        prepared.into_iter().map(|one| (one.surveyed.planned.name.clone(), one)).collect();
    let mut results: BTreeMap<String, StackResult> = BTreeMap::new();
    let mut unused: Vec<Draft> = Vec::new();
    let mut tasks = JoinSet::new();
    loop {
        while !context.interrupt.is_pressed() && tasks.len() < jobs::AT_ONCE {
            let Some(one) = schedule.start_next().and_then(|name| open.remove(&name)) else {
                break;
            };
            let (context, bucket) = (context.clone(), bucket.clone());
            tasks.spawn(async move { deploy_one(&context, one, &bucket).await });
        }
        let Some(joined) = tasks.join_next().await else {
            break;
        };
        let result = joined.map_err(|error| jobs::ended(&error))?;
        match result.outcome {
            StackOutcome::Created | StackOutcome::Updated | StackOutcome::Unchanged => {
                schedule.done(&result.stack);
            }
            // What waits for a stack that goes on without us has not failed; it is left waiting.
            StackOutcome::Detached | StackOutcome::NotStarted => {}
            _ => {
                for (name, cause) in schedule.failed(&result.stack) {
                    unused.extend(open.remove(&name).and_then(|one| one.draft));
                    let skipped =
                        StackResult { waited_for: Some(cause), ..StackResult::new(&name, StackOutcome::Skipped) };
                    results.insert(name, skipped);
                }
            }
        }
        results.insert(result.stack.clone(), result);
    }
    for name in schedule.waiting() {
        unused.extend(open.remove(&name).and_then(|one| one.draft));
        results.insert(name.clone(), StackResult::new(&name, StackOutcome::NotStarted));
    }
    draft::discard(context, unused).await;
    Ok(planned.iter().filter_map(|stack| results.remove(&stack.name)).collect())
}

/// One stack: never an error, because the others go on.
async fn deploy_one(context: &Context, mut one: Prepared, bucket: &Bucket) -> StackResult {
    let name = one.surveyed.planned.name.clone();
    if one.plan.action == StackAction::Recreate {
        match recreate(context, &mut one, bucket).await {
            Ok(None) => {}
            Ok(Some(result)) => return result,
            Err(DeployError::Interrupted) => {
                return StackResult::new(&name, StackOutcome::NotStarted);
            }
            Err(error) => return StackResult::failed(&name, &error),
        }
    }
    let mut result = match one.draft.take() {
        Some(draft) => run(context, &one, &draft).await,
        None => StackResult::new(&name, StackOutcome::Unchanged),
    };
    if one.plan.enable_protection && succeeded(&result) {
        match context.aws.set_protection(&name, true).await {
            Ok(()) if result.outcome == StackOutcome::Unchanged => {
                result.outcome = StackOutcome::Updated;
            }
            Ok(()) => {}
            Err(error) => {
                result.outcome = StackOutcome::Failed;
                result.failures.push(Failure::of_error(&error));
            }
        }
    }
    if succeeded(&result) {
        match context.aws.stack(&name).await {
            Ok(stack) => {
                result.outputs = stack.as_ref().map(report::outputs).unwrap_or_default();
                result.status = stack.and_then(|stack| stack.stack_status).map(|status| status.as_str().to_owned());
            }
            Err(error) => context.note(&format!("the outputs of {name} are unknown: {error}")),
        }
    }
    result
}

fn succeeded(result: &StackResult) -> bool {
    matches!(result.outcome, StackOutcome::Created | StackOutcome::Updated | StackOutcome::Unchanged)
}

/// Deletes what a failed creation left and makes the change set that could not exist before. A result means that it ends here.
async fn recreate(context: &Context, one: &mut Prepared, bucket: &Bucket) -> Result<Option<StackResult>, DeployError> {
    let name = one.surveyed.planned.name.clone();
    let stack_id = one.surveyed.deployed.as_ref().and_then(|stack| stack.stack_id()).unwrap_or(&name).to_owned();
    context.note(&format!("{name}: deleting what the failed creation left"));
    let deleted = delete::delete(context, &name, &stack_id, 0).await;
    if deleted.outcome != StackOutcome::Deleted {
        return Ok(Some(deleted));
    }
    let draft = changeset::begin(context, &one.surveyed, bucket).await?;
    let plan = changeset::finish(context, &one.surveyed, &draft).await;
    let surprise = match &plan {
        Ok(plan) => surprise(&one.plan.changes, &plan.changes),
        Err(_) => None,
    };
    match plan {
        Ok(_) if surprise.is_none() => {
            one.draft = Some(draft);
            Ok(None)
        }
        Ok(_) => {
            draft::discard(context, vec![draft]).await;
            let reason = format!("its change set holds what was not shown: {}", surprise.unwrap_or_default());
            let help =
                "what the failed creation left is deleted: the next deployment shows the change set as it is now";
            let failure = Failure { help: Some(help.to_owned()), ..Failure::of_stack(reason) };
            Ok(Some(StackResult { failures: vec![failure], ..StackResult::new(&name, StackOutcome::Failed) }))
        }
        Err(error) => {
            draft::discard(context, vec![draft]).await;
            Err(error)
        }
    }
}

/// A change that was not among those shown. Fewer are fine: a condition may leave resources out.
fn surprise(shown: &[Change], found: &[Change]) -> Option<String> {
    let same =
        |a: &Change, b: &Change| a.kind == b.kind && a.logical_id == b.logical_id && a.resource_type == b.resource_type;
    let other = found.iter().find(|change| !shown.iter().any(|known| same(known, change)))?;
    Some(format!("{} {}", other.resource_type, other.logical_id))
}

async fn run(context: &Context, one: &Prepared, draft: &Draft) -> StackResult {
    let name = &one.surveyed.planned.name;
    // One a stack: CloudFormation refuses a token that another operation has (`TokenAlreadyExistsException`).
    let token = clock::unique_token();
    let begun = async {
        let after = context.aws.newest_event(&draft.stack_id).await?;
        context.aws.execute_change_set(name, &draft.change_set, &token).await?;
        Ok::<_, DeployError>(after)
    };
    let after = match begun.await {
        Ok(after) => after,
        Err(error) => {
            draft::discard(context, vec![draft.clone()]).await;
            return StackResult::failed(name, &error);
        }
    };
    let operation = Operation {
        stack: name.clone(),
        stack_id: draft.stack_id.clone(),
        token,
        after,
        total: one.plan.changes.len(),
    };
    let succeeded = if one.plan.action == StackAction::Update { StackOutcome::Updated } else { StackOutcome::Created };
    follow::to_the_end(
        context,
        &operation,
        |status| {
            if state::is_success(status) { succeeded } else { StackOutcome::Failed }
        },
    )
    .await
}
