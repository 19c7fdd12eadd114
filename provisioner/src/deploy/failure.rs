//! Which of a stack's events are failures, and which of these is the cause.

use aws_sdk_cloudformation::types::StackEvent;

use super::report::Failure;

/// What CloudFormation writes about resources that it stopped because another one failed. They are not causes.
const CANCELLED: [&str; 3] =
    ["Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled"];

/// The failures in `events` (oldest first): the first failing resource first. When no resource failed, the stack's own
/// reason, if it has one.
pub(super) fn failures(events: &[StackEvent]) -> Vec<Failure> {
    let (mut of_resources, mut of_stack) = (Vec::new(), Vec::new());
    for event in events {
        let status = status(event);
        let reason = event.resource_status_reason().unwrap_or_default();
        if is_stack(event) {
            let bad = status.ends_with("_FAILED") || status.ends_with("ROLLBACK_IN_PROGRESS");
            if bad && !reason.is_empty() && reason != "User Initiated" {
                of_stack.push(failure(event, status, reason));
            }
        } else if status.ends_with("_FAILED") && !CANCELLED.iter().any(|text| reason.starts_with(text)) {
            of_resources.push(failure(event, status, reason));
        }
    }
    if of_resources.is_empty() {
        of_stack.truncate(1);
        return of_stack;
    }
    of_resources
}

/// Whether the event is about the stack itself.
pub(super) fn is_stack(event: &StackEvent) -> bool {
    event.physical_resource_id().is_some() && event.physical_resource_id() == event.stack_id()
}

/// The event's status; empty when it has none.
pub(super) fn status(event: &StackEvent) -> &str {
    event.resource_status().map_or("", |status| status.as_str())
}

fn failure(event: &StackEvent, status: &str, reason: &str) -> Failure {
    let of_resource = !is_stack(event);
    let reason = if reason.is_empty() { "CloudFormation gives no reason" } else { reason };
    Failure {
        logical_id: event.logical_resource_id().filter(|_| of_resource).map(str::to_owned),
        resource_type: event.resource_type().filter(|_| of_resource).map(str::to_owned),
        status: Some(status.to_owned()),
        reason: reason.to_owned(),
        help: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(logical_id: &str, status: &str, reason: &str) -> StackEvent {
        let physical_id = if logical_id == "heal--core" { "stack-id" } else { "resource-id" };
        StackEvent::builder()
            .stack_id("stack-id")
            .event_id("e")
            .stack_name("heal--core")
            .logical_resource_id(logical_id)
            .physical_resource_id(physical_id)
            .resource_type("AWS::SNS::Topic")
            .resource_status(status.into())
            .resource_status_reason(reason)
            .build()
    }

    #[test]
    fn the_first_failing_resource_is_the_cause_and_cancelled_ones_are_not() {
        let events = [
            event("heal--core", "CREATE_IN_PROGRESS", "User Initiated"),
            event("Ledger", "CREATE_FAILED", "Resource creation cancelled"),
            event("Topic", "CREATE_FAILED", "Invalid parameter: Topic Name"),
            event("Role", "CREATE_FAILED", "Resource creation cancelled"),
            event("Queue", "CREATE_FAILED", "A queue already exists"),
            event("heal--core", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Topic, Queue]."),
            event("Key", "DELETE_FAILED", "Key is in use"),
            event("heal--core", "ROLLBACK_FAILED", "The following resource(s) failed to delete: [Key]."),
        ];
        let found = failures(&events);
        let named: Vec<&str> = found.iter().filter_map(|failure| failure.logical_id.as_deref()).collect();
        assert_eq!(named, ["Topic", "Queue", "Key"]);
        assert_eq!(found[0].reason, "Invalid parameter: Topic Name");
    }

    #[test]
    fn without_a_failing_resource_the_stack_s_own_reason_counts() {
        let events = [
            event("heal--core", "UPDATE_FAILED", "Template validation failed"),
            event("heal--core", "UPDATE_ROLLBACK_IN_PROGRESS", "Rolling back"),
        ];
        let found = failures(&events);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].logical_id.as_deref(), found[0].reason.as_str()), (None, "Template validation failed"));
    }

    #[test]
    fn a_roll_back_that_the_user_began_is_no_failure() {
        assert!(failures(&[event("heal--core", "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")]).is_empty());
    }
}
