//! Runs futures at once, but not too many of them.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use super::error::DeployError;

/// Stacks handled at once. CloudFormation throttles its read calls per account and region at a few a second, so more would
/// only add retries.
pub(super) const AT_ONCE: usize = 8;

/// The results of `futures` in their order, at most [`AT_ONCE`] running.
pub(crate) async fn all<F, T>(futures: impl IntoIterator<Item = F>) -> Result<Vec<T>, DeployError>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let limit = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for (index, future) in futures.into_iter().enumerate() {
        let limit = Arc::clone(&limit);
        tasks.spawn(async move {
            // The semaphore is never closed, so an error cannot occur; without a permit the job would still be right.
            let _permit = limit.acquire().await;
            (index, future.await)
        });
    }
    let mut results = Vec::with_capacity(tasks.len());
    while let Some(done) = tasks.join_next().await {
        results.push(done.map_err(|error| ended(&error))?);
    }
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// As [`all`], for jobs that can fail: every error is reported, not the first.
pub(crate) async fn all_ok<F, T>(futures: impl IntoIterator<Item = F>) -> Result<Vec<T>, DeployError>
where
    F: Future<Output = Result<T, DeployError>> + Send + 'static,
    T: Send + 'static,
{
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for result in all(futures).await? {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(DeployError::of_many(errors)) }
}

/// The error of a task that panicked or was cancelled.
pub(super) fn ended(error: &JoinError) -> DeployError {
    DeployError::Task { reason: error.to_string() }
}
