//! `Only:` the conditions under which a kind's properties fit a resource.
//!
//! ```yaml
//! Only:
//!   - {path: Properties.DeploymentController.Type, in: [ECS], why: …}
//!   - {path: Properties.SourceDBInstanceIdentifier, absent: true, why: …}
//! ```
//! | written | holds when |
//! |---|---|
//! | `in: [a, b]` | every value at the path is one of them, or there is none |
//! | `absent: true` | there is none |
//! | `least: 1`, `most: 50`, `or: [off]` | every value at the path is a number within it, or one of the words, or there is none |
//! | `distinct: 2` | the list at the path has so many different items, or there is none |
//! | `any: [path, path]` | there is a value at one of them |
//! | `refers: [Id]` | the value at the path refers to one of these resources |
//! | `unless_used_by: [Type]` | no resource of these types refers to this one |
//! | `unless_got: [Attribute]` | no resource has one of these attributes of this one |
//!
//! In a path `*` is every item of a list, and a key after a list of `{Key, Value}` is one of its keys. What only CloudFormation knows
//! does not hold. With `quiet: true` nothing is said where the condition does not hold.

use super::{Place, Planner};
use crate::compile::{references, shorten_intrinsic};
use crate::diagnostics::Problem;
use crate::schema::list;
use crate::workload::document::{Document, branches, intrinsic, is_no_value};
use crate::workload::{Want, follow, strength, write};
use crate::yaml::{Node, Span};

/// Why a condition does not hold, and where.
pub(super) struct Fault {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) quiet: bool,
}

impl<'d> Planner<'d> {
    /// Whether all conditions hold of a place; what does not is told as a warning.
    pub(super) fn applies(&mut self, want: &Want, place: &Place<'d>, only: Option<&Node>) -> bool {
        let Some(fault) = fault(self.document, place, only) else { return true };
        if !fault.quiet {
            let help = format!("{} sets nothing here", want.identity);
            self.problems.push(Problem::warning(fault.message).at(&self.document.source, fault.span).help(help));
        }
        false
    }
}

/// The first condition that does not hold.
pub(super) fn fault(document: &Document, place: &Place<'_>, only: Option<&Node>) -> Option<Fault> {
    only?.items().iter().find_map(|condition| {
        let (span, what) = broken(document, place, condition)?;
        let why = condition.get("why").and_then(Node::as_str).unwrap_or_default();
        let path = condition.get("path").and_then(Node::as_str).unwrap_or_default();
        let path = path.strip_prefix("Properties.").unwrap_or(path).replace(".*", "");
        let name = place.name(Some(path.as_str()).filter(|path| !path.is_empty()));
        let quiet = condition.get("quiet").is_some();
        Some(Fault { span, message: format!("{name} {what}: {why}"), quiet })
    })
}

/// What is wrong with a condition, and where.
fn broken(document: &Document, place: &Place<'_>, condition: &Node) -> Option<(Span, String)> {
    let text = |key: &str| condition.get(key).and_then(Node::as_str);
    let texts = |key: &str| -> Option<Vec<&str>> {
        Some(condition.get(key)?.items().iter().filter_map(Node::as_str).collect())
    };
    if let Some(paths) = texts("any") {
        let there = |path: &&str| !values(document, place.node, path).is_empty();
        return (!paths.iter().any(there)).then(|| (place.key, "has none".to_owned()));
    }
    if let Some(types) = texts("unless_used_by") {
        let user = users(document, &place.resource).into_iter().find(|(_, kind)| types.contains(&kind.as_str()))?;
        return Some((place.key, format!("is used by {} too, {}", user.0, user.1)));
    }
    if let Some(attributes) = texts("unless_got") {
        let user = attributes.iter().find_map(|attribute| getter(document, &place.resource, attribute))?;
        return Some((place.key, format!("is followed by {user}")));
    }
    let path = text("path").unwrap_or_default();
    let found = values(document, place.node, path);
    if let Some(ids) = texts("refers") {
        let refers = |value: &&Node| follow::id(value).is_some_and(|id| ids.contains(&id.as_str()));
        let other = found.iter().find(|value| !refers(value));
        return match (other, found.is_empty()) {
            (None, false) => None,
            (value, _) => {
                Some((value.map_or(place.key, |value| value.span), format!("does not refer to {}", list(&ids))))
            }
        };
    }
    let holds = |value: &Node| match strength::scalar(value) {
        _ if condition.get("absent").is_some() => false,
        _ if condition.get("distinct").is_some() => {
            let mut items: Vec<&Node> = Vec::new();
            for item in value.items() {
                if !items.iter().any(|known| strength::equal(known, item)) {
                    items.push(item);
                }
            }
            number(condition, "distinct").is_some_and(|least: usize| items.len() >= least)
        }
        None => false,
        Some(text) => {
            let value = text.parse::<f64>().ok();
            if texts("or").is_some_and(|words| words.contains(&text.as_str())) {
                return true;
            }
            let named = texts("in").is_none_or(|words| words.contains(&text.as_str()));
            let least = number(condition, "least").is_none_or(|least: f64| value.is_some_and(|value| value >= least));
            let most = number(condition, "most").is_none_or(|most: f64| value.is_some_and(|value| value <= most));
            named && least && most
        }
    };
    let other = found.into_iter().find(|value| !holds(value))?;
    let shown = crate::workload::edit::own_text(document, other).split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = if shown.is_empty() { write::flow(other, false) } else { shown };
    Some((other.span, format!("is {shown}")))
}

