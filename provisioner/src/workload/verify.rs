//! The healed text, parsed again and held against the original and the plan: nothing else may have changed.

use super::document::Document;
use super::plan::Plan;
use super::strength::equal;
use crate::diagnostics::{Problem, Source};
use crate::yaml::{self, Node, Value};

/// Fails when the healed text is anything but the original with the plan's changes.
///
/// Gives the number of its resources.
pub(super) fn check(document: &Document, plan: &Plan<'_>, healed: &str) -> Result<usize, Problem> {
    let source = Source::new(document.source.name(), healed.trim_start_matches('\u{FEFF}'));
    let node = yaml::parse(&source).map_err(|problem| fault(document, &document.root, &problem.to_string()))?;
    compare(document, plan, &document.root, &node)?;
    Ok(node.get("Resources").map_or(0, |resources| resources.entries().len()))
}

fn compare(document: &Document, plan: &Plan<'_>, before: &Node, after: &Node) -> Result<(), Problem> {
    if let Some(replace) = plan.replaces.iter().find(|replace| std::ptr::eq(replace.at, before)) {
        return if equal(&replace.by, after) { Ok(()) } else { Err(fault(document, before, "a replaced value")) };
    }
    let insert = plan.inserts.iter().find(|insert| std::ptr::eq(insert.at, before));
    let entries = insert.map(|insert| insert.entries.as_slice()).unwrap_or_default();
    let items = insert.map(|insert| insert.items.as_slice()).unwrap_or_default();
    let same = match (&before.value, &after.value) {
        (Value::Mapping(_) | Value::Null, Value::Mapping(found)) if before.tag == after.tag => {
            let old: Vec<_> =
                found.iter().filter(|entry| !entries.iter().any(|added| added.entry.key == entry.key)).collect();
            let new = entries
                .iter()
                .all(|added| after.get(&added.entry.key).is_some_and(|value| equal(value, &added.entry.value)));
            if !new || old.len() != before.entries().len() {
                return Err(fault(document, before, "an inserted entry"));
            }
            for (before, after) in before.entries().iter().zip(old) {
                if before.key != after.key {
                    return Err(fault(document, &before.value, "the order of entries"));
                }
                compare(document, plan, &before.value, &after.value)?;
            }
            true
        }
        (Value::Sequence(old), Value::Sequence(found)) if before.tag == after.tag => {
            if found.len() != old.len() + items.len() {
                return Err(fault(document, before, "an inserted item"));
            }
            let inserted = |at: &usize| found[*at..].iter().zip(items).all(|(left, right)| equal(left, right));
            let at = (0..=old.len()).rev().find(inserted);
            let Some(at) = at else { return Err(fault(document, before, "an inserted item")) };
            for (before, after) in old.iter().zip(found[..at].iter().chain(&found[at + items.len()..])) {
                compare(document, plan, before, after)?;
            }
            true
        }
        (left, right) => left == right && before.tag == after.tag,
    };
    if same { Ok(()) } else { Err(fault(document, before, "a value")) }
}

/// The edit would have changed something that it must not.
fn fault(document: &Document, at: &Node, what: &str) -> Problem {
    Problem::error(format!("the healed template would not be this one with additions: {what} differs"))
        .at(&document.source, at.span)
        .help("write this part in a plainer form, or heal it by hand; nothing was written")
}
