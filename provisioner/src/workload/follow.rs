//! `Id -> Property.Path`: the resources that a property refers to.

use super::document::{Document, Found, branches, intrinsic};
use crate::yaml::Node;

/// What stands between a logical id and a path.
const ARROW: &str = " -> ";

/// Splits a key of `native.yaml.hbs` that names a resource by another one.
pub(super) fn parts(key: &str) -> Option<(&str, &str)> {
    key.split_once(ARROW)
}

/// The logical ids that the property of `found` refers to, and the value at which the trail ends where it refers to none.
pub(super) fn follow<'d>(document: &'d Document, found: &Found<'d>, path: &str) -> (Vec<String>, Option<&'d Node>) {
    let keys = std::iter::once("Properties").chain(path.split('.'));
    let Some(value) = keys.into_iter().try_fold(found.body, |node, key| node.get(key)) else {
        return (Vec::new(), None);
    };
    let mut ids = Vec::new();
    let mut open = vec![value];
    let mut lost = None;
    while let Some(node) = open.pop() {
        if let Some(branches) = branches(node) {
            open.extend(branches);
            continue;
        }
        match id(node).filter(|id| document.find(id).is_some()) {
            Some(id) => ids.push(id),
            None => lost = Some(node),
        }
    }
    ids.sort();
    ids.dedup();
    (ids, lost)
}

/// The logical id of a `Ref`, a `GetAtt`, or a `Sub` of nothing else.
pub(super) fn id(node: &Node) -> Option<String> {
    if let Some(text) = intrinsic(node, "Ref").and_then(Node::text) {
        return Some(text.to_owned());
    }
    if let Some(argument) = intrinsic(node, "GetAtt") {
        let text = argument.items().first().and_then(Node::as_str).or(argument.text())?;
        return text.split('.').next().map(str::to_owned);
    }
    let text = intrinsic(node, "Sub")?.text()?;
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    (!inner.contains('{')).then(|| inner.split('.').next().unwrap_or(inner).to_owned())
}