fn number<T: std::str::FromStr>(condition: &Node, key: &str) -> Option<T> {
    strength::scalar(condition.get(key)?)?.parse().ok()
}

/// The values at a path, of every branch of a condition, and of every value that a parameter may have.
fn values<'d>(document: &'d Document, node: &'d Node, path: &str) -> Vec<&'d Node> {
    let mut found = Vec::new();
    let mut open = vec![(node, path)];
    while let Some((node, path)) = open.pop() {
        if let Some(branches) = branches(node) {
            open.extend(branches.map(|branch| (branch, path)));
            continue;
        }
        if is_no_value(node) {
            continue;
        }
        if path.is_empty() {
            match document.candidates(node) {
                Some(candidates) => found.extend(candidates),
                None => found.push(node),
            }
            continue;
        }
        let (key, rest) = path.split_once('.').unwrap_or((path, ""));
        if key == "*" {
            open.extend(node.items().iter().map(|item| (item, rest)));
        } else if node.is_mapping() {
            open.extend(node.get(key).map(|value| (value, rest)));
        } else {
            let item = node.items().iter().find(|item| item.get("Key").and_then(Node::as_str) == Some(path));
            open.extend(item.and_then(|item| item.get("Value")).map(|value| (value, "")));
        }
    }
    found
}

/// A resource that has an attribute of another.
fn getter(document: &Document, id: &str, attribute: &str) -> Option<String> {
    let gets = |node: &Node| {
        let text = intrinsic(node, "GetAtt").map(|argument| match argument.items() {
            [id, attribute] => [id, attribute].map(|part| part.as_str().unwrap_or_default()).join("."),
            _ => argument.text().unwrap_or_default().to_owned(),
        });
        let written = intrinsic(node, "Sub").and_then(|argument| argument.items().first().unwrap_or(argument).text());
        text.is_some_and(|text| text == format!("{id}.{attribute}"))
            || written.is_some_and(|text| text.contains(&format!("${{{id}.{attribute}}}")))
    };
    document.ids().into_iter().find_map(|other| {
        let mut found = false;
        document.find(other)?.body.walk(&mut |node| found |= gets(node));
        found.then(|| other.to_owned())
    })
}

fn refers(body: &Node, id: &str) -> bool {
    let mut body = body.clone();
    body.walk_mut(&mut shorten_intrinsic);
    references(&body).iter().any(|known| known == id)
}

/// The resources that refer to one, with their types.
fn users(document: &Document, id: &str) -> Vec<(String, String)> {
    let resources = document.ids().into_iter().filter_map(|other| Some((other, document.find(other)?.body)));
    resources
        .filter(|(other, body)| *other != id && refers(body, id))
        .map(|(other, body)| {
            (other.to_owned(), body.get("Type").and_then(Node::as_str).unwrap_or("of no type").to_owned())
        })
        .collect()
}
