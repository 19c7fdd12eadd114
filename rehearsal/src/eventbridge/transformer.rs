//! Input transformers (`EventBridge` user guide, input transformation).

use super::path::Path;
use crate::{AwsError, Millis, Unsupported, time};
use serde_json::{Value, json};

/// Names that a template may use without a path.
const RESERVED: [&str; 5] = [
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
];

/// A piece of a template.
#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    /// The value of a variable, as JSON.
    Value(Variable),
    /// The value of a variable as part of a JSON text.
    Inside(Variable),
}

#[derive(Debug, Clone)]
enum Variable {
    Path(Path),
    Reserved(&'static str),
}

/// A template with its variables.
#[derive(Debug, Clone)]
pub(super) struct Transformer {
    pieces: Vec<Piece>,
}

impl Transformer {
    /// Reads the property `InputTransformer` of a target.
    pub(super) fn load(place: &str, property: &Value) -> Result<Self, Unsupported> {
        let unknown = |what: String| Unsupported::new(place, what);
        for member in property.as_object().into_iter().flat_map(|members| members.keys()) {
            if !["InputPathsMap", "InputTemplate"].contains(&member.as_str()) {
                return Err(unknown(format!("the property `{member}` of an input transformer")));
            }
        }
        let template = property["InputTemplate"].as_str();
        let template = template.ok_or_else(|| unknown("an input transformer without `InputTemplate`".into()))?;
        let paths = &property["InputPathsMap"];
        let variable = |name: &str| -> Result<Option<Variable>, Unsupported> {
            if let Some(reserved) = RESERVED.into_iter().find(|reserved| *reserved == name) {
                return Ok(Some(Variable::Reserved(reserved)));
            }
            let Some(path) = paths.get(name) else { return Ok(None) };
            let path = path.as_str().and_then(Path::parse);
            let path = path.ok_or_else(|| unknown(format!("the input path {}", paths[name])))?;
            Ok(Some(Variable::Path(path)))
        };
        for name in paths.as_object().into_iter().flat_map(|paths| paths.keys()) {
            variable(name)?;
        }
        let read = Self { pieces: pieces(template, variable)? };
        // What comes out has to be JSON: a state machine takes nothing else.
        let sample = read.text(|_| Some(json!("x"))).unwrap_or_default();
        serde_json::from_str::<Value>(&sample)
            .map_err(|_| unknown(format!("an input template that makes no JSON: {template}")))?;
        Ok(read)
    }

    /// What a target is given. A variable whose path leads nowhere leaves nothing in its place, which is mostly no
    /// JSON any more: the target refuses it.
    pub(super) fn apply(&self, event: &Value, rule: (&str, &str), ingested: Millis) -> Result<Value, AwsError> {
        let value = |variable: &Variable| match variable {
            Variable::Path(path) => path.find(event).cloned(),
            Variable::Reserved("aws.events.rule-name") => Some(json!(rule.0)),
            Variable::Reserved("aws.events.rule-arn") => Some(json!(rule.1)),
            Variable::Reserved("aws.events.event.ingestion-time") => Some(json!(time::iso_seconds(ingested))),
            Variable::Reserved("aws.events.event.json") => Some(event.clone()),
            Variable::Reserved(_) => {
                let mut without = event.clone();
                without.as_object_mut().map(|members| members.shift_remove("detail"));
                Some(without)
            }
        };
        let text = self.text(value).unwrap_or_else(|text| text);
        serde_json::from_str(&text)
            .map_err(|error| AwsError::client("InvalidExecutionInput", format!("{error}: {text}")))
    }

    /// The template with values in it; the error is the text where a value is missing.
    fn text(&self, value: impl Fn(&Variable) -> Option<Value>) -> Result<String, String> {
        let (mut text, mut whole) = (String::new(), true);
        for piece in &self.pieces {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Value(variable) | Piece::Inside(variable) => {
                    let Some(found) = value(variable) else {
                        whole = false;
                        continue;
                    };
                    match (piece, &found) {
                        (Piece::Inside(_), Value::String(found)) => text.push_str(found),
                        // Quotes would end the text that an object stands in, so the service takes them away.
                        (Piece::Inside(_), other) => text.push_str(&other.to_string().replace('"', "")),
                        (_, other) => text.push_str(&other.to_string()),
                    }
                }
            }
        }
        if whole { Ok(text) } else { Err(text) }
    }
}

