//! Reads a generated template, as far as rules, metric filters and documents need it.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value, json};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

/// The logical id and the properties of every resource of a type in `core` or `checkout`.
pub(crate) fn resources(stack: &str, kind: &str) -> Vec<(String, Value)> {
    let path = format!("{}/../generated/dev/{stack}/template.yaml", env!("CARGO_MANIFEST_DIR"));
    let template = read(&std::fs::read_to_string(path).unwrap());
    let resources = template["Resources"].as_object().unwrap();
    let of_kind = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
    of_kind.map(|(id, resource)| (id.clone(), resource["Properties"].clone())).collect()
}

fn read(text: &str) -> Value {
    let mut events = Parser::new_from_str(text).map(|event| event.unwrap().0);
    loop {
        match events.next().unwrap() {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            first => return value(first, &mut events),
        }
    }
}

fn value<'text>(event: Event<'text>, events: &mut impl Iterator<Item = Event<'text>>) -> Value {
    match event {
        Event::Scalar(text, style, _, tag) => match tag.map(|tag| tag.suffix.clone()).as_deref() {
            Some("Sub") => json!(
                text.replace("${AWS::Partition}", "aws")
                    .replace("${AWS::Region}", REGION)
                    .replace("${AWS::AccountId}", ACCOUNT)
            ),
            Some("Ref") if text.starts_with("AWS::") => json!(if text.ends_with("Region") { REGION } else { ACCOUNT }),
            // Names are made of logical ids here: nothing else is asked of them.
            Some("Ref" | "GetAtt") => json!(format!("arn:aws:made:{REGION}:{ACCOUNT}:{text}")),
            Some(other) => panic!("!{other} {text}"),
            None if style == ScalarStyle::Plain => plain(&text),
            None => json!(text),
        },
        Event::SequenceStart(_, tag) => {
            let mut items = Vec::new();
            loop {
                match events.next().unwrap() {
                    Event::SequenceEnd => return function(tag.as_ref().map(|tag| tag.suffix.as_str()), items),
                    item => items.push(value(item, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut members = Map::new();
            loop {
                match events.next().unwrap() {
                    Event::MappingEnd => return Value::Object(members),
                    Event::Scalar(name, ..) => {
                        let member = events.next().unwrap();
                        members.insert(name.into_owned(), value(member, events));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        other => panic!("{other:?}"),
    }
}

/// What a function of `CloudFormation` makes of its list.
fn function(name: Option<&str>, items: Vec<Value>) -> Value {
    match name {
        None => Value::Array(items),
        Some("Select") => items[1][usize::try_from(items[0].as_u64().unwrap()).unwrap()].clone(),
        Some("Split") => items[1].as_str().unwrap().split(items[0].as_str().unwrap()).collect(),
        Some(other) => panic!("!{other} {items:?}"),
    }
}

fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
    }
}
