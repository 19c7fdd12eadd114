//! References of a rule's target become CloudFormation's: `!Ref` of a parameter, `!Sub`, `!ImportValue`.
//!
//! Until here a variable stands in every text that the selector's value went into: names, ARNs, patterns, the runbook. So
//! templates and checks need not know of references, and each text becomes what CloudFormation needs in its place.

use crate::diagnostics::{Problem, Source};
use crate::rules::{Origin, Reference, RuleSet};
use crate::schema::nearest;
use crate::yaml::{Entry, HELD_CLOSE, HELD_OPEN, Node, Value};
use healstack_model::{Names, StackName};
use indexmap::IndexMap;
use std::sync::Arc;

/// Puts CloudFormation's functions in the place of every variable below `node`.
pub(super) fn fill_in(node: &mut Node, references: &[Reference]) {
    if references.is_empty() {
        return;
    }
    node.walk_mut(&mut |node| match (&mut node.value, node.tag.as_deref()) {
        (Value::String(text), None) if text.contains(HELD_OPEN) => {
            *node = whole(text, references).unwrap_or_else(|| {
                // CloudFormation reads `${!x}` as the text `${x}`.
                substitution(&text.replace("${", "${!"), references)
            });
        }
        (Value::String(text), Some("Sub")) if text.contains(HELD_OPEN) => *node = substitution(text, references),
        _ => {}
    });
}

/// The function for a text that is one variable and nothing else.
fn whole(text: &str, references: &[Reference]) -> Option<Node> {
    let variable = text.strip_prefix(HELD_OPEN)?.strip_suffix(HELD_CLOSE)?;
    let reference = references.iter().find(|reference| reference.variable == variable)?;
    Some(value(reference))
}

fn value(reference: &Reference) -> Node {
    match &reference.origin {
        Origin::Import(export) => Node::from(export.as_str()).tagged("ImportValue"),
        _ => Node::from(reference.variable.as_str()).tagged("Ref"),
    }
}

/// A `!Sub` of a text with variables in it. An import is no parameter, so it is given to `!Sub` by name.
fn substitution(text: &str, references: &[Reference]) -> Node {
    let imports: Vec<Entry> = references
        .iter()
        .filter(|reference| matches!(reference.origin, Origin::Import(_)))
        .filter(|reference| text.contains(&format!("{HELD_OPEN}{}{HELD_CLOSE}", reference.variable)))
        .map(|reference| Entry::new(reference.variable.as_str(), value(reference)))
        .collect();
    let text = text.replace(HELD_OPEN, "${").replace(HELD_CLOSE, "}");
    if imports.is_empty() {
        Node::from(text).tagged("Sub")
    } else {
        Node::from(vec![Node::from(text), Node::map(imports)]).tagged("Sub")
    }
}

/// A text with its variables as people read them.
#[must_use]
pub fn shown(text: &str) -> String {
    text.replace(HELD_OPEN, "${").replace(HELD_CLOSE, "}")
}

/// The same of every text of a JSON value.
#[must_use]
pub fn shown_in(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Json::String(text) => shown(&text).into(),
        Json::Array(items) => items.into_iter().map(shown_in).collect(),
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, shown_in(value))).collect(),
        other => other,
    }
}

/// Parameters of the rules' own stacks without a value, which CloudFormation refuses; with one that the rule could not name either;
/// and values that no rule refers to.
pub(super) fn check_values(sets: &[RuleSet], given: &IndexMap<String, String>) -> Vec<Problem> {
    let mut told: Vec<&str> = Vec::new();
    let mut used: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for set in sets {
        for reference in set.loops.iter().flat_map(|healing| &healing.references) {
            let name = reference.variable.as_str();
            if reference.origin != Origin::Parameter {
                continue;
            }
            used.push(name);
            if let Some(value) = given.get(name) {
                let pattern = reference.pattern.as_deref().unwrap_or_default();
                if !matches(value, pattern) {
                    let message = format!("the parameter `{name}` is `{value}`, which cannot stand here");
                    let help = format!("in healstack.yaml, give it a value that matches the pattern {pattern}");
                    found.push(Problem::error(message).at(&set.source, reference.span).help(help));
                }
                continue;
            }
            if told.contains(&name) {
                continue;
            }
            told.push(name);
            let message = format!("nothing gives the parameter `{name}` a value: the stack cannot be deployed without");
            let help = format!("add `{name}` to `parameters` of the environment in healstack.yaml");
            found.push(Problem::warning(message).at(&set.source, reference.span).help(help));
        }
    }
    for name in given.keys().filter(|name| !used.contains(&name.as_str())) {
        let message = format!("no rule refers to `parameters.{name}` of healstack.yaml");
        let help = match nearest(name, &used) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "remove it, or write `{parameter: …}` where a rule names its target".to_owned(),
        };
        found.push(Problem::warning(message).help(help));
    }
    found
}

