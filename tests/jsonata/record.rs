//! Runs a machine with random answers, and keeps what its expressions saw.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use healstack_rehearsal::states::{Action, Execution, Machine, Seen, Status, TaskError, Token};
use healstack_rehearsal::{Millis, Random};
use serde_json::{Value, json};

use crate::{START, shapes, template};

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
    let rules: Vec<Value> = ["AsgCapacityHealingRule", "AlbRerouteHealingRule", "Ec2InstanceHealingRule"]
        .map(|rule| json!({"Parameter": {"Value": template::rule(rule)}}))
        .to_vec();
    let mut seen = Vec::new();
    for index in 0..executions {
        let input = if index % 3 == 0 { event(random) } else { member(&all, "input", random) };
        let arn = machine.arn().replace(":stateMachine:", ":execution:") + ":run";
        let mut execution = Execution::new(Arc::clone(machine), arn, "run".to_owned(), input, START);
        execution.watch();
        run(&mut execution, random, |state, api, random| match api {
            _ if random.chance(10) => {
                let error = ERRORS[usize::try_from(random.below(6)).unwrap()];
                Err(TaskError { error: error.to_owned(), cause: "Rate exceeded".to_owned() })
            }
            "GetParameter" => Ok(rules[usize::try_from(random.below(3)).unwrap()].clone()),
            "BatchGetItem" if random.chance(70) => {
                Ok(json!({"Responses": {"heal--core--ledger": []}, "UnprocessedKeys": {}}))
            }
            _ => Ok(member(texts.get(state).map_or("", String::as_str), "result", random)),
        });
        seen.extend_from_slice(execution.seen());
    }
    seen
}

/// An alarm's event that the guard can route.
fn event(random: &mut Random) -> Value {
    let states = ["ALARM", "ALARM", "ALARM", "OK"];
    json!({
        "id": random.uuid(),
        "time": "2026-01-05T11:59:58Z",
        "detail": {
            "alarmName": "heal--checkout--asg-capacity-healing--gap--checkout-web",
            "state": {"value": states[usize::try_from(random.below(4)).unwrap()], "reason": "Threshold Crossed"},
            "configuration": {"metrics": [
                {"expression": "desired - inService"},
                {"metricStat": {"metric": {"dimensions": {"AutoScalingGroupName": "checkout-web"}}}},
            ]},
        },
    })
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
