//! What a kind wants of a template's resources, in words for people.

use super::{document, follow, strength};
use crate::yaml::{Entry, Node};

/// One property that a kind wants of a template's resource, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The resource's type.
    pub kind: String,
    /// The property's path, with dots; empty for a whole resource.
    pub path: String,
    /// What it has to be, or why the resource is left as it is.
    pub value: String,
}

/// What a rendered `native.yaml.hbs` wants. `ids` are the logical ids that it was rendered with: other resources are new.
#[must_use]
pub fn wanted(native: &Node, ids: &[String]) -> Vec<Wanted> {
    let mut found: Vec<Wanted> = Vec::new();
    for entry in native.entries() {
        let kind = entry.value.get("Type").and_then(Node::as_str).unwrap_or_default();
        let mut add = |path: String, value: String| {
            let wanted = Wanted { kind: kind.to_owned(), path, value };
            if !found.contains(&wanted) {
                found.push(wanted);
            }
        };
        if follow::parts(&entry.key).is_none() && !ids.contains(&entry.key) {
            add(String::new(), "added, where something above refers to it".to_owned());
            continue;
        }
        for section in entry.value.entries() {
            match section.key.as_str() {
                "Type" | "Comment" | "Only" => {}
                "Properties" => leaves(&section.value, "", &mut add),
                key => leaves(&section.value, key, &mut add),
            }
        }
        for condition in entry.value.get("Only").map(Node::items).unwrap_or_default() {
            let why = condition.get("why").and_then(Node::as_str).unwrap_or_default();
            add(String::new(), format!("left as it is, with a warning, where it does not fit: {why}"));
        }
    }
    found
}

/// Every value below a node that is wanted by itself.
fn leaves(wanted: &Node, path: &str, found: &mut impl FnMut(String, String)) {
    let is_map = wanted.is_mapping() && !document::is_intrinsic(wanted);
    let step = match wanted.tag.as_deref() {
        Some("ByKey") => "",
        Some("Each") => "*.",
        None if is_map => "",
        _ => return found(path.to_owned(), strength::in_words(wanted)),
    };
    let below = |entry: &Entry| {
        let dot = if path.is_empty() { "" } else { "." };
        format!("{path}{dot}{step}{}", entry.key)
    };
    for entry in wanted.entries().iter().filter(|entry| entry.key != "Only") {
        leaves(&entry.value, &below(entry), found);
    }
}
