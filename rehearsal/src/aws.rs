//! The workload of the rehearsed account, behind one trait.

use crate::{Millis, Unsupported};
use serde_json::Value;
use std::collections::BTreeMap;

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

/// What a service says to CloudWatch for a minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Datapoint {
    /// `AWS/EC2`.
    pub namespace: String,
    /// `StatusCheckFailed_Instance`.
    pub name: String,
    /// Dimensions by name.
    pub dimensions: BTreeMap<String, String>,
    /// The samples of the minute.
    pub values: Vec<f64>,
    /// The tags of the resource that it is about, for queries that select by them.
    pub tags: BTreeMap<String, String>,
}

/// Why the workload does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// AWS refuses or fails: an answer like any other.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Nobody knows what AWS would answer: the rehearsal ends.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// What is healed: everything of the account but Healstack's own resources. `service` is boto3's name of a client (`ec2`, `elbv2`), `api` the
/// operation (`DescribeInstances`); requests and answers have the API's own member names, times in answers are RFC 3339 text.
///
/// Every call moves the workload to `now`, doing on the way what was to happen before. `now` never goes back.
pub trait Workload {
    /// Makes a thing of a scenario's `given`.
    fn given(&mut self, now: Millis, thing: &Value) -> Result<(), Trouble>;
    /// Makes something ill.
    fn ail(&mut self, now: Millis, thing: &Value) -> Result<(), Trouble>;
    /// An API call.
    fn call(&mut self, now: Millis, service: &str, api: &str, request: &Value) -> Result<Value, Trouble>;
    /// Whether a request is one of that API; [`AwsError`] `ParamValidationError` if not. For calls that are answered elsewhere.
    fn validate(&mut self, service: &str, api: &str, request: &Value) -> Result<(), Trouble>;
    /// A native action of an alarm, `ec2:reboot`, on what these dimensions name.
    fn act(&mut self, now: Millis, action: &str, dimensions: &BTreeMap<String, String>) -> Result<(), Trouble>;
    /// A document of Run Command on one host: how many seconds it takes, and the status that it ends with.
    fn command(
        &mut self,
        now: Millis,
        document: &str,
        host: &str,
        parameters: &Value,
    ) -> Result<(i64, String), Trouble>;
    /// The payload of a script of `aws:executeScript`; the inner error is what it raised.
    fn script(&mut self, script: &str, handler: &str, payload: &Value) -> Result<Result<Value, String>, Trouble>;
    /// Moves on to `now`, and gives what was measured in the minute that ends then.
    fn minute(&mut self, now: Millis) -> Result<Vec<Datapoint>, Trouble>;
    /// Moves on to `now`.
    fn advance(&mut self, now: Millis) -> Result<(), Trouble>;
    /// Events for the default bus since it was asked last: `source`, `detail-type`, `resources`, `detail`.
    fn events(&mut self) -> Vec<Value>;
    /// When the next thing happens by itself.
    fn due(&self) -> Option<Millis>;
}
