//! JSON Schema: the one definition of what may be written, for editors and for errors alike.
//!
//! A file is checked against its schema first, which finds everything that is wrong at once; each finding is then told
//! in the user's words, at its place in the file.

use crate::diagnostics::{Problem, Source};
use crate::yaml::{Node, Span, Value as Yaml};
use healstack_model::{EnvironmentName, Prefix, RuleName, Seconds, StackName};
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema as Generated, generate::SchemaSettings};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;

/// A schema ready to check with.
#[derive(Debug)]
pub struct Schema {
    json: Value,
    validator: Validator,
}

impl Schema {
    /// The schema of a Rust type.
    pub fn of<T: JsonSchema>() -> Result<Self, String> {
        Self::new(generate::<T>())
    }

    /// A schema that stands in a kind's folder. Fails with the reason when it is none.
    pub fn new(json: Value) -> Result<Self, String> {
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(false)
            .build(&json)
            .map_err(|error| format!("{error} at {}", error.instance_path()))?;
        Ok(Self { json, validator })
    }

    /// The schema itself.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Everything about `node` that the schema does not allow. `what` names the node in messages: "a rule".
    #[must_use]
    pub fn check(&self, source: &Arc<Source>, node: &Node, what: &str) -> Vec<Problem> {
        let instance = node.to_json();
        let mut seen = HashSet::new();
        self.validator
            .iter_errors(&instance)
            .filter(|error| seen.insert((error.instance_path().to_string(), subject(error))))
            .flat_map(|error| self.problems(source, node, what, &error))
            .collect()
    }

    fn problems(&self, source: &Arc<Source>, root: &Node, what: &str, error: &ValidationError<'_>) -> Vec<Problem> {
        let path = error.instance_path().as_str();
        let schema = self.schema_node(error);
        let node = root.pointer(path).unwrap_or(root);
        let at = Place { source, root, what, path, node, schema };
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                unexpected.iter().map(|field| at.unknown_field(field)).collect()
            }
            ValidationErrorKind::Required { property } => vec![at.missing(property.as_str().unwrap_or_default())],
            ValidationErrorKind::PropertyNames { error } => {
                let name = error.instance().as_str().unwrap_or_default().to_owned();
                let span = node.entry(&name).map_or(node.span, |entry| entry.key_span);
                vec![at.problem(format!("`{name}` cannot be a key of {}", at.name()), span)]
            }
            kind => vec![at.value(kind, error.instance())],
        }
    }

    /// The part of the schema that holds the keyword at fault.
    fn schema_node(&self, error: &ValidationError<'_>) -> &Value {
        let path = error.schema_path().as_str();
        let parent = path.rfind('/').map_or("", |slash| &path[..slash]);
        self.json.pointer(parent).unwrap_or(&Value::Null)
    }
}

/// One message for one subject: a value that breaks a pattern and a length is wrong once.
fn subject(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Required { property } => format!("missing {property}"),
        ValidationErrorKind::AdditionalProperties { .. } => "unknown".to_owned(),
        _ => "value".to_owned(),
    }
}

/// A finding's place, and what is known there.
struct Place<'a> {
    source: &'a Arc<Source>,
    root: &'a Node,
    what: &'a str,
    path: &'a str,
    node: &'a Node,
    schema: &'a Value,
}

