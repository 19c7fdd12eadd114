//! Starting, queueing and asking for automations.

use super::document::Document;
use super::record::Status;
use super::run::Run;
use crate::{AwsError, Millis, Random, time};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Quotas of an account in a region (AWS general reference, Systems Manager endpoints and quotas).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls of `StartAutomationExecution` in a second, and of `StopAutomationExecution`.
    pub starts_per_second: i64,
    /// Automations that run at once, without adaptive concurrency. Those that only sleep or wait for people have places
    /// of their own on AWS; here they take one as well, which makes the queue no shorter than it is.
    pub concurrent: usize,
    /// Automations that wait for a place.
    pub queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { starts_per_second: 1, concurrent: 100, queue: 5000 }
    }
}

/// Automations of an account in a region.
#[derive(Debug, Clone, Default)]
pub struct Service {
    limits: Limits,
    documents: BTreeMap<String, Arc<Document>>,
    runs: BTreeMap<String, Run>,
    /// Those that wait for a place, in the order of their starts.
    queue: VecDeque<String>,
    /// Those that have one, until they end.
    running: Vec<String>,
    /// What a client token was used for.
    tokens: BTreeMap<String, (Value, String)>,
    /// When calls of an operation are taken again.
    free_at: BTreeMap<&'static str, Millis>,
}

impl Service {
    /// A service without documents.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds a document, in place of one with its name. Automations that have been started keep theirs.
    pub fn add(&mut self, document: Arc<Document>) {
        self.documents.insert(document.name().to_owned(), document);
    }

    /// `StartAutomationExecution`: the execution id. A run that has a place is in [`Self::due`] next.
    ///
    /// Errors are the operation's: `ThrottlingException`, `ValidationException`,
    /// `AutomationDefinitionNotFoundException`, `IdempotentParameterMismatch`,
    /// `InvalidAutomationExecutionParametersException`, `AutomationExecutionLimitExceededException`.
    pub fn start(&mut self, now: Millis, request: &Value, random: &mut Random) -> Result<String, AwsError> {
        self.pace("StartAutomationExecution", now)?;
        let (name, parameters, token) = checked(request)?;
        let document = self.documents.get(name).cloned().ok_or_else(|| {
            let message = format!("Automation definition {name} not found");
            AwsError::client("AutomationDefinitionNotFoundException", message)
        })?;
        let used_for = json!([name, parameters]);
        if let Some((used, id)) = token.as_ref().and_then(|token| self.tokens.get(token)) {
            if *used == used_for {
                return Ok(id.clone());
            }
            let message = "The client token was used with other parameters";
            return Err(AwsError::client("IdempotentParameterMismatch", message));
        }
        let id = random.uuid();
        let run = Run::start(document, id.clone(), &parameters, now)?;
        self.leave_ended();
        if self.running.len() >= self.limits.concurrent && self.queue.len() >= self.limits.queue {
            let message = "The number of simultaneously running Automation executions exceeded the allowable limit";
            return Err(AwsError::client("AutomationExecutionLimitExceededException", message));
        }
        self.tokens.extend(token.map(|token| (token, (used_for, id.clone()))));
        self.runs.insert(id.clone(), run);
        self.queue.push_back(id.clone());
        Ok(id)
    }

    /// The runs that have a place now and have not begun, the first started first: each is to be advanced. To be asked
    /// after a start and after the end of a run.
    pub fn due(&mut self) -> Vec<String> {
        self.leave_ended();
        let mut found = Vec::new();
        while self.running.len() < self.limits.concurrent {
            let Some(id) = self.queue.pop_front() else { break };
            // One that was stopped in the queue needs no place.
            if self.runs.get(&id).is_some_and(|run| run.status() == Status::Pending) {
                self.running.push(id.clone());
                found.push(id);
            }
        }
        found
    }

    fn leave_ended(&mut self) {
        let runs = &self.runs;
        self.running.retain(|id| runs.get(id).is_some_and(|run| !run.status().is_final()));
    }

    /// A run by its id.
    #[must_use]
    pub fn run(&self, id: &str) -> Option<&Run> {
        self.runs.get(id)
    }

    /// A run by its id, to be advanced or answered. One that is `Pending` waits for [`Self::due`].
    pub fn run_mut(&mut self, id: &str) -> Option<&mut Run> {
        self.runs.get_mut(id)
    }

