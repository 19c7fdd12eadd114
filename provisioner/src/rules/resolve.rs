//! One rule: its kind is selected, its selector, parameters and signal are checked, and defaults are filled in.

use super::HealingLoop;
use super::reference::{Extracted, Reference, extract};
use crate::diagnostics::{Problem, Problems, Severity, Source};
use crate::kinds::{Catalog, Decided, Kind, Relation};
use crate::schema::{list, nearest};
use crate::text::upper_first;
use crate::yaml::{self, Entry, Node};
use healstack_model::rule::{Defaults, default_stable_for, default_window};
use healstack_model::{Action, Layer, Mode, MuteWindow, Rule, Seconds};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Fills in what the rule leaves to its kind and to the file; `None` when something is wrong, which is then told.
pub(super) fn resolve(
    source: &Arc<Source>,
    node: &Node,
    rule: Rule,
    file: (&Defaults, bool),
    catalog: &Catalog,
    problems: &mut Problems,
) -> Option<HealingLoop> {
    let (defaults, workload) = file;
    let before = problems.count(Severity::Error);
    let (kind, target) = check(source, node, workload, catalog, problems)?;
    let target_type = rule.target.keys().next().cloned()?;
    let Extracted { node: selector, references, ids, .. } = target?;
    let parameters = with_defaults(&kind.definition.parameters, &rule.parameters);
    let signal = with_defaults(&kind.definition.signal, &rule.signal);
    let (cooldown, max_attempts) = bounded(source, node, &rule, (kind, &signal), problems);
    let window = rule.window.or(defaults.window).unwrap_or_else(|| Seconds::clamped(default_window(cooldown.get())));
    let stable_for =
        rule.stable_for.or(defaults.stable_for).unwrap_or_else(|| Seconds::clamped(default_stable_for(cooldown.get())));
    problems.extend(relations(source, node, kind, &parameters));
    let sets_in_template = kind.has_native && references.iter().any(Reference::is_in_template);
    if !sets_in_template {
        problems.extend(enforcement(source, node, &rule, kind));
    }
    problems.extend(overriding(source, node, &rule, &references));
    for (index, muted) in rule.mute_windows.iter().enumerate() {
        if !MuteWindow::LENGTH.contains(&muted.duration.get()) {
            let span = node.pointer(&format!("/mute_windows/{index}/duration")).map_or(node.span, |node| node.span);
            problems.push(
                Problem::error(format!("a mute window cannot last {}", muted.duration))
                    .at(source, span)
                    .help("write a duration from 1m to 15d"),
            );
        }
    }
    if window <= cooldown {
        let span = node.get("window").or_else(|| node.get("cooldown_period")).map_or(node.span, |node| node.span);
        problems.push(
            Problem::error(format!("`window` is {window}, not longer than the cooldown of {cooldown}"))
                .at(source, span)
                .help(format!("make `window` longer than {cooldown}: else max_attempts never counts to 2")),
        );
    }
    (problems.count(Severity::Error) == before).then(|| HealingLoop {
        kind: kind.id.clone(),
        selector: selector.to_json(),
        references,
        resources: ids,
        target_type,
        parameters,
        signal,
        cooldown,
        max_attempts,
        window,
        stable_for,
        budget: rule.budget.or(defaults.budget).unwrap_or_default(),
        mode: rule.mode.or(defaults.mode).unwrap_or_default(),
        notify: rule.notify.or(defaults.notify).unwrap_or_default(),
        suppress_while: rule.suppress_while.clone().or_else(|| defaults.suppress_while.clone()),
        span: node.span,
        rule,
    })
}

/// `override` in a rule that names no resource of a template.
fn overriding(source: &Arc<Source>, node: &Node, rule: &Rule, references: &[Reference]) -> Option<Problem> {
    if !rule.overrides {
        return None;
    }
    let span = node.get("override").map_or(node.span, |node| node.span);
    if references.iter().any(Reference::is_in_template) {
        let message = format!("`{}` only reports, and so overrides nothing", rule.name);
        let help = "remove `override`, or `enforce: false` and `mode: observe`";
        let reports = rule.enforce == Some(false) || rule.mode == Some(Mode::Observe);
        return reports.then(|| Problem::warning(message).at(source, span).help(help));
    }
    let message = format!("`{}` overrides what a template says, and its target names no resource of one", rule.name);
    let help = "remove `override`, or write the target as `{resource: <logical id>}` of the file's `workload`";
    Some(Problem::error(message).at(source, span).help(help))
}

/// What a rule says of `enforce`, held against what its kind can set.
fn enforcement(source: &Arc<Source>, node: &Node, rule: &Rule, kind: &Kind) -> Option<Problem> {
    let enforce = rule.enforce?;
    let span = node.get("enforce").map_or(node.span, |node| node.span);
    match &kind.definition.settings {
        None => {
            let message =
                format!("`{}` has nothing to enforce: its kind sets nothing of what AWS heals by itself", rule.name);
            Some(Problem::error(message).at(source, span).help("remove `enforce`"))
        }
        Some(settings) => settings.only_reported.as_ref().filter(|_| enforce).map(|because| {
            Problem::warning(format!("`enforce: true` only reports here: {because}"))
                .at(source, span)
                .help("leave it out to say nothing, and set what is reported yourself")
        }),
    }
}