impl Place<'_> {
    /// The field at fault, or what the whole node is called.
    fn name(&self) -> String {
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

    fn problem(&self, message: String, span: Span) -> Problem {
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

    fn unknown_field(&self, field: &str) -> Problem {
        let span = self.node.entry(field).map_or(self.node.span, |entry| entry.key_span);
        let known: Vec<&str> = self
            .schema
            .get("properties")
            .and_then(Value::as_object)
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default();
        let help = match nearest(field, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("{} takes no fields", self.name()),
            None => format!("the fields of {} are {}", self.name(), list(&known)),
        };
        Problem::error(format!("unknown field `{field}` in {}", self.name())).at(self.source, span).help(help)
    }

    fn missing(&self, field: &str) -> Problem {
        let example = self.schema.pointer(&format!("/properties/{field}/x-help")).and_then(Value::as_str);
        let description = self.schema.pointer(&format!("/properties/{field}/description")).and_then(Value::as_str);
        let help = match (example, description) {
            (Some(example), _) => example.to_owned(),
            (None, Some(description)) => format!("add `{field}:` - {}", lower_first(description)),
            (None, None) => format!("add `{field}:`"),
        };
        Problem::error(format!("{} has no `{field}`", self.name())).at(self.source, self.span()).help(help)
    }

    fn value(&self, kind: &ValidationErrorKind, instance: &Value) -> Problem {
        let name = self.name();
        let shown = show(instance);
        let unit = self.schema.get("x-unit").and_then(Value::as_str).map(|unit| format!(" {unit}")).unwrap_or_default();
        let (message, help) = match kind {
            ValidationErrorKind::Type { kind } => (
                format!("{name} must be {}, this is {}", expected(kind), found(&self.node.value)),
                matches!(self.node.value, Yaml::Int(_) | Yaml::Float(_) | Yaml::Bool(_))
                    .then(|| format!("put it in quotes: \"{}\"", shown.trim_matches('`'))),
            ),
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
    let error = match format {
        RuleName::FORMAT => RuleName::new(text).err()?,
        StackName::FORMAT => StackName::new(text).err()?,
        EnvironmentName::FORMAT => EnvironmentName::new(text).err()?,
        Prefix::FORMAT => Prefix::new(text).err()?,
        _ => return None,
    };
    Some((error.to_string(), error.help()))
}

/// The most similar candidate, when one is similar enough to be meant.
#[must_use]
pub fn nearest<'a>(text: &str, candidates: &[&'a str]) -> Option<&'a str> {
    candidates
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&text.to_ascii_lowercase(), candidate), *candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`, each in backticks.
#[must_use]
pub fn list(items: &[&str]) -> String {
    items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// A value as it is shown in a message: short, in backticks.
fn show(value: &Value) -> String {
    let text = bare(value);
    if text.chars().count() > 60 {
        return format!("`{}…`", text.chars().take(60).collect::<String>());
    }
    format!("`{text}`")
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
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

fn found(value: &Yaml) -> String {
    match value {
        Yaml::Null => "empty".to_owned(),
        Yaml::Bool(value) => format!("`{value}`"),
        Yaml::Int(value) => format!("the number {value}"),
        Yaml::Float(value) => format!("the number {value}"),
        Yaml::String(text) => format!("the text `{}`", text.chars().take(40).collect::<String>()),
        Yaml::Sequence(_) => "a list".to_owned(),
        Yaml::Mapping(_) => "a map".to_owned(),
    }
}

/// The JSON Schema of a type, self-contained, in the form that [`Schema`] and editors read best.
#[must_use]
pub fn generate<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(RecursiveTransform(Readable));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Turns what is generated for Rust's types into what people mean by them.
#[derive(Debug, Clone)]
struct Readable;

impl Transform for Readable {
    fn transform(&mut self, schema: &mut Generated) {
        let Some(object) = schema.as_object_mut() else { return };
        // An optional field is left out, it is not null.
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(options)) = object.get_mut("enum") {
            options.retain(|option| !option.is_null());
        }
        if let Some(Value::Array(options)) = object.get("anyOf").cloned()
            && let [Value::Object(only), null] = options.as_slice()
            && null == &json!({"type": "null"})
        {
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        // Documented words are one list of words.
        if let Some(Value::Array(options)) = object.get("oneOf") {
            let words: Option<Vec<Value>> = options.iter().map(|option| option.get("const").cloned()).collect();
            if let Some(words) = words {
                object.remove("oneOf");
                object.insert("enum".to_owned(), words.into());
            }
        }
        for noise in ["default", "title"] {
            if object.get(noise).is_some_and(|value| value.is_null() || noise == "title") {
                object.remove(noise);
            }
        }
    }
}
