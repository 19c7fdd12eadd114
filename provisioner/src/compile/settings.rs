//! AWS's own healing, kept set on resources that others own: health checks, circuit breakers, automatic failover.
//!
//! ```text
//! settings.yaml.hbs -> document, role, State Manager association: once a day, and at once when that is made or changed
//!     switched off by people, or a healing holds the resource -> nothing
//!     as strong as the kind wants it, or stronger             -> nothing
//!     weaker -> the rule enforces: set, and read back; else: an OpsItem
//! ```
//! **Invariant:** nothing is set before the switches and the resource's lease were read, and nothing where they cannot be: every
//! such runbook begins with the partial `settings-guard`.

use super::resources::{AutomationRole, automation_document};
use super::runbook::{ASSUME_ROLE, SETTINGS_ROLE, Starter};
use super::{Compiler, Resource, Runbook, iam};
use crate::diagnostics::{Problem, Source};
use crate::kinds::Kind;
use crate::rules::HealingLoop;
use crate::yaml::{self, Entry, HELD_CLOSE, HELD_OPEN, Node, Value as Yaml};
use healstack_model::{StackName, ledger};
use serde_json::{Value, json};
use std::sync::Arc;

/// How often it is looked. State Manager's rates begin at 30 minutes (associations' rate expressions, 2026-11); drift is people's
/// doing and rare, and each look is an automation for each resource. A rate, because State Manager repeats a throttled start only
/// of those, and no `ApplyOnlyAtCronInterval`, which it does not take beside one: a new association is applied at once.
const SCHEDULE: &str = "rate(1 day)";
/// One resource at a time: the look takes seconds, and 100 automations at once are all that an account has for healings too.
const MAX_CONCURRENCY: &str = "1";
/// What is wrong with one resource says nothing about the next, which must be looked at all the same.
const MAX_ERRORS: &str = "100%";
/// Systems Manager quota, 2026-11: 50 parameter values a target ("Targeting parameter values").
const MAX_VALUES: usize = 50;
/// What the partial's first step is called, and how many steps it has.
const GUARD: [&str; 5] = ["allSwitches", "stackSwitches", "ruleSwitches", "lease", "free"];

/// What keeps AWS's own healing of a rule's target set, compiled.
#[derive(Debug)]
pub struct Settings {
    /// What it does to one resource.
    pub runbook: Runbook,
    /// The statements of its role.
    pub statements: Vec<Node>,
    /// Whether it sets what is weaker; else it only reports it.
    pub enforced: bool,
    /// The resources: `ParameterValues` with their names, or a tag.
    targets: Node,
    /// What Systems Manager calls their type, `/` for any.
    target_type: String,
}

