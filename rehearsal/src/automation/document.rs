//! Documents: parameters and steps.

use super::output::Type;
use super::parameter::{self, Parameter};
use super::step::{Scope, Step, outputs_of};
use super::variable;
use crate::Unsupported;
use indexmap::IndexMap;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

/// Members of a document's content.
const MEMBERS: [&str; 5] = ["schemaVersion", "description", "assumeRole", "parameters", "mainSteps"];
/// System variables. Those that name an account or a region are not known: a run has neither.
const SYSTEM: [&str; 3] = ["global:DATE", "global:DATE_TIME", "automation:EXECUTION_ID"];

/// An Automation document.
#[derive(Debug, Clone)]
pub struct Document {
    pub(super) name: String,
    pub(super) parameters: IndexMap<String, Parameter>,
    pub(super) steps: Vec<Step>,
    content: Value,
}

impl Document {
    /// Reads a document's content, resolved: `schemaVersion`, `parameters`, `mainSteps`.
    pub fn load(name: &str, content: &Value) -> Result<Self, Unsupported> {
        let place = format!("document {name}");
        let unknown = |what: String| Unsupported::new(&place, what);
        for member in content.as_object().into_iter().flat_map(|members| members.keys()) {
            if !MEMBERS.contains(&member.as_str()) {
                return Err(unknown(format!("the member `{member}`")));
            }
        }
        if content["schemaVersion"] != "0.3" {
            return Err(unknown(format!("the schema version {}", content["schemaVersion"])));
        }
        let parameters = parameter::load(&place, &content["parameters"])?;
        let raw = content["mainSteps"].as_array().filter(|steps| !steps.is_empty());
        let raw = raw.ok_or_else(|| unknown("a document without steps".to_owned()))?;
        let at = |step: &Value| format!("{place}, step {}", step["name"]);
        let mut indices = HashMap::new();
        let mut types: HashMap<String, Type> = SYSTEM.map(|name| (name.to_owned(), Type::String)).into();
        types.extend(parameters.iter().map(|(name, parameter)| (name.clone(), parameter.kind)));
        for (index, step) in raw.iter().enumerate() {
            let name = step["name"].as_str().filter(|name| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            });
            let name = name.ok_or_else(|| Unsupported::new(at(step), "this name of a step"))?;
            if indices.insert(name.to_owned(), index).is_some() {
                return Err(Unsupported::new(at(step), "two steps of one name"));
            }
            let outputs = outputs_of(step).map_err(|what| Unsupported::new(at(step), what))?;
            types.extend(outputs.into_iter().map(|output| (format!("{name}.{}", output.name), output.kind)));
            types.extend(own_outputs(step).iter().map(|(output, kind)| (format!("{name}.{output}"), *kind)));
        }
        let scope = Scope { indices: &indices, types: &types };
        let steps = raw
            .iter()
            .enumerate()
            .map(|(index, step)| Step::load(step, index, &scope).map_err(|what| Unsupported::new(at(step), what)));
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        for step in &steps {
            if step.on_cancel.is_some_and(|to| !steps[to].may_end_a_cancellation()) {
                let place = format!("{place}, step {}", step.name);
                return Err(Unsupported::new(place, "an `onCancel` to a step of this action"));
            }
        }
        if let Some(name) = cycle(&steps) {
            return Err(unknown(format!("a cycle of steps, through `{name}`")));
        }
        Ok(Self { name: name.to_owned(), parameters, steps, content: content.clone() })
    }

    /// The document's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The steps' names in the document's order.
    pub fn step_names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name.as_str())
    }

    /// The document without a step: whatever led to it leads to the step after it. Nothing where that cannot be said:
    /// the step is a branch or an end, or others use its outputs.
    #[must_use]
    pub fn without_step(&self, name: &str) -> Option<Self> {
        let at = self.steps.iter().position(|step| step.name == name)?;
        let next = &self.steps[self.steps[at].next.filter(|_| self.steps[at].action != "aws:branch")?].name;
        let output = format!("{name}.");
        let mut content = self.content.clone();
        let steps = content.get_mut("mainSteps")?.as_array_mut()?;
        let dropped = steps.remove(at);
        let uses =
            |step: &Value| variable::references(step).is_none_or(|all| all.iter().any(|one| one.starts_with(&output)));
        if steps.iter().any(|step| uses(&step["inputs"])) {
            return None;
        }
        if let Some(before) = at.checked_sub(1).and_then(|before| steps.get_mut(before)) {
            // What simply came before it goes on where it went on.
            if dropped.get("nextStep").is_some() && before.get("nextStep").is_none() && before["isEnd"] != true {
                before["nextStep"] = json!(next);
            }
        }
        for step in steps.iter_mut() {
            rename(step, name, next);
        }
        if at == 0 {
            let first = steps.iter().position(|step| step["name"] == next.as_str())?;
            let explicit = |step: &Value| {
                step.get("nextStep").is_some() || step["isEnd"] == true || step["action"] == "aws:branch"
            };
            if first > 0 && !steps.iter().all(explicit) {
                return None;
            }
            let step = steps.remove(first);
            steps.insert(0, step);
        }
        Self::load(&self.name, &content).ok()
    }
}

/// Lets what leads to one step lead to another.
fn rename(step: &mut Value, from: &str, to: &str) {
    let replace = |value: Option<&mut Value>, prefix: &str| {
        if let Some(value) = value.filter(|value| **value == format!("{prefix}{from}")) {
            *value = json!(format!("{prefix}{to}"));
        }
    };
    replace(step.get_mut("nextStep"), "");
    replace(step.get_mut("onFailure"), "step:");
    replace(step.get_mut("onCancel"), "step:");
    replace(step.pointer_mut("/inputs/Default"), "");
    for choice in step.pointer_mut("/inputs/Choices").and_then(Value::as_array_mut).into_iter().flatten() {
        replace(choice.get_mut("NextStep"), "");
    }
}

/// Outputs that an action has by itself (Automation actions reference).
fn own_outputs(step: &Value) -> &'static [(&'static str, Type)] {
    match step["action"].as_str() {
        Some("aws:runCommand") => &[("CommandId", Type::String), ("Status", Type::String)],
        Some("aws:approve") => &[("ApprovalStatus", Type::String)],
        _ => &[],
    }
}

/// A step that can be reached from itself.
fn cycle(steps: &[Step]) -> Option<&str> {
    let reached = |from: usize| {
        let (mut seen, mut open) = (BTreeSet::new(), steps[from].following());
        while let Some(index) = open.pop() {
            if seen.insert(index) {
                open.extend(steps[index].following());
            }
        }
        seen
    };
    (0..steps.len()).find(|index| reached(*index).contains(index)).map(|index| steps[index].name.as_str())
}
