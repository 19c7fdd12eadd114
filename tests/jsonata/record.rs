//! Runs a machine with random answers, and keeps what its expressions saw.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use healstack_rehearsal::states::{Action, Execution, Machine, Seen, Status, TaskError, Token};
use healstack_rehearsal::{Millis, Random};
use serde_json::{Value, json};

use crate::{START, samples, shapes};

/// Errors that the machines tell apart.
const ERRORS: [&str; 6] = [
    "DynamoDB.ConditionalCheckFailedException",
    "Ssm.ParameterNotFoundException",
    "Ssm.AutomationExecutionNotFoundException",
    "Ssm.ThrottlingException",
    "StepFunctions.ExecutionAlreadyExistsException",
    "CloudWatch.CloudWatchException",
];

/// What the expressions of so many executions saw.
pub(crate) fn record(machine: &Arc<Machine>, executions: usize, random: &mut Random) -> Vec<Seen> {
    let mut texts: HashMap<&str, String> = HashMap::new();
    let mut all = String::new();
    for (state, expression) in machine.expressions() {
        let text = texts.entry(state).or_default();
        text.push_str(expression);
        text.push('\n');
        all.push_str(expression);
        all.push('\n');
    }
    let mut seen = Vec::new();
    for index in 0..executions {
        // Every second one goes as far as it can.
        let disorder = if index % 2 == 0 { 0 } else { 25 };
        let input =
            if random.chance(disorder) { member(&all, "input", random) } else { samples::input(disorder, random) };
        let arn = machine.arn().replace(":stateMachine:", ":execution:") + ":run";
        let mut execution = Execution::new(Arc::clone(machine), arn, "run".to_owned(), input, START);
        execution.watch();
        run(&mut execution, random, |state, api, random| {
            if random.chance(disorder / 2) {
                let error = (*shapes::pick(&ERRORS, random)).to_owned();
                return Err(TaskError { error, cause: "Rate exceeded".to_owned() });
            }
            let sample = if random.chance(disorder) { None } else { samples::answer(api, disorder, random) };
            Ok(sample.unwrap_or_else(|| member(texts.get(state).map_or("", String::as_str), "result", random)))
        });
        seen.extend_from_slice(execution.seen());
    }
    seen
}

/// The different values that each variable had.
pub(crate) fn variables(recorded: &[Seen]) -> HashMap<String, Vec<Value>> {
    let mut variables: HashMap<String, Vec<Value>> = HashMap::new();
    for (name, value) in recorded.iter().flat_map(Seen::bindings) {
        let values = variables.entry(name).or_default();
        if values.len() < 50 && !values.contains(&value) {
            values.push(value);
        }
    }
    variables.remove("states");
    variables
}

/// A random `$states.input` or `$states.result` for these expressions.
fn member(expressions: &str, name: &str, random: &mut Random) -> Value {
    let mut bindings = shapes::bindings(expressions, random);
    let states = bindings.get_mut("states").and_then(Value::as_object_mut);
    states.and_then(|states| states.remove(name)).unwrap_or_else(|| json!({}))
}

/// Runs an execution to its end. Time passes at once, and not for ever.
fn run(
    execution: &mut Execution,
    random: &mut Random,
    mut answer: impl FnMut(&str, &str, &mut Random) -> Result<Value, TaskError>,
) {
    let mut due: BTreeSet<(Millis, Token)> = BTreeSet::new();
    let mut now = START;
    for _ in 0..300 {
        let actions = execution.advance(now, random);
        if *execution.status() != Status::Running {
            return;
        }
        let mut asked = false;
        for action in actions {
            match action {
                Action::Timer { token, at } => {
                    due.insert((at, token));
                }
                Action::Task { token, api, .. } => {
                    asked = true;
                    let state = execution.entered().last().map(|entered| entered.state.to_string()).unwrap_or_default();
                    execution.answer(token, answer(&state, &api, random));
                }
            }
        }
        if !asked {
            let Some((at, token)) = due.pop_first() else { return };
            now = at;
            execution.fire(token);
        }
    }
}
