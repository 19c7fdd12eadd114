//! Typed attribute values as JSON: `{"S": "text"}`, `{"N": "1"}`, `{"SS": ["a"]}`.
//!
//! **Invariant:** what is kept is normalised (numbers in one spelling, sets sorted), so equal values are equal JSON.

use super::number::Number;
use super::{Answer, invalid};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// The types that the rehearsal keeps. Binary is in nothing that is generated.
pub(super) const TYPES: [&str; 8] = ["S", "N", "SS", "NS", "M", "L", "BOOL", "NULL"];

/// How deep lists and maps may nest (developer guide, quotas).
const DEPTH: usize = 32;

/// The type of a value and what it holds. Values that were normalised always have both.
pub(super) fn parts(value: &Value) -> (&str, &Value) {
    let first = value.as_object().and_then(|map| map.iter().next());
    first.map_or(("", &Value::Null), |(kind, inner)| (kind.as_str(), inner))
}

/// The type of a value: `S`.
pub(super) fn kind(value: &Value) -> &str {
    parts(value).0
}

/// The value in its one spelling, or a `ValidationException`.
pub(super) fn normalised(value: &Value) -> Answer {
    normalised_at(value, 0)
}

/// Every attribute of an item or of a set of placeholders in its one spelling.
pub(super) fn all_normalised(attributes: &Map<String, Value>) -> Result<Map<String, Value>, super::AwsError> {
    attributes.iter().map(|(name, value)| Ok((name.clone(), normalised(value)?))).collect()
}

fn normalised_at(value: &Value, depth: usize) -> Answer {
    if value.as_object().is_none_or(|map| map.len() != 1) {
        return Err(invalid(format!(
            "Supplied AttributeValue has to be an object with exactly one of the supported datatypes: {value}"
        )));
    }
    if depth > DEPTH {
        return Err(invalid("Nesting Levels have exceeded supported limits"));
    }
    let (kind, inner) = parts(value);
    let wrong = || invalid(format!("The value of type {kind} is not one: {inner}"));
    let kept = match kind {
        "S" => Value::from(inner.as_str().ok_or_else(wrong)?),
        "N" => Value::from(number(inner)?.to_string()),
        "SS" => set(inner, |each| Ok(each.as_str().ok_or_else(wrong)?.to_owned()), Ord::cmp)?,
        "NS" => set(inner, number, Ord::cmp)?,
        "M" => {
            let members = inner.as_object().ok_or_else(wrong)?.iter();
            let members = members.map(|(name, each)| Ok((name.clone(), normalised_at(each, depth + 1)?)));
            Value::Object(members.collect::<Result<_, _>>()?)
        }
        "L" => {
            let members = inner.as_array().ok_or_else(wrong)?.iter().map(|each| normalised_at(each, depth + 1));
            Value::Array(members.collect::<Result<_, _>>()?)
        }
        "BOOL" if inner.is_boolean() => inner.clone(),
        "NULL" if inner.as_bool() == Some(true) => inner.clone(),
        "NULL" | "BOOL" => return Err(wrong()),
        _ => return Err(invalid(format!("The rehearsal does not know the attribute type {kind}; it knows {TYPES:?}"))),
    };
    Ok(typed(kind, kept))
}

fn set<T: ToString>(
    inner: &Value,
    read: impl Fn(&Value) -> Result<T, super::AwsError>,
    order: impl Fn(&T, &T) -> Ordering,
) -> Answer {
    let members = inner.as_array().ok_or_else(|| invalid(format!("A set is a list of values, not {inner}")))?;
    let mut members = members.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if members.is_empty() {
        return Err(invalid("One or more parameter values were invalid: An string set  may not be empty"));
    }
    members.sort_by(&order);
    if members.windows(2).any(|pair| order(&pair[0], &pair[1]) == Ordering::Equal) {
        return Err(invalid(format!(
            "One or more parameter values were invalid: Input collection {inner} contains duplicates."
        )));
    }
    Ok(members.iter().map(ToString::to_string).collect())
}

fn number(value: &Value) -> Result<Number, super::AwsError> {
    let text = value.as_str().ok_or_else(|| invalid(format!("A number is written as text, not as {value}")))?;
    Number::parse(text).map_err(invalid)
}

/// A typed value.
pub(super) fn typed(kind: &str, inner: Value) -> Value {
    Value::Object(Map::from_iter([(kind.to_owned(), inner)]))
}

