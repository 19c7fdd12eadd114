//! Reading a scenario's entries member by member: what is missing or left over is an error that names it.

use crate::Millis;
use crate::time::SECOND;
use healstack_model::Seconds;
use serde_json::{Map, Value};

/// What is wrong with a scenario file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct ScenarioError {
    /// Where: `scenario hung-kernel, when[2]`.
    pub place: String,
    /// What, and what to write instead.
    pub what: String,
}

/// The members of one entry, taken one after the other.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) place: String,
    members: Map<String, Value>,
}

impl Fields {
    pub(super) fn new(place: impl Into<String>, value: Value) -> Result<Self, ScenarioError> {
        let place = place.into();
        match value {
            Value::Object(members) => Ok(Self { place, members }),
            other => Err(ScenarioError { place, what: format!("expected a mapping, found {other}") }),
        }
    }

    pub(super) fn error(&self, what: impl Into<String>) -> ScenarioError {
        ScenarioError { place: self.place.clone(), what: what.into() }
    }

    /// Whether a member is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    pub(super) fn optional(&mut self, name: &str) -> Option<Value> {
        self.members.shift_remove(name)
    }

    pub(super) fn required(&mut self, name: &str) -> Result<Value, ScenarioError> {
        self.optional(name).ok_or_else(|| self.error(format!("`{name}` is missing")))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, ScenarioError> {
        match self.required(name)? {
            Value::String(text) => Ok(text),
            other => Err(self.error(format!("`{name}` must be a text, found {other}"))),
        }
    }

    pub(super) fn optional_text(&mut self, name: &str) -> Result<Option<String>, ScenarioError> {
        if self.has(name) { self.text(name).map(Some) } else { Ok(None) }
    }

    /// A number that is not negative.
    pub(super) fn count(&mut self, name: &str) -> Result<u64, ScenarioError> {
        let value = self.required(name)?;
        value.as_u64().ok_or_else(|| self.error(format!("`{name}` must be a number from 0, found {value}")))
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Value>, ScenarioError> {
        match self.optional(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.error(format!("`{name}` must be a list, found {other}"))),
        }
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, ScenarioError> {
        let items = self.list(name)?;
        let texts = items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>();
        texts.ok_or_else(|| self.error(format!("`{name}` must be a list of texts")))
    }

    /// A duration such as `90s`, `10m`, `0s`.
    pub(super) fn duration(&mut self, name: &str) -> Result<Option<Millis>, ScenarioError> {
        let text = match self.optional(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(other) => return Err(self.error(format!("`{name}` must be a duration, found {other}"))),
        };
        if matches!(text.as_str(), "0" | "0s" | "0m" | "0h") {
            return Ok(Some(0));
        }
        let seconds =
            Seconds::parse(&text).map_err(|error| self.error(format!("`{name}`: {error}; {}", error.help())))?;
        // At most 400 days, which fits many times over.
        Ok(Some(i64::try_from(seconds.get()).unwrap_or(i64::MAX / SECOND).saturating_mul(SECOND)))
    }

    /// `service:Api`.
    pub(super) fn api(&self, name: &str, text: &str) -> Result<(String, String), ScenarioError> {
        let split = text.split_once(':').map(|(service, api)| (service.to_owned(), api.to_owned()));
        split.ok_or_else(|| self.error(format!("`{name}` must be service:Api (ec2:StopInstances), found `{text}`")))
    }

    /// Everything that is left, as the object it was.
    pub(super) fn rest(self) -> Value {
        Value::Object(self.members)
    }

    /// Fails when something was not taken.
    pub(super) fn end(self) -> Result<(), ScenarioError> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.error(format!("`{name}` does not belong here"))),
        }
    }
}
