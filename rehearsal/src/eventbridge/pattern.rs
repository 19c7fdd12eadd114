//! Event patterns (`EventBridge` user guide, event pattern syntax and comparison operators).

use super::wildcard::Wildcard;
use crate::Unsupported;
use serde_json::{Map, Value};

/// What an event has to look like.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    fields: Vec<(String, Field)>,
    /// Every `$or`, of which one alternative has to match.
    alternatives: Vec<Vec<Pattern>>,
}

#[derive(Debug, Clone)]
enum Field {
    Inside(Pattern),
    /// Any of these for any of the field's values.
    Values(Vec<Test>),
}

#[derive(Debug, Clone)]
enum Test {
    Equals(Value),
    Prefix(String, Case),
    Suffix(String, Case),
    EqualsIgnoringCase(String),
    Wildcard(Wildcard),
    Numeric(Vec<(Order, f64)>),
    Exists(bool),
    /// None of these.
    AnythingBut(Vec<Test>),
}

#[derive(Debug, Clone, Copy)]
enum Case {
    Kept,
    Ignored,
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Pattern {
    /// Reads a pattern. `place` says whose it is.
    pub(super) fn load(place: &str, pattern: &Value) -> Result<Self, Unsupported> {
        let members = pattern.as_object().filter(|members| !members.is_empty());
        let members = members.ok_or_else(|| Unsupported::new(place, format!("the event pattern {pattern}")))?;
        let mut read = Self { fields: Vec::new(), alternatives: Vec::new() };
        for (name, value) in members {
            if name == "$or" {
                read.alternatives.push(alternatives(place, value)?);
                continue;
            }
            // A dot would join two levels into one.
            if name.contains('.') {
                return Err(Unsupported::new(place, format!("the field `{name}` with a dot in its name")));
            }
            let field = match value {
                Value::Object(_) => Field::Inside(Self::load(place, value)?),
                Value::Array(values) if !values.is_empty() => {
                    Field::Values(values.iter().map(|value| Test::load(place, value)).collect::<Result<_, _>>()?)
                }
                _ => return Err(Unsupported::new(place, format!("`{name}` with the pattern {value}"))),
            };
            read.fields.push((name.clone(), field));
        }
        Ok(read)
    }

    /// Whether a value matches, or its absence.
    pub(super) fn matches(&self, value: Option<&Value>) -> bool {
        match value {
            // All fields of one object of a list have to match, not each any object's.
            Some(Value::Array(list)) if list.iter().any(|each| each.is_object() || each.is_array()) => {
                list.iter().any(|each| self.matches(Some(each)))
            }
            _ => self.matches_object(value.and_then(Value::as_object)),
        }
    }

    fn matches_object(&self, object: Option<&Map<String, Value>>) -> bool {
        let fields = self.fields.iter().all(|(name, field)| {
            let value = object.and_then(|object| object.get(name));
            match field {
                Field::Inside(pattern) => pattern.matches(value),
                Field::Values(tests) => one_matches(tests, value),
            }
        });
        fields && self.alternatives.iter().all(|any| any.iter().any(|pattern| pattern.matches_object(object)))
    }
}

fn alternatives(place: &str, value: &Value) -> Result<Vec<Pattern>, Unsupported> {
    // With fewer than two, `$or` would be a field's name.
    let list = value.as_array().filter(|list| list.len() > 1);
    let list = list.ok_or_else(|| Unsupported::new(place, format!("the `$or` {value}")))?;
    list.iter().map(|each| Pattern::load(place, each)).collect()
}

/// Whether one of the tests holds for one of the values. An object is no value: its members are other fields.
fn one_matches(tests: &[Test], value: Option<&Value>) -> bool {
    let mut leaves = Vec::new();
    collect(value, &mut leaves);
    if leaves.is_empty() {
        return tests.iter().any(|test| matches!(test, Test::Exists(false)));
    }
    tests.iter().any(|test| leaves.iter().any(|leaf| test.holds(leaf)))
}

fn collect<'value>(value: Option<&'value Value>, leaves: &mut Vec<&'value Value>) {
    match value {
        None | Some(Value::Object(_)) => {}
        Some(Value::Array(list)) => list.iter().for_each(|each| collect(Some(each), leaves)),
        Some(leaf) => leaves.push(leaf),
    }
}

