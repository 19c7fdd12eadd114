//! One step of a document, read.

use super::branch::Condition;
use super::output::{Output, Type};
use super::selector::Selector;
use super::{text, variable};
use crate::{Millis, time};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The longest that one API call may take (Automation actions reference, `aws:executeAwsApi`).
const CALL: Millis = 25 * time::SECOND;
/// How long a wait waits where it does not say (Automation actions reference, `aws:waitForAwsResourceProperty`).
const WAIT: Millis = time::HOUR;
/// The longest that a script may take (Automation actions reference, `aws:executeScript`).
const SCRIPT: Millis = 10 * time::MINUTE;
/// How long an approval is waited for where the step does not say, and at most (Automation actions reference,
/// `aws:approve`).
const APPROVAL: Millis = 7 * 24 * time::HOUR;
const LONGEST_APPROVAL: Millis = 30 * 24 * time::HOUR;
/// The longest delay (Automation actions reference, `aws:sleep`).
const LONGEST_SLEEP: Millis = 604_799 * time::SECOND;

/// Fields that all actions share (Automation actions reference, properties shared by all actions).
const FIELDS: [&str; 12] = [
    "name",
    "action",
    "description",
    "inputs",
    "outputs",
    "nextStep",
    "isEnd",
    "isCritical",
    "onFailure",
    "onCancel",
    "maxAttempts",
    "timeoutSeconds",
];
const COMMAND_INPUTS: [&str; 5] = ["DocumentName", "InstanceIds", "Parameters", "TimeoutSeconds", "Comment"];
const APPROVE_INPUTS: [&str; 4] = ["NotificationArn", "Message", "MinRequiredApprovals", "Approvers"];
const SCRIPT_INPUTS: [&str; 4] = ["Runtime", "Handler", "InputPayload", "Script"];
const RUNTIMES: [&str; 3] = ["python3.10", "python3.11", "python3.12"];
/// Where `onCancel` may not lead, of the actions that are known.
const NOT_ON_CANCEL: [&str; 2] = ["aws:approve", "aws:sleep"];

/// A step.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) action: &'static str,
    pub(super) work: Work,
    pub(super) outputs: Vec<Output>,
    /// The step after it; none where the automation ends with it.
    pub(super) next: Option<usize>,
    pub(super) is_end: bool,
    pub(super) is_critical: bool,
    pub(super) on_failure: OnFailure,
    pub(super) on_cancel: Option<usize>,
    pub(super) attempts: u64,
    /// The longest that an attempt may take.
    pub(super) limit: Option<Millis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnFailure {
    Abort,
    Continue,
    Step(usize),
}

/// What a step does.
#[derive(Debug, Clone)]
pub(super) enum Work {
    Api(Call),
    Wait(Call, Property),
    Assert(Call, Property),
    Branch { choices: Vec<(Condition, usize)>, default: Option<usize> },
    Sleep(Millis),
    Command(Value),
    Approve(Value),
    Script { script: String, handler: String, payload: Value },
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) service: String,
    pub(super) api: String,
    pub(super) request: Value,
}

/// What is looked at: a selector, which may have references, and the values that end the look.
#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) selector: String,
    pub(super) desired: Value,
}

/// What is known before the steps are read.
pub(super) struct Scope<'document> {
    /// The place of each step in the document.
    pub(super) indices: &'document HashMap<String, usize>,
    /// The type of every parameter, output and system variable.
    pub(super) types: &'document HashMap<String, Type>,
}

impl Scope<'_> {
    fn index(&self, name: &Value) -> Result<usize, String> {
        let name = name.as_str().unwrap_or_default();
        self.indices.get(name).copied().ok_or_else(|| format!("the step `{name}`, which is not there"))
    }
}

/// Outputs that a step declares or has by itself, with their types.
pub(super) fn outputs_of(step: &Value) -> Result<Vec<Output>, String> {
    let list = step["outputs"].as_array().map_or(&[][..], Vec::as_slice);
    if !list.is_empty() && !["aws:executeAwsApi", "aws:executeScript"].contains(&step["action"].as_str().unwrap_or(""))
    {
        return Err("outputs of this action".to_owned());
    }
    let read = list.iter().map(|output| {
        let known = output.as_object().is_some_and(|members| {
            members.keys().all(|member| ["Name", "Selector", "Type"].contains(&member.as_str()))
        });
        let kind = output.get("Type").map_or(Some(Type::String), |kind| Type::parse(kind.as_str()?));
        let selector = output["Selector"].as_str().and_then(Selector::parse);
        match (output["Name"].as_str(), selector, kind) {
            (Some(name), Some(selector), Some(kind)) if known => Ok(Output { name: name.to_owned(), selector, kind }),
            _ => Err(format!("the output {output}")),
        }
    });
    read.collect()
}

