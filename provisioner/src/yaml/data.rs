//! Files of users are data: they say nothing to YAML's tags, and nothing to CloudFormation.

use super::Node;
use crate::diagnostics::{Problem, Source};
use std::sync::Arc;

/// How a dynamic reference of CloudFormation begins. Wherever one stands in a template, CloudFormation puts the value of
/// a secret or parameter in its place, and there is no escape for it.
const DYNAMIC_REFERENCE: &str = "{{resolve:";

/// Stand around the variable of a reference until the compiler makes a `!Ref` or `!Sub` of it. From Unicode's private use
/// area, so that no text of a user means them; see `rules/reference.rs`.
pub const HELD_OPEN: char = '\u{F8FC}';
/// The end of a held variable.
pub const HELD_CLOSE: char = '\u{F8FD}';

/// Everything in a file of a user that would be more than data.
#[must_use]
pub fn check_data(source: &Arc<Source>, root: &Node) -> Vec<Problem> {
    let mut found = Vec::new();
    let reference = |text: &str, span| {
        if text.contains([HELD_OPEN, HELD_CLOSE]) {
            let problem = Problem::error("a character of Unicode's private use area has no meaning here");
            return Some(problem.at(source, span).help("remove it: it shows as a box, or as nothing"));
        }
        text.contains(DYNAMIC_REFERENCE).then(|| {
            Problem::error(format!("`{DYNAMIC_REFERENCE}` would be a dynamic reference in the template"))
                .at(source, span)
                .help("CloudFormation would write a secret's value in its place, readable for all: write the text without it")
        })
    };
    root.walk(&mut |node| {
        if let Some(tag) = &node.tag {
            found.push(
                Problem::error(format!("the tag `!{tag}` has no meaning here"))
                    .at(source, node.span)
                    .help("write the value itself; put it in quotes if it begins with an exclamation mark"),
            );
        }
        found.extend(node.text().and_then(|text| reference(text, node.span)));
        found.extend(node.entries().iter().filter_map(|entry| reference(&entry.key, entry.key_span)));
    });
    found
}