impl Test {
    fn load(place: &str, value: &Value) -> Result<Self, Unsupported> {
        let unknown = || Unsupported::new(place, format!("the comparison {value}"));
        let Value::Object(members) = value else {
            return if value.is_array() { Err(unknown()) } else { Ok(Self::Equals(value.clone())) };
        };
        let (Some((operator, operand)), 1) = (members.iter().next(), members.len()) else { return Err(unknown()) };
        Ok(match (operator.as_str(), operand) {
            ("exists", Value::Bool(exists)) => Self::Exists(*exists),
            ("numeric", Value::Array(range)) => Self::Numeric(range_of(range).ok_or_else(unknown)?),
            ("anything-but", Value::Object(inner)) => {
                let (Some((operator, operand)), 1) = (inner.iter().next(), inner.len()) else { return Err(unknown()) };
                let list = operand.as_array().map_or_else(|| std::slice::from_ref(operand), Vec::as_slice);
                let tests = list.iter().map(|each| text(operator, each).ok_or_else(unknown));
                Self::AnythingBut(tests.collect::<Result<_, _>>()?)
            }
            ("anything-but", Value::Array(list)) => {
                if !list.iter().all(Value::is_string) && !list.iter().all(Value::is_number) {
                    return Err(unknown());
                }
                Self::AnythingBut(list.iter().cloned().map(Self::Equals).collect())
            }
            ("anything-but", Value::String(_) | Value::Number(_)) => {
                Self::AnythingBut(vec![Self::Equals(operand.clone())])
            }
            ("prefix" | "suffix", Value::Object(inner)) => {
                let ignored = inner.get("equals-ignore-case").and_then(Value::as_str).filter(|_| inner.len() == 1);
                let part = ignored.ok_or_else(unknown)?.to_lowercase();
                let test = if operator == "prefix" { Self::Prefix } else { Self::Suffix };
                test(part, Case::Ignored)
            }
            (operator, operand) => text(operator, operand).ok_or_else(unknown)?,
        })
    }

    fn holds(&self, leaf: &Value) -> bool {
        match (self, leaf) {
            (Self::Equals(value), leaf) => value == leaf,
            (Self::Exists(exists), _) => *exists,
            (Self::Prefix(part, Case::Kept), Value::String(text)) => text.starts_with(part.as_str()),
            (Self::Prefix(part, Case::Ignored), Value::String(text)) => text.to_lowercase().starts_with(part.as_str()),
            (Self::Suffix(part, Case::Kept), Value::String(text)) => text.ends_with(part.as_str()),
            (Self::Suffix(part, Case::Ignored), Value::String(text)) => text.to_lowercase().ends_with(part.as_str()),
            (Self::EqualsIgnoringCase(value), Value::String(text)) => text.to_lowercase() == *value,
            (Self::Wildcard(pattern), Value::String(text)) => pattern.matches(text),
            (Self::Numeric(range), Value::Number(number)) => {
                number.as_f64().is_some_and(|number| range.iter().all(|(order, bound)| order.holds(number, *bound)))
            }
            (Self::AnythingBut(tests), leaf) => tests.iter().all(|test| !test.holds(leaf)),
            _ => false,
        }
    }
}

/// A comparison of texts.
fn text(operator: &str, operand: &Value) -> Option<Test> {
    let operand = operand.as_str()?;
    match operator {
        "prefix" => Some(Test::Prefix(operand.to_owned(), Case::Kept)),
        "suffix" => Some(Test::Suffix(operand.to_owned(), Case::Kept)),
        "equals-ignore-case" => Some(Test::EqualsIgnoringCase(operand.to_lowercase())),
        "wildcard" => Wildcard::parse(operand, true).map(Test::Wildcard),
        _ => None,
    }
}

/// One bound or two, each with its comparison.
fn range_of(range: &[Value]) -> Option<Vec<(Order, f64)>> {
    let bounds = range.chunks(2).map(|pair| match pair {
        [Value::String(order), Value::Number(bound)] => Some((Order::parse(order)?, bound.as_f64()?)),
        _ => None,
    });
    bounds.collect::<Option<Vec<_>>>().filter(|bounds| (1..=2).contains(&bounds.len()))
}