impl Step {
    /// Reads the step at `at`; the error is what is not known in it.
    pub(super) fn load(step: &Value, at: usize, scope: &Scope) -> Result<Self, String> {
        let members = step.as_object().ok_or("a step that is no object")?;
        if let Some(field) = members.keys().find(|field| !FIELDS.contains(&field.as_str())) {
            return Err(format!("the field `{field}`"));
        }
        let inputs = members.get("inputs").and_then(Value::as_object).cloned().unwrap_or_default();
        check_references(&Value::Object(inputs.clone()), scope)?;
        let timeout = seconds(members.get("timeoutSeconds"))?;
        let (action, work, limit) = work(members["action"].as_str().unwrap_or_default(), &inputs, timeout, scope)?;
        let flag = |field: &str| match members.get(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(format!("`{field}` with the value {other}")),
        };
        let on_failure = match members.get("onFailure").map(|value| value.as_str().unwrap_or_default()) {
            None | Some("Abort") => OnFailure::Abort,
            Some("Continue") => OnFailure::Continue,
            Some(other) => match other.strip_prefix("step:") {
                Some(name) => OnFailure::Step(scope.index(&name.into())?),
                None => return Err(format!("`onFailure` with the value `{other}`")),
            },
        };
        let is_end = flag("isEnd")?.unwrap_or(false);
        let critical = flag("isCritical")?;
        if critical == Some(false) && on_failure == OnFailure::Abort && !is_end {
            return Err("the status of an automation that a step aborts which is not critical".to_owned());
        }
        let on_cancel = match members.get("onCancel").map(|value| value.as_str().unwrap_or_default()) {
            None | Some("Abort") => None,
            Some(other) => Some(scope.index(&other.strip_prefix("step:").unwrap_or_default().into())?),
        };
        let next = match members.get("nextStep") {
            Some(_) if is_end => return Err("a `nextStep` beside `isEnd`".to_owned()),
            Some(name) => Some(scope.index(name)?),
            None => Some(at + 1).filter(|next| !is_end && *next < scope.indices.len()),
        };
        let attempts = match members.get("maxAttempts") {
            None => 1,
            Some(value) => value.as_u64().filter(|attempts| *attempts > 0).ok_or("this `maxAttempts`")?,
        };
        Ok(Self {
            name: members["name"].as_str().unwrap_or_default().to_owned(),
            action,
            work,
            outputs: outputs_of(step)?,
            next,
            is_end,
            is_critical: critical.unwrap_or(on_failure != OnFailure::Continue),
            on_failure,
            on_cancel,
            attempts,
            limit,
        })
    }

    /// The steps that may come after it.
    pub(super) fn following(&self) -> Vec<usize> {
        let mut found: Vec<usize> = self.next.into_iter().collect();
        if let Work::Branch { choices, default } = &self.work {
            found.extend(choices.iter().map(|(_, to)| *to).chain(*default));
        }
        if let (OnFailure::Step(to), false) = (self.on_failure, self.is_end) {
            found.push(to);
        }
        found
    }

    /// Whether `onCancel` may lead here.
    pub(super) fn may_end_a_cancellation(&self) -> bool {
        !NOT_ON_CANCEL.contains(&self.action)
    }
}

fn seconds(value: Option<&Value>) -> Result<Option<Millis>, String> {
    let Some(value) = value else { return Ok(None) };
    let seconds = value.as_i64().filter(|seconds| (1..=i64::MAX / time::SECOND).contains(seconds));
    seconds
        .map(|seconds| Some(seconds * time::SECOND))
        .ok_or_else(|| format!("`timeoutSeconds` with the value {value}"))
}

/// That every reference names something, and no list of a reference stands in a list.
fn check_references(value: &Value, scope: &Scope) -> Result<(), String> {
    let names = variable::references(value).ok_or("braces that make no reference")?;
    if let Some(name) = names.iter().find(|name| !scope.types.contains_key(*name)) {
        return Err(format!("`{{{{ {name} }}}}`"));
    }
    match value {
        Value::Array(elements) => elements.iter().try_for_each(|element| {
            let name = element.as_str().and_then(variable::whole);
            match name.and_then(|name| scope.types.get(name)) {
                Some(Type::StringList | Type::MapList) => Err(format!("the list {element} inside of a list")),
                _ => check_references(element, scope),
            }
        }),
        Value::Object(members) => members.values().try_for_each(|member| check_references(member, scope)),
        _ => Ok(()),
    }
}

fn only(inputs: &Map<String, Value>, known: &[&str], needed: &[&str]) -> Result<(), String> {
    if let Some(name) = inputs.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("the input `{name}`"));
    }
    let missing = needed.iter().find(|name| !inputs.contains_key(**name));
    missing.map_or(Ok(()), |name| Err(format!("this action without its input `{name}`")))
}

