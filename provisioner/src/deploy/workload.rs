//! The stacks of workloads: their parameters, and what is deployed after them because it reads from them.

use aws_sdk_cloudformation::types::{Parameter, Stack};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use super::changeset::Surveyed;
use super::error::DeployError;
use super::jobs;
use super::run::Context;
use super::state::Situation;
use super::status;
use super::template;

/// The parameters of a change set. What a template leaves open, and all of a workload's, keeps the value that it has.
pub(super) fn parameters(surveyed: &Surveyed) -> Vec<Parameter> {
    let planned = &surveyed.planned;
    let template = template::parse(&planned.template);
    let declared = template.get("Parameters").and_then(Value::as_object);
    let empty = BTreeMap::new();
    let given = planned.workload.as_ref().unwrap_or(&empty);
    let has = |name: &str| deployed(surveyed.deployed.as_ref(), name).is_some();
    let parameter = |(name, declaration): (&String, &Value)| {
        let builder = Parameter::builder().parameter_key(name);
        if let Some(value) = given.get(name) {
            return Some(builder.parameter_value(value).build());
        }
        let open = planned.workload.is_some() || declaration.get("Default").is_none();
        (open && has(name)).then(|| builder.use_previous_value(true).build())
    };
    declared.into_iter().flatten().filter_map(parameter).collect()
}

/// The value that a parameter of a stack has.
fn deployed<'s>(stack: Option<&'s Stack>, name: &str) -> Option<&'s str> {
    let parameter = stack?.parameters().iter().find(|parameter| parameter.parameter_key() == Some(name))?;
    parameter.parameter_value()
}

/// The workloads that are not deployed as they are planned, by stack name, with the names of the values that they do not
/// publish yet.
pub(super) async fn pending(
    context: &Context,
    surveyed: &[Surveyed],
) -> Result<BTreeMap<String, BTreeSet<String>>, DeployError> {
    let workloads: Vec<Surveyed> = surveyed.iter().filter(|one| one.planned.workload.is_some()).cloned().collect();
    let looked = jobs::all_ok(workloads.into_iter().map(|one| {
        let context = context.clone();
        async move {
            let is_there = one.situation == Situation::Deployed;
            let template = if is_there { context.aws.template(&one.planned.name).await? } else { None };
            Ok((one, template))
        }
    }));
    let looked = context.unless_interrupted(looked).await?;
    let pending = |(one, deployed): (Surveyed, Option<String>)| {
        let planned = template::parse(&one.planned.template);
        let same = deployed.as_deref().is_some_and(|deployed| status::is_same(deployed, &one.planned.template));
        if same && has_parameters(&one, &planned) {
            return None;
        }
        let there = deployed.as_deref().map(template::parse).unwrap_or_default();
        let missing: BTreeSet<String> = published(&planned).difference(&published(&there)).cloned().collect();
        Some((one.planned.name.clone(), missing))
    };
    Ok(looked.into_iter().filter_map(pending).collect())
}

/// Whether a workload's stack has the values that healstack.yaml gives its parameters.
fn has_parameters(surveyed: &Surveyed, planned: &Value) -> bool {
    // CloudFormation tells asterisks in the place of those.
    let secret = |name: &str| planned.pointer(&format!("/Parameters/{name}/NoEcho")).is_some_and(is_true);
    let mut given = surveyed.planned.workload.iter().flatten().filter(|(name, _)| !secret(name));
    given.all(|(name, value)| deployed(surveyed.deployed.as_ref(), name) == Some(value))
}

fn is_true(value: &Value) -> bool {
    value.as_bool() == Some(true) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// The names of the parameters in Parameter Store that a template has, those that are known before it is deployed.
fn published(template: &Value) -> BTreeSet<String> {
    let resources = template.get("Resources").and_then(Value::as_object);
    let parameters = resources
        .into_iter()
        .flat_map(|resources| resources.values())
        .filter(|resource| resource.get("Type").and_then(Value::as_str) == Some("AWS::SSM::Parameter"));
    parameters.filter_map(|parameter| parameter.pointer("/Properties/Name")?.as_str().map(str::to_owned)).collect()
}

/// The stack's workload, if it is one of the pending ones and does not publish yet what the stack reads.
pub(super) fn awaited<'p>(surveyed: &Surveyed, pending: &'p BTreeMap<String, BTreeSet<String>>) -> Option<&'p str> {
    let template = template::parse(&surveyed.planned.template);
    let read: BTreeSet<&str> = template
        .get("Parameters")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|parameters| parameters.values())
        .filter(|parameter| {
            parameter
                .get("Type")
                .and_then(Value::as_str)
                .is_some_and(|kind| kind.starts_with("AWS::SSM::Parameter::Value"))
        })
        .filter_map(|parameter| parameter.get("Default").and_then(Value::as_str))
        .collect();
    let depends = &surveyed.planned.depends_on;
    let missing = |names: &BTreeSet<String>| names.iter().any(|name| read.contains(name.as_str()));
    let mut awaited = pending.iter().filter(|(name, names)| depends.contains(name) && missing(names));
    awaited.next().map(|(name, _)| name.as_str())
}

#[cfg(test)]
#[path = "workload_test.rs"]
mod tests;
