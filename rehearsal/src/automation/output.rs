//! Types of outputs and parameters, and what is converted into what (user guide, using action outputs as inputs).

use super::selector::Selector;
use serde_json::{Value, json};

/// The type of an output or parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    String,
    Integer,
    Boolean,
    StringList,
    StringMap,
    MapList,
}

/// A value that a step takes from its answer.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) selector: Selector,
    pub(super) kind: Type,
}

impl Type {
    /// Reads a type's name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "String" => Self::String,
            "Integer" => Self::Integer,
            "Boolean" => Self::Boolean,
            "StringList" => Self::StringList,
            "StringMap" => Self::StringMap,
            "MapList" => Self::MapList,
            _ => return None,
        })
    }

    /// The value in this type, where it has it or can be converted; nothing otherwise.
    pub(super) fn of(self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::String, Value::String(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::StringMap, Value::Object(_)) => Some(value.clone()),
            (Self::String, Value::Number(_) | Value::Bool(_)) => Some(json!(value.to_string())),
            (Self::Integer, Value::Number(number)) => number.as_i64().map(|number| json!(number)),
            (Self::Integer, Value::String(text)) => text.parse::<i64>().ok().map(|number| json!(number)),
            (Self::Boolean, Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "true" => Some(json!(true)),
                "false" => Some(json!(false)),
                _ => None,
            },
            (Self::StringList, Value::Array(elements)) => {
                elements.iter().map(|each| scalar(each).map(Value::from)).collect::<Option<Vec<_>>>().map(Value::Array)
            }
            (Self::StringList, other) => scalar(other).map(|text| json!([text])),
            (Self::MapList, Value::Array(elements)) if elements.iter().all(Value::is_object) => Some(value.clone()),
            (Self::String | Self::Integer | Self::Boolean, Value::Array(elements)) => match &elements[..] {
                [one] if !one.is_array() => self.of(one),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The text of a string, a number or a truth value.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A value as Python's `str` writes it, which properties are compared by: `True`, `1`, `1.0` (Automation actions
/// reference, `aws:assertAwsResourceProperty`: a Boolean is written with a capital letter).
pub(super) fn compared(value: &Value) -> Option<String> {
    match value {
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        other => scalar(other),
    }
}

#[cfg(test)]
mod tests {
    use super::Type;
    use serde_json::json;

    #[test]
    fn values_are_converted_as_documented() {
        for (name, value, made) in [
            ("String", json!(5), Some(json!("5"))),
            ("String", json!(["a"]), Some(json!("a"))),
            ("String", json!(["a", "b"]), None),
            ("String", json!({"a": 1}), None),
            ("Integer", json!("12"), Some(json!(12))),
            ("Integer", json!("x"), None),
            ("Integer", json!(1.5), None),
            ("Boolean", json!("True"), Some(json!(true))),
            ("Boolean", json!(1), None),
            ("StringList", json!("a"), Some(json!(["a"]))),
            ("StringList", json!([1, "b"]), Some(json!(["1", "b"]))),
            ("StringList", json!([{"a": 1}]), None),
            ("StringMap", json!({"a": {"b": 1}}), Some(json!({"a": {"b": 1}}))),
            ("StringMap", json!("a"), None),
            ("MapList", json!([]), Some(json!([]))),
            ("MapList", json!([{"a": 1}]), Some(json!([{"a": 1}]))),
            ("MapList", json!(["a"]), None),
        ] {
            assert_eq!(Type::parse(name).unwrap().of(&value), made, "{name} {value}");
        }
    }
}
