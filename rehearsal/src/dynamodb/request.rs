//! Members of a request, each read with its type.

use super::lexer::Placeholders;
use super::{AwsError, invalid};
use serde_json::{Map, Value};

/// Members that say what the answer tells beside its result. The rehearsal answers the result alone.
const METRICS: [&str; 2] = ["ReturnConsumedCapacity", "ReturnItemCollectionMetrics"];

/// A request whose members are all known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'value> {
    members: &'value Map<String, Value>,
}

impl<'value> Request<'value> {
    /// Refuses members that the operation does not have.
    pub(super) fn read(request: &'value Value, known: &[&str]) -> Result<Self, AwsError> {
        let members = request.as_object().ok_or_else(|| invalid("A request is an object"))?;
        for (name, value) in members {
            if METRICS.contains(&name.as_str()) && value == "NONE" {
                continue;
            }
            if !known.contains(&name.as_str()) {
                return Err(invalid(format!("The rehearsal does not know the member {name} with the value {value}")));
            }
        }
        Ok(Self { members })
    }

    pub(super) fn text(self, member: &str) -> Result<Option<&'value str>, AwsError> {
        self.typed(member, "a string", Value::as_str)
    }

    pub(super) fn needed(self, member: &str) -> Result<&'value str, AwsError> {
        self.text(member)?.ok_or_else(|| missing(member))
    }

    pub(super) fn flag(self, member: &str, otherwise: bool) -> Result<bool, AwsError> {
        Ok(self.typed(member, "a boolean", Value::as_bool)?.unwrap_or(otherwise))
    }

    pub(super) fn count(self, member: &str) -> Result<Option<u64>, AwsError> {
        self.typed(member, "a number", Value::as_u64)
    }

    pub(super) fn object(self, member: &str) -> Result<Option<&'value Map<String, Value>>, AwsError> {
        self.typed(member, "an object", Value::as_object)
    }

    pub(super) fn needed_object(self, member: &str) -> Result<&'value Map<String, Value>, AwsError> {
        self.object(member)?.ok_or_else(|| missing(member))
    }

    /// A member that is one of several words, the first where it is not given.
    pub(super) fn word(self, member: &str, words: &[&'static str]) -> Result<&'static str, AwsError> {
        let Some(given) = self.text(member)? else { return Ok(words.first().copied().unwrap_or_default()) };
        words.iter().copied().find(|word| *word == given).ok_or_else(|| {
            let allowed = words.join(", ");
            invalid(format!("Value '{given}' at '{member}' failed to satisfy constraint: one of [{allowed}]"))
        })
    }

    fn typed<T>(
        self,
        member: &str,
        what: &str,
        read: impl Fn(&'value Value) -> Option<T>,
    ) -> Result<Option<T>, AwsError> {
        let Some(value) = self.members.get(member) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| {
            AwsError::client("SerializationException", format!("{member} has to be {what}, not {value}"))
        })
    }

    /// The placeholders, for a request whose expressions are the members named.
    pub(super) fn placeholders(self, expressions: &[&str]) -> Result<Placeholders, AwsError> {
        Placeholders::read(self.members, expressions.iter().any(|member| self.members.contains_key(*member)))
    }

    /// Reads an expression, if the request has it.
    pub(super) fn expression<T>(
        self,
        member: &str,
        placeholders: &mut Placeholders,
        parse: impl Fn(&str, &mut Placeholders) -> Result<T, String>,
    ) -> Result<Option<T>, AwsError> {
        let Some(text) = self.text(member)? else { return Ok(None) };
        parse(text, placeholders).map(Some).map_err(|error| invalid(format!("Invalid {member}: {error}")))
    }
}

fn missing(member: &str) -> AwsError {
    invalid(format!("Value null at '{member}' failed to satisfy constraint: Member must not be null"))
}