/// Errors for parameters that do not fit one another.
fn relations(source: &Arc<Source>, node: &Node, kind: &Kind, parameters: &Map<String, Value>) -> Vec<Problem> {
    let place =
        |name: &str| node.pointer(&format!("/parameters/{name}")).or_else(|| node.get("parameters")).unwrap_or(node);
    let mut found = Vec::new();
    for relation in &kind.definition.relations {
        match relation {
            Relation::AtMost { parameter, of, times, because } => {
                let number = |name: &str| parameters.get(name).and_then(Value::as_f64);
                let Some((value, base)) = number(parameter).zip(number(of)) else { continue };
                if value > base * times {
                    let message = format!("`{parameter}: {value}` is more than {times} x `{of}: {base}`: {because}");
                    let help = format!("lower `{parameter}` to {}, or raise `{of}` to {}", base * times, value / times);
                    found.push(Problem::error(message).at(source, place(parameter).span).help(help));
                }
            }
            Relation::OneOf { parameters: names, because } => {
                let given = names.iter().any(|name| parameters.get(name).is_some_and(|value| !value.is_null()));
                if !given {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    let name = node.get("name").and_then(Node::as_str).unwrap_or("the rule");
                    let problem = Problem::error(format!("`{name}` has none of {}: {because}", list(&names)));
                    found.push(
                        problem.at(source, place("").span).help(format!("add {} to `parameters`", names.join(" or "))),
                    );
                }
            }
        }
    }
    found
}

/// The rule's cooldown and attempts, held to the kind's bounds; told where the rule says otherwise.
fn bounded(
    source: &Arc<Source>,
    node: &Node,
    rule: &Rule,
    (kind, signal): (&Kind, &Map<String, Value>),
    problems: &mut Problems,
) -> (Seconds, u32) {
    let mut told = |field: &str, message: String, help: String| {
        let span = node.get(field).map_or(node.span, |node| node.span);
        problems.push(Problem::warning(message).at(source, span).help(help));
    };
    let definition = &kind.definition;
    let mut cooldown = rule.cooldown_period.unwrap_or(definition.defaults.cooldown_period);
    let bound = definition.bounds.cooldown_period.as_ref().map(|bound| (bound.of(signal), &bound.because));
    if let Some((least, because)) = bound.filter(|(least, _)| cooldown < *least) {
        // Of a rule that says nothing there is nothing to warn.
        if rule.cooldown_period.is_some() {
            let message = format!("`cooldown_period: {cooldown}` is held to {least} here: {because}");
            told("cooldown_period", message, format!("write `cooldown_period: {least}`, or longer"));
        }
        cooldown = least;
    }
    let mut attempts = rule.max_attempts.unwrap_or(definition.defaults.max_attempts);
    if let Some(bound) = definition.bounds.max_attempts.as_ref().filter(|bound| attempts > bound.most) {
        let message = format!("`max_attempts: {attempts}` is held to {} here: {}", bound.most, bound.because);
        told("max_attempts", message, format!("write `max_attempts: {}`", bound.most));
        attempts = bound.most;
    }
    (cooldown, attempts)
}

/// Selects the kind and tells everything that it says against the rule, as far as the rule can be understood: one field
/// that is wrong hides nothing in the others.
pub(super) fn check<'a>(
    source: &Arc<Source>,
    node: &Node,
    workload: bool,
    catalog: &'a Catalog,
    problems: &mut Problems,
) -> Option<(&'a Kind, Option<Extracted>)> {
    let kinds = problems.take(candidates(source, node, catalog)).filter(|kinds| !kinds.is_empty())?;
    let target = node.get("target").map(Node::entries).and_then(<[Entry]>::first);
    let kind = match target {
        Some(target) => problems.take(of_target(source, node, &kinds, target)).or(kinds.first().copied()),
        // That the target is missing, the language's own schema says.
        None => kinds.first().copied(),
    }?;
    let mut selector = None;
    if let Some(target) = target {
        match catalog.targets.get(&target.key) {
            Some(known) => {
                let mut extracted = extract(source, &target.value, known.selector.json(), workload);
                problems.extend(known.selector.check(source, &extracted.node, &format!("`{}`", target.key)));
                problems.extend(std::mem::take(&mut extracted.problems));
                selector = Some(extracted);
            }
            // The kind heals a type that could not be read, which was told when the kinds were.
            None if kind.definition.targets.contains(&target.key) => return None,
            None => {}
        }
    }
    let name = node.get("name").and_then(Node::as_str).unwrap_or("the rule");
    let empty = Node { value: yaml::Value::Mapping(Vec::new()), span: node.span, tag: None };
    let mut sound = true;
    for (field, schema) in [("parameters", &kind.parameters), ("signal", &kind.signal)] {
        let written = node.get(field).filter(|written| written.is_mapping()).unwrap_or(&empty);
        let found = schema.check(source, written, &format!("`{field}` of {name}"));
        sound &= field != "parameters" || found.is_empty();
        problems.extend(found);
    }
    if let Some(Value::Object(parameters)) = node.get("parameters").map(Node::to_json).filter(|_| sound) {
        problems.extend(decisions(source, node, kind, &parameters));
    }
    Some((kind, selector))
}

