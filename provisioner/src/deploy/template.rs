//! A CloudFormation template as plain JSON: YAML or JSON in, short intrinsics (`!Sub`) as their long form (`Fn::Sub`).
//!
//! This reads templates that are deployed already, whoever wrote them, so it is lenient: what it cannot parse is null, and
//! the caller then knows less about the old state, never more.

use std::collections::HashMap;

use crate::diagnostics::Source;
use crate::workload::in_long_form;
use crate::yaml;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

/// The template as JSON; null when it is not YAML.
pub(crate) fn parse(text: &str) -> Value {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let Ok((event, _)) = event else {
            // Something that CloudFormation takes all the same, and so does the compiler: a bracket at its key's column.
            let node = yaml::parse(&Source::new("the template", text.trim_start_matches('\u{FEFF}')));
            return node.map(|node| in_long_form(&node).to_json()).unwrap_or_default();
        };
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.event(event);
    }
    builder.root
}

/// A collection that is still open.
struct Open {
    value: Collection,
    anchor: usize,
    tag: Option<String>,
}

enum Collection {
    Sequence(Vec<Value>),
    /// The entries, and the key whose value comes next.
    Mapping(Map<String, Value>, Option<String>),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Value>,
    root: Value,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned().unwrap_or_default();
                self.add(value);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_string = style != ScalarStyle::Plain || tag.is_some() || self.expects_key();
                let value = if is_string { Value::String(text.into_owned()) } else { plain(&text) };
                self.finish(value, anchor, short_name(tag.as_deref()));
            }
            Event::SequenceStart(anchor, tag) => {
                let tag = short_name(tag.as_deref());
                self.open.push(Open { value: Collection::Sequence(Vec::new()), anchor, tag });
            }
            Event::MappingStart(anchor, tag) => {
                let tag = short_name(tag.as_deref());
                self.open.push(Open { value: Collection::Mapping(Map::new(), None), anchor, tag });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return };
                let value = match open.value {
                    Collection::Sequence(items) => Value::Array(items),
                    Collection::Mapping(entries, _) => Value::Object(entries),
                };
                self.finish(value, open.anchor, open.tag);
            }
            _ => {}
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { value: Collection::Mapping(_, None), .. }))
    }

    fn finish(&mut self, value: Value, anchor: usize, tag: Option<String>) {
        let value = match tag {
            Some(tag) => long_form(&tag, value),
            None => value,
        };
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        self.add(value);
    }

    fn add(&mut self, value: Value) {
        match self.open.last_mut().map(|open| &mut open.value) {
            None => self.root = value,
            Some(Collection::Sequence(items)) => items.push(value),
            Some(Collection::Mapping(entries, next)) => match next.take() {
                Some(key) => {
                    entries.insert(key, value);
                }
                None => *next = Some(text(&value)),
            },
        }
    }
}

/// `!Sub` is `Sub`; tags of YAML itself (`!!str`) are none of CloudFormation's.
fn short_name(tag: Option<&Tag>) -> Option<String> {
    tag.filter(|tag| !tag.is_yaml_core_schema()).map(|tag| tag.suffix.trim_start_matches('!').to_owned())
}

/// `!Ref` and `!Condition` have no prefix; the value of `!GetAtt` is a list in its long form.
fn long_form(tag: &str, value: Value) -> Value {
    let (key, value) = match (tag, value) {
        ("Ref" | "Condition", value) => (tag.to_owned(), value),
        ("GetAtt", Value::String(path)) => {
            let parts =
                path.split_once('.').map_or_else(|| vec![path.as_str()], |(name, attribute)| vec![name, attribute]);
            ("Fn::GetAtt".to_owned(), parts.into_iter().map(Value::from).collect())
        }
        (_, value) => (format!("Fn::{tag}"), value),
    };
    Value::Object(Map::from_iter([(key, value)]))
}

/// A plain scalar by YAML's core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if text.starts_with(|first: char| first.is_ascii_digit() || first == '-') => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
        }
        _ => Value::String(text.to_owned()),
    }
}

/// A value as a reader would write it: strings as they are, references as in `!Sub`, everything else as JSON.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(entries) if entries.len() == 1 => reference(entries).unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

fn reference(entries: &Map<String, Value>) -> Option<String> {
    let (key, value) = entries.iter().next()?;
    match (key.as_str(), value) {
        ("Ref", Value::String(name)) => Some(format!("${{{name}}}")),
        ("Fn::Sub", Value::String(text)) => Some(text.clone()),
        ("Fn::GetAtt", Value::Array(parts)) => {
            let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
            Some(format!("${{{}}}", parts?.join(".")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_intrinsics_become_long_ones() {
        let value = parse("a: !Ref B\nb: !GetAtt Role.Arn\nc: !Sub '${X}-y'\nd: !If [C, 1, !Ref 'AWS::NoValue']\n");
        assert_eq!(
            value,
            json!({"a": {"Ref": "B"}, "b": {"Fn::GetAtt": ["Role", "Arn"]}, "c": {"Fn::Sub": "${X}-y"},
                   "d": {"Fn::If": ["C", 1, {"Ref": "AWS::NoValue"}]}})
        );
    }

    #[test]
    fn scalars_anchors_and_json_are_read() {
        let value = parse("x: &x [1, 2.5, '3', yes, true, ~]\ny: *x\n2012: 2012-10-17\n");
        assert_eq!(value["x"], json!([1, 2.5, "3", "yes", true, null]));
        assert_eq!(value["y"], value["x"]);
        assert_eq!(value["2012"], json!("2012-10-17"));
        assert_eq!(parse(r#"{"Resources": {"A": {"Type": "T"}}}"#), json!({"Resources": {"A": {"Type": "T"}}}));
    }

    #[test]
    fn what_is_not_yaml_is_null() {
        assert_eq!(parse("a: [1"), Value::Null);
        assert_eq!(parse(""), Value::Null);
    }

    #[test]
    fn references_read_as_in_a_substitution() {
        assert_eq!(text(&json!({"Fn::GetAtt": ["Role", "Arn"]})), "${Role.Arn}");
        assert_eq!(text(&json!({"Ref": "AWS::Region"})), "${AWS::Region}");
        assert_eq!(text(&json!({"Fn::Join": ["", ["a"]]})), r#"{"Fn::Join":["",["a"]]}"#);
    }
}
