//! The compiler: healing loops to CloudFormation templates.
//!
//! ```text
//! rules + kinds -> render -> parse -> qualify ids -> derive roles -> check -> emit
//! ```
//! **Invariant:** the same input gives the same bytes: no clock, no randomness, no order that a hash map decides.

mod alarms;
mod escalation;
mod events;
mod graph;
mod iam;
mod limits;
mod partition;
mod quotas;
mod references;
mod resources;
mod runbook;
mod settings;
mod stacks;
mod step;
mod template;
mod workloads;

pub use alarms::AlarmInfo;
pub use events::EventInfo;
pub use limits::{MAX_INLINE_TEMPLATE, MAX_TEMPLATE};
pub use partition::Placement;
pub use quotas::Counted;
pub use references::{shown, shown_in};
pub use runbook::{Runbook, Starter};
pub use settings::Settings;
pub use stacks::Core;
pub use step::Step;
pub(crate) use template::references;
pub use template::{Block, Resource, Template};
pub use workloads::HealedWorkload;

use crate::config::Environment;
use crate::diagnostics::{Problem, Problems, Severity};
use crate::kinds::{Catalog, HealedBy, Kind, Requirement};
use crate::render::{Renderer, insights_filter};
use crate::rules::{HealingLoop, Reference, RuleSet};
use crate::text::count;
use crate::yaml::{self, Entry, Node};
use healstack_model::guard::lease_seconds;
use healstack_model::{EnvironmentName, Names, Notify, Seconds, StackName};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One stack, compiled.
#[derive(Debug)]
pub struct CompiledStack {
    /// The folder under `generated/<environment>/`: the rule file's stack, or `core`, `account`, `artifacts`.
    pub folder: String,
    /// CloudFormation's name for it.
    pub name: String,
    /// The template.
    pub template: Template,
    /// The template's text.
    pub text: String,
    /// CloudFormation names of the stacks that must be there first.
    pub depends_on: Vec<String>,
    /// Whether deleting it takes an extra step.
    pub termination_protection: bool,
    /// Whether its output `ArtifactBucketName` names the bucket for large templates.
    pub provides_artifact_bucket: bool,
    /// Its rules.
    pub rules: Vec<CompiledRule>,
    /// The template that owns what the rules heal, in the first of a rule file's stacks.
    pub workload: Option<HealedWorkload>,
}

/// One rule, compiled.
#[derive(Debug)]
pub struct CompiledRule {
    /// `<stack>/<rule>`.
    pub identity: String,
    /// The rule with everything filled in.
    pub healing: HealingLoop,
    /// Its alarms.
    pub alarms: Vec<AlarmInfo>,
    /// The service events that it listens to.
    pub events: Vec<EventInfo>,
    /// Its runbook.
    pub runbook: Option<Runbook>,
    /// Its runbook's lease, in seconds: the kind's, or what the worst case needs.
    pub lease: Option<u64>,
    /// The statements of the runbook's role.
    pub statements: Vec<Node>,
    /// What keeps AWS's own healing of its target set.
    pub settings: Option<Settings>,
    /// Its resources.
    pub resources: usize,
}

/// Tells where the rules of a stack were generated before. The flag says that the stack is too large to be one.
pub type Placed<'a> = &'a (dyn Fn(&StackName, bool) -> Result<Placement, Problem> + Sync);

/// The folders of those of Healstack's own stacks that some rule or template size asks for.
const OWN_STACKS: [&str; 2] = ["account", "artifacts"];

/// What is compiled for.
pub struct Compiler<'a> {
    catalog: &'a Catalog,
    placed: Placed<'a>,
    renderer: Renderer,
    names: Names,
    environment_name: &'a EnvironmentName,
    environment: &'a Environment,
}

impl<'a> Compiler<'a> {
    /// A compiler of some rule sets for one environment. Fails with the templates that are none.
    pub fn new(
        catalog: &'a Catalog,
        sets: &[RuleSet],
        environment_name: &'a EnvironmentName,
        environment: &'a Environment,
        placed: Placed<'a>,
    ) -> Result<Self, Vec<Problem>> {
        let names = environment.names(environment_name);
        let kinds = sets.iter().flat_map(|set| &set.loops).map(|healing| healing.kind.as_str());
        let folders = kinds.chain(OWN_STACKS).collect();
        let targets: BTreeSet<&str> =
            sets.iter().flat_map(|set| &set.loops).map(|healing| healing.target_type.as_str()).collect();
        let scopes = targets.iter().filter_map(|target| catalog.targets.get(*target)).flat_map(|target| {
            let scopes = target.definition.scopes.iter();
            scopes.map(|(scope, template)| (scope_name(&target.name, scope), template.as_str()))
        });
        let renderer = Renderer::new(&catalog.files, &folders, scopes, &names)?;
        Ok(Self { catalog, placed, renderer, names, environment_name, environment })
    }

