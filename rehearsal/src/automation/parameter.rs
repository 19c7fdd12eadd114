//! Parameters of a document, and what `StartAutomationExecution` may be given for them.

use super::output::Type;
use crate::{AwsError, Unsupported};
use indexmap::IndexMap;
use regex::Regex;
use serde_json::{Map, Value, json};

/// Limits of what is given, which are checked before the document is looked at (API reference,
/// `StartAutomationExecution`).
const MOST_NAMES: usize = 200;
const LONGEST_NAME: usize = 50;
const MOST_VALUES: usize = 50;
const LONGEST_VALUE: usize = 512;

/// One declared parameter.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) kind: Type,
    default: Option<Vec<String>>,
    pattern: Option<Regex>,
    allowed: Option<Vec<String>>,
}

impl Parameter {
    /// Reads a declaration; the error is what is not known in it.
    fn load(declaration: &Value) -> Result<Self, String> {
        let mut read = Self { kind: Type::String, default: None, pattern: None, allowed: None };
        for (field, value) in declaration.as_object().into_iter().flatten() {
            let unknown = || format!("the field `{field}` with the value {value}");
            match field.as_str() {
                "description" => {}
                "type" => {
                    let name = value.as_str().unwrap_or_default();
                    // The types of AWS's own resources are texts that the console helps to choose.
                    let kind = if name.starts_with("AWS::") { Some(Type::String) } else { Type::parse(name) };
                    let flat = kind.filter(|kind| ![Type::StringMap, Type::MapList].contains(kind));
                    read.kind = flat.ok_or_else(unknown)?;
                }
                "default" => read.default = Some(texts(value).ok_or_else(unknown)?),
                "allowedValues" => read.allowed = Some(texts(value).ok_or_else(unknown)?),
                "allowedPattern" => {
                    // Whether a part of a value may match is not documented, so the pattern has to be about all of it.
                    let whole = value.as_str().filter(|text| text.starts_with('^') && text.ends_with('$'));
                    read.pattern = Some(whole.and_then(|text| Regex::new(text).ok()).ok_or_else(unknown)?);
                }
                _ => return Err(unknown()),
            }
        }
        Ok(read)
    }

    fn check(&self, values: &[String]) -> Result<(), String> {
        if self.kind != Type::StringList && values.len() != 1 {
            return Err(format!("takes one value, found {}", values.len()));
        }
        for value in values {
            if self.kind.of(&json!(value)).is_none() {
                return Err(format!("`{value}` is not of the type {:?}", self.kind));
            }
            if self.allowed.as_ref().is_some_and(|allowed| !allowed.contains(value)) {
                return Err(format!("`{value}` is none of the allowed values"));
            }
            if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(value)) {
                return Err(format!("`{value}` does not match {pattern}"));
            }
        }
        Ok(())
    }

    /// The value in its type, as inputs see it.
    pub(super) fn value(&self, given: &[String]) -> Option<Value> {
        match (self.kind, given) {
            (Type::StringList, given) => Some(json!(given)),
            (kind, [one]) => kind.of(&json!(one)),
            _ => None,
        }
    }
}

/// A value or a list of them as texts.
fn texts(value: &Value) -> Option<Vec<String>> {
    let list = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    let text = |each: &Value| match each {
        Value::String(text) if !text.contains("{{") => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(each.to_string()),
        _ => None,
    };
    list.iter().map(text).collect()
}

/// Reads all declarations of a document.
pub(super) fn load(place: &str, declared: &Value) -> Result<IndexMap<String, Parameter>, Unsupported> {
    let declared = declared.as_object().into_iter().flatten();
    let read = declared.map(|(name, declaration)| match Parameter::load(declaration) {
        Ok(parameter) => Ok((name.clone(), parameter)),
        Err(what) => Err(Unsupported::new(format!("{place}, parameter {name}"), what)),
    });
    read.collect()
}

/// What is given, by name, with the defaults of what is not.
pub(super) fn given(
    declared: &IndexMap<String, Parameter>,
    given: &Map<String, Value>,
) -> Result<IndexMap<String, Vec<String>>, AwsError> {
    let given = limited(given)?;
    let invalid = |message: String| AwsError::client("InvalidAutomationExecutionParametersException", message);
    if let Some(name) = given.keys().find(|name| !declared.contains_key(*name)) {
        return Err(invalid(format!("Parameter {name} is not defined in the document")));
    }
    let mut values = IndexMap::new();
    for (name, parameter) in declared {
        let value = match given.get(name) {
            Some(value) => {
                parameter.check(value).map_err(|what| invalid(format!("Parameter {name}: {what}")))?;
                value.clone()
            }
            None => parameter
                .default
                .clone()
                .ok_or_else(|| invalid(format!("Parameter {name} is required and has no default")))?,
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}

fn limited(given: &Map<String, Value>) -> Result<IndexMap<String, Vec<String>>, AwsError> {
    let refused = |name: &str| {
        let message = format!("1 validation error detected: the value of {name} at 'parameters' is out of its limits");
        AwsError::client("ValidationException", message)
    };
    if given.len() > MOST_NAMES {
        return Err(refused("all"));
    }
    let read = given.iter().map(|(name, values)| {
        let list =
            values.as_array().filter(|list| list.len() <= MOST_VALUES && (1..=LONGEST_NAME).contains(&name.len()));
        let list = list.ok_or_else(|| refused(name))?.iter().map(|value| {
            let fits = value.as_str().filter(|value| (1..=LONGEST_VALUE).contains(&value.chars().count()));
            fits.map(str::to_owned).ok_or_else(|| refused(name))
        });
        Ok((name.clone(), list.collect::<Result<Vec<_>, _>>()?))
    });
    read.collect()
}
