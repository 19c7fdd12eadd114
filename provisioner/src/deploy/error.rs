//! What stops a command as a whole. A stack that fails to deploy is a result, see [`super::report`].

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::RequestId;

use super::call_failure::AwsFailure;

/// Why a command could not run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum DeployError {
    /// A call to AWS failed after its retries.
    #[error("{}{failure}", of_stack(stack.as_deref()))]
    Aws {
        /// The stack it was made for.
        stack: Option<String>,
        /// What AWS answered.
        failure: Box<AwsFailure>,
        /// What to do about it.
        #[help]
        advice: Option<String>,
    },

    /// No region is configured.
    #[error("no AWS region is configured")]
    #[diagnostic(help("pass `--region`, set AWS_REGION, or give the profile a region"))]
    NoRegion,

    /// The credentials belong to another account than the environment names.
    #[error("the credentials belong to account {actual}, but the environment is account {expected}")]
    #[diagnostic(help(
        "choose the profile of account {expected} (`--profile`), or correct the account in healstack.yaml"
    ))]
    WrongAccount {
        /// The account of the environment.
        expected: String,
        /// The account of the credentials.
        actual: String,
    },

    /// A stack of this name is planned twice.
    #[error("stack {stack} is planned twice")]
    #[diagnostic(help("two rule files compile to the same stack name; rename one of them"))]
    DuplicateStack {
        /// Its name.
        stack: String,
    },

    /// The stacks depend on one another in a circle.
    #[error("these stacks wait for one another: {}", stacks.join(", "))]
    #[diagnostic(help("remove one of the dependencies between them"))]
    DependencyCycle {
        /// The stacks of the circle, and those that wait for it.
        stacks: Vec<String>,
    },

    /// The stack is in a state in which it cannot be deployed.
    #[error("stack {stack} is in {status}{}", because(reason.as_deref()))]
    Unusable {
        /// Its name.
        stack: String,
        /// Its CloudFormation status.
        status: String,
        /// CloudFormation's reason for the status.
        reason: Option<String>,
        /// The way out of that state.
        #[help]
        advice: String,
    },

    /// CloudFormation refused the change set.
    #[error("CloudFormation refused the change set of stack {stack}: {reason}{}", list(details))]
    ChangeSet {
        /// The stack.
        stack: String,
        /// CloudFormation's reason.
        reason: String,
        /// What its validation found, a line each.
        details: Vec<String>,
        /// What to do about it.
        #[help]
        advice: Option<String>,
    },

    /// The template is larger than CloudFormation takes in any way.
    #[error("the template of stack {stack} has {bytes} bytes, CloudFormation takes at most {limit} ({})", path.display())]
    #[diagnostic(help("split the stack: move some of its rules to another rule file"))]
    TemplateTooLarge {
        /// The stack.
        stack: String,
        /// The template's file.
        path: PathBuf,
        /// Its size.
        bytes: usize,
        /// The quota.
        limit: usize,
    },

    /// The template must go through a bucket, and there is none.
    #[error("the template of stack {stack} has {bytes} bytes and must go through an artifact bucket: {reason}")]
    #[diagnostic(help("name a bucket as `artifact_bucket` in healstack.yaml, or deploy the stack that makes one"))]
    NoArtifactBucket {
        /// The stack.
        stack: String,
        /// The template's size.
        bytes: usize,
        /// Why there is none.
        reason: String,
    },

    /// Nobody was there to confirm.
    #[error("{question} Nobody can answer: standard input is not a terminal")]
    #[diagnostic(help("review the output above and run again with `--yes`"))]
    NotConfirmed {
        /// What would have been asked.
        question: String,
    },

    /// Stacks that are protected were to be deleted.
    #[error("termination protection is on for {}", stacks.join(", "))]
    #[diagnostic(help("run again with `--disable-protection` if they are really to be deleted"))]
    Protected {
        /// The protected stacks.
        stacks: Vec<String>,
    },

    /// Ctrl-C before anything was executed.
    #[error("interrupted; nothing was changed")]
    Interrupted,

    /// Several stacks have an error each.
    #[error("{} stacks have errors", errors.len())]
    Several {
        /// One error a stack.
        #[related]
        errors: Vec<DeployError>,
    },

    /// Part of this program stopped unexpectedly.
    #[error("a task of this program ended unexpectedly: {reason}")]
    #[diagnostic(help("this is a defect of healstack; please report it"))]
    Task {
        /// What the runtime says.
        reason: String,
    },
}