    /// All runs, by id.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.values()
    }

    /// `GetAutomationExecution`: its answer, or `AutomationExecutionNotFoundException`.
    pub fn get(&self, request: &Value) -> Result<Value, AwsError> {
        let id = only(request, "AutomationExecutionId")?;
        self.runs.get(id).map(|run| json!({"AutomationExecution": run.describe()})).ok_or_else(|| not_found(id))
    }

    /// `DescribeAutomationExecutions` with the filter `ExecutionId` and no other. An unknown id is no error.
    pub fn describe(&self, request: &Value) -> Result<Value, AwsError> {
        let filters = request["Filters"].as_array().map_or(&[][..], Vec::as_slice);
        let known = request.as_object().is_some_and(|members| members.len() == 1);
        let [filter] = filters else { return Err(unknown("DescribeAutomationExecutions without one filter")) };
        if !known || filter["Key"] != "ExecutionId" {
            return Err(unknown("DescribeAutomationExecutions with another filter than ExecutionId"));
        }
        let ids = filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let found: Vec<Value> = ids.filter_map(|id| self.runs.get(id)).map(Run::summary).collect();
        Ok(json!({"AutomationExecutionMetadataList": found}))
    }

    /// `StopAutomationExecution` with the type `Cancel`, the default. The run is to be advanced.
    pub fn stop(&mut self, now: Millis, request: &Value) -> Result<String, AwsError> {
        self.pace("StopAutomationExecution", now)?;
        let mut request = request.clone();
        if request["Type"] == "Cancel" {
            request.as_object_mut().map(|members| members.shift_remove("Type"));
        }
        let id = only(&request, "AutomationExecutionId")?;
        let run = self.runs.get_mut(id).ok_or_else(|| not_found(id))?;
        run.stop(now);
        Ok(id.to_owned())
    }

    /// Takes a call, or throttles it.
    fn pace(&mut self, api: &'static str, now: Millis) -> Result<(), AwsError> {
        let free_at = self.free_at.entry(api).or_insert(Millis::MIN);
        if now < *free_at {
            return Err(AwsError::server("ThrottlingException", "Rate exceeded"));
        }
        *free_at = now + time::SECOND / self.limits.starts_per_second.max(1);
        Ok(())
    }
}

fn unknown(what: &str) -> AwsError {
    AwsError::client("ValidationException", format!("The rehearsal does not know {what}"))
}

fn not_found(id: &str) -> AwsError {
    AwsError::client("AutomationExecutionNotFoundException", format!("Automation execution {id} not found"))
}

/// The one member that a request has.
fn only<'request>(request: &'request Value, member: &str) -> Result<&'request str, AwsError> {
    let members = request.as_object().filter(|members| members.len() == 1);
    let value = members.and_then(|members| members.get(member)).and_then(Value::as_str);
    value.ok_or_else(|| unknown(&format!("a request that is not one {member}: {request}")))
}

/// What a start names: document, parameters, client token.
type Start<'request> = (&'request str, Map<String, Value>, Option<String>);

/// A start's document, parameters, and client token in small letters: its case does not count (API reference).
fn checked(request: &Value) -> Result<Start<'_>, AwsError> {
    for (member, value) in request.as_object().into_iter().flatten() {
        let known = match member.as_str() {
            "DocumentName" | "ClientToken" => value.is_string(),
            "Parameters" => value.is_object(),
            "DocumentVersion" => ["$DEFAULT", "$LATEST", "1"].contains(&value.as_str().unwrap_or_default()),
            "Mode" => value == "Auto",
            "Tags" => true,
            _ => false,
        };
        if !known {
            return Err(unknown(&format!("the member {member} with the value {value}")));
        }
    }
    let name = request["DocumentName"].as_str().ok_or_else(|| unknown("a start without DocumentName"))?;
    let token = request["ClientToken"].as_str();
    if token.is_some_and(|token| !is_uuid(token)) {
        return Err(AwsError::client("ValidationException", "Value at 'clientToken' is no UUID of 36 characters"));
    }
    let parameters = request["Parameters"].as_object().cloned().unwrap_or_default();
    Ok((name, parameters, token.map(str::to_ascii_lowercase)))
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