    /// Compiles every rule set and the stacks that they need, in the order in which they can be deployed.
    pub fn compile(
        &self,
        sets: Vec<RuleSet>,
        core: impl FnOnce() -> Core,
        problems: &mut Problems,
    ) -> Vec<CompiledStack> {
        problems.extend(self.warnings(&sets));
        problems.extend(references::check_values(&sets, &self.environment.parameters));
        problems.extend(workloads::unknown(&sets, self.environment));
        problems.extend(escalation::check(&sets, self.catalog));
        // Stacks know nothing of one another. Their order, and that of their problems, stays.
        let compiled: Vec<_> = sets
            .into_par_iter()
            .map(|set| {
                let mut problems = Problems::default();
                (self.rule_stacks(set, &mut problems), problems)
            })
            .collect();
        let mut rules = Vec::new();
        for (stacks, found) in compiled {
            rules.extend(stacks);
            problems.extend(found);
        }
        let mut stacks = self.own_stacks(&rules, core(), problems);
        if let Some(account) = stacks.iter().find(|stack| stack.folder == "account") {
            for stack in &mut rules {
                stack.depends_on.push(account.name.clone());
            }
        }
        stacks.append(&mut rules);
        problems.extend(limits::check(&stacks));
        problems.extend(quotas::check(&stacks, self.environment));
        problems.reword(references::shown);
        stacks
    }