impl DeployError {
    /// One error as it is, several as [`DeployError::Several`]; an interruption hides the rest, since it is what the user did.
    pub(super) fn of_many(mut errors: Vec<DeployError>) -> Self {
        if errors.iter().any(|error| matches!(error, Self::Interrupted)) {
            return Self::Interrupted;
        }
        collapse(&mut errors);
        match errors.pop() {
            Some(only) if errors.is_empty() => only,
            Some(last) => {
                errors.push(last);
                Self::Several { errors }
            }
            None => Self::Task { reason: "an error without a cause".to_owned() },
        }
    }

    /// The errors of [`DeployError::Several`], or the one.
    #[must_use]
    pub fn each(&self) -> &[DeployError] {
        match self {
            Self::Several { errors } => errors,
            one => std::slice::from_ref(one),
        }
    }

    /// The error of one call, for `stack` if it was made for one.
    pub(crate) fn call<E, R>(operation: &'static str, stack: Option<&str>, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
        SdkError<E, R>: RequestId,
    {
        let failure = AwsFailure::new(operation, error);
        let advice = failure.advice();
        Self::Aws { stack: stack.map(str::to_owned), failure: Box::new(failure), advice }
    }
}

/// What failed in the same words for every stack and has nothing to do with stacks, such as missing credentials, is said
/// once. Such failures are those with advice.
fn collapse(errors: &mut Vec<DeployError>) {
    let words = |error: &DeployError| match error {
        DeployError::Aws { failure, advice, .. } if advice.is_some() => {
            Some((failure.operation, failure.code.clone(), failure.message.clone()))
        }
        _ => None,
    };
    let first = errors.first().and_then(words);
    if errors.len() > 1 && first.is_some() && errors.iter().all(|error| words(error) == first) {
        errors.truncate(1);
        if let Some(DeployError::Aws { stack, .. }) = errors.first_mut() {
            *stack = None;
        }
    }
}

fn of_stack(stack: Option<&str>) -> String {
    stack.map(|stack| format!("stack {stack}: ")).unwrap_or_default()
}

fn because(reason: Option<&str>) -> String {
    reason.filter(|reason| !reason.is_empty()).map(|reason| format!(" ({reason})")).unwrap_or_default()
}

fn list(details: &[String]) -> String {
    details.iter().flat_map(|detail| ["\n  - ", detail]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_failure_of_every_stack_is_said_once() {
        let failed = |stack: &str, message: &str| DeployError::Aws {
            stack: Some(stack.to_owned()),
            failure: Box::new(AwsFailure {
                operation: "cloudformation:DescribeStacks",
                code: None,
                message: message.to_owned(),
                request_id: None,
            }),
            advice: Some("log in".to_owned()),
        };
        let same = DeployError::of_many(vec![failed("a", "no credentials"), failed("b", "no credentials")]);
        assert_eq!(same.to_string(), "cloudformation:DescribeStacks failed: no credentials");
        let other = DeployError::of_many(vec![failed("a", "no credentials"), failed("b", "refused")]);
        assert_eq!(other.to_string(), "2 stacks have errors");
    }

    #[test]
    fn several_errors_are_kept_and_an_interruption_hides_them() {
        let duplicate = || DeployError::DuplicateStack { stack: "a".to_owned() };
        assert!(matches!(DeployError::of_many(vec![duplicate()]), DeployError::DuplicateStack { .. }));
        let several = DeployError::of_many(vec![duplicate(), duplicate()]);
        assert_eq!(several.to_string(), "2 stacks have errors");
        assert_eq!(several.each().len(), 2);
        assert_eq!(several.each()[0].each().len(), 1);
        assert!(matches!(DeployError::of_many(vec![duplicate(), DeployError::Interrupted]), DeployError::Interrupted));
    }
}