impl Compiler<'_> {
    /// The rule's settings; `None` where its kind has none, where the rule is off, or where it names no resource with any.
    pub(super) fn settings(
        &self,
        stack: &StackName,
        healing: &HealingLoop,
        kind: &Kind,
        context: &Value,
    ) -> Result<Option<Settings>, Vec<Problem>> {
        let Some(definition) = kind.definition.settings.as_ref().filter(|_| healing.signals()) else {
            return Ok(None);
        };
        let Some((targets, target_type)) = targets(&definition.resources, healing) else { return Ok(None) };
        let count = targets.get("Values").map_or(0, |values| values.items().len());
        if count > MAX_VALUES {
            let message = format!("{count} resources in one rule, an association takes {MAX_VALUES}");
            let help = "split the rule into several that select fewer resources each";
            return Err(vec![Problem::error(message).help(help)]);
        }
        let target_type = match (target_type, &definition.resource_type) {
            (Selected::ByTag, Some(name)) => format!("/{name}"),
            (Selected::ByTag, None) => {
                let message = format!("`{}` selects by tag, and its `settings` name no `resource_type`", kind.id);
                let help = "name the CloudFormation type, so that only resources of it are looked at";
                return Err(vec![Problem::error(message).help(help)]);
            }
            (Selected::ByName, _) => "/".to_owned(),
        };
        let enforced = healing.enforces() && definition.only_reported.is_none();
        let mut context = context.clone();
        if let Value::Object(fields) = &mut context {
            fields.insert("settings".into(), json!({"enforced": enforced}));
        }
        let path = kind.settings_template();
        let source = self.renderer.render_runbook(&path, &context).map_err(|problem| vec![problem])?;
        let node = yaml::parse(&source).map_err(|problem| vec![problem])?;
        let identity = format!("{stack}/{}", healing.rule.name);
        let runbook = Runbook::parse(&source, &node, &identity, Starter::Association)?;
        let found = check(kind, &runbook, enforced, &source);
        if !found.is_empty() {
            return Err(found);
        }
        let scope = |scope: &str| match scope {
            "ledger" => Ok(self.ledger_scope(kind)),
            other => self.scope(healing, other, &context),
        };
        let statements = iam::statements(kind, &runbook, &self.mentioned[&kind.id], &scope)?;
        Ok(Some(Settings { runbook, statements, enforced, targets, target_type }))
    }

    /// The ledger's items of switches, and of resources of the kind: what the guard partial reads.
    fn ledger_scope(&self, kind: &Kind) -> Node {
        let table = self.names.core("ledger");
        let arn = format!("arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{table}");
        let keys: Vec<Node> = vec![ledger::CONTROL.into(), format!("{}*", lease_prefix(kind)).into()];
        let condition = Node::map(vec![Entry::new(
            "ForAllValues:StringLike",
            Node::map(vec![Entry::new("dynamodb:LeadingKeys", keys)]),
        )]);
        // A request without a key would match ForAllValues too.
        let present = Node::map(vec![Entry::new("dynamodb:LeadingKeys", "false")]);
        let mut operators = condition.entries().to_vec();
        operators.push(Entry::new("Null", present));
        Node::map(vec![
            Entry::new("Resource", Node::from(arn).tagged("Sub")),
            Entry::new("Condition", Node::map(operators)),
        ])
    }

    /// Role, document and association.
    pub(super) fn settings_resources(
        &self,
        stack: &StackName,
        healing: &HealingLoop,
        settings: &Settings,
    ) -> Vec<Resource> {
        let named = &healing.rule.name;
        let name = self.names.settings_document(stack, named);
        let role = AutomationRole {
            id: SETTINGS_ROLE,
            name: self.names.settings_role(stack, named),
            path: self.names.settings_role_path(),
            description: format!("Settings of {stack}/{named}"),
            comment: "Derived from what SettingsRunbook calls. The guard cannot pass it.",
        };
        let mut content = settings.runbook.content.clone();
        if let Yaml::Mapping(entries) = &mut content.value {
            // After schemaVersion and description.
            let at = entries.len().min(2);
            entries.insert(at, Entry::new("assumeRole", format!("{{{{ {ASSUME_ROLE} }}}}")));
        }
        let does = if settings.enforced { "Sets what is weaker" } else { "Only reports what is weaker" };
        let comment = format!("{does}. {}", settings.runbook.description);
        let document = automation_document("SettingsRunbook", name.clone(), &settings.target_type, content, comment);
        let role_arn = Node::from(format!("{SETTINGS_ROLE}.Arn")).tagged("GetAtt");
        let properties = vec![
            Entry::new("Name", Node::from("SettingsRunbook").tagged("Ref")),
            Entry::new("AssociationName", name),
            Entry::new("AutomationTargetParameterName", "ResourceId"),
            Entry::new("Targets", vec![settings.targets.clone()]),
            Entry::new("Parameters", Node::map(vec![Entry::new(ASSUME_ROLE, vec![role_arn])])),
            Entry::new("ScheduleExpression", SCHEDULE),
            Entry::new("MaxConcurrency", MAX_CONCURRENCY),
            Entry::new("MaxErrors", MAX_ERRORS),
            Entry::new("ComplianceSeverity", "MEDIUM"),
        ];
        let body = vec![Entry::new("Type", "AWS::SSM::Association"), Entry::new("Properties", Node::map(properties))];
        let association = Resource {
            id: "SettingsAssociation".to_owned(),
            comment: Some(
                "Once a day, and at once when it is made or changed; one automation for each resource.".to_owned(),
            ),
            body: Node::map(body),
        };
        vec![role.resource(&settings.statements), document, association]
    }
}

