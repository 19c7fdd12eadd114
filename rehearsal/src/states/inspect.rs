//! Looks at expressions from outside, to compare evaluators of `JSONata` with one another.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use jsonata_core::evaluator::{Context, Evaluator};
use jsonata_core::value::JValue;
use serde_json::{Map, Value};

use super::execution::Execution;
use super::failure::TaskError;
use super::functions::{self, Host};
use super::machine::{Kind, Machine, Outcome, State};
use super::template::Template;
use super::value;
use crate::{Millis, Random};

/// What the expressions of a state saw at one moment.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The state.
    pub state: Arc<str>,
    /// When.
    pub at: Millis,
    pub(super) bindings: Vec<(String, JValue)>,
}

impl Seen {
    /// `states` and the variables that the state names.
    #[must_use]
    pub fn bindings(&self) -> Map<String, Value> {
        self.bindings.iter().map(|(name, bound)| (name.clone(), value::to_json(bound))).collect()
    }
}

impl Machine {
    /// Every expression with its state's name, without the braces.
    #[must_use]
    pub fn expressions(&self) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        for state in self.branches.iter().flat_map(|branch| &branch.states) {
            for template in templates(state) {
                template.visit(&mut |text| found.push((state.name.as_ref(), text)));
            }
        }
        found
    }
}

fn templates(state: &State) -> Vec<&Template> {
    let mut all: Vec<Option<&Template>> = Vec::new();
    match &state.kind {
        Kind::Pass | Kind::Succeed => {}
        Kind::Fail { error, cause } => all.extend([error.as_ref(), cause.as_ref()]),
        Kind::Wait { seconds } => all.push(Some(seconds)),
        Kind::Choice { rules } => {
            for rule in rules {
                all.push(Some(&rule.condition));
                all.extend(of(&rule.outcome));
            }
        }
        Kind::Task { arguments, timeout, .. } => all.extend([Some(arguments), timeout.as_ref()]),
        Kind::Map { items, concurrency, .. } => all.extend([Some(items), concurrency.as_ref()]),
    }
    all.extend(of(&state.outcome));
    state.catchers.iter().for_each(|catcher| all.extend(of(&catcher.outcome)));
    all.into_iter().flatten().collect()
}

fn of(outcome: &Outcome) -> impl Iterator<Item = Option<&Template>> {
    outcome.assign.iter().map(|(_, template)| Some(template)).chain(std::iter::once(outcome.output.as_ref()))
}

impl Execution {
    /// Keeps from now on what expressions see.
    pub fn watch(&mut self) {
        self.seen.get_or_insert_default();
    }

    /// What expressions saw since [`Self::watch`], in order.
    #[must_use]
    pub fn seen(&self) -> &[Seen] {
        self.seen.as_deref().unwrap_or_default()
    }
}

/// The value of one expression without braces, as a state would get it.
///
/// # Errors
///
/// `States.QueryEvaluationError`, where it throws or gives nothing.
pub fn evaluate(
    expression: &str,
    bindings: &Map<String, Value>,
    now: Millis,
    random: &mut Random,
) -> Result<Value, TaskError> {
    let mut used = Vec::new();
    let unknown = |error: crate::Unsupported| TaskError::unsupported(&error.what);
    let template = Template::load(&Value::String(format!("{{%{expression}%}}")), "", "", &mut used).map_err(unknown)?;
    let mut context = Context::new();
    for (name, bound) in bindings {
        context.bind(name.clone(), JValue::from(bound.clone()));
    }
    let host = Rc::new(Host { now, random: RefCell::new(random.clone()) });
    let mut evaluator = Evaluator::with_context(context);
    for name in used.iter().filter(|name| !bindings.contains_key(*name)) {
        functions::register(&mut evaluator, name, &host).map_err(|error| TaskError::runtime(error.to_string()))?;
    }
    let evaluated = template.evaluate(&mut evaluator).and_then(value::data);
    *random = host.random.borrow().clone();
    Ok(value::to_json(&evaluated?.0))
}
