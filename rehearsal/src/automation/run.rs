//! One automation, seen from outside.

use super::document::Document;
use super::parameter;
use super::record::{Status, StepRecord};
use super::step::OnFailure;
use crate::{AwsError, Millis, Random, time};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Names something that a run waits for. Unique within one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub(super) u64);

/// What a run asks of the outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// An API call: what it answers, or its error.
    Call {
        /// What the answer is for.
        token: Token,
        /// boto3's name of the client: `ec2`, `elbv2`.
        service: String,
        /// The operation: `DescribeInstances`.
        api: String,
        /// The request in the API's own member names.
        request: Value,
    },
    /// A script: what its handler returns, or as an error what it raised.
    Script {
        /// What the answer is for.
        token: Token,
        /// Python source.
        script: String,
        /// The function to be called.
        handler: String,
        /// Its first argument.
        payload: Value,
    },
    /// A command for Run Command, to be answered at its end: `{"Status": "Success", "CommandId": …}`.
    Command {
        /// What the answer is for.
        token: Token,
        /// `SendCommand`'s request.
        request: Value,
    },
    /// A question to people, to be answered with `{"ApprovalStatus": "Approved"}` or `"Rejected"`.
    Approval {
        /// What the answer is for.
        token: Token,
        /// `Approvers`, `MinRequiredApprovals`, `Message`.
        request: Value,
    },
    /// A moment at which [`Run::fire`] is to be called. One that is no longer waited for does nothing then.
    Timer {
        /// What is to be fired.
        token: Token,
        /// When.
        at: Millis,
    },
}

/// A step that is being done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Current {
    pub(super) index: usize,
    /// Attempts that have failed.
    pub(super) failed: u64,
    /// Looks of this attempt, of a wait.
    pub(super) looks: u32,
    pub(super) waiting: Waiting,
    /// The timer that ends the attempt.
    pub(super) limit: Option<Token>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// For an answer.
    Answer(Token),
    /// For a delay, a next look or a next attempt.
    Pause(Token),
}

#[derive(Debug, Clone)]
pub(super) enum News {
    Answer(Token, Result<Value, AwsError>),
    Fire(Token),
}

/// An automation that runs or has ended.
#[derive(Debug, Clone)]
pub struct Run {
    pub(super) document: Arc<Document>,
    pub(super) id: String,
    pub(super) parameters: IndexMap<String, Vec<String>>,
    pub(super) status: Status,
    pub(super) records: Vec<StepRecord>,
    pub(super) started: Millis,
    pub(super) ended: Option<Millis>,
    pub(super) current: Option<Current>,
    /// The step that comes next, where nothing is being done.
    pub(super) due: Option<usize>,
    /// The worst that a critical step came to.
    pub(super) worst: Status,
    pub(super) failure: Option<String>,
    /// The timer that ends what `onCancel` asked for.
    pub(super) cancellation: Option<Token>,
    pub(super) last_token: u64,
    pub(super) news: Vec<News>,
}

impl Run {
    /// An automation that has not begun: the first [`Self::advance`] runs it. `parameters` are as
    /// `StartAutomationExecution` takes them, lists of texts by name; the errors are that operation's
    /// `ValidationException` and `InvalidAutomationExecutionParametersException`.
    pub fn start(
        document: Arc<Document>,
        id: String,
        parameters: &Map<String, Value>,
        now: Millis,
    ) -> Result<Self, AwsError> {
        let parameters = parameter::given(&document.parameters, parameters)?;
        let record = |step: &super::step::Step| StepRecord {
            name: step.name.clone(),
            action: step.action,
            status: Status::Pending,
            start: None,
            end: None,
            failure: None,
            outputs: Map::new(),
        };
        Ok(Self {
            records: document.steps.iter().map(record).collect(),
            document,
            id,
            parameters,
            status: Status::Pending,
            started: now,
            ended: None,
            current: None,
            due: Some(0),
            worst: Status::Success,
            failure: None,
            cancellation: None,
            last_token: 0,
            news: Vec::new(),
        })
    }

    /// Goes on as far as it can without the outside, and returns what it now asks for, in a fixed order. `now` is the
    /// moment that variables see; `random` serves the moments of looks.
    pub fn advance(&mut self, now: Millis, random: &mut Random) -> Vec<Action> {
        if self.status == Status::Pending {
            self.status = Status::InProgress;
        }
        let mut actions = Vec::new();
        self.go_on(now, random, &mut actions);
        actions
    }