/// How a rule selects its resources.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Selected {
    ByName,
    ByTag,
}

/// The target of the association. An association of a runbook takes one tag, and no more ("Targeting a tag", 2026-11): the first of
/// several is named here, and the runbook itself asks for all of them.
///
/// What stands in the rule's workload is left out: its template sets the same there, and CloudFormation finds its drift.
fn targets(fields: &[String], healing: &HealingLoop) -> Option<(Node, Selected)> {
    let selector = &healing.selector;
    let target = |key: String, values: Vec<Node>| Node::map(vec![Entry::new("Key", key), Entry::new("Values", values)]);
    if let Some((key, value)) = selector.get("tag").and_then(Value::as_object).and_then(|tags| tags.iter().next()) {
        let value = value.as_str().unwrap_or_default();
        return Some((target(format!("tag:{key}"), vec![value.into()]), Selected::ByTag));
    }
    let in_workload = |name: &str| {
        healing.references.iter().any(|reference| {
            reference.is_in_template() && name.contains(&format!("{HELD_OPEN}{}{HELD_CLOSE}", reference.variable))
        })
    };
    let mut values: Vec<Node> = Vec::new();
    for field in fields {
        let names = match selector.pointer(&format!("/{}", field.replace('.', "/"))) {
            Some(Value::String(name)) => vec![name.as_str()],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        values.extend(names.into_iter().filter(|name| !in_workload(name)).map(Node::from));
    }
    (!values.is_empty()).then(|| (target("ParameterValues".to_owned(), values), Selected::ByName))
}

/// How the ledger's keys of the kind's resources begin.
fn lease_prefix(kind: &Kind) -> String {
    let resource = &kind.definition.resource;
    format!("RES#{}:{}/", resource.service, resource.kind)
}

/// What must be true of these runbooks beyond what must of every one.
fn check(kind: &Kind, runbook: &Runbook, enforced: bool, source: &Arc<Source>) -> Vec<Problem> {
    let mut found = Vec::new();
    let begins = runbook.steps.iter().map(|step| step.name.as_str()).take(GUARD.len()).eq(GUARD);
    if !begins {
        found.push(
            Problem::error(format!("the settings of `{}` do not begin with the guard", kind.id)).help(
                "write `{{> settings-guard lease=\"<service>:<type>/{{ ResourceId }}\" next=\"<step>\"}}` as the first steps",
            ),
        );
        return found;
    }
    // Nothing leads past the steps of the partial, since the automation begins with the first and each leads to the next.
    let lease = runbook.steps[3].inputs.path(&["ExpressionAttributeValues", ":pk", "S"]).and_then(Node::as_str);
    let prefix = lease_prefix(kind);
    if !lease.is_some_and(|lease| lease.starts_with(&prefix)) {
        found.push(
            Problem::error(format!("the settings of `{}` look for the lease `{}`", kind.id, lease.unwrap_or_default()))
                .at(source, runbook.steps[3].span)
                .help(format!("its healing leases names that begin with `{prefix}`, as `resource` in kind.yaml says")),
        );
    }
    for step in runbook.steps.iter().filter(|step| !enforced && step.writes()) {
        found.push(
            Problem::error(format!("step `{}` changes something, and this rule only reports", step.name))
                .at(source, step.span)
                .help("leave it out of settings.yaml.hbs unless `settings.enforced`"),
        );
    }
    found
}
