//! Deletes one stack and follows its deletion.

use super::clock;
use super::error::DeployError;
use super::follow::{self, Operation};
use super::report::{StackOutcome, StackResult};
use super::run::Context;

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
    follow::to_the_end(context, &operation, |status| {
        if status == "DELETE_COMPLETE" { StackOutcome::Deleted } else { StackOutcome::Failed }
    })
    .await
}