/// The action's name, what it does, and the longest that an attempt may take.
fn work(
    action: &str,
    inputs: &Map<String, Value>,
    timeout: Option<Millis>,
    scope: &Scope,
) -> Result<(&'static str, Work, Option<Millis>), String> {
    let text = |name: &str| inputs.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let needed = || timeout.ok_or_else(|| "the time limit of this action where `timeoutSeconds` says none".to_owned());
    let unlimited = || timeout.map_or(Ok(()), |_| Err("a `timeoutSeconds` of this action".to_owned()));
    Ok(match action {
        "aws:executeAwsApi" => {
            let limit = timeout.map_or(CALL, |timeout| timeout.min(CALL));
            ("aws:executeAwsApi", Work::Api(call(inputs)?), Some(limit))
        }
        "aws:waitForAwsResourceProperty" => {
            let work = Work::Wait(call(inputs)?, property(inputs)?);
            ("aws:waitForAwsResourceProperty", work, Some(timeout.unwrap_or(WAIT)))
        }
        "aws:assertAwsResourceProperty" => {
            ("aws:assertAwsResourceProperty", Work::Assert(call(inputs)?, property(inputs)?), Some(needed()?))
        }
        "aws:branch" => {
            only(inputs, &["Choices", "Default"], &["Choices"])?;
            unlimited()?;
            let types = |name: &str| scope.types.get(name).copied();
            let choices = inputs["Choices"].as_array().filter(|list| !list.is_empty()).ok_or("these `Choices`")?;
            let choices = choices.iter().map(|choice| {
                let condition = Condition::load(choice, &types).ok_or_else(|| format!("the choice {choice}"))?;
                Ok::<_, String>((condition, scope.index(&choice["NextStep"])?))
            });
            let choices = choices.collect::<Result<_, _>>()?;
            let default = inputs.get("Default").map(|name| scope.index(name)).transpose()?;
            ("aws:branch", Work::Branch { choices, default }, None)
        }
        "aws:sleep" => {
            only(inputs, &["Duration"], &["Duration"])?;
            unlimited()?;
            let duration = text::duration(&text("Duration")).filter(|duration| *duration <= LONGEST_SLEEP);
            ("aws:sleep", Work::Sleep(duration.ok_or("this `Duration`")?), None)
        }
        "aws:runCommand" => {
            only(inputs, &COMMAND_INPUTS, &["DocumentName", "InstanceIds"])?;
            ("aws:runCommand", Work::Command(Value::Object(inputs.clone())), Some(needed()?))
        }
        "aws:approve" => {
            only(inputs, &APPROVE_INPUTS, &["Approvers"])?;
            let limit = Some(timeout.unwrap_or(APPROVAL)).filter(|limit| *limit <= LONGEST_APPROVAL);
            ("aws:approve", Work::Approve(Value::Object(inputs.clone())), Some(limit.ok_or("so long an approval")?))
        }
        "aws:executeScript" => {
            only(inputs, &SCRIPT_INPUTS, &["Runtime", "Handler", "Script"])?;
            if !RUNTIMES.contains(&text("Runtime").as_str()) {
                return Err(format!("the runtime `{}`", text("Runtime")));
            }
            let payload = inputs.get("InputPayload").cloned().unwrap_or_else(|| Value::Object(Map::new()));
            let limit = timeout.map_or(SCRIPT, |timeout| timeout.min(SCRIPT));
            let work = Work::Script { script: text("Script"), handler: text("Handler"), payload };
            ("aws:executeScript", work, Some(limit))
        }
        other => return Err(format!("the action `{other}`")),
    })
}

/// The call that inputs name; what is not the action's own is the request.
fn call(inputs: &Map<String, Value>) -> Result<Call, String> {
    let text = |name: &str| {
        let text = inputs.get(name).and_then(Value::as_str).filter(|text| !text.contains("{{"));
        text.map(str::to_owned).ok_or_else(|| format!("this action without its input `{name}`"))
    };
    let own = ["Service", "Api", "PropertySelector", "DesiredValues"];
    let request = inputs.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let request = request.map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(Call { service: text("Service")?, api: text("Api")?, request: Value::Object(request) })
}

fn property(inputs: &Map<String, Value>) -> Result<Property, String> {
    let selector = inputs.get("PropertySelector").and_then(Value::as_str).unwrap_or_default();
    let sample = variable::inside(selector, &|_| Some(Value::from("x")));
    if sample.ok().and_then(|sample| Selector::parse(&sample)).is_none() {
        return Err(format!("the selector `{selector}`"));
    }
    let desired = inputs
        .get("DesiredValues")
        .filter(|desired| desired.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string)));
    let desired = desired.ok_or("`DesiredValues` that are no list of texts")?.clone();
    Ok(Property { selector: selector.to_owned(), desired })
}
