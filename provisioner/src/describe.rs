//! What a compiled rule does, in words: for `explain` and for the reference, so that both say the same.

use crate::compile::Step;
use crate::text::seconds;
use crate::yaml::{Node, Value};
use serde_json::Value as Json;

/// What a step of a runbook does.
#[must_use]
pub(crate) fn deed(step: &Step) -> String {
    let call = step.call().unwrap_or_default();
    let text = |key: &str| step.inputs.get(key).and_then(Node::text).unwrap_or_default();
    let values = || {
        let values = step.inputs.get("DesiredValues").map(Node::items).unwrap_or_default();
        values.iter().filter_map(Node::text).collect::<Vec<_>>().join(" or ")
    };
    let failure = match &step.on_failure {
        Ok(next) => format!(", else {next}"),
        Err(_) => String::new(),
    };
    match step.action.as_str() {
        "aws:branch" => {
            let mut next = step.next.clone();
            next.dedup();
            format!("decides: {}", next.join(" | "))
        }
        "aws:sleep" if step.is_end => "ends".to_owned(),
        "aws:sleep" => format!("waits {}", seconds(step.timeout)),
        "aws:runCommand" => {
            format!("runs {} on the host, up to {}{failure}", text("DocumentName"), seconds(step.timeout))
        }
        "aws:executeScript" if step.verifies() => format!("compares what was read{failure}"),
        "aws:executeScript" => format!("computes from what was read{failure}"),
        "aws:approve" => format!("asks people, up to {}{failure}", seconds(step.timeout)),
        "aws:waitForAwsResourceProperty" => {
            format!("waits up to {} for {} by {call}{failure}", seconds(step.timeout), values())
        }
        "aws:assertAwsResourceProperty" => format!("expects {} by {call}{failure}", values()),
        _ if step.attempts > 1 => format!("{call}, tried {} times{failure}", step.attempts),
        _ => format!("{call}{failure}"),
    }
}

/// A value as a rule file writes it, in flow style.
#[must_use]
pub(crate) fn flow(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// One statement of a role, in words.
pub(crate) struct Grant<'a> {
    /// The actions.
    pub(crate) actions: Vec<&'a str>,
    /// On what.
    pub(crate) resources: Vec<&'a str>,
    /// `<key> <operator> <value>`.
    pub(crate) conditions: Vec<String>,
}

impl<'a> Grant<'a> {
    /// The words of a statement.
    pub(crate) fn of(statement: &'a Node) -> Self {
        let texts = |key: &str| -> Vec<&'a str> {
            let Some(node) = statement.get(key) else { return Vec::new() };
            node.text().into_iter().chain(node.items().iter().filter_map(Node::text)).collect()
        };
        let shown = |resource: &'a str| match resource {
            "*" => "anything (reading, or no resource to name)",
            resource => resource,
        };
        let mut conditions = Vec::new();
        for operator in statement.get("Condition").map(Node::entries).unwrap_or_default() {
            for condition in operator.value.entries() {
                let value = match &condition.value.value {
                    Value::String(text) => text.clone(),
                    _ => condition.value.to_json().to_string(),
                };
                conditions.push(format!("{} {} {value}", condition.key, operator.key));
            }
        }
        Self { actions: texts("Action"), resources: texts("Resource").into_iter().map(shown).collect(), conditions }
    }
}
