//! `{{ name }}` in inputs (user guide, Automation system variables).

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'text> {
    Text(&'text str),
    Reference(&'text str),
}

/// The parts of a text in order. Braces that make no reference are text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut found, mut begin, mut from) = (Vec::new(), 0, 0);
    while let Some(open) = text[from..].find("{{").map(|at| from + at) {
        let inner = text[open + 2..].split_once("}}").map(|(inner, _)| inner);
        let name = inner.map(str::trim).filter(|name| !name.is_empty() && !name.contains(['{', '}', ' ', '\n']));
        let (Some(inner), Some(name)) = (inner, name) else {
            from = open + 1;
            continue;
        };
        if open > begin {
            found.push(Piece::Text(&text[begin..open]));
        }
        found.push(Piece::Reference(name));
        begin = open + 2 + inner.len() + 2;
        from = begin;
    }
    if begin < text.len() {
        found.push(Piece::Text(&text[begin..]));
    }
    found
}

/// The name that a text consists of, if it is one reference and nothing else.
pub(super) fn whole(text: &str) -> Option<&str> {
    match pieces(text)[..] {
        [Piece::Reference(name)] => Some(name),
        _ => None,
    }
}

/// Every name in a value. Nothing where braces stand that make no reference, or a key has them.
pub(super) fn references(value: &Value) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    collect(value, &mut found).then_some(found)
}

fn collect(value: &Value, found: &mut BTreeSet<String>) -> bool {
    match value {
        Value::String(text) => pieces(text).into_iter().all(|piece| match piece {
            Piece::Text(text) => !text.contains("{{"),
            Piece::Reference(name) => {
                found.insert(name.to_owned());
                true
            }
        }),
        Value::Array(elements) => elements.iter().all(|each| collect(each, found)),
        Value::Object(members) => members.iter().all(|(key, each)| !key.contains("{{") && collect(each, found)),
        _ => true,
    }
}

/// The value with its references replaced: with their type where one is the whole text, as text inside of one. The
/// error is the name that has no value.
pub(super) fn substitute(value: &Value, lookup: &dyn Fn(&str) -> Option<Value>) -> Result<Value, String> {
    match value {
        Value::String(text) => match whole(text) {
            Some(name) => lookup(name).ok_or_else(|| name.to_owned()),
            None => inside(text, lookup).map(Value::String),
        },
        Value::Array(elements) => elements.iter().map(|each| substitute(each, lookup)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(key, each)| Ok((key.clone(), substitute(each, lookup)?)));
            members.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        other => Ok(other.clone()),
    }
}

/// The text with its references replaced.
pub(super) fn inside(text: &str, lookup: &dyn Fn(&str) -> Option<Value>) -> Result<String, String> {
    let parts = pieces(text).into_iter().map(|piece| match piece {
        Piece::Text(text) => Ok(text.to_owned()),
        Piece::Reference(name) => match lookup(name) {
            Some(Value::String(value)) => Ok(value),
            Some(other) => Ok(other.to_string()),
            None => Err(name.to_owned()),
        },
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::{references, substitute};
    use serde_json::{Value, json};

    fn lookup(name: &str) -> Option<Value> {
        match name {
            "a.Number" => Some(json!(5)),
            "Text" => Some(json!("x")),
            "List" => Some(json!(["y"])),
            _ => None,
        }
    }

    #[test]
    fn a_reference_keeps_its_type_unless_it_is_inside_a_text() {
        let value = json!({"n": "{{ a.Number }}", "t": "{{Text}} of {{ a.Number }}", "l": "{{ List }}",
            "k": [true, "{{ Text }}"]});
        let made = json!({"n": 5, "t": "x of 5", "l": ["y"], "k": [true, "x"]});
        assert_eq!(substitute(&value, &lookup), Ok(made));
        assert_eq!(substitute(&json!(["{{ b.None }}"]), &lookup), Err("b.None".into()));
        assert_eq!(substitute(&json!("a {{ b.None }}"), &lookup), Err("b.None".into()));
    }

    #[test]
    fn every_reference_is_found() {
        let found = references(&json!({"a": ["{{ b.C }} {{D}}"], "e": "f"})).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["D", "b.C"]);
        assert_eq!(references(&json!("{{ a b }}")), None);
        assert_eq!(references(&json!({"{{ key }}": 1})), None);
    }
}
