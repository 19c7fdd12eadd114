//! `healstack explain`: what a rule does, said from what was compiled, so that it cannot say anything else.

use super::output::{BOLD, DIM, count};
use super::{Exit, Session, wrap};
use crate::compile::{AlarmInfo, CompiledRule, Step, shown, shown_in};
use crate::describe::{Grant, deed, flow};
use crate::diagnostics::Problem;
use crate::kinds::{HealedBy, Kind};
use crate::project::Compiled;
use crate::rules::{HealingLoop, Origin};
use crate::schema::{list, nearest};
use crate::text::seconds;
use crate::workload::Change;
use crate::yaml::Node;
use healstack_model::Mode;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The rule: its name, or `<stack>/<rule>`.
    rule: String,
}

pub(super) fn run(session: &Session, options: &Options) -> Exit {
    let printer = session.printer;
    let (_, compiled, problems) = match session.compile() {
        Ok(compiled) => compiled,
        Err(exit) => return exit,
    };
    let rule = match find(&compiled, &options.rule) {
        Ok(rule) => rule,
        Err(problem) => return printer.fail(problem),
    };
    let kind = &compiled.catalog.kinds[&rule.healing.kind];
    let workload = workload(&compiled, rule);
    let text = shown(&text(rule, kind, workload.as_ref()));
    printer.result(&wrap::to_terminal(&text), shown_in(value(rule, kind, workload.as_ref())), &problems);
    Exit::Success
}

/// The template that the rule's target stands in, and what the rule changes there.
struct InWorkload<'a> {
    path: &'a str,
    changes: Vec<&'a Change>,
}

fn workload<'a>(compiled: &'a Compiled, rule: &CompiledRule) -> Option<InWorkload<'a>> {
    rule.healing.references.iter().find(|reference| reference.is_in_template())?;
    let (file, _) = rule.identity.split_once('/')?;
    // The first of a rule file's stacks, which is not the rule's own where the file became several.
    let healed = compiled.stacks.iter().find(|stack| stack.folder == file)?.workload.as_ref()?;
    let changes = healed.changes.iter().filter(|change| change.rule == rule.identity).collect();
    Some(InWorkload { path: &healed.path, changes })
}

fn find<'a>(compiled: &'a Compiled, wanted: &str) -> Result<&'a CompiledRule, Problem> {
    let rules: Vec<&CompiledRule> = compiled.stacks.iter().flat_map(|stack| &stack.rules).collect();
    let matching: Vec<&&CompiledRule> =
        rules.iter().filter(|rule| rule.identity == wanted || rule.healing.rule.name.as_str() == wanted).collect();
    match matching.as_slice() {
        [one] => Ok(one),
        [] => {
            let names: Vec<&str> = rules.iter().map(|rule| rule.healing.rule.name.as_str()).collect();
            let identities: Vec<&str> = rules.iter().map(|rule| rule.identity.as_str()).collect();
            let help = match nearest(wanted, &names).or_else(|| nearest(wanted, &identities)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the rules are {}", list(&identities)),
            };
            Err(Problem::error(format!("there is no rule `{wanted}`")).help(help))
        }
        several => {
            let identities: Vec<&str> = several.iter().map(|rule| rule.identity.as_str()).collect();
            Err(Problem::error(format!("several stacks have a rule `{wanted}`"))
                .help(format!("name one of {}", list(&identities))))
        }
    }
}

fn text(rule: &CompiledRule, kind: &Kind, workload: Option<&InWorkload<'_>>) -> String {
    let healing = &rule.healing;
    let mut out = String::new();
    let _ = writeln!(out, "{BOLD}{}{BOLD:#}  {DIM}{}{DIM:#}\n{}", rule.identity, kind.id, kind.definition.summary);
    let _ = writeln!(out, "\n{BOLD}Now{BOLD:#}\n  {}", state(rule));
    let _ = writeln!(out, "  Target: {} {}", healing.target_type, flow(&healing.selector));
    for reference in &healing.references {
        let _ = writeln!(out, "  {:<7} ${{{}}} is {}", "", reference.variable, origin(&reference.origin));
    }

    heading(&mut out, "What AWS heals by itself");
    for sentence in &kind.definition.native {
        let _ = writeln!(out, "  - {sentence}");
    }
    if !healing.acts() {
        let _ = writeln!(out, "  Recover and reboot are actions of alarms: they need mode enforce.");
    }
    heading(&mut out, "What is watched");
    let mut alarms: Vec<&AlarmInfo> = rule.alarms.iter().collect();
    alarms.sort_by_key(|alarm| alarm.detection_seconds);
    for alarm in alarms {
        let _ = writeln!(out, "  after {:<9} {}", seconds(alarm.detection_seconds), alarm.description);
        let _ = writeln!(out, "  {DIM}{:<15} {}{DIM:#}\n{:18}{}", "", alarm.name, "", reaction(rule, kind, alarm));
    }
    for event in &rule.events {
        let _ = writeln!(out, "  {:<15} {}: {}", "by event", event.source, event.detail_type);
        let then = match (event.starts, healing.acts()) {
            (true, true) => "-> the guard starts the runbook, if it may",
            (true, false) => "-> the guard writes it down and starts nothing",
            (false, _) => "-> the recorder writes down what AWS did itself",
        };
        let _ = writeln!(out, "  {DIM}{:<15} {}{DIM:#}\n{:18}{then}", "", event.description, "");
    }
    if let Some((runbook, lease)) = rule.runbook.as_ref().zip(rule.lease) {
        let lease = seconds(lease);
        heading(
            &mut out,
            &format!("What the runbook does, in {} at most (lease {lease})", seconds(runbook.worst_case)),
        );
        let _ = writeln!(out, "  {}", runbook.description);
        steps(&mut out, &runbook.steps);
    }
    let _ = writeln!(out, "  Healed when: {}", kind.definition.verification);
    if let Some(workload) = workload {
        in_workload(&mut out, workload);
    }
    if workload.is_none() || rule.settings.is_some() {
        settings(&mut out, rule, kind);
    }
    heading(&mut out, "What it never does");
    for sentence in &kind.definition.never {
        let _ = writeln!(out, "  - {sentence}");
    }

    if kind.definition.signals.values().any(|healed_by| *healed_by != HealedBy::Native) {
        limits(&mut out, healing, rule.alarms.iter().any(|alarm| alarm.native_action.is_some()));
    }
    if !rule.statements.is_empty() {
        heading(&mut out, "What the runbook may touch");
        rule.statements.iter().for_each(|statement| permission(&mut out, statement));
    }
    if let Some(settings) = &rule.settings {
        heading(&mut out, "What keeps AWS's own healing set may touch");
        settings.statements.iter().for_each(|statement| permission(&mut out, statement));
    }
    out
}