    /// What compiles and is probably not what was meant.
    fn warnings(&self, sets: &[RuleSet]) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut selected: HashMap<(&str, String), String> = HashMap::new();
        for set in sets {
            for healing in &set.loops {
                let identity = format!("{}/{}", set.stack, healing.rule.name);
                let warn = |message: String| Problem::warning(message).at(&set.source, healing.span);
                let kind = &self.catalog.kinds[&healing.kind];
                if kind.definition.requires.contains(&Requirement::AgentProbe) {
                    let message = format!(
                        "{identity} is started by a probe of the agent, which is not part of this version: that alarm cannot fire yet"
                    );
                    found.push(warn(message).help("keep it for later, or publish the metric of its alarm yourself"));
                }
                if kind.definition.signals.values().all(|healed_by| *healed_by == HealedBy::Agent) {
                    let message =
                        format!("{identity} needs the agent, which is not part of this version: it heals nothing yet");
                    found.push(warn(message).help("keep it for later, or remove it"));
                }
                // A logical id of one template is not that of another.
                let of = if healing.references.iter().any(Reference::is_in_template) { set.stack.as_str() } else { "" };
                let selection = (healing.kind.as_str(), format!("{of}{}", healing.selector));
                if let Some(twin) = selected.insert(selection, identity.clone()) {
                    let message =
                        format!("{twin} and {identity} heal the same {}: their alarms act twice", healing.target_type);
                    found.push(warn(message).help("remove one, or select other targets"));
                }
            }
        }
        found
    }

    /// The stack of a rule file, and its siblings where it is too large for one.
    fn rule_stacks(&self, set: RuleSet, problems: &mut Problems) -> Vec<CompiledStack> {
        let before = problems.count(Severity::Error);
        let source = set.source.name().to_owned();
        let rule_file = Arc::clone(&set.source);
        let (mut workload, found) = self.heal_workload(&set);
        problems.extend(found);
        let mut rules = Vec::new();
        for healing in set.loops {
            match self.rule(&set.stack, healing) {
                Ok(compiled) => rules.push(compiled),
                Err(found) => problems.extend(found),
            }
        }
        if problems.count(Severity::Error) > before {
            return Vec::new();
        }
        let mut whole = self.part(&set.stack, &source, 1, rules);
        let ids: Vec<&str> = whole.template.resources().map(|resource| resource.id.as_str()).collect();
        let named = whole.rules.iter().flat_map(|rule| &rule.healing.references);
        problems.extend(references::clashes(&rule_file, named, &ids));
        let size = partition::Size { resources: whole.resources(), bytes: whole.text.len() };
        let placement = match (self.placed)(&set.stack, !size.has_room()) {
            Ok(placement) => placement,
            Err(problem) => {
                problems.push(problem);
                return Vec::new();
            }
        };
        let owner =
            workload.as_ref().and_then(|workload| workload.stack.as_ref()).map(|stack| stack.stack_name.clone());
        let mut stacks = if size.has_room() && placement.values().all(|part| *part == 1) {
            whole.workload = workload.take();
            vec![whole]
        } else {
            self.divide(&set.stack, &source, whole, &placement)
        };
        if let Some(first) = stacks.first_mut().filter(|first| first.workload.is_none()) {
            first.workload = workload;
        }
        // The workload's stack tells those of the rules what they heal.
        for stack in &mut stacks {
            stack.depends_on.extend(owner.clone());
        }
        stacks
    }

    /// Divides a stack into siblings, each rule staying where `known` says that it is.
    fn divide(&self, stack: &StackName, source: &str, whole: CompiledStack, known: &Placement) -> Vec<CompiledStack> {
        let parts = {
            let rules: Vec<(&str, partition::Size)> = whole
                .rules
                .iter()
                .zip(&whole.template.blocks)
                .map(|(rule, block)| {
                    let text = Template { blocks: vec![block.clone()], ..Template::default() }.emit();
                    (rule.healing.rule.name.as_str(), partition::Size { resources: rule.resources, bytes: text.len() })
                })
                .collect();
            partition::place(&rules, known)
        };
        let mut divided: BTreeMap<usize, Vec<(CompiledRule, Block)>> = BTreeMap::new();
        for ((rule, block), part) in whole.rules.into_iter().zip(whole.template.blocks).zip(parts) {
            divided.entry(part).or_default().push((rule, block));
        }
        divided.into_iter().map(|(part, rules)| self.part(stack, source, part, rules)).collect()
    }

    fn part(&self, stack: &StackName, source: &str, part: usize, rules: Vec<(CompiledRule, Block)>) -> CompiledStack {
        let (rules, blocks): (Vec<_>, Vec<Block>) = rules.into_iter().unzip();
        let folder = healstack_model::naming::part(stack, part);
        let which = if part == 1 { String::new() } else { format!(", part {part}") };
        let parameters = references::parameters(
            rules.iter().flat_map(|rule: &CompiledRule| &rule.healing.references),
            &self.names,
            stack,
            &self.environment.parameters,
        );
        let template = Template {
            parameters,
            header: format!(
                "Generated by `healstack synth` from {source} for environment {}{which}. Do not edit: change the rules instead.",
                self.environment_name
            ),
            description: format!("Healstack: healing rules of {stack}{which}"),
            blocks,
            ..Template::default()
        };
        let text = template.emit();
        CompiledStack {
            name: self.names.stack(&folder),
            folder,
            depends_on: vec![self.names.stack("core")],
            termination_protection: false,
            provides_artifact_bucket: false,
            template,
            text,
            rules,
            workload: None,
        }
    }

    fn rule(&self, stack: &StackName, healing: HealingLoop) -> Result<(CompiledRule, Block), Vec<Problem>> {
        let kind = &self.catalog.kinds[&healing.kind];
        let identity = format!("{stack}/{}", healing.rule.name);
        let context = self.context(stack, &healing);
        let single = |problem: Problem| vec![problem];

        let source = self.renderer.render(&kind.stack_template(), &context).map_err(single)?;
        let mut resources = template::resources(&source, yaml::parse(&source).map_err(single)?)?;

        let mut runbook = None;
        let mut statements = Vec::new();
        if kind.has_runbook {
            let source = self.renderer.render_runbook(&kind.runbook_template(), &context).map_err(single)?;
            let node = yaml::parse(&source).map_err(single)?;
            let parsed = Runbook::parse(&source, &node, &identity, Starter::Guard)?;
            let written = self.written(kind);
            statements = iam::statements(kind, &parsed, &written, &|scope| self.scope(&healing, scope, &context))?;
            runbook = Some(parsed);
        }
        let mut settings = self.settings(stack, &healing, kind, &context)?;
        let alarms = alarms::read(&resources, &self.names);
        let events = events::read(&resources);
        let scope = alarms::RuleScope { identity: &identity, filters: fleet_filters(stack, &healing) };
        let mut problems = alarms::check(kind, &scope, &resources, &alarms, runbook.as_ref(), &source);

        problems.extend(events::check(kind, &identity, &resources, &alarms, &source));

        let lease = runbook.as_ref().map(|runbook| {
            let needed = lease_seconds(runbook.worst_case);
            let seconds = kind.definition.lease.map_or(needed, Seconds::get);
            problems.extend(limits::check_lease(&identity, seconds, runbook.worst_case));
            seconds
        });
        let parameter = parameter(&identity, &healing, kind, lease);
        problems.extend(limits::check_parameter(&identity, &parameter));
        resources.insert(0, self.parameter_resource(stack, &healing, &parameter));
        if let Some((runbook, lease)) = runbook.as_ref().zip(lease) {
            resources.push(self.role_resource(stack, &healing, &statements));
            resources.push(self.document_resource(stack, &healing, runbook, lease));
        }
        resources.extend(settings.iter().flat_map(|settings| self.settings_resources(stack, &healing, settings)));
        resources.extend(self.mute_resources(stack, &healing, &alarms));
        problems.extend(limits::check_references(&identity, resources.iter()));
        problems.extend(limits::check_sizes(&identity, &resources, &self.environment.region));
        if !problems.is_empty() {
            return Err(problems);
        }
        template::qualify(&mut resources, &healstack_model::naming::logical_id(&healing.rule.name));
        let set = settings.iter_mut().flat_map(|settings| &mut settings.statements);
        let filled = resources.iter_mut().map(|resource| &mut resource.body).chain(&mut statements).chain(set);
        filled.for_each(|node| references::fill_in(node, &healing.references));
        let resource_count = resources.len();
        let rule = CompiledRule {
            identity,
            alarms,
            events,
            runbook,
            lease,
            statements,
            settings,
            resources: resource_count,
            healing,
        };
        let block = Block { heading: heading(&rule, kind), resources };
        Ok((rule, block))
    }

    /// What templates see.
    fn context(&self, stack: &StackName, healing: &HealingLoop) -> Value {
        let rule = &healing.rule;
        json!({
            "env": environment_context(self.environment_name, self.environment),
            "stack": {"name": stack},
            "rule": {
                "name": rule.name,
                "layer": rule.layer,
                "action": rule.action,
                "trigger_condition": rule.trigger_condition,
                "mode": healing.mode,
                "enabled": rule.enabled,
                "acts": healing.acts(),
                "signals": healing.signals(),
                "notify": healing.notify,
                "notify_alarm": healing.notify != Notify::None,
                "notify_ok": healing.notify == Notify::All,
                "cooldown": healing.cooldown,
                "max_attempts": healing.max_attempts,
            },
            "target": self.selector_context(healing),
            "resources": healing.resources,
            "params": healing.parameters,
            "signal": healing.signal,
        })
    }

    /// The selector with every field that its schema names, so that a template can ask for one that is absent.
    fn selector_context(&self, healing: &HealingLoop) -> Value {
        let mut selector = healing.selector.as_object().cloned().unwrap_or_default();
        let known = self
            .catalog
            .targets
            .get(&healing.target_type)
            .and_then(|target| target.selector.json().get("properties")?.as_object());
        for field in known.into_iter().flat_map(Map::keys) {
            selector.entry(field.clone()).or_insert(Value::Null);
        }
        Value::Object(selector)
    }

    /// `Resource` and `Condition` of one of the target type's scopes.
    fn scope(&self, healing: &HealingLoop, scope: &str, context: &Value) -> Result<Node, Problem> {
        let target = &self.catalog.targets[&healing.target_type];
        if !target.definition.scopes.contains_key(scope) {
            let known: Vec<&str> = target.definition.scopes.keys().map(String::as_str).collect();
            return Err(Problem::error(format!("`{}` has no scope `{scope}`", target.name))
                .help(format!("write `any`, `alarms` or one of {}", crate::schema::list(&known))));
        }
        yaml::parse(&self.renderer.render_inline(&scope_name(&target.name, scope), context)?)
    }
}

