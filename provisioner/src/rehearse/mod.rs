//! Rehearsals of what was compiled: the bytes that `synth` writes, read back and run in virtual time.
//!
//! Scenarios are data beside each kind, rendered with the rule like its templates, so that they speak of the rule's own resources.

mod account;
pub mod pool;
mod stand_ins;

pub use account::{Account, AccountError};

use crate::compile::CompiledRule;
use crate::diagnostics::{Problem, Source};
use crate::project::Compiled;
use crate::render::Renderer;
use crate::yaml::{self, Node, Value};
use healstack_model::StackName;
use healstack_rehearsal::Millis;
use healstack_rehearsal::automation::Document;
use healstack_rehearsal::bridge::Bridge;
use healstack_rehearsal::engine::{Deployment, Setup};
use healstack_rehearsal::rehearse::{BEGIN, Outcome, rehearse};
use healstack_rehearsal::scenario::{Cause, Scenario, ScenarioFile};
use healstack_rehearsal::storm::{Bounds, Plan, Report, storm};
use healstack_rehearsal::template::Place;

use healstack_rehearsal::verdict::Subject;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json};
use stand_ins::StandIns;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A rule with its scenarios.
#[derive(Debug)]
pub struct Rehearsed {
    /// `<stack>/<rule>`.
    pub identity: String,
    /// Its kind.
    pub kind: String,
    /// How its parts are called.
    pub subject: Subject,
    /// Its scenarios.
    pub scenarios: ScenarioFile,
    /// What its budget and that of the environment allow.
    pub bounds: Bounds,
}

/// An environment, ready to be rehearsed.
#[derive(Debug)]
pub struct Rehearsal {
    /// What is deployed.
    pub deployment: Deployment,
    /// The rules whose kinds have scenarios, in the order of their names.
    pub rules: Vec<Rehearsed>,
    /// Rules whose kinds have none.
    pub without: Vec<String>,
}

impl Rehearsed {
    /// Runs one of its scenarios on a bridge, which it empties first. `replaced` are runbooks that are others than the deployed ones.
    pub fn run(
        &self,
        deployment: &Deployment,
        scenario: &Scenario,
        bridge: &mut Bridge,
        seed: u64,
        replaced: &[(String, Arc<Document>)],
    ) -> Result<Outcome, Problem> {
        bridge.reset(seed, BEGIN).map_err(|trouble| Problem::error(trouble.to_string()))?;
        rehearse(deployment, &self.subject, scenario, bridge, seed, replaced)
            .map_err(|unsupported| Problem::error(format!("{}: {unsupported}", self.identity)))
    }

    /// Lets `resources` of the rule fail together, on a bridge that it empties first, and watches for at most `lasts` milliseconds of virtual
    /// time. None where the rule's kind has no storm for such a target.
    pub fn storm(
        &self,
        deployment: &Deployment,
        bridge: &mut Bridge,
        resources: u64,
        seed: u64,
        lasts: Millis,
    ) -> Option<Result<Report, Problem>> {
        let section = self.scenarios.storm.as_ref()?;
        let plan = Plan { resources, seed, lasts, bounds: self.bounds };
        let report = bridge.reset(seed, BEGIN).map_err(|trouble| trouble.to_string()).and_then(|()| {
            storm(deployment, &self.subject, section, bridge, plan).map_err(|unsupported| unsupported.to_string())
        });
        Some(report.map_err(|what| Problem::error(format!("{}: {what}", self.identity))))
    }
}

