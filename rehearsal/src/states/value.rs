//! Values: JSON at the edges, the evaluator's own between states, so that nothing is converted twice.

use jsonata_core::value::{JArray, JValue};
use serde_json::{Number, Value};

use super::failure::TaskError;

/// Whole numbers up to here are the same in a double and in an integer.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// A value for the outside. Whole numbers are integers there.
pub(super) fn to_json(value: &JValue) -> Value {
    match value {
        JValue::Bool(truth) => Value::Bool(*truth),
        JValue::Number(number) => to_number(*number),
        JValue::String(text) => Value::String(text.as_ref().to_owned()),
        JValue::Array(items) => Value::Array(items.iter().map(to_json).collect()),
        JValue::Object(members) => {
            Value::Object(members.iter().map(|(name, member)| (name.clone(), to_json(member))).collect())
        }
        // Functions are no data: `data` has refused them.
        _ => Value::Null,
    }
}

fn to_number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= WHOLE {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, as just asked")]
        return Value::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// An expression's result as data: what an evaluator notes on its arrays is gone, as between two states, where Step
/// Functions keeps JSON. Also its size in bytes of JSON. A function is no data.
pub(super) fn data(value: JValue) -> Result<(JValue, usize), TaskError> {
    let mut marked = false;
    let size = measure(&value, &mut marked)?;
    Ok((if marked { unmarked(&value) } else { value }, size))
}

/// Bytes that a value has as JSON.
pub(super) fn size(value: &JValue) -> Result<usize, TaskError> {
    measure(value, &mut false)
}

fn measure(value: &JValue, marked: &mut bool) -> Result<usize, TaskError> {
    Ok(match value {
        JValue::Bool(truth) => 5 - usize::from(*truth),
        JValue::Number(number) if number.is_finite() => digits(*number),
        JValue::Number(_) => return Err(TaskError::query("a number that JSON does not have")),
        JValue::String(text) => quoted(text),
        JValue::Array(items) => {
            *marked |=
                items.sequence || items.cons || items.keep_singleton || items.outer_wrapper || items.sorted_tuples;
            let mut size = 1 + items.len().max(1);
            for item in items {
                *marked |= item.is_undefined();
                size += measure(item, marked)?;
            }
            size
        }
        JValue::Object(members) => {
            let mut size = 1 + members.len().max(1);
            for (name, member) in members.iter() {
                *marked |= member.is_undefined();
                size += quoted(name) + 1 + measure(member, marked)?;
            }
            size
        }
        // In an array JSON writes what is undefined as null.
        JValue::Null | JValue::Undefined => 4,
        _ => return Err(TaskError::query("the expression returned a function, which is no data")),
    })
}

fn unmarked(value: &JValue) -> JValue {
    match value {
        JValue::Undefined => JValue::Null,
        JValue::Array(items) => {
            let flat = !items.iter().any(JValue::is_array);
            JValue::Array(JArray::new_flat(items.iter().map(unmarked).collect(), flat))
        }
        JValue::Object(members) => JValue::object(
            members
                .iter()
                .filter(|(_, member)| !member.is_undefined())
                .map(|(name, member)| (name.clone(), unmarked(member)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn quoted(text: &str) -> usize {
    let escapes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..=31 => 5,
        _ => 0,
    });
    2 + text.len() + escapes.sum::<usize>()
}

fn digits(number: f64) -> usize {
    if number.fract() == 0.0 && number.abs() < 10.0 { 1 + usize::from(number < 0.0) } else { number.to_string().len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_are_those_of_the_text() {
        for value in [
            json!({"a": [1, -2, 10.5, null, true, false], "b": {}, "c": [], "d": "q\"\\\n\u{1}ü"}),
            json!([[], [{}], 123_456]),
            json!("x"),
        ] {
            assert_eq!(size(&JValue::from(value.clone())).unwrap(), value.to_string().len(), "{value}");
        }
    }

    #[test]
    fn whole_numbers_leave_as_integers() {
        assert_eq!(to_json(&JValue::from(json!({"n": 3, "m": 2.5}))), json!({"n": 3, "m": 2.5}));
    }

    #[test]
    fn an_evaluators_notes_are_gone_and_what_is_undefined_too() {
        let mut kept = JValue::sequence(vec![JValue::from("x"), JValue::Undefined]);
        kept.mark_keep_singleton();
        let (cleaned, _) = data(kept).unwrap();
        let items = cleaned.as_jarray().unwrap();
        assert!(!items.sequence && !items.keep_singleton);
        assert_eq!(to_json(&cleaned), json!(["x", null]));
    }

    #[test]
    fn functions_are_no_data() {
        assert!(data(JValue::array(vec![JValue::builtin("count")])).is_err());
    }
}