/// Where the value of a reference comes from.
fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Resource { id, kind, .. } => format!("{id} of the workload's template, {kind}"),
        Origin::Import(export) => format!("the export {export} of another stack"),
        Origin::Ssm(name) => format!("the value of the SSM parameter {name}"),
        Origin::Parameter => "a parameter of the rules' stack".to_owned(),
    }
}

/// What the rule sets in the template of its workload.
fn in_workload(out: &mut String, workload: &InWorkload<'_>) {
    heading(out, &format!("What it sets in {}", workload.path));
    if workload.changes.is_empty() {
        let _ = writeln!(out, "  Nothing: the template says it already, or the rule is off.");
    }
    for change in &workload.changes {
        let _ = match (&change.was, change.path.as_str()) {
            (_, "") => writeln!(out, "  {}  added, {}", change.resource, change.value),
            (Some(was), path) => writeln!(out, "  {}.{path}: {} in place of {was}", change.resource, change.value),
            (None, path) => writeln!(out, "  {}.{path}: {}", change.resource, change.value),
        };
    }
}

/// What is kept set of AWS's own healing, and whether by this rule.
fn settings(out: &mut String, rule: &CompiledRule, kind: &Kind) {
    let Some(definition) = &kind.definition.settings else { return };
    heading(out, "What is kept set of AWS's own healing");
    for sentence in &definition.sets {
        let _ = writeln!(out, "  - {sentence}");
    }
    let Some(settings) = &rule.settings else {
        let _ = writeln!(out, "  Now: nothing. The rule is off, or names no resource that has these settings.");
        return;
    };
    let now = match (settings.enforced, &definition.only_reported) {
        (true, _) => {
            "looked at once a day, and set where it is weaker; also at once when the association is deployed".to_owned()
        }
        (false, Some(because)) => format!("only reported, once a day: {because}"),
        (false, None) => "only reported, once a day: the rule observes, or says `enforce: false`".to_owned(),
    };
    let _ = writeln!(out, "  Now: {now}.");
    let _ = writeln!(out, "  Never while the rule is paused or a healing holds the resource.");
    steps(out, &settings.runbook.steps);
}

/// The bounds that the guard keeps.
fn limits(out: &mut String, healing: &HealingLoop, native_actions: bool) {
    heading(out, "How often it may heal");
    let native = if native_actions {
        " EC2's own actions are not bound by it: a pause disables them, nothing else does."
    } else {
        ""
    };
    let _ = writeln!(out, "  Kept by the guard.{native}");
    let _ = writeln!(
        out,
        "  {} of a resource in {}, {} after the end of one before the next; they renew after {} of health",
        count(healing.max_attempts as usize, "attempt"),
        healing.window,
        healing.cooldown,
        healing.stable_for
    );
    let _ = writeln!(
        out,
        "  {} at once and {} an hour, over all resources",
        healing.budget.concurrent, healing.budget.per_hour
    );
    match &healing.rule.escalate_to {
        Some(next) => drop(writeln!(out, "  Then the rule {next} takes over, once.")),
        None => drop(writeln!(out, "  Then a human is called, once.")),
    }
    if let Some(alarm) = &healing.suppress_while {
        let _ = writeln!(out, "  Not while the alarm {alarm} is in ALARM.");
    }
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "\n{BOLD}{text}{BOLD:#}");
}

