//! A loaded state machine.

use std::sync::Arc;

use serde_json::Value;

use super::integration::Integration;
use super::policy::{Catcher, Retrier};
use super::template::Template;
use crate::{Millis, Unsupported};

/// A state machine, loaded once and shared by its executions.
#[derive(Debug)]
pub struct Machine {
    pub(super) arn: String,
    pub(super) timeout: Option<Millis>,
    /// The first is the machine's own; a Map state names its own by index.
    pub(super) branches: Vec<Branch>,
}

/// The states of the machine, or of a Map's items.
#[derive(Debug, Default)]
pub(super) struct Branch {
    pub(super) start: usize,
    pub(super) states: Vec<State>,
}

/// One state.
#[derive(Debug)]
pub(super) struct State {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    /// The next state; `None` ends the branch. Of a Choice it is its `Default`.
    pub(super) next: Option<usize>,
    /// For a Choice, what goes with its `Default`.
    pub(super) outcome: Outcome,
    pub(super) retriers: Vec<Retrier>,
    pub(super) catchers: Vec<Catcher>,
    /// Names of variables and functions that its expressions may need.
    pub(super) used: Vec<String>,
}

/// What a state leaves behind.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) assign: Vec<(String, Template)>,
    pub(super) output: Option<Template>,
}

/// What kind of state it is, with the fields of that kind.
#[derive(Debug)]
pub(super) enum Kind {
    Pass,
    Succeed,
    Fail { error: Option<Template>, cause: Option<Template> },
    Wait { seconds: Template },
    Choice { rules: Vec<Rule> },
    Task { integration: Integration, arguments: Template, timeout: Option<Template> },
    Map { items: Template, concurrency: Option<Template>, branch: usize },
}

/// A rule of a Choice state.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) condition: Template,
    pub(super) outcome: Outcome,
    pub(super) next: usize,
}

impl Machine {
    /// Reads a definition whose intrinsic functions (`Fn::Sub`, ..) have been resolved. `arn` is the machine's own,
    /// without a version or an alias: `$states.context.StateMachine.Id`.
    ///
    /// # Errors
    ///
    /// Whatever of the definition the rehearsal does not know, or Step Functions would not take.
    pub fn load(arn: &str, definition: &Value) -> Result<Self, Unsupported> {
        super::load::machine(arn, definition)
    }

    /// The ARN that it was loaded with.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The machine's name, the last part of its ARN.
    #[must_use]
    pub fn name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or(&self.arn)
    }

    /// Names of all states, those of Map items too.
    pub fn states(&self) -> impl Iterator<Item = &str> {
        self.branches.iter().flat_map(|branch| branch.states.iter().map(|state| state.name.as_ref()))
    }

    pub(super) fn state(&self, branch: usize, state: usize) -> &State {
        &self.branches[branch].states[state]
    }
}

/// Machines are shared by runs on several threads.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Machine>();
};
