//! The page of one kind: what it detects, how soon, what it does step by step, what it may touch, and what it never does. What
//! alarms, runbook and role say is taken from a compiled example, so that a page cannot say anything else.

use super::{cell, name};
use crate::compile::{CompiledRule, Step};
use crate::describe::{Grant, deed};
use crate::kinds::{Catalog, Decided, HealedBy, Kind, Relation};
use crate::text::{bare, lower_first, seconds};
use crate::workload::Wanted;
use crate::yaml::Node;
use serde_json::Value;
use std::fmt::Write as _;

/// The page as Markdown.
pub(super) fn write(kind: &Kind, catalog: &Catalog, rule: &CompiledRule, wanted: &[Wanted]) -> String {
    let definition = &kind.definition;
    let mut out = format!(
        "# {}\n\n{WRITTEN}\n\n{}\n\n```yaml\n{}```\n\nCooldown {}, {}, unless the rule says otherwise. Healed when: {}\n",
        name(kind),
        definition.summary,
        super::example(kind, catalog),
        definition.defaults.cooldown_period,
        crate::text::count(definition.defaults.max_attempts as usize, "attempt"),
        lower_first(&definition.verification),
    );
    detection(&mut out, kind, rule);
    list(&mut out, "What AWS heals by itself, and what it needs", definition.native.iter().cloned());
    in_template(&mut out, wanted);
    runbook(&mut out, kind, rule);
    permissions(&mut out, "What it may touch", "The runbook's role", &rule.statements);
    settings(&mut out, kind, rule);
    list(&mut out, "What it never does", definition.never.iter().cloned());
    table(&mut out, "Parameters", "parameters", &definition.parameters);
    table(&mut out, "Signal", "signal", &definition.signal);
    list(&mut out, "Means something else than it says (a warning)", definition.redefined.iter().map(decided));
    list(&mut out, "Unsafe (an error)", definition.unsafe_values.iter().map(decided));
    list(&mut out, "Must fit one another (an error)", definition.relations.iter().map(relation));
    list(&mut out, "Bounds (a warning, and the bound holds)", bounds(kind).into_iter());
    out.push_str(&super::source::section(kind));
    list(&mut out, "How to see it work on a real account", definition.test.iter().cloned());
    out
}

const WRITTEN: &str =
    "Written by `cargo xtask docs` from the kind in `templates/`; not edited by hand. [All rules](../rules.md)";

/// Signals: alarms with their times, and service events.
fn detection(out: &mut String, kind: &Kind, rule: &CompiledRule) {
    out.push_str("\n## What it detects\n\n| signal | within | at most | then | what |\n|---|---|---|---|---|\n");
    let mut alarms: Vec<_> = rule.alarms.iter().collect();
    alarms.sort_by_key(|alarm| alarm.detection_seconds);
    let mut seen = Vec::new();
    for alarm in alarms {
        // One alarm a resource: the first stands for all.
        if seen.contains(&(&alarm.signal, alarm.detection_seconds)) {
            continue;
        }
        seen.push((&alarm.signal, alarm.detection_seconds));
        let healed_by = kind.definition.signals.get(&alarm.signal);
        let then = match (&alarm.native_action, healed_by) {
            (Some(action), _) => format!("EC2's `{action}`"),
            (None, Some(HealedBy::Runbook)) => "the runbook, through the guard".to_owned(),
            (None, Some(HealedBy::Agent)) => "the agent has not healed it: people".to_owned(),
            (None, _) => "recorded, people".to_owned(),
        };
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {then} | {} |",
            alarm.signal,
            seconds(alarm.detection_seconds),
            seconds(alarm.worst_detection_seconds),
            cell(&alarm.description)
        );
    }
    for event in &rule.events {
        let _ = writeln!(
            out,
            "| event of `{}` | at once | | {} | {}: {} |",
            event.source,
            if event.starts { "the runbook, through the guard" } else { "recorded" },
            event.detail_type,
            cell(&event.description.replace(&rule.identity, "the rule"))
        );
    }
    out.push_str(
        "\nThe alarm's times are CloudWatch's evaluation of the compiled example; what a service takes to publish its metric comes on top. A refused event is offered again by the sweeper, every five minutes, while its alarm is on.\n",
    );
}

/// What a rule sets in the template of its workload.
fn in_template(out: &mut String, wanted: &[Wanted]) {
    if wanted.is_empty() {
        return;
    }
    out.push_str(
        "\n## What it sets in your own template\n\nOf a target that the rule names by its logical id in the file's `workload`. What is there and strong enough stays; what is weaker is an error, or is replaced where the rule says `override: true`.\n\n| resource | property | value |\n|---|---|---|\n",
    );
    for Wanted { kind, path, value } in wanted {
        let path = if path.is_empty() { String::new() } else { format!("`{path}`") };
        let _ = writeln!(out, "| `{kind}` | {path} | {} |", cell(value));
    }
}

fn runbook(out: &mut String, kind: &Kind, rule: &CompiledRule) {
    let Some((runbook, lease)) = rule.runbook.as_ref().zip(rule.lease) else {
        let by_agent = kind.definition.signals.values().any(|healed_by| *healed_by == HealedBy::Agent);
        let text = if by_agent {
            "None: the agent on the host heals, and reports what it did."
        } else {
            "None: AWS heals this by itself, and Healstack watches, records and tells."
        };
        let _ = write!(out, "\n## Runbook\n\n{text}\n");
        return;
    };
    let _ = write!(
        out,
        "\n## What the runbook does, step by step\n\n{} At most {}; its lease is {}.\n\n| | step | what it does |\n|---|---|---|\n",
        runbook.description,
        seconds(runbook.worst_case),
        seconds(lease)
    );
    steps(out, &runbook.steps);
}

