//! Drives an execution: a clock, timers in order, and answers that a test gives.

use std::collections::BTreeSet;
use std::sync::Arc;

use healstack_rehearsal::states::{Action, Execution, Machine, Status, TaskError, Token};
use healstack_rehearsal::{AwsError, Millis, Random};
use serde_json::{Value, json};

/// 2026-01-05T12:00:00Z, a Monday.
pub(crate) const START: Millis = 1_767_614_400_000;

/// What a call is answered with.
pub(crate) enum Reply {
    Value(Value),
    Error(AwsError),
    /// After so many milliseconds.
    Later(Millis, Value),
    Never,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) api: String,
    pub(crate) request: Value,
    pub(crate) at: Millis,
}

/// What an execution did.
pub(crate) struct Run {
    pub(crate) execution: Execution,
    pub(crate) calls: Vec<Call>,
}

impl Run {
    pub(crate) fn output(&self) -> Value {
        match self.execution.status() {
            Status::Succeeded { output } => output.clone(),
            other => panic!("{other:?} after {:?}", self.states()),
        }
    }

    pub(crate) fn error(&self) -> TaskError {
        match self.execution.status() {
            Status::Failed { error, cause } => TaskError { error: error.clone(), cause: cause.clone() },
            other => panic!("{other:?} after {:?}", self.states()),
        }
    }

    pub(crate) fn states(&self) -> Vec<&str> {
        self.execution.entered().iter().map(|entered| entered.state.as_ref()).collect()
    }

    pub(crate) fn requests(&self, api: &str) -> Vec<&Value> {
        self.calls.iter().filter(|call| call.api == api).map(|call| &call.request).collect()
    }

    /// Seconds from the start to the end.
    pub(crate) fn seconds(&self) -> f64 {
        f64::from(i32::try_from(self.execution.ended().unwrap() - START).unwrap()) / 1000.0
    }
}

pub(crate) fn load(definition: &Value) -> Arc<Machine> {
    Arc::new(Machine::load("arn:aws:states:eu-west-1:111122223333:stateMachine:test", definition).unwrap())
}

/// A machine that begins with the state `A`.
pub(crate) fn machine(states: &Value) -> Arc<Machine> {
    load(&json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": states}))
}

pub(crate) fn begin(machine: &Arc<Machine>, input: Value) -> Execution {
    let arn = machine.arn().replace(":stateMachine:", ":execution:") + ":run";
    Execution::new(Arc::clone(machine), arn, "run".to_owned(), input, START)
}

/// Runs one without calls.
pub(crate) fn run(states: &Value, input: Value) -> Run {
    drive(&machine(states), input, |call| panic!("{call:?}"))
}

/// Runs an execution to its end, or until nothing comes any more.
pub(crate) fn drive(machine: &Arc<Machine>, input: Value, mut reply: impl FnMut(&Call) -> Reply) -> Run {
    let mut execution = begin(machine, input);
    let mut random = Random::new(1);
    let mut due: BTreeSet<(Millis, Token)> = BTreeSet::new();
    let mut late: Vec<(Token, Value)> = Vec::new();
    let mut calls = Vec::new();
    let mut now = START;
    loop {
        let actions = execution.advance(now, &mut random);
        let asked = !actions.is_empty();
        for action in actions {
            match action {
                Action::Timer { token, at } => {
                    due.insert((at, token));
                }
                Action::Task { token, service: _, api, arguments } => {
                    let call = Call { api, request: arguments, at: now };
                    match reply(&call) {
                        Reply::Value(value) => execution.answer_call(token, Ok(value)),
                        Reply::Error(error) => execution.answer_call(token, Err(error)),
                        Reply::Later(after, value) => {
                            late.push((token, value));
                            due.insert((now + after, token));
                        }
                        Reply::Never => {}
                    }
                    calls.push(call);
                }
            }
        }
        if *execution.status() != Status::Running {
            return Run { execution, calls };
        }
        if asked {
            continue;
        }
        let Some((at, token)) = due.pop_first() else { return Run { execution, calls } };
        now = at;
        match late.iter().position(|(late, _)| *late == token) {
            Some(index) => execution.answer(token, Ok(late.remove(index).1)),
            None => execution.fire(token),
        }
    }
}
