//! Rehearsals side by side: as many accounts as there are processors, each item on an account that is new, so that their order changes nothing.

use super::{Account, AccountError};
use healstack_rehearsal::bridge::Bridge;
use healstack_rehearsal::engine::Deployment;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does `work` for each item; results are in the items' order.
pub fn each<T: Sync, R: Send>(
    account: &Account,
    deployment: &Deployment,
    items: &[T],
    work: impl Fn(&mut Bridge, &T) -> R + Sync,
) -> Result<Vec<R>, AccountError> {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let worker = || -> Result<Vec<(usize, R)>, AccountError> {
        let mut bridge = account.start(deployment)?;
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return Ok(done) };
            done.push((index, work(&mut bridge, item)));
        }
    };
    let mut done = Vec::with_capacity(items.len());
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        for handle in handles {
            done.extend(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, AccountError>(())
    })?;
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