/// Whether a value matches a selector's pattern.
fn matches(value: &str, pattern: &str) -> bool {
    let schema = serde_json::json!({"pattern": pattern});
    jsonschema::draft202012::is_valid(&schema, &value.into())
}

/// The parameters of a template whose rules have these references, sorted by name.
pub(super) fn parameters<'r>(
    references: impl Iterator<Item = &'r Reference>,
    names: &Names,
    stack: &StackName,
    given: &IndexMap<String, String>,
) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    for reference in references {
        let path = match &reference.origin {
            Origin::Import(_) => continue,
            Origin::Resource { .. } => Some(names.published(stack, &reference.variable)),
            Origin::Ssm(path) => Some(path.clone()),
            Origin::Parameter => None,
        };
        let description = match &reference.origin {
            Origin::Resource { id, .. } => format!("What AWS calls {id} of the workload, whose stack keeps it here"),
            _ => reference.description.clone(),
        };
        let mut entries = vec![Entry::new("Description", description)];
        if let Some(path) = path {
            // CloudFormation reads the parameter at every deployment, and locks nothing, as an import would.
            entries.push(Entry::new("Type", "AWS::SSM::Parameter::Value<String>"));
            entries.push(Entry::new("Default", path));
        } else {
            entries.push(Entry::new("Type", "String"));
            entries.extend(reference.pattern.as_deref().map(|pattern| Entry::new("AllowedPattern", pattern)));
            entries.extend(given.get(&reference.variable).map(|value| Entry::new("Default", value.as_str())));
        }
        if !found.iter().any(|known| known.key == reference.variable) {
            found.push(Entry::new(reference.variable.as_str(), Node::map(entries)));
        }
    }
    found.sort_by(|left, right| left.key.cmp(&right.key));
    found
}

/// References whose name is also that of a resource: in a template they share one space of names.
pub(super) fn clashes<'r>(
    source: &Arc<Source>,
    references: impl Iterator<Item = &'r Reference>,
    ids: &[&str],
) -> Vec<Problem> {
    let clash = |reference: &&Reference| ids.contains(&reference.variable.as_str());
    let told = |reference: &Reference| {
        let help = match reference.origin {
            Origin::Parameter => "rename the parameter",
            _ => "rename the rule whose resource it is",
        };
        Problem::error(format!("`{}` is also the logical id of a resource of the rules' stack", reference.variable))
            .at(source, reference.span)
            .help(help)
    };
    references.filter(clash).map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Span;

    fn reference(variable: &str, origin: Origin) -> Reference {
        Reference {
            variable: variable.to_owned(),
            origin,
            span: Span::default(),
            description: "What it is.".to_owned(),
            pattern: Some("^x$".to_owned()),
        }
    }

    fn held(text: &str) -> String {
        text.replace('<', &HELD_OPEN.to_string()).replace('>', &HELD_CLOSE.to_string())
    }

    #[test]
    fn a_text_becomes_the_function_that_it_needs() {
        let references =
            [reference("Web", Origin::Parameter), reference("ImportQ", Origin::Import("shop:q".to_owned()))];
        let filled = |node: Node| {
            let mut node = node;
            fill_in(&mut node, &references);
            node
        };
        assert_eq!(filled(held("<Web>").into()), Node::from("Web").tagged("Ref"));
        assert_eq!(filled(held("<ImportQ>").into()), Node::from("shop:q").tagged("ImportValue"));
        assert_eq!(filled(held("a ${b} <Web>").into()), Node::from("a ${!b} ${Web}").tagged("Sub"));
        let arn = Node::from(held("arn:${AWS::Partition}:<Web>")).tagged("Sub");
        assert_eq!(filled(arn), Node::from("arn:${AWS::Partition}:${Web}").tagged("Sub"));
        let import = filled(held("<ImportQ>/x").into());
        assert_eq!(import.tag.as_deref(), Some("Sub"));
        assert_eq!(import.pointer("/0").and_then(Node::text), Some("${ImportQ}/x"));
        assert_eq!(import.pointer("/1/ImportQ").and_then(Node::text), Some("shop:q"));
        assert_eq!(filled("plain".into()), Node::from("plain"));
    }
}
