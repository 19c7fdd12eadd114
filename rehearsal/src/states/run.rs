//! Runs threads from state to state.

use jsonata_core::value::JValue;

use std::sync::Arc;

use super::evaluation::{Given, limited, whole};
use super::execution::{Execution, ROOT, Turn};
use super::failure::{PAYLOAD, TIMEOUT, TaskError};
use super::machine::{Kind, State};
use super::policy;
use super::thread::{Action, Entered, Move, Status, ThreadId, Wait, Work};
use super::value;
use crate::time::SECOND;

/// Events that a history may have (Step Functions, service quotas).
const EVENTS: usize = 25_000;
/// Seconds that a field may have at most.
const LONGEST: f64 = 99_999_999.0;

/// A state left, or `None` while it waits.
pub(super) type Left = Result<Option<Move>, TaskError>;

impl Execution {
    /// Works until nothing is ready or the execution has ended.
    pub(super) fn run(&mut self, turn: &mut Turn) {
        while self.status == Status::Running
            && let Some((id, work)) = turn.ready.pop_front()
        {
            self.work(id, work, turn);
        }
    }

    fn work(&mut self, id: ThreadId, work: Work, turn: &mut Turn) {
        let Some(thread) = self.threads.get(&id) else { return };
        let machine = Arc::clone(&self.machine);
        let state = machine.state(thread.branch, thread.state);
        let left = match work {
            Work::Enter => self.enter(id, state, turn).and_then(|()| self.attempt(id, state, turn)),
            Work::Attempt => self.attempt(id, state, turn),
            Work::Slept => self.leave(id, state, None, turn).map(Some),
            Work::Result(result) => self.leave(id, state, Some(result), turn).map(Some),
            Work::Failed(error) => Err(error),
        };
        match left {
            Ok(None) => {}
            Ok(Some(place)) => self.go(id, place, turn),
            Err(error) => self.fail(id, state, error, turn),
        }
    }

    fn enter(&mut self, id: ThreadId, state: &State, turn: &Turn) -> Result<(), TaskError> {
        let Some(thread) = self.threads.get_mut(&id) else { return Ok(()) };
        thread.entered = turn.now;
        thread.retries = vec![0; state.retriers.len()];
        let item = thread.item.as_ref().map(|item| item.index);
        self.entered.push(Entered { state: Arc::clone(&state.name), at: turn.now, item });
        // Entered and left.
        self.events += 2;
        if self.events > EVENTS {
            let cause = format!("The execution reached the maximum number of history events ({EVENTS}).");
            return Err(TaskError::runtime(cause));
        }
        Ok(())
    }

