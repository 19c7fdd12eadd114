//! A call to AWS that failed, in words.

use std::error::Error;
use std::fmt;

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::RequestId;

/// A failed call, with what AWS support needs to find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsFailure {
    /// Service and operation, such as `cloudformation:CreateChangeSet`.
    pub operation: &'static str,
    /// The service's error code; `None` when the call did not reach the service.
    pub code: Option<String>,
    /// The service's message, or the reason why it was not reached.
    pub message: String,
    /// The request id, when the service answered.
    pub request_id: Option<String>,
}

impl fmt::Display for AwsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: ", self.operation)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl AwsFailure {
    pub(super) fn new<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
        SdkError<E, R>: RequestId,
    {
        let request_id = error.request_id().map(str::to_owned);
        let code = error.code().map(str::to_owned);
        let message = match error.message() {
            Some(message) => message.to_owned(),
            None => causes(error),
        };
        Self { operation, code, message, request_id }
    }

    /// Whether the service says that the stack or change set does not exist.
    pub(super) fn is_missing(&self) -> bool {
        self.code.as_deref() == Some("ChangeSetNotFound")
            || (self.code.as_deref() == Some("ValidationError") && self.message.contains("does not exist"))
    }

    /// Whether the service says that the change set's own status forbids the call.
    pub(super) fn is_change_set_busy(&self) -> bool {
        self.code.as_deref() == Some("InvalidChangeSetStatus")
    }

    /// What to do about it, for the failures that a user meets before anything else works.
    pub(super) fn advice(&self) -> Option<String> {
        let advice = match self.code.as_deref() {
            Some(code) => advice_for_code(code),
            None => advice_for_text(&self.message.to_lowercase()),
        };
        advice.map(str::to_owned)
    }
}

/// The codes are those of the services' common errors and of STS.
fn advice_for_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            "the credentials have expired: run `aws sso login` (SSO), or fetch new ones"
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" | "AuthFailure" => {
            "AWS does not know these credentials: check AWS_PROFILE or `--profile`, and AWS_ACCESS_KEY_ID in the environment"
        }
        "AccessDenied" | "AccessDeniedException" => {
            "the credentials lack this permission: have it granted, or choose another profile with `--profile`"
        }
        "ChangeSetNotFound" | "InvalidChangeSetStatus" => {
            "the stack or its change set was changed since the change set was made: run the command again and look at the new one"
        }
        _ => return None,
    })
}

/// Before a service was reached there is no code, only the words of the credential chain and the HTTP client.
fn advice_for_text(text: &str) -> Option<&'static str> {
    Some(match text {
        text if text.contains("sso") || (text.contains("token") && text.contains("expired")) => {
            "the SSO session has ended or was never begun: run `aws sso login` with the same profile"
        }
        text if text.contains("credential") || text.contains("profile") => {
            "no usable AWS credentials: set AWS_PROFILE or pass `--profile`, run `aws sso login`, or use `--local` to try without an account"
        }
        text if text.contains("connect") || text.contains("dns") || text.contains("timeout") => {
            "the endpoint did not answer: check the network, the region's name, and AWS_ENDPOINT_URL or `--endpoint-url`"
        }
        _ => return None,
    })
}

/// The messages of an error and its causes in one line, each once.
fn causes(error: &(dyn Error + 'static)) -> String {
    // What the SDK calls its own layers says nothing to a user.
    const LAYERS: [&str; 2] = ["dispatch failure", "other"];
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !text.is_empty() && !LAYERS.contains(&text.as_str()) && !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: Option<&str>, message: &str) -> AwsFailure {
        AwsFailure {
            operation: "cloudformation:DescribeStacks",
            code: code.map(str::to_owned),
            message: message.to_owned(),
            request_id: None,
        }
    }

    #[test]
    fn credentials_that_do_not_work_come_with_a_way_out() {
        for (code, message, expected) in [
            (Some("ExpiredToken"), "The security token included in the request is expired", "aws sso login"),
            (Some("InvalidClientTokenId"), "The security token is invalid", "AWS_PROFILE"),
            (Some("AccessDenied"), "not authorized to perform", "permission"),
            (Some("InvalidChangeSetStatus"), "cannot be executed in its current status of [OBSOLETE]", "again"),
            (None, "dispatch failure: the SSO token has expired", "aws sso login"),
            (None, "dispatch failure: no providers in chain provided credentials", "--local"),
            (None, "dispatch failure: client error (Connect)", "AWS_ENDPOINT_URL"),
        ] {
            let advice = failure(code, message).advice().unwrap();
            assert!(advice.contains(expected), "{message}: {advice}");
        }
        assert_eq!(failure(Some("LimitExceededException"), "too many stacks").advice(), None);
    }
}
