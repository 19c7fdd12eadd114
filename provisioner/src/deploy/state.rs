//! What a stack's status means for a deployment. Knows statuses only; the list is that of CloudFormation's API reference.

use aws_sdk_cloudformation::types::Stack;

use super::error::DeployError;

/// How a stack can be deployed, by its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Situation {
    /// There is no stack: a change set creates it.
    Missing,
    /// There is an empty stack that an earlier change set made: a change set creates it.
    InReview,
    /// The stack never existed in full and can only be deleted; then a change set creates it.
    Leftover,
    /// A change set updates it.
    Deployed,
}

impl Situation {
    /// Whether a change set of type CREATE is needed.
    pub(super) fn is_new(self) -> bool {
        self != Self::Deployed
    }
}

/// The situation of a stack, or an error with the way out of its state.
pub(super) fn situation(name: &str, stack: Option<&Stack>, workload: bool) -> Result<Situation, DeployError> {
    let Some(stack) = stack else {
        return Ok(Situation::Missing);
    };
    let status = stack.stack_status().map_or("", |status| status.as_str());
    let advice = match status {
        "DELETE_COMPLETE" => return Ok(Situation::Missing),
        "REVIEW_IN_PROGRESS" => return Ok(Situation::InReview),
        // What users own is theirs to delete.
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" if workload => format!(
            "it is a workload's own stack, which is not deleted for you: look what it holds, then run `aws cloudformation delete-stack --stack-name {name}`, and deploy again"
        ),
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" => return Ok(Situation::Leftover),
        "UPDATE_ROLLBACK_FAILED" => format!(
            "repair what kept the roll-back from ending, then run `aws cloudformation continue-update-rollback --stack-name {name}` \
             (with `--resources-to-skip` for resources that cannot be repaired), then deploy again"
        ),
        "DELETE_FAILED" => format!(
            "its deletion was begun and did not end: run `healstack destroy` again after removing what keeps {name}'s resources, then deploy"
        ),
        "CREATE_FAILED" => {
            format!(
                "its creation failed without a roll-back: delete stack {name} (`healstack destroy`), then deploy again"
            )
        }
        "IMPORT_ROLLBACK_FAILED" => {
            format!("an import into it failed: delete or repair stack {name}, then deploy again")
        }
        status if is_running(status) => {
            "another operation is under way: follow it with `healstack status`, and deploy again when it has ended"
                .to_owned()
        }
        _ => return Ok(Situation::Deployed),
    };
    Err(DeployError::Unusable {
        stack: name.to_owned(),
        status: status.to_owned(),
        reason: stack.stack_status_reason().map(str::to_owned),
        advice,
    })
}

/// Whether an operation is under way in that status.
pub(super) fn is_running(status: &str) -> bool {
    status.ends_with("_IN_PROGRESS")
}

/// Whether the status is what a create or update hopes for. `IMPORT_COMPLETE` is the end of one that only took resources in
/// that existed already.
pub(super) fn is_success(status: &str) -> bool {
    matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(status: &str) -> Stack {
        Stack::builder().stack_name("s").stack_status(status.into()).build()
    }

    #[test]
    fn every_status_of_a_stack_has_a_way_on() {
        let of = |status: &str| situation("s", Some(&stack(status)), false).ok();
        assert_eq!(situation("s", None, false).unwrap(), Situation::Missing);
        assert_eq!(of("DELETE_COMPLETE"), Some(Situation::Missing));
        assert_eq!(of("REVIEW_IN_PROGRESS"), Some(Situation::InReview));
        assert_eq!(of("ROLLBACK_COMPLETE"), Some(Situation::Leftover));
        assert_eq!(of("ROLLBACK_FAILED"), Some(Situation::Leftover));
        for status in
            ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE"]
        {
            assert_eq!(of(status), Some(Situation::Deployed), "{status}");
        }
        for status in
            ["CREATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"]
        {
            assert_eq!(of(status), None, "{status}");
        }
    }

    #[test]
    fn only_what_was_wanted_is_a_success() {
        for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"] {
            assert!(is_success(status), "{status}");
        }
        for status in ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE", "DELETE_COMPLETE"] {
            assert!(!is_success(status), "{status}");
        }
    }

    #[test]
    fn a_failed_roll_back_says_how_to_continue() {
        let error = situation("heal--core", Some(&stack("UPDATE_ROLLBACK_FAILED")), false).unwrap_err();
        let help = miette::Diagnostic::help(&error).map(|help| help.to_string());
        assert!(help.unwrap().contains("continue-update-rollback --stack-name heal--core"));
    }
}
