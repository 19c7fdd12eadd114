//! Reads a generated template, as far as state machines need it.

use healstack_rehearsal::states::Machine;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

const PARTITION: &str = "aws";
const REGION: &str = "eu-west-1";
const ACCOUNT: &str = "111122223333";

/// The machines of `generated/dev/core/template.yaml`: guard, recorder, sweeper.
pub(crate) fn machine(resource: &str) -> Machine {
    let (name, definition) = definition(resource);
    Machine::load(&format!("arn:{PARTITION}:states:{REGION}:{ACCOUNT}:stateMachine:{name}"), &definition).unwrap()
}

/// A machine's name and definition.
pub(crate) fn definition(resource: &str) -> (String, Value) {
    let properties = properties("core", resource);
    (properties["StateMachineName"].as_str().unwrap().to_owned(), properties["Definition"].clone())
}

/// The configuration of a rule of the stack `checkout`, as its parameter has it.
pub(crate) fn rule(resource: &str) -> String {
    properties("checkout", resource)["Value"].as_str().unwrap().to_owned()
}

fn properties(stack: &str, resource: &str) -> Value {
    let path = format!("{}/../generated/dev/{stack}/template.yaml", env!("CARGO_MANIFEST_DIR"));
    let template = read(&std::fs::read_to_string(path).unwrap());
    template["Resources"][resource]["Properties"].clone()
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

fn value<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Value {
    match event {
        Event::Scalar(text, style, _, tag) => match tag.map(|tag| tag.suffix.clone()).as_deref() {
            Some("Sub") => Value::String(
                text.replace("${AWS::Partition}", PARTITION)
                    .replace("${AWS::Region}", REGION)
                    .replace("${AWS::AccountId}", ACCOUNT),
            ),
            Some("Ref") => Value::String(format!("arn:aws:sns:{REGION}:{ACCOUNT}:{text}")),
            Some(other) => Value::String(format!("{other} {text}")),
            None if style == ScalarStyle::Plain => plain(&text),
            None => Value::String(text.into_owned()),
        },
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match events.next().unwrap() {
                    Event::SequenceEnd => return Value::Array(items),
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

fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text if text.starts_with(|first: char| first.is_ascii_digit() || first == '-') => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
        }
        text => Value::String(text.to_owned()),
    }
}
