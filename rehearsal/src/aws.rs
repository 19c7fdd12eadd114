//! The account that is rehearsed on, behind one trait.

use crate::Millis;
use serde_json::Value;

/// An error answer of an AWS API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// The service's code: `ConditionalCheckFailedException`, `ThrottlingException`.
    pub code: String,
    /// What it says in words.
    pub message: String,
    /// What became of the call, which only faults make interesting.
    pub kind: ErrorKind,
}

/// How a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The service refused it: 4xx.
    Client,
    /// The service failed, or throttled: 429, 5xx. Nothing was done.
    Server,
    /// No answer came. It may have been done.
    Timeout,
}

impl AwsError {
    /// A refusal.
    pub fn client(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), kind: ErrorKind::Client }
    }

    /// A failure of the service.
    pub fn server(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), kind: ErrorKind::Server }
    }
}

/// Answers API calls. `service` is boto3's name of the client (`ec2`, `elbv2`), `api` the operation (`DescribeInstances`), requests and
/// answers are in the API's own member names, times in answers RFC 3339 text.
pub trait Aws {
    /// One call at a moment of virtual time.
    fn call(&mut self, now: Millis, service: &str, api: &str, request: &Value) -> Result<Value, AwsError>;

    /// The payload of a script of `aws:executeScript`; the error is what it raised.
    fn script(&mut self, now: Millis, script: &str, handler: &str, payload: &Value) -> Result<Value, String>;
}
