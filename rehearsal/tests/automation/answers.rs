//! Answers that a document's steps understand: what selectors look for is there.

use healstack_rehearsal::automation::{Action, Run};
use healstack_rehearsal::{AwsError, Random};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How the outside behaves, each in percent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mood {
    /// Calls that are refused or fail.
    pub(crate) errors: u64,
    /// Calls that are never answered.
    pub(crate) silence: u64,
    /// Outputs that are not there.
    pub(crate) missing: u64,
    /// Properties that are as wanted.
    pub(crate) desired: u64,
    /// Outputs that have a value that a branch asks for.
    pub(crate) asked: u64,
    /// Decides for each step, with this seed, whether its property is as wanted however often it is looked at.
    pub(crate) fixed: Option<u64>,
}

/// Answers what a run asks now.
pub(crate) fn answer(
    content: &Value,
    asked: &Asked,
    run: &Run,
    action: &Action,
    mood: Mood,
    random: &mut Random,
) -> Option<Result<Value, AwsError>> {
    if random.chance(mood.silence) {
        return None;
    }
    if random.chance(mood.errors) {
        let throttled = random.chance(50);
        let error = if throttled { AwsError::server("Throttling", "no") } else { AwsError::client("NotFound", "no") };
        return Some(Err(error));
    }
    let step = current(content, run);
    Some(Ok(match action {
        Action::Command { .. } => json!({"Status": if random.chance(mood.desired) { "Success" } else { "Failed" }}),
        Action::Approval { .. } => {
            json!({"ApprovalStatus": if random.chance(mood.desired) { "Approved" } else { "Rejected" }})
        }
        Action::Script { .. } => outputs(asked, step, mood, random).get("Payload").cloned().unwrap_or(json!({})),
        _ if step["inputs"].get("PropertySelector").is_some() => property(run, step, mood, random),
        _ => outputs(asked, step, mood, random),
    }))
}

/// The step that has begun and not ended.
fn current<'document>(content: &'document Value, run: &Run) -> &'document Value {
    let record = run.steps().iter().find(|step| step.start.is_some() && step.end.is_none()).unwrap();
    content["mainSteps"].as_array().unwrap().iter().find(|step| step["name"] == record.name.as_str()).unwrap()
}

fn property(run: &Run, step: &Value, mood: Mood, random: &mut Random) -> Value {
    let mut answer = json!({});
    if random.chance(mood.missing) {
        return answer;
    }
    let desired = &step["inputs"]["DesiredValues"][0];
    let of_step = |seed: u64| {
        let name = step["name"].as_str().unwrap();
        let mixed = name.bytes().fold(seed, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Random::new(mixed).chance(mood.desired)
    };
    let is_desired = mood.fixed.map_or_else(|| random.chance(mood.desired), of_step);
    let value = if is_desired { desired.clone() } else { json!("unwanted") };
    let value = match value.as_str().unwrap() {
        "True" => json!(true),
        "False" => json!(false),
        text => json!(resolved(run, text)),
    };
    put(&mut answer, &resolved(run, step["inputs"]["PropertySelector"].as_str().unwrap()), value);
    answer
}

/// A text with the one reference that it may have replaced.
fn resolved(run: &Run, text: &str) -> String {
    let Some((before, rest)) = text.split_once("{{ ") else { return text.to_owned() };
    let (name, after) = rest.split_once(" }}").unwrap();
    let value = match name.split_once('.') {
        Some((step, output)) => {
            let record = run.steps().iter().find(|record| record.name == step).unwrap();
            record.outputs.get(output).map_or_else(|| "unknown".into(), |value| value.as_str().unwrap().to_owned())
        }
        None => run.describe()["Parameters"][name][0].as_str().unwrap().to_owned(),
    };
    format!("{before}{value}{after}")
}

fn outputs(asked: &Asked, step: &Value, mood: Mood, random: &mut Random) -> Value {
    let mut answer = json!({});
    for output in step["outputs"].as_array().into_iter().flatten() {
        if random.chance(mood.missing) {
            continue;
        }
        let name = format!("{{{{ {}.{} }}}}", step["name"].as_str().unwrap(), output["Name"].as_str().unwrap());
        let of = |name: &str| asked.get(name).map_or(&[][..], Vec::as_slice);
        let wanted = of(output["Selector"].as_str().unwrap());
        let asked = if !wanted.is_empty() && random.chance(20) { wanted } else { of(&name) };
        let value = if !asked.is_empty() && random.chance(mood.asked) {
            let last = if random.chance(30) { 1 } else { asked.len() as u64 };
            asked[usize::try_from(random.below(last)).unwrap()].clone()
        } else {
            match output["Type"].as_str().unwrap() {
                "Integer" => json!(random.below(5)),
                "Boolean" => json!(random.chance(50)),
                "StringList" => json!(["x"]),
                "StringMap" => json!({"a": "b"}),
                "MapList" => json!([{"a": "b"}]),
                _ => json!("otherwise"),
            }
        };
        put(&mut answer, output["Selector"].as_str().unwrap(), value);
    }
    answer
}

/// Values that branches compare variables with, or values beside them, by variable; and desired values by selector.
pub(crate) type Asked = BTreeMap<String, Vec<Value>>;

/// What a document's branches ask.
pub(crate) fn asked(value: &Value, found: &mut Asked) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(variable)) = members.get("Variable") {
                let operations = members.iter().filter(|(name, _)| !["Variable", "NextStep"].contains(&name.as_str()));
                found.entry(variable.clone()).or_default().extend(operations.map(|(operator, operand)| {
                    match operator.as_str() {
                        "NumericGreater" => json!(operand.as_i64().unwrap() + 1),
                        "NumericLesser" => json!(operand.as_i64().unwrap() - 1),
                        "StartsWith" => json!(format!("{}rest", operand.as_str().unwrap())),
                        _ => operand.clone(),
                    }
                }));
            }
            // What a step waits for is what an output of the same place may well be.
            if let Some(Value::String(selector)) = members.get("PropertySelector") {
                found.entry(selector.clone()).or_default().push(members["DesiredValues"][0].clone());
            }
            members.values().for_each(|member| asked(member, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| asked(element, found)),
        _ => {}
    }
}

/// Puts a value where a selector looks.
fn put(mut place: &mut Value, selector: &str, mut value: Value) {
    let mut rest = &selector[1..];
    while !rest.is_empty() {
        let (index, name, after) = if let Some(after) = rest.strip_prefix("['") {
            let (name, after) = after.split_once("']").unwrap();
            (None, name, after)
        } else if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']').unwrap();
            (Some(index), "", after)
        } else {
            let after = &rest[1..];
            let end = after.find(['.', '[']).unwrap_or(after.len());
            (None, &after[..end], &after[end..])
        };
        rest = after;
        let Some(index) = index else {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[name];
            continue;
        };
        if !place.is_array() {
            *place = json!([]);
        }
        let list = place.as_array_mut().unwrap();
        let at = match index {
            "-1" => list.len().max(1) - 1,
            "*" => {
                value = value[0].take();
                0
            }
            index => index.parse().unwrap(),
        };
        while list.len() <= at {
            list.push(json!(null));
        }
        place = &mut list[at];
    }
    // Two outputs may look at one place.
    if place.is_null() {
        *place = value;
    }
}