/// The kinds that layer, trigger and action select; none without an error when one of the three is wrong by itself, which
/// the language's own schema says.
fn candidates<'a>(source: &Arc<Source>, node: &Node, catalog: &'a Catalog) -> Result<Vec<&'a Kind>, Problem> {
    let text = |field: &str| node.get(field).and_then(Node::as_str);
    let layer = text("layer").and_then(|word| serde_json::from_value::<Layer>(word.into()).ok());
    let action = text("action").and_then(|word| serde_json::from_value::<Action>(word.into()).ok());
    let (Some(layer), Some(trigger), Some(action)) = (layer, text("trigger_condition"), action) else {
        return Ok(Vec::new());
    };
    let kinds = catalog.select(layer, trigger, action);
    if !kinds.is_empty() {
        return Ok(kinds);
    }
    let of_layer: Vec<String> = catalog
        .of_layer(layer)
        .map(|kind| &kind.definition.matches)
        .map(|matches| format!("{} with action {}", matches.trigger_condition, matches.action))
        .collect();
    let triggers: Vec<&str> =
        catalog.of_layer(layer).map(|kind| kind.definition.matches.trigger_condition.as_str()).collect();
    let known = triggers.contains(&trigger);
    let there_are = format!("on the {layer} layer this version heals {}", of_layer.join("; "));
    let help = match nearest(trigger, &triggers) {
        _ if of_layer.is_empty() => format!("this version heals nothing on the {layer} layer yet"),
        Some(near) if !known => format!("did you mean `{near}`? {}", upper_first(&there_are)),
        _ => there_are,
    };
    let field = if known { "action" } else { "trigger_condition" };
    let span = node.get(field).map_or(node.span, |node| node.span);
    let message = format!("no kind of rule heals `{trigger}` on the {layer} layer with action `{action}`");
    Err(Problem::error(message).at(source, span).help(help))
}

/// The kind among them that heals targets of this type.
fn of_target<'a>(source: &Arc<Source>, node: &Node, kinds: &[&'a Kind], target: &Entry) -> Result<&'a Kind, Problem> {
    let found = kinds.iter().copied().find(|kind| kind.definition.targets.contains(&target.key));
    found.ok_or_else(|| {
        let accepted: Vec<&str> =
            kinds.iter().flat_map(|kind| kind.definition.targets.iter().map(String::as_str)).collect();
        let help = match nearest(&target.key, &accepted) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its target is one of {}", list(&accepted)),
        };
        let name = node.get("name").and_then(Node::as_str).unwrap_or("the rule");
        Problem::error(format!("`{name}` does not heal `{}`", target.key)).at(source, target.key_span).help(help)
    })
}

/// What the user wrote over the schema's defaults, in the schema's order.
fn with_defaults(schemas: &indexmap::IndexMap<String, Value>, written: &Map<String, Value>) -> Map<String, Value> {
    schemas
        .iter()
        .map(|(name, schema)| {
            let value = written.get(name).or_else(|| schema.get("default")).cloned().unwrap_or(Value::Null);
            (name.clone(), value)
        })
        .collect()
}

/// Errors for values without a safe meaning, warnings for parameters that mean something else than they say.
fn decisions(source: &Arc<Source>, node: &Node, kind: &Kind, written: &Map<String, Value>) -> Vec<Problem> {
    let applies = |decided: &&Decided| {
        written.get(&decided.parameter).is_some_and(|value| decided.is_about(&decided.parameter, value))
    };
    let told = |decided: &Decided, unsafe_value: bool| {
        let name = &decided.parameter;
        let value = written.get(name).map(Value::to_string).unwrap_or_default();
        let span = node.pointer(&format!("/parameters/{name}")).map_or(node.span, |node| node.span);
        let problem = if unsafe_value {
            Problem::error(format!("`{name}: {value}` is unsafe: {}", decided.because))
        } else {
            Problem::warning(format!("`{name}: {value}` means something else here: {}", decided.because))
        };
        let problem = problem.at(source, span);
        match &decided.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    };
    let definition = &kind.definition;
    let refused = definition.unsafe_values.iter().filter(applies).map(|decided| told(decided, true));
    let redefined = definition.redefined.iter().filter(applies).map(|decided| told(decided, false));
    refused.chain(redefined).collect()
}
