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
use crate::workload::document::{Document, branches, is_no_value};
use crate::workload::{Want, edit, follow, strength};
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
        let id = place.resource.as_str();
        let refers = |body: &Node| references(body).iter().any(|known| known == id);
        let (user, kind) = user(document, id, |body, kind| types.contains(&kind) && refers(body))?;
        return Some((place.key, format!("is used by {user} too, {kind}")));
    }
    if let Some(attributes) = texts("unless_got") {
        let id = place.resource.as_str();
        let followed = |body: &Node| attributes.iter().any(|attribute| gets(body, &format!("{id}.{attribute}")));
        let (user, _) = user(document, id, |body, _| followed(body))?;
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
    Some((other.span, format!("is {}", edit::shown(document, other))))
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

/// A resource, and its type, that uses another one as `uses` says of its body, whose functions are in their short form.
fn user<'d>(document: &'d Document, id: &str, uses: impl Fn(&Node, &str) -> bool) -> Option<(&'d str, &'d str)> {
    document.ids().into_iter().filter(|other| *other != id).find_map(|other| {
        let body = document.find(other)?.body;
        let kind = body.get("Type").and_then(Node::as_str).unwrap_or("of no type");
        let mut short = body.clone();
        short.walk_mut(&mut shorten_intrinsic);
        uses(&short, kind).then_some((other, kind))
    })
}

/// Whether a body has an attribute, written `Id.Attribute`, of a resource.
fn gets(body: &Node, attribute: &str) -> bool {
    let mut found = false;
    body.walk(&mut |node| {
        found |= match node.tag.as_deref() {
            Some("GetAtt") => node.text() == Some(attribute),
            Some("Sub") => {
                let text = node.items().first().unwrap_or(node).text();
                text.is_some_and(|text| text.contains(&format!("${{{attribute}}}")))
            }
            _ => false,
        };
    });
    found
}