    fn attempt(&mut self, id: ThreadId, state: &State, turn: &mut Turn) -> Left {
        let given = Given::default();
        match &state.kind {
            Kind::Pass | Kind::Succeed => self.leave(id, state, None, turn).map(Some),
            Kind::Fail { error, cause } => {
                let mut evaluator = self.evaluator(id, state, &given, &turn.host)?;
                let mut text = |field: &str, template: &Option<_>| match template {
                    None => Ok(String::new()),
                    Some(template) => limited(template, &mut evaluator, || field.to_owned())?
                        .as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| TaskError::query(format!("The field '{field}' takes text only"))),
                };
                Err(TaskError { error: text("Error", error)?, cause: text("Cause", cause)? })
            }
            Kind::Wait { seconds } => {
                let mut evaluator = self.evaluator(id, state, &given, &turn.host)?;
                let seconds = whole(seconds, &mut evaluator, "Seconds", LONGEST)?;
                let token = self.wait(id, Wait::Sleep(id));
                turn.actions.push(Action::Timer { token, at: turn.now + seconds * SECOND });
                Ok(None)
            }
            Kind::Choice { .. } => self.choose(id, state, turn).map(Some),
            Kind::Task { .. } => self.call(id, state, turn),
            Kind::Map { .. } => self.map(id, state, turn),
        }
    }

    fn choose(&mut self, id: ThreadId, state: &State, turn: &Turn) -> Result<Move, TaskError> {
        let Kind::Choice { rules } = &state.kind else { return Err(TaskError::unsupported("this Choice")) };
        let given = Given::default();
        let input = self.input(id);
        let mut evaluator = self.evaluator(id, state, &given, &turn.host)?;
        for rule in rules {
            match rule.condition.evaluate(&mut evaluator)? {
                JValue::Bool(true) => {
                    let output = self.finish(id, state, &rule.outcome, &given, input, &turn.host)?;
                    return Ok(Move { next: Some(rule.next), output });
                }
                JValue::Bool(false) => {}
                other => {
                    let cause = format!("The field 'Condition' takes a boolean only, and got {other}");
                    return Err(TaskError::query(cause));
                }
            }
        }
        if state.next.is_none() {
            let cause =
                format!("Failed to transition out of the state '{}'. It does not point to a next state.", state.name);
            return Err(TaskError::runtime(cause));
        }
        let output = self.finish(id, state, &state.outcome, &given, input, &turn.host)?;
        Ok(Move { next: state.next, output })
    }

    fn call(&mut self, id: ThreadId, state: &State, turn: &mut Turn) -> Left {
        let Kind::Task { integration, arguments, timeout } = &state.kind else {
            return Err(TaskError::unsupported("this Task"));
        };
        let mut evaluator = self.evaluator(id, state, &Given::default(), &turn.host)?;
        let arguments = limited(arguments, &mut evaluator, || format!("The state '{}' has an input", state.name))?;
        let arguments = integration.request(&arguments)?;
        let timeout =
            timeout.as_ref().map(|timeout| whole(timeout, &mut evaluator, "TimeoutSeconds", LONGEST)).transpose()?;
        if timeout == Some(0) {
            return Err(TaskError::query("The field 'TimeoutSeconds' does not take the value 0"));
        }
        // Scheduled, started, ended.
        self.events += 3;
        let token = self.wait(id, Wait::Call(id));
        let (service, api) = (integration.service().to_owned(), integration.api().to_owned());
        turn.actions.push(Action::Task { token, service, api, arguments });
        if let Some(seconds) = timeout {
            let token = self.wait(id, Wait::Timeout(id));
            turn.actions.push(Action::Timer { token, at: turn.now + seconds * SECOND });
        }
        Ok(None)
    }

    /// Leaves a state, with the result of its task or Map.
    fn leave(&mut self, id: ThreadId, state: &State, result: Option<JValue>, turn: &Turn) -> Result<Move, TaskError> {
        if let Some(result) = &result
            && value::size(result)? > PAYLOAD
        {
            return Err(TaskError::data_limit(&format!("The state/task '{}' returned a result", state.name)));
        }
        let default = result.clone().unwrap_or_else(|| self.input(id));
        let given = Given { result, error: None };
        let output = self.finish(id, state, &state.outcome, &given, default, &turn.host)?;
        Ok(Move { next: state.next, output })
    }

    pub(super) fn input(&self, id: ThreadId) -> JValue {
        self.threads.get(&id).map_or(JValue::Null, |thread| thread.input.clone())
    }

    /// Goes on to the next state, or ends a branch.
    fn go(&mut self, id: ThreadId, place: Move, turn: &mut Turn) {
        let Some(thread) = self.threads.get_mut(&id) else { return };
        if let Some(next) = place.next {
            thread.state = next;
            thread.input = place.output;
            turn.ready.push_back((id, Work::Enter));
        } else if id == ROOT {
            self.status = Status::Succeeded { output: value::to_json(&place.output) };
        } else {
            self.item_done(id, place.output, turn);
        }
    }

    /// A state failed: it is tried again, or caught, or its branch fails.
    fn fail(&mut self, id: ThreadId, state: &State, error: TaskError, turn: &mut Turn) {
        self.stop_items(id);
        let Some(thread) = self.threads.get_mut(&id) else { return };
        if let Some(index) = policy::retrier(&state.retriers, &thread.retries, &error) {
            let before = thread.retries[index];
            thread.retries[index] += 1;
            let delay = state.retriers[index].delay(before, &mut turn.host.random.borrow_mut());
            let token = self.wait(id, Wait::Retry(id));
            turn.actions.push(Action::Timer { token, at: turn.now + delay });
            return;
        }
        let Some(catcher) = policy::catcher(&state.catchers, &error) else {
            return self.end_failed(id, error, turn);
        };
        let output = error_output(&error);
        let given = Given { result: None, error: Some(output.clone()) };
        match self.finish(id, state, &catcher.outcome, &given, output, &turn.host) {
            Ok(output) => self.go(id, Move { next: Some(catcher.next), output }, turn),
            Err(error) => self.end_failed(id, error, turn),
        }
    }

    fn end_failed(&mut self, id: ThreadId, error: TaskError, turn: &mut Turn) {
        match self.threads.get(&id).and_then(|thread| thread.parent) {
            // The Map fails with the error of its item, and its other items stop.
            Some(parent) => {
                self.stop_items(parent);
                turn.ready.push_back((parent, Work::Failed(error)));
            }
            None => self.status = Status::Failed { error: error.error, cause: error.cause },
        }
    }
}

/// `$states.errorOutput`. A timeout has no cause.
fn error_output(error: &TaskError) -> JValue {
    let mut members = vec![("Error".to_owned(), JValue::from(error.error.as_str()))];
    if !(error.error == TIMEOUT && error.cause.is_empty()) {
        members.push(("Cause".to_owned(), JValue::from(error.cause.as_str())));
    }
    JValue::object(members.into_iter().collect())
}