/// Splits a template at its variables. What stands in angle brackets and is no variable is text.
fn pieces(
    template: &str,
    variable: impl Fn(&str) -> Result<Option<Variable>, Unsupported>,
) -> Result<Vec<Piece>, Unsupported> {
    let (mut found, mut text, mut quoted, mut rest) = (Vec::new(), String::new(), false, template);
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        if character == '<'
            && let Some((name, after)) = after.split_once('>')
            && let Some(variable) = variable(name)?
        {
            found.push(Piece::Text(std::mem::take(&mut text)));
            found.push(if quoted { Piece::Inside(variable) } else { Piece::Value(variable) });
            rest = after;
            continue;
        }
        text.push(character);
        rest = after;
        match character {
            '"' => quoted = !quoted,
            '\\' => {
                if let Some(escaped) = rest.chars().next() {
                    text.push(escaped);
                    rest = &rest[escaped.len_utf8()..];
                }
            }
            _ => {}
        }
    }
    found.push(Piece::Text(text));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::Transformer;
    use serde_json::{Value, json};

    fn apply(paths: &Value, template: &str, event: &Value) -> Result<Value, String> {
        let transformer = json!({"InputPathsMap": paths, "InputTemplate": template});
        let transformer = Transformer::load("a test", &transformer).map_err(|error| error.to_string())?;
        let rule = ("name", "arn:aws:events:eu-west-1:111122223333:rule/name");
        transformer.apply(event, rule, 0).map_err(|error| error.code)
    }

    #[test]
    fn variables_are_values_outside_texts_and_text_inside() {
        let event = json!({"time": "t", "detail": {"a": ["x \"y\"", 1], "c": {"b": [1]}}, "resources": ["r"]});
        let paths = json!({"time": "$.time", "detail": "$.detail", "first": "$.resources[0]", "quoted": "$.detail.a[0]",
            "plain": "$.detail.c"});
        let made = apply(
            &paths,
            r#"{"d":<detail>,"t":<time>,"q":<quoted>,"text":"<first> at <time>, \"<first>\", <other>: <plain>"}"#,
            &event,
        );
        assert_eq!(
            made,
            Ok(json!({"d": event["detail"], "t": "t", "q": "x \"y\"", "text": "r at t, \"r\", <other>: {b:[1]}"}))
        );
        // What is put inside a text is not escaped.
        assert_eq!(apply(&paths, r#"{"text":"<quoted>"}"#, &event), Err("InvalidExecutionInput".into()));
    }

    #[test]
    fn reserved_variables_need_no_path() {
        let event = json!({"id": "i", "detail": {}});
        let made = apply(
            &json!({}),
            r#"{"a":<aws.events.event.json>,"e":<aws.events.event>,"n":"<aws.events.rule-name>!",
                "r":<aws.events.rule-arn>,
                "i":<aws.events.event.ingestion-time>}"#,
            &event,
        );
        let arn = "arn:aws:events:eu-west-1:111122223333:rule/name";
        let whole = json!({"a": event, "e": {"id": "i"}, "n": "name!", "r": arn, "i": "1970-01-01T00:00:00Z"});
        assert_eq!(made, Ok(whole));
    }

    #[test]
    fn a_missing_value_leaves_nothing() {
        let paths = json!({"x": "$.absent"});
        assert_eq!(apply(&paths, r#"{"a":<x>}"#, &json!({})), Err("InvalidExecutionInput".into()));
        assert_eq!(apply(&paths, r#"{"a":"<x>"}"#, &json!({})), Ok(json!({"a": ""})));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (paths, template) in [
            (json!({"x": "$.a[*]"}), r#"{"a":<x>}"#),
            (json!({"x": "$.a"}), r#"{"a":<y>}"#),
            (json!({"x": "$.a"}), "\"<x>\"\n\"<x>\""),
        ] {
            assert!(apply(&paths, template, &json!({})).unwrap_err().contains("does not know"), "{template}");
        }
    }
}