impl Order {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Equal,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::More,
            ">=" => Self::AtLeast,
            _ => return None,
        })
    }

    #[expect(clippy::float_cmp, reason = "the service compares doubles for equality as well")]
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => number == bound,
            Self::Less => number < bound,
            Self::AtMost => number <= bound,
            Self::More => number > bound,
            Self::AtLeast => number >= bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;
    use serde_json::{Value, json};

    fn matches(pattern: &Value, event: &Value) -> bool {
        Pattern::load("a test", pattern).unwrap().matches(Some(event))
    }

    #[test]
    fn operators_match_as_documented() {
        let cases = [
            (json!(["a", "b"]), json!("b"), true),
            (json!(["a", 1, null, true]), json!(null), true),
            (json!(["1"]), json!(1), false),
            (json!(["a"]), json!(["x", "a"]), true),
            (json!([{"prefix": "us-"}]), json!("us-east-1"), true),
            (json!([{"prefix": "us-"}]), json!(5), false),
            (json!([{"suffix": ".png"}]), json!(["x", "y.png"]), true),
            (json!([{"prefix": {"equals-ignore-case": "EventB"}}]), json!("eventbridge"), true),
            (json!([{"suffix": {"equals-ignore-case": ".PNG"}}]), json!("a.png"), true),
            (json!([{"equals-ignore-case": "Alice"}]), json!("aLICE"), true),
            (json!([{"anything-but": "a"}]), json!("b"), true),
            (json!([{"anything-but": "a"}]), json!("a"), false),
            (json!([{"anything-but": ["a", "b"]}]), json!(["a", "c"]), true),
            (json!([{"anything-but": [100, 200]}]), json!(100), false),
            (json!([{"anything-but": {"prefix": ["init", "stop"]}}]), json!("stopped"), false),
            (json!([{"anything-but": {"suffix": ".txt"}}]), json!("a.rtf"), true),
            (json!([{"anything-but": {"equals-ignore-case": "on"}}]), json!("ON"), false),
            (json!([{"anything-but": {"wildcard": "*/lib/*"}}]), json!("/a/lib/b"), false),
            (json!([{"numeric": [">", 0, "<=", 5]}]), json!(5), true),
            (json!([{"numeric": [">", 0, "<=", 5]}]), json!(0), false),
            (json!([{"numeric": ["=", 301.8]}]), json!("301.8"), false),
            (json!([{"wildcard": "dir/*.png"}]), json!("dir/a.png"), true),
            (json!([{"exists": true}]), json!(""), true),
            (json!([{"exists": true}]), json!({"a": 1}), false),
            (json!([{"exists": false}]), json!("x"), false),
            (json!([{"exists": false}]), json!([]), true),
            (json!([{"exists": false}, "x"]), json!("x"), true),
        ];
        for (tests, value, expected) in cases {
            assert_eq!(matches(&json!({"f": tests}), &json!({"f": value})), expected, "{tests} {value}");
        }
        for absent in [json!([{"anything-but": "a"}]), json!([null]), json!([{"exists": true}])] {
            assert!(!matches(&json!({"f": absent}), &json!({"g": 1})), "{absent}");
        }
        assert!(matches(&json!({"f": {"g": [{"exists": false}]}}), &json!({"h": 1})), "nothing is there");
    }

    #[test]
    fn the_fields_of_one_object_match_together() {
        let pattern = json!({"list": {"a": [1], "b": [2]}});
        assert!(matches(&pattern, &json!({"list": [{"a": 0}, {"a": 1, "b": 2}]})));
        assert!(!matches(&pattern, &json!({"list": [{"a": 1}, {"b": 2}]})));
    }

    #[test]
    fn or_takes_one_of_several_beside_the_rest() {
        let pattern = json!({"x": ["y"], "$or": [{"a": [1]}, {"b": [2], "c": [{"exists": false}]}]});
        assert!(matches(&pattern, &json!({"x": "y", "a": 1})));
        assert!(matches(&pattern, &json!({"x": "y", "b": 2})));
        assert!(!matches(&pattern, &json!({"x": "y", "b": 2, "c": 3})));
        assert!(!matches(&pattern, &json!({"x": "z", "a": 1})));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for wrong in [
            json!({}),
            json!({"a": "text"}),
            json!({"a": []}),
            json!({"a": [[1]]}),
            json!({"a": [{"cidr": "10.0.0.0/24"}]}),
            json!({"a": [{"prefix": 1}]}),
            json!({"a": [{"prefix": "x", "suffix": "y"}]}),
            json!({"a": [{"numeric": [">"]}]}),
            json!({"a": [{"numeric": ["!=", 1]}]}),
            json!({"a": [{"anything-but": [1, "a"]}]}),
            json!({"a": [{"anything-but": {"exists": true}}]}),
            json!({"a.b": ["x"]}),
            json!({"$or": [{"a": ["x"]}]}),
        ] {
            assert!(Pattern::load("a test", &wrong).is_err(), "{wrong}");
        }
    }
}
