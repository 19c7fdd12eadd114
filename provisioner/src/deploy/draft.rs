//! Change sets that are not executed yet, and how they disappear again.

use super::clock;
use super::error::DeployError;
use super::jobs;
use super::run::Context;

/// A change set that exists in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    /// The stack's name.
    pub(super) stack: String,
    /// The stack's id.
    pub(super) stack_id: String,
    /// The change set's id.
    pub(super) change_set: String,
    /// Whether CloudFormation made an empty stack for it, which must go with it.
    pub(super) placeholder: bool,
}

/// How often is looked again, for a change set that is still being made and for an empty stack that is still being deleted.
/// Either takes seconds.
const POLLS: usize = 30;

/// Deletes change sets and the empty stacks that were made for them. Everything is tried; what could not be deleted is told
/// as notes, since the command's own result matters more.
pub(super) async fn discard(context: &Context, drafts: Vec<Draft>) {
    if drafts.is_empty() {
        return;
    }
    let results = jobs::all(drafts.into_iter().map(|draft| {
        let context = context.clone();
        async move { discard_one(&context, &draft).await }
    }));
    match results.await {
        Ok(results) => {
            for error in results.into_iter().filter_map(Result::err) {
                context.note(&format!("left behind: {error}"));
            }
        }
        Err(error) => context.note(&error.to_string()),
    }
}

async fn discard_one(context: &Context, draft: &Draft) -> Result<(), DeployError> {
    let aws = &context.aws;
    delete_change_set(context, draft).await?;
    if !draft.placeholder {
        return Ok(());
    }
    // Somebody may have executed another change set of the same new stack meanwhile.
    if status(context, draft).await?.as_deref() != Some("REVIEW_IN_PROGRESS") {
        return Ok(());
    }
    aws.delete_stack(&draft.stack, &draft.stack_id, &clock::unique_token()).await?;
    let mut interval = aws.pace.first;
    for _ in 0..POLLS {
        match status(context, draft).await?.as_deref() {
            None | Some("DELETE_COMPLETE") => break,
            Some(_) => tokio::time::sleep(interval).await,
        }
        interval = aws.pace.after(interval);
    }
    Ok(())
}

/// CloudFormation refuses to delete a change set that it is still making, which is what Ctrl-C leaves.
async fn delete_change_set(context: &Context, draft: &Draft) -> Result<(), DeployError> {
    let mut interval = context.aws.pace.first;
    for _ in 0..POLLS {
        match context.aws.delete_change_set(&draft.stack, &draft.change_set).await {
            Err(DeployError::Aws { failure, .. }) if failure.is_change_set_busy() => {
                tokio::time::sleep(interval).await;
                interval = context.aws.pace.after(interval);
            }
            result => return result,
        }
    }
    context.aws.delete_change_set(&draft.stack, &draft.change_set).await
}

async fn status(context: &Context, draft: &Draft) -> Result<Option<String>, DeployError> {
    let stack = context.aws.stack(&draft.stack_id).await?;
    Ok(stack.and_then(|stack| stack.stack_status).map(|status| status.as_str().to_owned()))
}
