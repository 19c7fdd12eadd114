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
        let mut values = Values::new();
        for rule in compiled.stacks.iter().flat_map(|stack| &stack.rules) {
            let references = &rule.healing.references;
            // A listener rule's name begins with that of its load balancer.
            let balancer = references.iter().find(|reference| levels(reference) == Some(LOAD_BALANCER)).map(made_up);
            for reference in references {
                let value = given.get(&reference.variable).cloned();
                let value = value.unwrap_or_else(|| match (&balancer, levels(reference)) {
                    (Some(balancer), Some(levels)) if levels > LOAD_BALANCER => {
                        let number = number(reference);
                        let rest = std::iter::repeat_n(format!("{number}{number}"), levels - LOAD_BALANCER);
                        std::iter::once(balancer.clone()).chain(rest).collect::<Vec<_>>().join("/")
                    }
                    _ => made_up(reference),
                });
                values.insert(reference.variable.clone(), value);
            }
        }
        Self { values }
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

/// Slashes in a load balancer's name: `app/web/50dc6c495c0c9188`.
const LOAD_BALANCER: usize = 2;

/// Slashes in the name of a load balancer or something below it; `None` for all else.
fn levels(reference: &Reference) -> Option<usize> {
    let pattern = reference.pattern.as_deref()?;
    (pattern.contains("app/") && !pattern.contains("targetgroup/"))
        .then(|| pattern.matches('/').count().max(LOAD_BALANCER))
}

/// Eight digits of a hash.
fn number(reference: &Reference) -> String {
    sha256([reference.variable.as_str()])[..8].to_owned()
}

/// A value that fits the selector's pattern: ids of AWS's form where it asks for one, else the variable's own name.
fn made_up(reference: &Reference) -> String {
    let pattern = reference.pattern.as_deref().unwrap_or_default();
    let number = number(reference);
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
    if let Some(levels) = levels(reference) {
        let ids = std::iter::repeat_n(format!("{number}{number}"), levels - 1);
        return format!("app/{}/{}", &name[..name.len().min(32)], ids.collect::<Vec<_>>().join("/"));
    }
    if pattern.starts_with("^Z") {
        return format!("Z{}{}", number.to_uppercase(), number.to_uppercase());
    }
    if pattern.contains("arn:") { format!("arn:aws:rds:eu-west-1:111122223333:db:{name}") } else { name }
}
