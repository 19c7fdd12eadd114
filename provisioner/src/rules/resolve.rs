//! One rule: its kind is selected, its selector, parameters and signal are checked, and defaults are filled in.

use super::HealingLoop;
use crate::diagnostics::{Problem, Problems, Severity, Source};
use crate::kinds::{Catalog, Decided, Kind};
use crate::schema::{list, nearest};
use crate::yaml::{self, Entry, Node};
use healstack_model::rule::{DEFAULT_WINDOW, Defaults, default_stable_for};
use healstack_model::{Rule, Seconds};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Selects the kind and fills in defaults; `None` when something is wrong, which is then among the problems.
pub(super) fn resolve(
    source: &Arc<Source>,
    node: &Node,
    rule: Rule,
    defaults: &Defaults,
    catalog: &Catalog,
    problems: &mut Problems,
) -> Option<HealingLoop> {
    let before = problems.count(Severity::Error);
    let (kind, target_type) = problems.take(select(source, node, &rule, catalog))?;
    let selector_path = format!("/target/{target_type}");
    let selector = node.pointer(&selector_path).unwrap_or(node);
    if let Some(target) = catalog.targets.get(&target_type) {
        problems.extend(target.selector.check(source, selector, &format!("`{target_type}`")));
    }
    let empty = Node { value: yaml::Value::Mapping(Vec::new()), span: node.span, tag: None };
    for (field, schema) in [("parameters", &kind.parameters), ("signal", &kind.signal)] {
        let written = node.get(field).unwrap_or(&empty);
        problems.extend(schema.check(source, written, &format!("`{field}` of {}", rule.name)));
    }
    let parameters = with_defaults(&kind.definition.parameters, &rule.parameters);
    let signal = with_defaults(&kind.definition.signal, &rule.signal);
    problems.extend(decisions(source, node, kind, &rule.parameters));

    let cooldown = rule.cooldown_period.unwrap_or(kind.definition.defaults.cooldown_period);
    let max_attempts = rule.max_attempts.unwrap_or(kind.definition.defaults.max_attempts);
    let window = rule.window.or(defaults.window).unwrap_or_else(|| Seconds::clamped(DEFAULT_WINDOW));
    let stable_for =
        rule.stable_for.or(defaults.stable_for).unwrap_or_else(|| Seconds::clamped(default_stable_for(cooldown.get())));
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

/// The kind that layer, trigger, action and target type select.
fn select<'a>(
    source: &Arc<Source>,
    node: &Node,
    rule: &Rule,
    catalog: &'a Catalog,
) -> Result<(&'a Kind, String), Problem> {
    let at = |field: &str| node.get(field).map_or(node.span, |node| node.span);
    let kinds = catalog.select(rule.layer, &rule.trigger_condition, rule.action);
    if kinds.is_empty() {
        let of_layer: Vec<String> = catalog
            .of_layer(rule.layer)
            .map(|kind| {
                format!("{} with action {}", kind.definition.matches.trigger_condition, kind.definition.matches.action)
            })
            .collect();
        let triggers: Vec<&str> =
            catalog.of_layer(rule.layer).map(|kind| kind.definition.matches.trigger_condition.as_str()).collect();
        let known = triggers.contains(&rule.trigger_condition.as_str());
        let help = match (nearest(&rule.trigger_condition, &triggers), of_layer.is_empty()) {
            (_, true) => format!("there is no kind of rule for the {} layer", rule.layer),
            (Some(near), _) if !known => {
                format!("did you mean `{near}`? The {} layer has: {}", rule.layer, of_layer.join("; "))
            }
            _ => format!("the {} layer has: {}", rule.layer, of_layer.join("; ")),
        };
        let field = if known { "action" } else { "trigger_condition" };
        let message = format!(
            "no kind of rule heals `{}` on the {} layer with action `{}`",
            rule.trigger_condition, rule.layer, rule.action
        );
        return Err(Problem::error(message).at(source, at(field)).help(help));
    }
    let accepted: Vec<&str> =
        kinds.iter().flat_map(|kind| kind.definition.targets.iter().map(String::as_str)).collect();
    let written = node.get("target").map(Node::entries).unwrap_or_default().first();
    let Some(Entry { key, key_span, .. }) = written else {
        return Err(Problem::error(format!("{} has no target", rule.name)).at(source, at("target")));
    };
    let kind = kinds.into_iter().find(|kind| kind.definition.targets.contains(key)).ok_or_else(|| {
        let help = match nearest(key, &accepted) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its target is one of {}", list(&accepted)),
        };
        Problem::error(format!("`{}` does not heal `{key}`", rule.name)).at(source, *key_span).help(help)
    })?;
    Ok((kind, key.clone()))
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
        written
            .get(&decided.parameter)
            .is_some_and(|value| decided.equals.as_ref().is_none_or(|equals| equals == value))
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
