//! Generated templates as JSON, with every intrinsic function resolved to some text.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::Path;

enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

/// The resources of a generated stack.
pub(crate) fn resources(stack: &str) -> Map<String, Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../generated/dev/{stack}/template.yaml"));
    let template = read(&std::fs::read_to_string(path).unwrap());
    template["Resources"].as_object().unwrap().clone()
}

/// The properties of a stack's alarms.
pub(crate) fn alarms(stack: &str) -> Vec<Value> {
    let alarms = resources(stack).into_iter().map(|(_, resource)| resource);
    alarms
        .filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm")
        .map(|resource| resource["Properties"].clone())
        .collect()
}

fn read(text: &str) -> Value {
    let mut open: Vec<(Open, bool, usize)> = Vec::new();
    let mut anchors: HashMap<usize, Value> = HashMap::new();
    let mut root = Value::Null;
    for event in Parser::new_from_str(text) {
        let (value, anchor) = match event.unwrap().0 {
            Event::SequenceStart(anchor, tag) => {
                open.push((Open::List(Vec::new()), tag.is_some(), anchor));
                continue;
            }
            Event::MappingStart(anchor, tag) => {
                open.push((Open::Map(Map::new(), None), tag.is_some(), anchor));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop().unwrap() {
                (_, true, anchor) => (Value::from("resolved"), anchor),
                (Open::List(items), _, anchor) => (Value::Array(items), anchor),
                (Open::Map(entries, _), _, anchor) => (Value::Object(entries), anchor),
            },
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                (if plain { scalar(&text) } else { Value::from(text.into_owned()) }, anchor)
            }
            Event::Alias(anchor) => (anchors[&anchor].clone(), 0),
            _ => continue,
        };
        anchors.insert(anchor, value.clone());
        match open.last_mut().map(|(open, ..)| open) {
            None => root = value,
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(entries, next)) => match next.take() {
                Some(key) => drop(entries.insert(key, value)),
                None => *next = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            },
        }
    }
    root
}

fn scalar(text: &str) -> Value {
    let literal = serde_json::from_str(text).unwrap_or(Value::Null);
    if literal.is_number() || literal.is_boolean() { literal } else { Value::from(text) }
}
