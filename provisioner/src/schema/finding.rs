//! A finding of the schema, told in the user's words.

use super::{list, nearest};
use crate::diagnostics::{Problem, Source};
use crate::text::{bare, lower_first};
use crate::yaml::{Node, Span, Value as Yaml};
use healstack_model::name::NameError;
use healstack_model::{EnvironmentName, Prefix, RuleName, Seconds, StackName};
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;
use std::sync::Arc;

/// A finding's place, and what is known there.
pub(super) struct Place<'a> {
    pub(super) source: &'a Arc<Source>,
    pub(super) root: &'a Node,
    pub(super) what: &'a str,
    pub(super) path: &'a str,
    pub(super) node: &'a Node,
    pub(super) schema: &'a Value,
}

impl Place<'_> {
    /// The field at fault, or what the whole node is called.
    pub(super) fn name(&self) -> String {
        match self.path.rsplit('/').next().filter(|last| !last.is_empty()) {
            Some(last) if last.bytes().all(|byte| byte.is_ascii_digit()) => {
                let parent = &self.path[..self.path.len() - last.len() - 1];
                let field = parent.rsplit('/').next().unwrap_or_default();
                let field = if field.is_empty() { self.what } else { field };
                match self.node.get("name").and_then(Node::as_str) {
                    Some(name) => format!("`{name}`"),
                    None => format!("item {} of `{field}`", last.parse::<usize>().unwrap_or(0) + 1),
                }
            }
            Some(last) => format!("`{last}`"),
            None => self.what.to_owned(),
        }
    }

    pub(super) fn problem(&self, message: String, span: Span) -> Problem {
        let problem = Problem::error(message).at(self.source, span);
        match self.schema.get("x-help").and_then(Value::as_str) {
            Some(help) => problem.help(help),
            None => problem,
        }
    }

    /// The place of the value; of its key when it has no extent of its own.
    fn span(&self) -> Span {
        let key = || {
            let (parent, last) = self.path.rsplit_once('/')?;
            Some(self.root.pointer(parent)?.entry(last)?.key_span)
        };
        let empty = self.node.span.start >= self.node.span.end;
        if empty { key().unwrap_or(self.node.span) } else { self.node.span }
    }

    pub(super) fn unknown_field(&self, field: &str) -> Problem {
        let span = self.node.entry(field).map_or(self.node.span, |entry| entry.key_span);
        let known: Vec<&str> = self
            .schema
            .get("properties")
            .and_then(Value::as_object)
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default();
        let help = match nearest(field, &known) {
            _ if field == "<<" => "merge keys are not supported: repeat the fields, or use `defaults`".to_owned(),
            // What stands here under the name of a list or a map, beside an empty `target`.
            _ if self.node.get("target").is_some_and(|target| target.value == Yaml::Null) => {
                format!("indent `{field}` under `target:`")
            }
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("{} takes no fields", self.name()),
            None => format!("the fields of {} are {}", self.name(), list(&known)),
        };
        Problem::error(format!("unknown field `{field}` in {}", self.name())).at(self.source, span).help(help)
    }

    pub(super) fn missing(&self, field: &str) -> Problem {
        let example = self.schema.pointer(&format!("/properties/{field}/x-help")).and_then(Value::as_str);
        let description = self.schema.pointer(&format!("/properties/{field}/description")).and_then(Value::as_str);
        let help = match (example, description) {
            (Some(example), _) => example.to_owned(),
            (None, Some(description)) => format!("add `{field}:` - {}", lower_first(description)),
            (None, None) => format!("add `{field}:`"),
        };
        Problem::error(format!("{} has no `{field}`", self.name())).at(self.source, self.span()).help(help)
    }

    pub(super) fn value(&self, kind: &ValidationErrorKind, instance: &Value) -> Problem {
        let name = self.name();
        let shown = show(instance);
        let unit = self.schema.get("x-unit").and_then(Value::as_str).map(|unit| format!(" {unit}")).unwrap_or_default();
        if self.node.value == Yaml::Null && !self.path.is_empty() {
            return Problem::error(format!("{name} is empty"))
                .at(self.source, self.span())
                .help(if self.is_required() { "give it a value" } else { "give it a value, or leave the field out" });
        }
        let (message, help) = match kind {
            ValidationErrorKind::Type { kind } => {
                let expected = expected(kind);
                let scalar = matches!(self.node.value, Yaml::Int(_) | Yaml::Float(_) | Yaml::Bool(_));
                let help = match (&self.node.value, expected.as_str()) {
                    (_, "text") if scalar => Some(format!("put it in quotes: \"{}\"", self.written())),
                    (Yaml::String(_), "true or false") => Some("write true or false, without quotes".to_owned()),
                    (Yaml::String(text), "a whole number") => Some(self.digits(text)),
                    (Yaml::Sequence(_), "a map") => {
                        Some("write `key: value` pairs, without dashes or brackets".to_owned())
                    }
                    _ => None,
                };
                (format!("{name} must be {expected}, this is {}", self.found()), help)
            }
            ValidationErrorKind::Enum { options } => {
                let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let near = instance.as_str().and_then(|text| nearest(text, &options));
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write one of {}", list(&options)),
                };
                (format!("{name} cannot be {shown}: it is one of {}", list(&options)), Some(help))
            }
            ValidationErrorKind::Minimum { limit } => {
                (format!("{name} is {shown}, the least is {}{unit}", bare(limit)), self.range(&unit))
            }
            ValidationErrorKind::Maximum { limit } => {
                (format!("{name} is {shown}, the most is {}{unit}", bare(limit)), self.range(&unit))
            }
            ValidationErrorKind::MinLength { .. } => (format!("{name} is empty"), None),
            ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MinProperties { .. } => (
                format!("{name} is empty"),
                Some("an empty selection never means everything: name what is meant".to_owned()),
            ),
            ValidationErrorKind::MaxProperties { limit } => {
                (format!("{name} has {} entries, the most is {limit}", self.node.entries().len()), None)
            }
            ValidationErrorKind::MaxItems { limit } => {
                (format!("{name} has {} items, the most is {limit}", self.node.items().len()), None)
            }
            ValidationErrorKind::MaxLength { limit } => {
                let length = instance.as_str().map_or(0, |text| text.chars().count());
                (format!("{name} has {length} characters, the limit is {limit}"), None)
            }
            ValidationErrorKind::UniqueItems => (format!("{name} lists the same item twice"), None),
            ValidationErrorKind::Pattern { pattern } => {
                (format!("{name} cannot be {shown}"), Some(format!("it must match the pattern {pattern}")))
            }
            ValidationErrorKind::FalseSchema => (format!("{name} is not allowed here"), None),
            _ => (format!("{name} is not valid"), None),
        };
        // Names and durations know best what is wrong with them.
        let precise = self.schema.get("format").and_then(Value::as_str).and_then(|format| explain(format, instance));
        let (message, help) = match precise {
            Some((reason, help)) => (format!("{name}: {reason}"), Some(help)),
            None => (message, help),
        };
        let own_help = self.schema.get("x-help").and_then(Value::as_str).map(str::to_owned);
        let problem = Problem::error(message).at(self.source, self.span());
        match own_help.or(help) {
            Some(help) => problem.help(help),
            None => problem,
        }
    }

    /// Whether the field must be there.
    fn is_required(&self) -> bool {
        // Every rule needs these; a kind's parameters all have defaults.
        let last = self.path.rsplit('/').next().unwrap_or_default();
        ["stack", "rules", "name", "layer", "trigger_condition", "action", "target"].contains(&last)
    }

    /// What to write for text that should have been a whole number, in its unit.
    fn digits(&self, text: &str) -> String {
        let unit = self.schema.get("x-unit").and_then(Value::as_str);
        let per_unit = match unit {
            Some("seconds") => 1,
            Some("minutes") => 60,
            _ => 0,
        };
        let converted = Seconds::parse(text).ok().filter(|_| per_unit > 0).map(|seconds| seconds.get() / per_unit);
        let number: String = text.chars().take_while(char::is_ascii_digit).collect();
        if number == text {
            return "write it without quotes".to_owned();
        }
        match (converted, unit) {
            (Some(number), Some(unit)) => format!("write {number}: the unit is {unit}"),
            (None, Some(unit)) if !number.is_empty() => format!("write {number}: the unit is {unit}"),
            _ => "write digits".to_owned(),
        }
    }

    /// The value as it stands in the file.
    fn written(&self) -> &str {
        self.source.text().get(self.node.span.start..self.node.span.end).unwrap_or_default().trim()
    }

    fn found(&self) -> String {
        match &self.node.value {
            Yaml::Null => "empty".to_owned(),
            Yaml::Bool(value) => format!("`{value}`"),
            Yaml::Int(_) | Yaml::Float(_) => format!("the number {}", self.written()),
            Yaml::String(text) => format!("the text `{}`", text.chars().take(40).collect::<String>()),
            Yaml::Sequence(_) => "a list".to_owned(),
            Yaml::Mapping(_) => "a map".to_owned(),
        }
    }

    fn range(&self, unit: &str) -> Option<String> {
        let bound = |keyword| self.schema.get(keyword).map(bare);
        match (bound("minimum"), bound("maximum")) {
            (Some(least), Some(most)) => Some(format!("write a value from {least} to {most}{unit}")),
            (Some(least), None) => Some(format!("write at least {least}{unit}")),
            (None, Some(most)) => Some(format!("write at most {most}{unit}")),
            (None, None) => None,
        }
    }
}