    /// Brings an answer. Call [`Self::advance`] afterwards. One that is no longer waited for is ignored: its step has
    /// timed out, or the automation was stopped.
    pub fn answer(&mut self, token: Token, answer: Result<Value, AwsError>) {
        self.news.push(News::Answer(token, answer));
    }

    /// Says that a timer's moment has come. Call [`Self::advance`] afterwards.
    pub fn fire(&mut self, token: Token) {
        self.news.push(News::Fire(token));
    }

    /// `StopAutomationExecution`: stops the step that is being done, and goes where its `onCancel` says. Call
    /// [`Self::advance`] afterwards.
    pub fn stop(&mut self, now: Millis) {
        self.cancel(now);
    }

    /// How the automation stands.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The execution id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it runs.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// When it was started.
    #[must_use]
    pub const fn started(&self) -> Millis {
        self.started
    }

    /// When it ended.
    #[must_use]
    pub const fn ended(&self) -> Option<Millis> {
        self.ended
    }

    /// Every step of the document, in its order, with how it stands.
    #[must_use]
    pub fn steps(&self) -> &[StepRecord] {
        &self.records
    }

    /// `AutomationExecution` as `GetAutomationExecution` answers it, times as RFC 3339 (API reference).
    #[must_use]
    pub fn describe(&self) -> Value {
        let mut execution = self.summary();
        execution["Parameters"] = json!(self.parameters);
        execution["Outputs"] = json!({});
        execution["StepExecutions"] = self.records.iter().enumerate().map(|(at, _)| self.describe_step(at)).collect();
        execution["StepExecutionsTruncated"] = json!(false);
        execution
    }

    /// An entry of `AutomationExecutionMetadataList`, as `DescribeAutomationExecutions` answers it (API reference).
    #[must_use]
    pub fn summary(&self) -> Value {
        let mut execution = json!({
            "AutomationExecutionId": self.id,
            "DocumentName": self.document.name,
            "DocumentVersion": "1",
            "AutomationExecutionStatus": self.status.name(),
            "ExecutionStartTime": time::iso(self.started),
            "Mode": "Auto",
        });
        if let Some(ended) = self.ended {
            execution["ExecutionEndTime"] = json!(time::iso(ended));
        }
        if let Some(failure) = &self.failure {
            execution["FailureMessage"] = json!(failure);
        }
        if let Some(record) = self.current.as_ref().and_then(|current| self.records.get(current.index)) {
            execution["CurrentStepName"] = json!(record.name);
            execution["CurrentAction"] = json!(record.action);
        }
        execution
    }

    fn describe_step(&self, at: usize) -> Value {
        let (record, step) = (&self.records[at], &self.document.steps[at]);
        let name = |index: usize| self.document.steps[index].name.as_str();
        let on_failure = match step.on_failure {
            OnFailure::Abort => "Abort".to_owned(),
            OnFailure::Continue => "Continue".to_owned(),
            OnFailure::Step(to) => format!("step:{}", name(to)),
        };
        let mut described = json!({
            "StepName": record.name,
            "Action": record.action,
            "StepStatus": record.status.name(),
            "OnFailure": on_failure,
            "MaxAttempts": step.attempts,
            "IsEnd": step.is_end,
            "IsCritical": step.is_critical,
        });
        if let Some(limit) = step.limit {
            described["TimeoutSeconds"] = json!(limit / time::SECOND);
        }
        if let Some(next) = step.next {
            described["NextStep"] = json!(name(next));
        }
        if let Some(start) = record.start {
            described["ExecutionStartTime"] = json!(time::iso(start));
        }
        if let Some(end) = record.end {
            described["ExecutionEndTime"] = json!(time::iso(end));
        }
        if let Some(failure) = &record.failure {
            described["FailureMessage"] = json!(failure);
        }
        if !record.outputs.is_empty() {
            let texts = record.outputs.iter().map(|(name, value)| (name.clone(), listed(value)));
            described["Outputs"] = Value::Object(texts.collect());
        }
        described
    }
}

/// An output as a list of texts, which answers have for every type.
fn listed(value: &Value) -> Value {
    match value {
        Value::Array(elements) => elements.iter().map(plain).collect(),
        other => json!([plain(other)]),
    }
}

fn plain(value: &Value) -> Value {
    json!(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
