//! One rule, compiled: its resources, and everything about them that is checked and told.

use super::alarms::AlarmInfo;
use super::{
    Block, Compiler, EventInfo, Runbook, Settings, Starter, alarms, events, iam, limits, references, template,
};
use crate::config::Environment;
use crate::diagnostics::Problem;
use crate::kinds::{Catalog, HealedBy, Kind};
use crate::render::insights_filter;
use crate::rules::HealingLoop;
use crate::text::count;
use crate::yaml::{self, Node};
use healstack_model::guard::lease_seconds;
use healstack_model::{EnvironmentName, Notify, Seconds, StackName};
use serde_json::{Map, Value, json};

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

impl Compiler<'_> {
    pub(super) fn rule(&self, stack: &StackName, healing: HealingLoop) -> Result<(CompiledRule, Block), Vec<Problem>> {
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
            let mentioned = &self.mentioned[&kind.id];
            statements = iam::statements(kind, &parsed, mentioned, &|scope| self.scope(&healing, scope, &context))?;
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
    pub(super) fn context(&self, stack: &StackName, healing: &HealingLoop) -> Value {
        context(self.catalog, self.environment_name, self.environment, stack, healing)
    }

    /// `Resource` and `Condition` of one of the target type's scopes.
    pub(super) fn scope(&self, healing: &HealingLoop, scope: &str, context: &Value) -> Result<Node, Problem> {
        let target = &self.catalog.targets[&healing.target_type];
        if !target.definition.scopes.contains_key(scope) {
            let known: Vec<&str> = target.definition.scopes.keys().map(String::as_str).collect();
            return Err(Problem::error(format!("`{}` has no scope `{scope}`", target.name))
                .help(format!("write `any`, `alarms` or one of {}", crate::schema::list(&known))));
        }
        yaml::parse(&self.renderer.render_inline(&scope_name(&target.name, scope), context)?)
    }
}

/// What templates see of a rule.
pub(crate) fn context(
    catalog: &Catalog,
    name: &EnvironmentName,
    environment: &Environment,
    stack: &StackName,
    healing: &HealingLoop,
) -> Value {
    let rule = &healing.rule;
    json!({
        "env": environment_context(name, environment),
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
        "target": selector_context(catalog, healing),
        "resources": healing.resources,
        "params": healing.parameters,
        "signal": healing.signal,
    })
}

/// The selector with every field that its schema names, so that a template can ask for one that is absent.
fn selector_context(catalog: &Catalog, healing: &HealingLoop) -> Value {
    let mut selector = healing.selector.as_object().cloned().unwrap_or_default();
    let known = catalog
        .targets
        .get(&healing.target_type)
        .and_then(|target| target.selector.json().get("properties")?.as_object());
    for field in known.into_iter().flat_map(Map::keys) {
        selector.entry(field.clone()).or_insert(Value::Null);
    }
    Value::Object(selector)
}

/// What the template of a scope is called, in errors too.
pub(super) fn scope_name(target: &str, scope: &str) -> String {
    format!("templates/targets/{target}.yaml scope {scope}")
}

/// What templates see of the environment.
pub(super) fn environment_context(name: &EnvironmentName, environment: &Environment) -> Value {
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
