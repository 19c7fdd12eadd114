//! What resources are called that only a deployment would name: a rehearsal makes names up.

use super::Values;
use crate::digest::sha256;
use crate::project::Compiled;
use crate::rules::Reference;
use crate::yaml::{HELD_CLOSE, HELD_OPEN};
use serde_json::Value as Json;

/// Made-up values by variable.
pub(super) struct StandIns {
    values: Values,
}

impl StandIns {
    /// Of every reference of the rules. What healstack.yaml gives keeps its value.
    pub(super) fn of(compiled: &Compiled) -> Self {
        let given = &compiled.environment.parameters;
        let rules = compiled.stacks.iter().flat_map(|stack| &stack.rules);
        let references = rules.flat_map(|rule| &rule.healing.references);
        let values = references.map(|reference| {
            let value = given.get(&reference.variable).cloned();
            (reference.variable.clone(), value.unwrap_or_else(|| made_up(reference)))
        });
        Self { values: values.collect() }
    }

    /// As values of a template's parameters.
    pub(super) fn parameters(&self) -> Values {
        self.values.clone()
    }

    /// Puts the values into a rendered text where the variables stand.
    pub(super) fn put_in(&self, content: Json) -> Json {
        match content {
            Json::String(text) => Json::String(self.put_in_text(&text)),
            Json::Array(items) => items.into_iter().map(|item| self.put_in(item)).collect(),
            Json::Object(members) => Json::Object(
                members.into_iter().map(|(key, value)| (self.put_in_text(&key), self.put_in(value))).collect(),
            ),
            other => other,
        }
    }

    fn put_in_text(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(HELD_OPEN) {
            filled.push_str(before);
            let (variable, after) = after.split_once(HELD_CLOSE).unwrap_or((after, ""));
            filled.push_str(self.values.get(variable).map_or(variable, String::as_str));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

/// A value that fits the selector's pattern: ids of AWS's form where it asks for one, else the variable's own name.
fn made_up(reference: &Reference) -> String {
    let pattern = reference.pattern.as_deref().unwrap_or_default();
    let number = &sha256([reference.variable.as_str()])[..8];
    for prefix in ["i-", "vol-", "nat-", "rtb-", "vpn-"] {
        if pattern.starts_with(&format!("^{prefix}")) {
            return format!("{prefix}0{number}{number}");
        }
    }
    let name: String = reference.variable.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = name.to_lowercase();
    if pattern.contains("targetgroup/") {
        return format!("targetgroup/{}/{number}{number}", &name[..name.len().min(32)]);
    }
    if pattern.contains("app/") {
        let parts = pattern.matches('/').count();
        let ids = std::iter::repeat_n(format!("{number}{number}"), parts.max(2) - 1);
        return format!("app/{}/{}", &name[..name.len().min(32)], ids.collect::<Vec<_>>().join("/"));
    }
    if pattern.starts_with("^Z") {
        return format!("Z{}{}", number.to_uppercase(), number.to_uppercase());
    }
    if pattern.contains("arn:") { format!("arn:aws:rds:eu-west-1:111122223333:db:{name}") } else { name }
}
