//! The user's own template, healed: AWS's own healing is a matter of properties of resources that users own.
//!
//! ```text
//! template ──► tree with places ──► what each rule wants, held against it ──► insertions ──► healed template
//!                                                                                 └── parsed again and compared
//! ```
//! What a kind wants stands in its `native.yaml.hbs`, in CloudFormation's own shape; tags say how strong a value must be:
//!
//! | written | absent | there already |
//! |---|---|---|
//! | `value` | is written | anything else is a conflict |
//! | `!AtLeast 60`, `!AtLeast [60, 300]` | the (second) number is written | less is a conflict |
//! | `!NotBelow 2` | stays absent | less is a conflict |
//! | `!Includes EBS,ELB,-EC2` | the words are written, with commas | a missing word is a conflict; what replaces it keeps other words, except those with a minus |
//! | `!Default value` | is written | stays, whatever it is |
//! | `!Expect [value, why]` | a warning | anything else is a warning |
//! | `!ByKey {key: value}` | `{Key: key, Value: value}` is added to the list | the value is held against the item's |
//! | `!Each {…}` | stays absent | every item of the list is held against it |
//!
//! A key `Id -> Property.Path` names the resource that a property of `Id` refers to. A resource that is not in the template is
//! added if something that was inserted refers to it; `!From Id.Path` in it is what the template says there. A conflict is an error, or is replaced where the rule has `override: true`.
//!
//! **Invariant:** the template is edited, never written anew. Every byte of it stays, except literals that `override` replaces, and
//! what comes out is parsed and compared with what went in before anybody sees it.

mod document;
mod edit;
mod follow;
mod plan;
mod strength;
mod verify;
mod write;

use crate::diagnostics::{Problem, Severity, Source};
use crate::yaml::{Entry, Node, Span};
use document::Document;
use std::sync::Arc;

/// What one rule wants of the template.
#[derive(Debug)]
pub struct Want {
    /// `<stack>/<rule>`.
    pub identity: String,
    /// The rule file.
    pub source: Arc<Source>,
    /// Where the rule stands in it.
    pub span: Span,
    /// Whether weaker values are replaced.
    pub overrides: bool,
    /// The resources that the rule's target names.
    pub targets: Vec<Target>,
    /// The kind's rendered `native.yaml.hbs`: a map of resources.
    pub native: Node,
}

/// A resource that a rule names.
#[derive(Debug)]
pub struct Target {
    /// Its logical id.
    pub id: String,
    /// The type that it must have.
    pub kind: String,
    /// Where the rule names it.
    pub span: Span,
    /// The parameter that tells the rules' stack its value: name, and value in long form.
    pub published: (String, Node),
    /// The parameter's logical id.
    pub parameter: String,
}

/// A healed template.
#[derive(Debug)]
pub struct Healed {
    /// Its text.
    pub text: String,
    /// What was changed, in the order of the rules.
    pub changes: Vec<Change>,
}

/// One property that was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The rule's identity; empty for what tells the rules' stack a value.
    pub rule: String,
    /// The resource's logical id.
    pub resource: String,
    /// The property's path, with dots; empty for a whole resource.
    pub path: String,
    /// What is written.
    pub value: String,
    /// What stood there, where `override` replaced it.
    pub was: Option<String>,
}

/// One property that a kind wants of a template's resource, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The resource's type.
    pub kind: String,
    /// The property's path, with dots; empty for a whole resource.
    pub path: String,
    /// What it has to be.
    pub value: String,
}

/// What a rendered `native.yaml.hbs` wants. `ids` are the logical ids that it was rendered with: other resources are new.
#[must_use]
pub fn wanted(native: &Node, ids: &[String]) -> Vec<Wanted> {
    let mut found: Vec<Wanted> = Vec::new();
    for entry in native.entries() {
        let kind = entry.value.get("Type").and_then(Node::as_str).unwrap_or_default();
        let known = follow::parts(&entry.key).is_some() || ids.contains(&entry.key);
        if !known {
            let value = "added, where something above refers to it".to_owned();
            found.push(Wanted { kind: kind.to_owned(), path: String::new(), value });
            continue;
        }
        for section in
            entry.value.entries().iter().filter(|section| !["Type", "Comment"].contains(&section.key.as_str()))
        {
            let path = if section.key == "Properties" { "" } else { &section.key };
            leaves(&section.value, path, &mut |path, value| {
                let wanted = Wanted { kind: kind.to_owned(), path, value };
                if !found.contains(&wanted) {
                    found.push(wanted);
                }
            });
        }
    }
    found
}

/// Every value below a node that is wanted by itself.
fn leaves(wanted: &Node, path: &str, found: &mut impl FnMut(String, String)) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let map = wanted.is_mapping() && !document::is_intrinsic(wanted);
    let key = |entry: &Entry| match wanted.tag.as_deref() {
        Some("ByKey") => Some(format!("`{}`", entry.key)),
        Some("Each") => Some(format!("*.{}", entry.key)),
        None if map => Some(entry.key.clone()),
        _ => None,
    };
    if wanted.entries().is_empty() || wanted.entries().iter().any(|entry| key(entry).is_none()) {
        return found(path.to_owned(), strength::in_words(wanted));
    }
    for entry in wanted.entries() {
        leaves(&entry.value, &below(&key(entry).unwrap_or_default()), found);
    }
}

/// Heals a template. The text is there when no problem is an error.
#[must_use]
pub fn heal(source: &Arc<Source>, wants: &[Want]) -> (Option<Healed>, Vec<Problem>) {
    let document = match Document::parse(source) {
        Ok(document) => document,
        Err(problem) => return (None, vec![problem]),
    };
    let mut planner = plan::Planner::new(&document);
    for want in wants {
        planner.want(want);
    }
    planner.publish(wants);
    let (plan, mut problems) = planner.finish();
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return (None, problems);
    }
    let text = edit::apply(&document, &plan);
    if let Err(problem) = verify::check(&document, &plan, &text) {
        problems.push(problem);
        return (None, problems);
    }
    (Some(Healed { text, changes: plan.changes }), problems)
}

/// An entry and the comment above it.
#[derive(Debug, Clone)]
struct Added {
    comment: Option<String>,
    entry: Entry,
}