/// What the template of a scope is called, in errors too.
fn scope_name(target: &str, scope: &str) -> String {
    format!("templates/targets/{target}.yaml scope {scope}")
}

/// What templates see of the environment.
fn environment_context(name: &EnvironmentName, environment: &Environment) -> Value {
    json!({
        "name": name,
        "prefix": environment.prefix,
        "account": environment.account,
        "region": environment.region,
        "email": environment.notifications.email,
    })
}

/// The rule's desired configuration: what the guard and the agent read.
fn parameter(identity: &str, healing: &HealingLoop, kind: &Kind, lease: Option<u64>) -> Value {
    let signals: Map<String, Value> =
        kind.definition.signals.iter().map(|(signal, healed_by)| (signal.clone(), healed_by.guard().into())).collect();
    let by_agent = kind.definition.signals.values().any(|healed_by| *healed_by == HealedBy::Agent);
    let mut parameter = json!({
        "schema_version": 1,
        "rule": identity,
        "kind": kind.id,
        "layer": healing.rule.layer,
        "trigger_condition": healing.rule.trigger_condition,
        "action": healing.rule.action,
        "enabled": healing.rule.enabled,
        "mode": healing.mode,
        "healed_by": if by_agent { "agent" } else { "guard" },
        "target": {&healing.target_type: healing.selector},
        "parameters": without_nulls(&healing.parameters),
        "cooldown_seconds": healing.cooldown,
        "max_attempts": healing.max_attempts,
        "window_seconds": healing.window,
        "stable_for_seconds": healing.stable_for,
        "budget": healing.budget,
        "notify": healing.notify,
        "signals": signals,
        "resource": kind.definition.resource,
    });
    if let Value::Object(fields) = &mut parameter {
        let key = kind.definition.resource.key(&healing.selector);
        if let Some((Value::Object(resource), key)) = fields.get_mut("resource").zip(key) {
            resource.insert("key".into(), key.into());
        }
        if let Some(lease) = lease {
            fields.insert("lease_seconds".into(), lease.into());
        }
        if let Some(target) = &healing.rule.escalate_to {
            fields.insert("escalate_to".into(), target.as_str().into());
        }
        if let Some(alarm) = &healing.suppress_while {
            fields.insert("suppress_while".into(), alarm.as_str().into());
        }
    }
    parameter
}