/// The number that a value of type `N` is.
pub(super) fn as_number(value: &Value) -> Option<Number> {
    let (kind, inner) = parts(value);
    (kind == "N").then(|| inner.as_str().and_then(|text| Number::parse(text).ok())).flatten()
}

/// The order of two strings or of two numbers; nothing where they are of other types or of two.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (parts(left), parts(right)) {
        (("S", left), ("S", right)) => Some(left.as_str()?.as_bytes().cmp(right.as_str()?.as_bytes())),
        (("N", _), ("N", _)) => Some(as_number(left)?.cmp(&as_number(right)?)),
        _ => None,
    }
}

/// What `size` gives: bytes of a string, members of a set, a list or a map; nothing for other types.
pub(super) fn size(value: &Value) -> Option<usize> {
    match parts(value) {
        ("S", text) => text.as_str().map(str::len),
        ("SS" | "NS" | "L", members) => members.as_array().map(Vec::len),
        ("M", members) => members.as_object().map(Map::len),
        _ => None,
    }
}

/// Whether a string has a part, a set or a list a member.
pub(super) fn contains(container: &Value, wanted: &Value) -> bool {
    match (parts(container), parts(wanted)) {
        (("S", text), ("S", part)) => text.as_str().zip(part.as_str()).is_some_and(|(text, part)| text.contains(part)),
        (("SS", members), ("S", one)) | (("NS", members), ("N", one)) => {
            members.as_array().is_some_and(|members| members.contains(one))
        }
        (("L", members), _) => members.as_array().is_some_and(|members| members.contains(wanted)),
        _ => false,
    }
}

/// Bytes that an item takes (developer guide, item sizes and formats): names and values, one byte for truth and null,
/// three for a container and one for each of its members.
pub(super) fn bytes_of_item(item: &Value) -> usize {
    item.as_object().map_or(0, |attributes| attributes.iter().map(|(name, value)| name.len() + bytes(value)).sum())
}

fn bytes(value: &Value) -> usize {
    match parts(value) {
        ("S", text) => text.as_str().map_or(0, str::len),
        ("N", text) => number_bytes(text),
        ("SS", members) => members.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::len).sum(),
        ("NS", members) => members.as_array().into_iter().flatten().map(number_bytes).sum(),
        ("L", members) => 3 + members.as_array().into_iter().flatten().map(|each| 1 + bytes(each)).sum::<usize>(),
        ("M", members) => {
            let members = members.as_object().into_iter().flatten();
            3 + members.map(|(name, each)| 1 + name.len() + bytes(each)).sum::<usize>()
        }
        _ => 1,
    }
}

/// About one byte for two digits and one more.
fn number_bytes(text: &Value) -> usize {
    text.as_str().map_or(0, |text| text.len() / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::{contains, normalised, size};
    use serde_json::json;

    #[test]
    fn equal_values_are_equal_json() {
        let pairs = [
            (json!({"N": "1.0"}), json!({"N": "1"})),
            (json!({"SS": ["b", "a"]}), json!({"SS": ["a", "b"]})),
            (json!({"NS": ["10", "9.0"]}), json!({"NS": ["9", "10"]})),
            (json!({"M": {"a": {"L": [{"N": "01"}]}}}), json!({"M": {"a": {"L": [{"N": "1"}]}}})),
        ];
        for (written, kept) in pairs {
            assert_eq!(normalised(&written).unwrap(), kept);
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let wrong = [
            json!({}),
            json!({"S": 1}),
            json!({"N": 1}),
            json!({"N": "x"}),
            json!({"SS": []}),
            json!({"SS": ["a", "a"]}),
            json!({"S": "a", "N": "1"}),
            json!({"X": "a"}),
            json!({"B": "YQ=="}),
            json!({"NULL": false}),
            json!("text"),
        ];
        for each in wrong {
            assert_eq!(normalised(&each).unwrap_err().code, "ValidationException", "{each}");
        }
    }

    #[test]
    fn functions_look_at_types() {
        assert!(contains(&json!({"SS": ["a", "b"]}), &json!({"S": "b"})));
        assert!(!contains(&json!({"SS": ["ab"]}), &json!({"S": "b"})), "a member, not a part of one");
        assert!(contains(&json!({"S": "ab"}), &json!({"S": "b"})));
        assert!(!contains(&json!({"N": "12"}), &json!({"N": "1"})));
        assert_eq!(size(&json!({"S": "ü"})), Some(2));
        assert_eq!(size(&json!({"N": "12"})), None);
    }
}
