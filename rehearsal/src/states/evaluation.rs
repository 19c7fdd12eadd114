//! Evaluates the templates of a state: with `$states`, the variables of the thread and of those around it, and the
//! functions.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use jsonata_core::evaluator::{Context, Evaluator};
use jsonata_core::value::JValue;
use serde_json::json;

use super::execution::Execution;
use super::failure::{PAYLOAD, TaskError};
use super::functions::{self, Host};
use super::inspect::Seen;
use super::machine::{Outcome, State};
use super::template::Template;
use super::thread::{Thread, ThreadId};
use super::value;
use crate::Millis;
use crate::time::{SECOND, iso, iso_seconds};

/// What `$states` has besides input and context.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) result: Option<JValue>,
    pub(super) error: Option<JValue>,
}

/// A moment as Step Functions writes it: without a fraction that is zero (developer guide, context object).
pub(super) fn moment(at: Millis) -> String {
    if at % SECOND == 0 { iso_seconds(at) } else { iso(at) }
}

impl Execution {
    /// The parts of the context object that do not change.
    pub(super) fn constants(arn: &str, name: &str, machine: &str, started: Millis, input: &JValue) -> [JValue; 2] {
        let machine_name = machine.rsplit(':').next().unwrap_or(machine);
        let mut execution = JValue::from(json!({"Id": arn, "Name": name, "StartTime": moment(started)}));
        if let Some(members) = execution.as_object_mut() {
            members.insert("Input".to_owned(), input.clone());
        }
        [execution, JValue::from(json!({"Id": machine, "Name": machine_name}))]
    }

    /// An evaluator for a thread's state as it is now.
    pub(super) fn evaluator(
        &mut self,
        id: ThreadId,
        state: &State,
        given: &Given,
        host: &Rc<Host>,
    ) -> Result<Evaluator, TaskError> {
        let mut bindings = Vec::new();
        let mut called = Vec::new();
        for name in &state.used {
            if name == "states" {
                bindings.push((name.clone(), self.states(id, state, given)));
            } else if let Some(value) = self.variable(id, name) {
                bindings.push((name.clone(), value.clone()));
            } else if functions::NAMES.contains(&name.as_str()) {
                called.push(name);
            }
        }
        if let Some(seen) = &mut self.seen {
            seen.push(Seen { state: Arc::clone(&state.name), at: host.now, bindings: bindings.clone() });
        }
        let mut context = Context::new();
        for (name, value) in bindings {
            context.bind(name, value);
        }
        let mut evaluator = Evaluator::with_context(context);
        for name in called {
            functions::register(&mut evaluator, name, host).map_err(|error| TaskError::runtime(error.to_string()))?;
        }
        Ok(evaluator)
    }

    /// A variable's value in a thread or around it.
    fn variable(&self, id: ThreadId, name: &str) -> Option<&JValue> {
        let mut scope = self.threads.get(&id);
        while let Some(thread) = scope {
            if let Some(value) = thread.variables.get(name) {
                return Some(value);
            }
            scope = thread.parent.and_then(|parent| self.threads.get(&parent));
        }
        None
    }

    /// `$states`.
    fn states(&self, id: ThreadId, state: &State, given: &Given) -> JValue {
        let Some(thread) = self.threads.get(&id) else { return JValue::Undefined };
        let mut members = vec![("input", thread.input.clone()), ("context", self.context(thread, state))];
        members.extend(given.result.clone().map(|result| ("result", result)));
        members.extend(given.error.clone().map(|error| ("errorOutput", error)));
        object(members)
    }

    fn context(&self, thread: &Thread, state: &State) -> JValue {
        let [execution, machine] = &self.constants;
        let retries = thread.retries.iter().map(|retries| f64::from(*retries)).sum();
        let state = object(vec![
            ("Name", JValue::from(state.name.as_ref())),
            ("EnteredTime", JValue::from(moment(thread.entered))),
            ("RetryCount", JValue::Number(retries)),
        ]);
        let mut members = vec![("Execution", execution.clone()), ("StateMachine", machine.clone()), ("State", state)];
        if let Some(item) = &thread.item {
            let index = u32::try_from(item.index).unwrap_or(u32::MAX);
            let item = object(vec![
                ("Index", JValue::Number(f64::from(index))),
                ("Value", item.value.clone()),
                ("Source", JValue::from("STATE_DATA")),
            ]);
            members.push(("Map", object(vec![("Item", item)])));
        }
        object(members)
    }

    /// Evaluates an `Assign` and an `Output` side by side, and sets the variables. Gives the output, `default` without
    /// an `Output`.
    pub(super) fn finish(
        &mut self,
        id: ThreadId,
        state: &State,
        outcome: &Outcome,
        given: &Given,
        default: JValue,
        host: &Rc<Host>,
    ) -> Result<JValue, TaskError> {
        if outcome.assign.is_empty() && outcome.output.is_none() {
            return Ok(default);
        }
        let mut evaluator = self.evaluator(id, state, given, host)?;
        let mut values = HashMap::new();
        let mut total = 0;
        for (name, template) in &outcome.assign {
            let (value, size) = value::data(template.evaluate(&mut evaluator)?)?;
            total += size;
            values.insert(name.clone(), value);
        }
        if total > PAYLOAD {
            return Err(TaskError::data_limit(&format!("The state '{}' assigned variables", state.name)));
        }
        let output = match &outcome.output {
            None => default,
            Some(template) => {
                limited(template, &mut evaluator, || format!("The state/task '{}' returned a result", state.name))?
            }
        };
        if let Some(thread) = self.threads.get_mut(&id) {
            thread.variables.extend(values);
        }
        Ok(output)
    }
}

/// A template's value as data of at most [`PAYLOAD`].
pub(super) fn limited(
    template: &Template,
    evaluator: &mut Evaluator,
    what: impl Fn() -> String,
) -> Result<JValue, TaskError> {
    let (value, size) = value::data(template.evaluate(evaluator)?)?;
    if size > PAYLOAD { Err(TaskError::data_limit(&what())) } else { Ok(value) }
}

/// A whole number from 0 to `most` for a field; a fraction or another type is an error of the expression.
pub(super) fn whole(template: &Template, evaluator: &mut Evaluator, field: &str, most: f64) -> Result<i64, TaskError> {
    let value = template.evaluate(evaluator)?;
    match value.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within the field's limits")]
        Some(number) if number.fract() == 0.0 && (0.0..=most).contains(&number) => Ok(number as i64),
        _ => Err(TaskError::query(format!("The field '{field}' does not take the value {value}"))),
    }
}

fn object(members: Vec<(&str, JValue)>) -> JValue {
    JValue::object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