/// What exactly is wrong with a value of one of the language's own formats, and what to write.
fn explain(format: &str, instance: &Value) -> Option<(String, String)> {
    if format == Seconds::FORMAT {
        let error = match instance {
            Value::String(text) => Seconds::parse(text).err()?,
            Value::Number(number) => Seconds::parse(&number.to_string()).err()?,
            _ => return None,
        };
        return Some((error.to_string(), error.help().to_owned()));
    }
    let text = instance.as_str()?;
    let (error, near) = match format {
        RuleName::FORMAT => (RuleName::new(text).err()?, RuleName::nearest(text)),
        StackName::FORMAT => (StackName::new(text).err()?, StackName::nearest(text)),
        EnvironmentName::FORMAT => (EnvironmentName::new(text).err()?, EnvironmentName::nearest(text)),
        Prefix::FORMAT => (Prefix::new(text).err()?, Prefix::nearest(text)),
        _ => return None,
    };
    let help = match near {
        // A name that is only too long is cut by its own help.
        Some(near) if !matches!(error, NameError::TooLong { .. }) => format!("{}, for instance `{near}`", error.help()),
        _ => error.help(),
    };
    Some((error.to_string(), help))
}

/// A value as it is shown in a message: short, in backticks.
fn show(value: &Value) -> String {
    let text = bare(value);
    if text.chars().count() > 60 {
        return format!("`{}…`", text.chars().take(60).collect::<String>());
    }
    format!("`{text}`")
}

fn expected(kind: &TypeKind) -> String {
    let word = |name: &jsonschema::JsonType| match name.to_string().as_str() {
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a map",
        _ => "empty",
    };
    match kind {
        TypeKind::Single(kind) => word(kind).to_owned(),
        TypeKind::Multiple(kinds) => kinds.iter().map(|kind| word(&kind)).collect::<Vec<_>>().join(" or "),
    }
}
