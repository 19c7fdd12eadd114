//! Limits of AWS that a template must keep, and references that must lead somewhere.

use super::template::references;
use super::{CompiledStack, Resource};
use crate::diagnostics::Problem;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// CloudFormation quota, 2026-11: 51,200 bytes of template in a request. Larger ones go through a bucket.
pub const MAX_INLINE_TEMPLATE: usize = 51_200;
/// CloudFormation quota, 2026-11: 1 MB of template in a bucket.
pub const MAX_TEMPLATE: usize = 1_000_000;
/// CloudFormation quota, 2026-11: 500 resources a template.
const MAX_RESOURCES: usize = 500;
/// CloudFormation quota, 2026-11: 200 outputs a template.
const MAX_OUTPUTS: usize = 200;
/// Parameter Store quota, 2026-11: 4 KB a parameter of the standard tier.
const MAX_PARAMETER: usize = 4096;
/// Properties that name a resource in the account, by type.
const NAMES: [(&str, &str); 9] = [
    ("AWS::CloudWatch::Alarm", "AlarmName"),
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::Events::Rule", "Name"),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::KMS::Alias", "AliasName"),
    ("AWS::SNS::Topic", "TopicName"),
    ("AWS::SQS::Queue", "QueueName"),
    ("AWS::SSM::Document", "Name"),
    ("AWS::SSM::Parameter", "Name"),
];

/// Checks over all stacks together.
pub(super) fn check(stacks: &[CompiledStack]) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut named: HashMap<(&str, &str), &str> = HashMap::new();
    for stack in stacks {
        let count = stack.resources();
        let mut over = |what: String, help: &str| {
            found.push(Problem::error(format!("the stack `{}` has {what}", stack.folder)).help(help));
        };
        if count > MAX_RESOURCES {
            over(
                format!("{count} resources, a template's limit is {MAX_RESOURCES}"),
                "split its rules over several files, each with a `stack` of its own",
            );
        }
        if stack.text.len() > MAX_TEMPLATE {
            over(
                format!("{} bytes, a template's limit is {MAX_TEMPLATE}", stack.text.len()),
                "split its rules over several files, each with a `stack` of its own",
            );
        }
        if stack.template.outputs.len() > MAX_OUTPUTS {
            over(
                format!("{} outputs, a template's limit is {MAX_OUTPUTS}", stack.template.outputs.len()),
                "remove some",
            );
        }
        let mut ids = HashSet::new();
        for resource in stack.template.resources() {
            if !ids.insert(resource.id.as_str()) {
                found.push(
                    Problem::error(format!(
                        "two resources of the stack `{}` have the logical id `{}`",
                        stack.folder, resource.id
                    ))
                    .help("rename one of the rules"),
                );
            }
            let property = NAMES.iter().find(|(kind, _)| *kind == resource.kind()).map(|(_, property)| *property);
            let name = property.and_then(|property| resource.property(&[property])).and_then(crate::yaml::Node::text);
            if let Some(name) = name
                && let Some(other) = named.insert((resource.kind(), name), &stack.folder)
            {
                let message =
                    format!("`{other}` and `{}` both have a {} named `{name}`", stack.folder, resource.kind());
                found.push(Problem::error(message).help("rename one of the rules or stacks"));
            }
        }
    }
    found
}

/// The rule's parameter must fit.
pub(super) fn check_parameter(identity: &str, value: &Value) -> Option<Problem> {
    let size = serde_json::to_string_pretty(value).map_or(0, |text| text.len());
    (size > MAX_PARAMETER).then(|| {
        Problem::error(format!(
            "the configuration of {identity} has {size} bytes, a parameter's limit is {MAX_PARAMETER}"
        ))
        .help("select resources by tag, or split the rule")
    })
}

/// Every reference of a block leads to one of its resources or to a pseudo parameter.
pub(super) fn check_references(identity: &str, resources: &[Resource]) -> Vec<Problem> {
    let ids: HashSet<&str> = resources.iter().map(|resource| resource.id.as_str()).collect();
    let mut found = Vec::new();
    for resource in resources {
        let dangling = references(&resource.body)
            .into_iter()
            .find(|name| !name.starts_with("AWS::") && !ids.contains(name.as_str()));
        if let Some(name) = dangling {
            found.push(
                Problem::error(format!(
                    "{identity}: resource `{}` refers to `{name}`, which does not exist",
                    resource.id
                ))
                .help("refer to a resource of the same template, or to another stack's resource by its name"),
            );
        }
    }
    found
}
