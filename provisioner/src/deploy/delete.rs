//! Deletes one stack and follows its deletion.

use super::clock;
use super::error::DeployError;
use super::failure;
use super::follow::{self, Operation};
use super::report::{Failure, StackOutcome, StackResult};
use super::run::Context;
use super::ui::Step;

/// Deletes the stack with that id; the result is `Deleted`, `Failed`, `Detached` or `Lost`.
pub(super) async fn delete(context: &Context, name: &str, stack_id: &str, total: usize) -> StackResult {
    let token = clock::unique_token();
    let begun = async {
        let after = context.aws.newest_event(stack_id).await?;
        context.aws.delete_stack(name, stack_id, &token).await?;
        Ok::<_, DeployError>(after)
    };
    let after = match begun.await {
        Ok(after) => after,
        Err(error) => return StackResult::failed(name, &error),
    };
    let operation = Operation { stack: name.to_owned(), stack_id: stack_id.to_owned(), token, after, total };
    let followed = match follow::follow(context, &operation).await {
        Ok(followed) => followed,
        Err(error) => {
            return StackResult {
                failures: vec![Failure::of_stack(&error)],
                ..StackResult::new(name, StackOutcome::Lost)
            };
        }
    };
    let outcome = match followed.status.as_deref() {
        None => StackOutcome::Detached,
        Some("DELETE_COMPLETE") => StackOutcome::Deleted,
        Some(_) => StackOutcome::Failed,
    };
    let status = followed.status.clone().unwrap_or_default();
    context.ui.step(&Step::Ended { stack: name, outcome, status: &status, took: followed.took });
    let failures = if outcome == StackOutcome::Failed { failure::failures(&followed.events) } else { Vec::new() };
    StackResult {
        status: followed.status,
        seconds: followed.took.as_secs_f64(),
        resources: followed.resources,
        failures,
        ..StackResult::new(name, outcome)
    }
}