fn state(rule: &CompiledRule) -> String {
    let healing = &rule.healing;
    match (healing.rule.enabled, healing.mode) {
        (false, _) => "Disabled: its alarms are there with their actions switched off.".to_owned(),
        (true, Mode::Enforce) => "Enabled, mode enforce.".to_owned(),
        (true, Mode::Observe) => "Enabled, mode observe: it detects and reports, and acts on nothing.".to_owned(),
        (true, Mode::Off) => "Mode off: its alarms are there with their actions switched off.".to_owned(),
    }
}

/// What follows when the alarm fires, from its compiled actions.
fn reaction(rule: &CompiledRule, kind: &Kind, alarm: &AlarmInfo) -> String {
    if !rule.healing.signals() {
        return "-> nothing: its actions are switched off".to_owned();
    }
    let people = if alarm.notifies { "people are notified" } else { "nobody is notified" };
    match (&alarm.native_action, kind.definition.signals.get(&alarm.signal)) {
        (Some(action), _) => format!("-> EC2 does `{action}`, and {people}"),
        (None, Some(HealedBy::Runbook)) if rule.healing.acts() => {
            format!("-> the guard starts the runbook, if it may, and {people}")
        }
        (None, Some(HealedBy::Runbook)) => format!("-> the guard writes it down and starts nothing, and {people}"),
        (None, Some(HealedBy::Agent)) => {
            format!("-> {people}. The agent that measures it is not part of this version, so it cannot fire yet")
        }
        (None, _) => format!("-> {people}"),
    }
}

fn steps(out: &mut String, steps: &[Step]) {
    let width = steps.iter().map(|step| step.name.len()).max().unwrap_or_default();
    for (index, step) in steps.iter().enumerate() {
        let _ = writeln!(out, "  {:>2}. {:<width$}  {}", index + 1, step.name, deed(step));
        if let Some(description) = &step.description {
            let _ = writeln!(out, "      {:<width$}  {DIM}{description}{DIM:#}", "");
        }
    }
}

/// One statement: what, on what, on which condition.
fn permission(out: &mut String, statement: &Node) {
    let grant = Grant::of(statement);
    let _ = writeln!(out, "  {}", grant.actions.join(", "));
    for resource in grant.resources {
        let _ = writeln!(out, "      on    {resource}");
    }
    for condition in grant.conditions {
        let _ = writeln!(out, "      where {condition}");
    }
}

fn value(rule: &CompiledRule, kind: &Kind, workload: Option<&InWorkload<'_>>) -> Value {
    let healing = &rule.healing;
    let alarms: Vec<Value> = rule
        .alarms
        .iter()
        .map(|alarm| {
            json!({
                "name": alarm.name, "signal": alarm.signal, "resource": alarm.resource,
                "detection_seconds": alarm.detection_seconds, "native_action": alarm.native_action,
                "description": alarm.description, "reaction": reaction(rule, kind, alarm),
            })
        })
        .collect();
    json!({
        "ok": true,
        "rule": rule.identity,
        "kind": kind.id,
        "summary": kind.definition.summary,
        "enabled": healing.rule.enabled,
        "mode": healing.mode,
        "target": {&healing.target_type: healing.selector},
        "references": healing.references.iter().map(|reference| json!({
            "variable": reference.variable, "is": origin(&reference.origin),
        })).collect::<Vec<_>>(),
        "workload": workload.map(|workload| json!({
            "path": workload.path,
            "changes": workload.changes.iter().map(|change| json!({
                "resource": change.resource, "path": change.path, "value": change.value, "was": change.was,
            })).collect::<Vec<_>>(),
        })),
        "parameters": healing.parameters,
        "native": kind.definition.native,
        "never": kind.definition.never,
        "alarms": alarms,
        "events": rule.events.iter().map(|event| json!({
            "source": event.source, "detail_type": event.detail_type, "description": event.description, "starts_healing": event.starts,
        })).collect::<Vec<_>>(),
        "runbook": rule.runbook.as_ref().zip(rule.lease).map(|(runbook, lease)| json!({
            "description": runbook.description,
            "worst_case_seconds": runbook.worst_case,
            "lease_seconds": lease,
            "steps": runbook.steps.iter().map(|step| json!({"name": step.name, "does": deed(step)})).collect::<Vec<_>>(),
        })),
        "verification": kind.definition.verification,
        "max_attempts": healing.max_attempts,
        "window_seconds": healing.window,
        "cooldown_seconds": healing.cooldown,
        "stable_for_seconds": healing.stable_for,
        "budget": healing.budget,
        "statements": rule.statements.iter().map(Node::to_json).collect::<Vec<_>>(),
        "settings": kind.definition.settings.as_ref().map(|definition| json!({
            "sets": definition.sets,
            "only_reported": definition.only_reported,
            "enforced": rule.settings.as_ref().map(|settings| settings.enforced),
            "steps": rule.settings.iter().flat_map(|settings| &settings.runbook.steps)
                .map(|step| json!({"name": step.name, "does": deed(step)})).collect::<Vec<_>>(),
            "statements": rule.settings.iter().flat_map(|settings| &settings.statements).map(Node::to_json).collect::<Vec<_>>(),
        })),
    })
}
