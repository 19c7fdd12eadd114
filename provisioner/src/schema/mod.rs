//! JSON Schema: the one definition of what may be written, for editors and for errors alike.
//!
//! A file is checked against its schema first, which finds everything that is wrong at once; each finding is then told
//! in the user's words, at its place in the file.

mod finding;
mod generate;

pub use generate::generate;

use crate::diagnostics::{Problem, Source};
use crate::yaml::{HELD_OPEN, Node, Span};
use finding::Place;
use healstack_model::{EnvironmentName, Prefix, RuleName, Seconds, StackName};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use schemars::JsonSchema;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

/// A schema to check with. Its validator is built when something is first checked: most runs need few of the many.
#[derive(Debug)]
pub struct Schema {
    json: Value,
    /// Where the schema stands, when it is not that of a Rust type.
    origin: Option<Origin>,
    validator: OnceLock<Result<Validator, String>>,
}

/// Where a schema stands in a file.
#[derive(Debug)]
struct Origin {
    field: String,
    source: Arc<Source>,
    span: Span,
}

impl Schema {
    /// The schema of a Rust type.
    #[must_use]
    pub fn of<T: JsonSchema>() -> Self {
        Self { json: generate::<T>(), origin: None, validator: OnceLock::new() }
    }

    /// A schema that stands in the field of a definition file. That it is none is told when it is used.
    #[must_use]
    pub fn written(json: Value, field: &str, source: &Arc<Source>, span: Span) -> Self {
        let origin = Origin { field: field.to_owned(), source: Arc::clone(source), span };
        Self { json, origin: Some(origin), validator: OnceLock::new() }
    }

    fn validator(&self) -> Result<&Validator, Problem> {
        let built = self.validator.get_or_init(|| {
            jsonschema::draft202012::options()
                .should_validate_formats(true)
                .with_format(Seconds::FORMAT, |text: &str| Seconds::parse(text).is_ok())
                .with_format(RuleName::FORMAT, |text: &str| RuleName::new(text).is_ok())
                .with_format(StackName::FORMAT, |text: &str| StackName::new(text).is_ok())
                .with_format(EnvironmentName::FORMAT, |text: &str| EnvironmentName::new(text).is_ok())
                .with_format(Prefix::FORMAT, |text: &str| Prefix::new(text).is_ok())
                .build(&self.json)
                .map_err(|error| format!("{error} at {}", error.instance_path()))
        });
        built.as_ref().map_err(|reason| match &self.origin {
            Some(Origin { field, source, span }) => {
                Problem::error(format!("`{field}` is no JSON Schema: {reason}")).at(source, *span)
            }
            None => Problem::error(reason.clone()),
        })
    }

    /// What is wrong with the schema itself.
    #[must_use]
    pub fn fault(&self) -> Option<Problem> {
        self.validator().err()
    }

    /// The schema itself.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Everything about `node` that the schema does not allow. `what` names the node in messages: "a rule".
    #[must_use]
    pub fn check(&self, source: &Arc<Source>, node: &Node, what: &str) -> Vec<Problem> {
        let validator = match self.validator() {
            Ok(validator) => validator,
            Err(problem) => return vec![problem],
        };
        let instance = node.to_json();
        let mut seen = HashSet::new();
        validator
            .iter_errors(&instance)
            // What a reference will be is not known here.
            .filter(|error| !error.instance().as_str().is_some_and(|text| text.contains(HELD_OPEN)))
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

/// The most similar candidate, when one is similar enough to be meant.
#[must_use]
pub fn nearest<'a>(text: &str, candidates: &[&'a str]) -> Option<&'a str> {
    candidates
        .iter()
        .map(|candidate| {
            (strsim::jaro_winkler(&text.to_ascii_lowercase(), &candidate.to_ascii_lowercase()), *candidate)
        })
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`, each in backticks.
#[must_use]
pub fn list(items: &[&str]) -> String {
    items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}