fn steps(out: &mut String, steps: &[Step]) {
    for (index, step) in steps.iter().enumerate() {
        let why = step.description.as_deref().map(|why| format!(" <br> {why}")).unwrap_or_default();
        let deed = cell(&deed(step));
        let _ = writeln!(out, "| {} | `{}` | {deed}{} |", index + 1, step.name, cell(&why));
    }
}

/// What is kept set of AWS's own healing, step by step.
fn settings(out: &mut String, kind: &Kind, rule: &CompiledRule) {
    let Some((definition, settings)) = kind.definition.settings.as_ref().zip(rule.settings.as_ref()) else { return };
    list(out, "What is kept set of it", definition.sets.iter().cloned());
    let enforced = match &definition.only_reported {
        Some(because) => format!("Only reported, whatever `enforce` says: {because}."),
        None => "With `enforce: false`, and in a rule that observes, what is weaker is only reported, as an OpsItem."
            .to_owned(),
    };
    let _ = write!(
        out,
        "\nA State Manager association looks once a day, and at once when it is made or changed, at one resource after the other. What is set as strong, or stronger, stays, and nothing is set while the rule is paused or a healing holds the resource. {enforced}\n\n| | step | what it does |\n|---|---|---|\n"
    );
    steps(out, &settings.runbook.steps);
    permissions(out, "What that may touch", "Its role", &settings.statements);
}

fn permissions(out: &mut String, title: &str, role: &str, statements: &[Node]) {
    if statements.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "\n## {title}\n\n{role} in the example above, derived from the calls:\n\n| actions | on | where |\n|---|---|---|\n"
    );
    for statement in statements {
        let grant = Grant::of(statement);
        let code = |texts: &[String]| texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join("<br>");
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let resources = if grant.resources == ["anything (reading, or no resource to name)"] {
            grant.resources.concat()
        } else {
            code(&owned(&grant.resources))
        };
        let conditions = code(&grant.conditions);
        let _ = writeln!(out, "| {} | {resources} | {conditions} |", code(&owned(&grant.actions)));
    }
}

fn table(out: &mut String, title: &str, field: &str, schemas: &indexmap::IndexMap<String, Value>) {
    if schemas.is_empty() {
        return;
    }
    let _ = write!(out, "\n## {title}\n\n| `{field}` | default | allowed | meaning |\n|---|---|---|---|\n");
    for (name, schema) in schemas {
        let text = |key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default();
        let default = schema.get("default").map_or_else(|| "none".to_owned(), |value| format!("`{}`", quoted(value)));
        let _ = writeln!(out, "| `{name}` | {default} | {} | {} |", allowed(schema), cell(text("description")));
    }
}

/// What a schema allows, in a few words.
fn allowed(schema: &Value) -> String {
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return options.iter().map(|option| format!("`{}`", quoted(option))).collect::<Vec<_>>().join(", ");
    }
    let unit = schema.get("x-unit").and_then(Value::as_str).map(|unit| format!(" {unit}")).unwrap_or_default();
    match (schema.get("minimum"), schema.get("maximum"), schema.get("type").and_then(Value::as_str)) {
        (Some(least), Some(most), _) => format!("{least} to {most}{unit}"),
        (Some(least), None, _) => format!("{least} or more{unit}"),
        (_, _, Some("boolean")) => "`true`, `false`".to_owned(),
        (_, _, Some("string")) => "text".to_owned(),
        (_, _, Some("array")) => "a list".to_owned(),
        (_, _, other) => other.unwrap_or_default().to_owned(),
    }
}

fn relation(relation: &Relation) -> String {
    match relation {
        Relation::AtMost { parameter, of, times, because } => {
            format!("`{parameter}` is at most {times} x `{of}`: {because}")
        }
        Relation::OneOf { parameters, because } => {
            let names: Vec<&str> = parameters.iter().map(String::as_str).collect();
            format!("one of {} is given: {because}", crate::schema::list(&names))
        }
    }
}

fn bounds(kind: &Kind) -> Vec<String> {
    let bounds = &kind.definition.bounds;
    let cooldown = bounds.cooldown_period.as_ref();
    let attempts = bounds.max_attempts.as_ref();
    cooldown
        .map(|bound| {
            let periods = bound.periods.map(|count| format!(", and at least {count} of the signal's periods"));
            format!("`cooldown_period` is at least {}{}: {}", bound.least, periods.unwrap_or_default(), bound.because)
        })
        .into_iter()
        .chain(attempts.map(|bound| format!("`max_attempts` is at most {}: {}", bound.most, bound.because)))
        .collect()
}

fn list(out: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if !items.is_empty() {
        let _ = write!(out, "\n## {title}\n\n");
        for item in items {
            let _ = writeln!(out, "- {item}");
        }
    }
}

fn decided(decided: &Decided) -> String {
    let value = decided.equals.as_ref().map(|value| format!(": {}", quoted(value))).unwrap_or_default();
    let help = decided.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("`{}{value}`: {}{help}", decided.parameter, decided.because)
}

fn quoted(value: &Value) -> String {
    if value.as_str().is_some_and(str::is_empty) { "\"\"".to_owned() } else { bare(value) }
}