/// What the WHERE of a fleet alarm may begin with: the tags that the rule's target selects by, or the dimensions that the
/// agent puts on its metrics.
fn fleet_filters(stack: &StackName, healing: &HealingLoop) -> Vec<String> {
    let tags = healing.selector.get("tag").and_then(Value::as_object).and_then(insights_filter);
    let dimensions = format!("Stack = '{stack}' AND \"Rule\" = '{}'", healing.rule.name);
    tags.into_iter().chain([dimensions]).collect()
}

fn without_nulls(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The comment over a rule's resources.
fn heading(rule: &CompiledRule, kind: &Kind) -> String {
    let healing = &rule.healing;
    let state = match (healing.rule.enabled, healing.mode) {
        (false, _) => "disabled".to_owned(),
        (true, mode) => format!("mode {mode}"),
    };
    format!(
        "{} ({})\n{} -> {}; {state}; at most {} in {}, {} apart; {}\n{}",
        rule.identity,
        kind.id,
        healing.rule.trigger_condition,
        healing.rule.action,
        count(healing.max_attempts as usize, "attempt"),
        healing.window,
        healing.cooldown,
        format_args!("{} at once, {} an hour", healing.budget.concurrent, healing.budget.per_hour),
        kind.definition.summary,
    )
}

/// The rules whose headings a generated template has.
pub(crate) fn headings<'t>(text: &'t str, stack: &'t StackName) -> impl Iterator<Item = &'t str> {
    let rule = |line: &'t str| {
        let (rule, kind) =
            line.strip_prefix("  # ")?.strip_prefix(stack.as_str())?.strip_prefix('/')?.split_once(" (")?;
        kind.ends_with(')').then_some(rule)
    };
    text.lines().filter_map(rule)
}

impl CompiledStack {
    /// The number of its resources.
    #[must_use]
    pub fn resources(&self) -> usize {
        self.template.resources().count()
    }
}

/// An output of a stack.
fn output(name: &str, description: &str, value: Node) -> Entry {
    Entry::new(name, Node::map(vec![Entry::new("Description", description), Entry::new("Value", value)]))
}

/// Everything that compiles needs, for one environment of a project.
pub fn compile_all(
    catalog: &Catalog,
    environment_name: &EnvironmentName,
    environment: &Environment,
    placed: Placed<'_>,
    sets: Vec<RuleSet>,
    core: impl FnOnce() -> Core,
    problems: &mut Problems,
) -> Vec<CompiledStack> {
    match Compiler::new(catalog, &sets, environment_name, environment, placed) {
        Ok(compiler) => compiler.compile(sets, core, problems),
        Err(found) => {
            problems.extend(found);
            Vec::new()
        }
    }
}
