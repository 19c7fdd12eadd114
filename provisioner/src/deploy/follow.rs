//! Follows a stack's operation through its events until it has ended or the user leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudformation::types::StackEvent;

use super::clock::Started;
use super::error::DeployError;
use super::failure;
use super::report::{Failure, StackOutcome, StackResult};
use super::run::Context;
use super::state;
use super::ui::Step;

/// After this many polls without the stack's own last event, its status is asked for: a roll-back that somebody else has begun
/// carries their token, not ours.
const POLLS_PER_STATUS: u32 = 5;

/// After this many polls the status counts even though no event of the operation was ever seen: an endpoint may lack events.
/// Before that it could still be the status of the operation before.
const POLLS_WITHOUT_EVENTS: u32 = 30;

/// An operation to follow.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// The stack's name.
    pub(super) stack: String,
    /// The stack's id, under which events are found even after the stack is gone.
    pub(super) stack_id: String,
    /// The token that the operation's events carry.
    pub(super) token: String,
    /// The newest event before the operation.
    pub(super) after: Option<String>,
    /// How many resources it concerns, for progress.
    pub(super) total: usize,
}

/// How an operation ended.
#[derive(Debug, Clone)]
struct Followed {
    /// The stack's last status; `None` when the user left before the end.
    status: Option<String>,
    /// The operation's events, oldest first.
    events: Vec<StackEvent>,
    /// How many resources were created, changed or deleted.
    resources: usize,
}

/// Follows an operation that has begun; `judge` says what its last status means. Never an error, because other stacks go on.
pub(super) async fn to_the_end(
    context: &Context,
    operation: &Operation,
    judge: impl Fn(&str) -> StackOutcome,
) -> StackResult {
    let started = Started::now();
    let stack = operation.stack.as_str();
    let result = match follow(context, operation).await {
        Ok(Followed { status, events, resources }) => {
            let outcome = status.as_deref().map_or(StackOutcome::Detached, judge);
            let mut failures = Vec::new();
            if outcome == StackOutcome::Failed {
                failures = failure::failures(&events);
                if failures.is_empty() {
                    failures.push(Failure::of_stack("CloudFormation gives no reason"));
                }
            }
            StackResult { status, resources, failures, ..StackResult::new(stack, outcome) }
        }
        Err(error) => {
            StackResult { failures: vec![Failure::of_error(&error)], ..StackResult::new(stack, StackOutcome::Lost) }
        }
    };
    let (took, status) = (started.elapsed(), result.status.as_deref().unwrap_or_default());
    context.ui.step(&Step::Ended { stack, outcome: result.outcome, status, took });
    StackResult { seconds: took.as_secs_f64(), ..result }
}

/// Follows until the end, or until Ctrl-C.
async fn follow(context: &Context, operation: &Operation) -> Result<Followed, DeployError> {
    let mut log = Log::new(operation);
    let mut interval = context.aws.pace.first;
    let mut polls: u32 = 0;
    context.ui.step(&Step::Started { stack: &operation.stack, total: operation.total });
    loop {
        let fresh = tokio::select! {
            fresh = context.aws.events(&operation.stack_id, log.newest.as_deref()) => fresh?,
            () = context.interrupt.pressed() => return Ok(log.into_followed(None)),
        };
        interval = if fresh.is_empty() { context.aws.pace.after(interval) } else { context.aws.pace.first };
        let mut end = log.take(context, fresh);
        polls += 1;
        if end.is_none() && polls.is_multiple_of(POLLS_PER_STATUS) {
            let seen = !log.events.is_empty() || polls >= POLLS_WITHOUT_EVENTS;
            end = ended_status(context, operation).await?.filter(|status| seen || status == "DELETE_COMPLETE");
            if end.is_some() {
                // The reasons may have come in between.
                let last = context.aws.events(&operation.stack_id, log.newest.as_deref()).await?;
                log.take(context, last);
            }
        }
        if end.is_some() {
            return Ok(log.into_followed(end));
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = context.interrupt.pressed() => return Ok(log.into_followed(None)),
        }
    }
}

/// The stack's status, if nothing is under way any more.
async fn ended_status(context: &Context, operation: &Operation) -> Result<Option<String>, DeployError> {
    let status = match context.aws.stack(&operation.stack_id).await? {
        Some(stack) => stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        None => "DELETE_COMPLETE".to_owned(),
    };
    Ok((!state::is_running(&status)).then_some(status))
}

/// What has been seen of an operation.
struct Log<'a> {
    operation: &'a Operation,
    newest: Option<String>,
    events: Vec<StackEvent>,
    /// When a resource's current step began, in seconds since 1970 by CloudFormation's clock.
    begun: BTreeMap<String, f64>,
    /// Finished resources; a set, because in a roll-back the same resource finishes again.
    finished: BTreeSet<String>,
}

impl<'a> Log<'a> {
    fn new(operation: &'a Operation) -> Self {
        let newest = operation.after.clone();
        Self { operation, newest, events: Vec::new(), begun: BTreeMap::new(), finished: BTreeSet::new() }
    }

    /// Takes events, oldest first, and shows them. Returns the stack's status if the operation has ended.
    fn take(&mut self, context: &Context, fresh: Vec<StackEvent>) -> Option<String> {
        let mut end = None;
        for event in fresh {
            self.newest = event.event_id.clone().or(self.newest.take());
            // An endpoint that does not pass the token on gives no token at all.
            if event.client_request_token().is_some_and(|token| token != self.operation.token) {
                continue;
            }
            let status = failure::status(&event);
            if failure::is_stack(&event) {
                end = (!state::is_running(status)).then(|| status.to_owned());
            } else {
                self.resource(context, &event);
            }
            self.events.push(event);
        }
        end.filter(|status| is_last(status))
    }

    fn resource(&mut self, context: &Context, event: &StackEvent) {
        let logical_id = event.logical_resource_id().unwrap_or_default();
        let status = failure::status(event);
        let now = event.timestamp().map(aws_sdk_cloudformation::primitives::DateTime::as_secs_f64);
        let mut took = None;
        if state::is_running(status) {
            if let Some(now) = now {
                self.begun.entry(logical_id.to_owned()).or_insert(now);
            }
        } else {
            let begun = self.begun.remove(logical_id).or(now);
            let seconds = now.zip(begun).map_or(0.0, |(now, begun)| now - begun);
            took = Some(Duration::try_from_secs_f64(seconds).unwrap_or_default());
            self.finished.insert(logical_id.to_owned());
        }
        context.ui.step(&Step::Resource {
            stack: &self.operation.stack,
            logical_id,
            resource_type: event.resource_type().unwrap_or_default(),
            status,
            reason: event.resource_status_reason().unwrap_or_default(),
            took,
            done: self.finished.len(),
        });
    }

    fn into_followed(self, status: Option<String>) -> Followed {
        let completed =
            |event: &&StackEvent| !failure::is_stack(event) && failure::status(event).ends_with("_COMPLETE");
        let names: BTreeSet<&str> =
            self.events.iter().filter(completed).filter_map(StackEvent::logical_resource_id).collect();
        let resources = names.len();
        Followed { status, events: self.events, resources }
    }
}

/// Whether nothing follows a stack's own event of this status. `CREATE_FAILED` and `UPDATE_FAILED` of the stack announce a
/// roll-back, unless it is switched off; the status then settles it a few polls later.
fn is_last(status: &str) -> bool {
    !matches!(status, "CREATE_FAILED" | "UPDATE_FAILED")
}