/// Reads everything compiled as CloudFormation would.
pub fn prepare(compiled: &Compiled) -> Result<Rehearsal, Problem> {
    let stand_ins = StandIns::of(compiled);
    let mut templates = Vec::new();
    for stack in &compiled.stacks {
        let source = Source::new(format!("generated {}", stack.folder), stack.text.clone());
        templates.push(long_form(&yaml::parse(&source)?));
    }
    let environment = &compiled.environment;
    let names = environment.names(&compiled.environment_name);
    let setup = Setup {
        place: Place { account: environment.account.clone(), region: environment.region.clone() },
        prefix: names.prefix.to_string(),
        templates,
        parameters: stand_ins.parameters(),
    };
    let deployment = Deployment::load(&setup).map_err(|unsupported| {
        Problem::error(unsupported.to_string())
            .help("what the rehearsal does not know it does not guess: this environment cannot be rehearsed")
    })?;
    let mut rehearsal = Rehearsal { deployment, rules: Vec::new(), without: Vec::new() };
    for rule in compiled.stacks.iter().flat_map(|stack| &stack.rules) {
        match scenarios(compiled, rule, &stand_ins)? {
            Some(mut scenarios) => {
                let subject = subject(&names, rule);
                // What a rule does not keep set cannot be rehearsed being kept.
                let has_settings = rehearsal.deployment.documents.contains_key(&subject.settings);
                let asks = |scenario: &Scenario| {
                    scenario.when.iter().any(|injection| matches!(injection.cause, Cause::Settings { .. }))
                };
                scenarios.scenarios.retain(|_, scenario| has_settings || !asks(scenario));
                let (identity, kind) = (rule.identity.clone(), rule.healing.kind.clone());
                rehearsal.rules.push(Rehearsed { identity, kind, subject, scenarios, bounds: bounds(compiled, rule) });
            }
            None => rehearsal.without.push(rule.identity.clone()),
        }
    }
    Ok(rehearsal)
}

fn bounds(compiled: &Compiled, rule: &CompiledRule) -> Bounds {
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let budget = &rule.healing.budget;
    Bounds {
        concurrent: count(budget.concurrent),
        per_hour: count(budget.per_hour),
        all: count(compiled.environment.budget.concurrent),
    }
}

fn subject(names: &healstack_model::Names, rule: &CompiledRule) -> Subject {
    let (stack, name) = rule.identity.split_once('/').unwrap_or_default();
    Subject {
        stack: stack.to_owned(),
        rule: name.to_owned(),
        alarms: format!("{}--{stack}--{name}--", names.prefix),
        document: format!("{}--{stack}--{name}", names.prefix),
        settings: format!("{}-settings--{stack}--{name}", names.prefix),
        guard: names.core("guard"),
    }
}

/// The scenarios of a rule's kind, rendered with the rule.
fn scenarios(compiled: &Compiled, rule: &CompiledRule, stand_ins: &StandIns) -> Result<Option<ScenarioFile>, Problem> {
    let kind = &compiled.catalog.kinds[&rule.healing.kind];
    let path = kind.scenarios_template();
    if !compiled.catalog.files.contains(&path) {
        return Ok(None);
    }
    let template = compiled.catalog.files.source(&path);
    let names = compiled.environment.names(&compiled.environment_name);
    let inline = std::iter::once((path.clone(), template.text()));
    let renderer = Renderer::new(&compiled.catalog.files, &BTreeSet::new(), inline, &names)
        .map_err(|mut problems| problems.remove(0))?;
    let stack = rule.identity.split_once('/').map_or("", |(stack, _)| stack);
    let stack = StackName::new(stack).map_err(|error| Problem::error(error.to_string()))?;
    let context = crate::compile::context(
        &compiled.catalog,
        &compiled.environment_name,
        &compiled.environment,
        &stack,
        &rule.healing,
    );
    let source = renderer.render(&path, &context)?;
    let filled = stand_ins.put_in(yaml::parse(&source)?.to_json());
    let file = ScenarioFile::read(filled).map_err(|error| Problem::error(format!("templates/{path}: {error}")))?;
    Ok(Some(file))
}

/// A node as JSON, its tags as the long forms of CloudFormation's functions.
fn long_form(node: &Node) -> Json {
    let inner = match &node.value {
        Value::Sequence(items) => items.iter().map(long_form).collect(),
        Value::Mapping(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.key.clone(), long_form(&entry.value))).collect())
        }
        _ => node.to_json(),
    };
    match node.tag.as_deref() {
        None => inner,
        Some(tag) => {
            let name = if tag == "Ref" || tag == "Condition" { tag.to_owned() } else { format!("Fn::{tag}") };
            Json::Object(Map::from_iter([(name, inner)]))
        }
    }
}

/// Values by the names of parameters.
type Values = IndexMap<String, String>;
