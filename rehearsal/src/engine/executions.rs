//! Executions of state machines.

use super::{Asker, Call, Due, Engine};
use crate::faults::Faults;
use crate::log::What;
use crate::states::{self, Action, Execution, Status};
use crate::{AwsError, Millis};
use healstack_model::ledger::RuleId;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Every execution by number. An execution that has ended is dropped, its name is kept.
#[derive(Default)]
pub(super) struct Executions {
    live: Vec<Option<Box<Execution>>>,
    /// The rules that inputs name, by number.
    about: HashMap<usize, String>,
    /// By machine and name: the number and input.
    names: HashMap<(String, String), (usize, Value)>,
    /// Starts that are to come, by number.
    pending: HashMap<usize, (String, String, Value)>,
}

impl<F: Faults> Engine<'_, F> {
    /// `StartExecution`. Names are idempotent as the Step Functions API reference says: the same name and input as a running execution
    /// answers with that one, anything else is `ExecutionAlreadyExists`.
    pub fn start_machine(&mut self, target: &str, name: String, input: Value) -> Result<Value, AwsError> {
        let deployment = self.deployment;
        let Some(machine) = deployment.machine(target) else {
            let message = format!("State Machine Does Not Exist: '{target}'");
            return Err(AwsError::client("StateMachineDoesNotExist", message));
        };
        let arn = format!("{}:{name}", machine.arn().replace(":stateMachine:", ":execution:"));
        let answer = json!({"executionArn": arn, "startDate": crate::time::iso(self.now)});
        let key = (machine.arn().to_owned(), name.clone());
        if let Some((index, before)) = self.executions.names.get(&key) {
            return if self.executions.live[*index].is_some() && *before == input {
                Ok(answer)
            } else {
                Err(AwsError::client("ExecutionAlreadyExists", format!("Execution Already Exists: '{arn}'")))
            };
        }
        let index = self.executions.live.len();
        let about = about(&self.deployment.prefix, &input);
        if !about.is_empty() {
            self.executions.about.insert(index, about);
        }
        self.executions.names.insert(key, (index, input.clone()));
        let execution = Execution::new(std::sync::Arc::clone(machine), arn, name, input, self.now);
        self.executions.live.push(Some(Box::new(execution)));
        self.log.add(self.now, What::Began { machine: short(machine.arn()), execution: index });
        self.drive_execution(index);
        Ok(answer)
    }

    /// The same at a later moment.
    pub(super) fn start_later(&mut self, at: Millis, target: &str, name: String, input: Value) {
        let index = self.executions.live.len();
        self.executions.live.push(None);
        self.executions.pending.insert(index, (target.to_owned(), name, input));
        self.queue.push(at, Due::Start(index));
    }

    pub(super) fn start_pending(&mut self, index: usize) {
        if let Some((target, name, input)) = self.executions.pending.remove(&index)
            && self.start_machine(&target, name, input).is_err()
        {
            self.log.add(self.now, What::DeadLetter { target });
        }
    }

    pub(super) fn answer_execution(&mut self, index: usize, token: states::Token, answer: Result<Value, AwsError>) {
        if let Some(execution) = &mut self.executions.live[index] {
            execution.answer_call(token, answer);
        }
        self.drive_execution(index);
    }

    pub(super) fn fire_execution(&mut self, index: usize, token: states::Token) {
        if let Some(execution) = &mut self.executions.live[index] {
            execution.fire(token);
        }
        self.drive_execution(index);
    }

    /// Runs an execution as far as it goes.
    fn drive_execution(&mut self, index: usize) {
        let Some(execution) = &mut self.executions.live[index] else { return };
        let machine = short(execution.machine().arn());
        if self.faults.dies(self.now, &mut self.random) {
            execution.abort(self.now);
        }
        let actions = execution.advance(self.now, &mut self.random);
        let status = execution.status().clone();
        for action in actions {
            match action {
                Action::Task { token, service, api, arguments } => {
                    let call = Call { service, api, request: arguments, by: machine.clone() };
                    self.send(Asker::Execution(index, token), call);
                }
                Action::Timer { token, at } => self.queue.push(at, Due::Timer(Asker::Execution(index, token))),
            }
        }
        let (status, output) = match status {
            Status::Running => return,
            Status::Succeeded { output } => ("Succeeded".to_owned(), output),
            Status::Failed { error, cause } => (error, Value::String(cause)),
            Status::TimedOut => ("States.Timeout".to_owned(), Value::Null),
            Status::Aborted => ("Aborted".to_owned(), Value::Null),
        };
        self.executions.live[index] = None;
        let about = self.executions.about.remove(&index).unwrap_or_default();
        self.log.add(self.now, What::Ended { machine, execution: index, about, status, output });
    }
}

/// The rule that an event of the guard is about: what its alarm's name says, or what is injected.
fn about(prefix: &str, input: &Value) -> String {
    let text = |path: &str| input.pointer(path).and_then(Value::as_str);
    if let (Some(stack), Some(rule)) = (text("/heal/stack"), text("/heal/rule")) {
        return format!("{stack}/{rule}");
    }
    let rule = text("/detail/alarmName").and_then(|alarm| RuleId::of_alarm(prefix, alarm));
    rule.map(|rule| rule.to_string()).unwrap_or_default()
}

/// The name at the end of a machine's ARN.
fn short(arn: &str) -> String {
    arn.rsplit(':').next().unwrap_or_default().to_owned()
}
