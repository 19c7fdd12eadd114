//! Evaluates every expression of the generated state machines over recorded and random inputs, and prints each case as
//! a line of JSON for `compare.mjs`, which evaluates it with the reference implementation.
//!
//! `evaluate [SEED] [RANDOM INPUTS FOR EACH EXPRESSION]`

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod record;
mod samples;
mod shapes;
#[path = "../../rehearsal/tests/states/template.rs"]
mod template;

use std::collections::HashSet;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use healstack_rehearsal::states::{Machine, evaluate};
use healstack_rehearsal::{Millis, Random};
use serde_json::{Map, Value, json};

/// 2026-01-05T12:00:00Z.
const START: Millis = 1_767_614_400_000;
/// Executions of each machine whose inputs are recorded.
const EXECUTIONS: usize = 150;
/// Recorded inputs of a state that each of its expressions is evaluated over.
const RECORDED: usize = 40;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments.next().map_or(1, |text| text.parse().unwrap());
    let inputs = arguments.next().map_or(60, |text| text.parse().unwrap());
    let mut output = Output { lines: BufWriter::new(std::io::stdout().lock()), printed: HashSet::new() };
    for resource in ["Guard", "Recorder", "Sweeper"] {
        let machine = Arc::new(template::machine(resource));
        let mut random = Random::new(seed);
        let recorded = record::record(&machine, EXECUTIONS, &mut random);
        let variables = record::variables(&recorded);
        for (state, expression) in machine.expressions() {
            let here = recorded.iter().filter(|moment| moment.state.as_ref() == state);
            for moment in here.take(RECORDED) {
                let bindings = needed(expression, moment.bindings());
                output.case(&machine, state, expression, &shapes::disturbed(&bindings, &mut random), &mut random);
                output.case(&machine, state, expression, &bindings, &mut random);
            }
            for _ in 0..inputs {
                let mut bindings = shapes::bindings(expression, &mut random);
                for (name, bound) in &mut bindings {
                    match variables.get(name) {
                        Some(values) if random.chance(50) => *bound = shapes::pick(values, &mut random).clone(),
                        _ => {}
                    }
                }
                output.case(&machine, state, expression, &bindings, &mut random);
            }
        }
    }
}

/// Only what the expression names: the rest would make lines long.
fn needed(expression: &str, bindings: Map<String, Value>) -> Map<String, Value> {
    bindings.into_iter().filter(|(name, _)| expression.contains(&format!("${name}"))).collect()
}

struct Output<W: Write> {
    lines: W,
    printed: HashSet<String>,
}

impl<W: Write> Output<W> {
    fn case(
        &mut self,
        machine: &Machine,
        state: &str,
        expression: &str,
        bindings: &Map<String, Value>,
        random: &mut Random,
    ) {
        if !self.printed.insert(format!("{expression} {}", Value::Object(bindings.clone()))) {
            return;
        }
        let seed = random.bits();
        let evaluated = evaluate(expression, bindings, START, &mut Random::new(seed));
        let mut case = json!({
            "machine": machine.name(),
            "state": state,
            "expression": expression,
            "bindings": bindings,
            "now": START,
            // Text, because JavaScript's numbers end before it does.
            "seed": seed.to_string(),
        });
        match evaluated {
            Ok(value) => case["value"] = value,
            Err(error) => {
                assert_eq!(error.error, "States.QueryEvaluationError", "{error:?}");
                case["error"] = Value::String(error.cause);
            }
        }
        writeln!(self.lines, "{case}").unwrap();
    }
}
