//! Limits of AWS that a template must keep, and references that must lead somewhere.

use super::template::references;
use super::{CompiledStack, HealedWorkload, Resource};
use crate::diagnostics::Problem;
use crate::yaml::Node;
use healstack_model::guard;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};

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
/// EventBridge quota, 2026-11: 2,048 characters an event pattern.
const MAX_EVENT_PATTERN: usize = 2048;
/// IAM quota, 2026-11: 10,240 characters for all inline policies of a role, without white space.
const MAX_INLINE_POLICIES: usize = 10_240;
/// Properties that name a resource in the account, by type.
const NAMES: [(&str, &str); 15] = [
    ("AWS::CloudWatch::Alarm", "AlarmName"),
    ("AWS::CloudWatch::AlarmMuteRule", "Name"),
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::Events::Rule", "Name"),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::KMS::Alias", "AliasName"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::Pipes::Pipe", "Name"),
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::SNS::Topic", "TopicName"),
    ("AWS::SQS::Queue", "QueueName"),
    ("AWS::SSM::Document", "Name"),
    ("AWS::SSM::Parameter", "Name"),
    ("AWS::Scheduler::Schedule", "Name"),
    ("AWS::StepFunctions::StateMachine", "StateMachineName"),
];

/// Checks over all stacks together.
pub(super) fn check(stacks: &[CompiledStack]) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut named: HashMap<(&str, &str), &str> = HashMap::new();
    let mut called = HashSet::new();
    for stack in stacks {
        let workload = stack.workload.as_ref();
        let owner = workload.and_then(|workload| workload.stack.as_ref()).map(|owner| owner.stack_name.as_str());
        for name in std::iter::once(stack.name.as_str()).chain(owner) {
            if !called.insert(name) {
                let message = format!("two stacks are called `{name}`");
                let help = "a workload's `stack_name` in healstack.yaml is that of one rule file: write the rules of one template into one file";
                found.push(Problem::error(message).help(help));
            }
        }
        found.extend(workload.into_iter().flat_map(of_workload));
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
            let name = property.and_then(|property| resource.property(&[property])).and_then(Node::text);
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

/// What healing adds can be too much for a template that was just small enough.
fn of_workload(workload: &HealedWorkload) -> Vec<Problem> {
    let over = |what: String| {
        let message = format!("{} has {what}", workload.path);
        Problem::error(message).help("move some of its resources to another template")
    };
    let mut found = Vec::new();
    if workload.resources > MAX_RESOURCES {
        found.push(over(format!(
            "{} resources when it is healed, a template's limit is {MAX_RESOURCES}",
            workload.resources
        )));
    }
    if workload.text.len() > MAX_TEMPLATE {
        found.push(over(format!(
            "{} bytes when it is healed, a template's limit is {MAX_TEMPLATE}",
            workload.text.len()
        )));
    }
    found
}

/// The text of a rule's parameter. Parameter Store refuses `{{`, and JSON has another way to write a brace.
pub(super) fn parameter_text(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default().replace("{{", "\\u007b\\u007b")
}

/// The rule's parameter must fit.
pub(super) fn check_parameter(identity: &str, value: &Value) -> Option<Problem> {
    let size = parameter_text(value).len();
    (size > MAX_PARAMETER).then(|| {
        Problem::error(format!(
            "the configuration of {identity} has {size} bytes, a parameter's limit is {MAX_PARAMETER}"
        ))
        .help("select resources by tag, or split the rule")
    })
}

/// A lease that ends before the runbook may have ended would let the next healing begin over it.
pub(super) fn check_lease(identity: &str, lease: u64, worst_case: u64) -> Option<Problem> {
    let needed = guard::lease_seconds(worst_case);
    (lease < needed).then(|| {
        Problem::error(format!("{identity}: a lease of {lease} s is shorter than its runbook can take")).help(format!(
            "make `lease` at least {needed}: 1.2 x {worst_case} s for the runbook, {} s for the guard and its start, {} s in the queue",
            guard::GUARD,
            guard::QUEUE
        ))
    })
}

/// What grows with the rule's selection: event patterns and inline policies.
pub(super) fn check_sizes(identity: &str, resources: &[Resource], region: &str) -> Vec<Problem> {
    let sized = resources.iter().filter_map(|resource| {
        let (what, limit, node) = match resource.kind() {
            "AWS::Events::Rule" => ("event pattern", MAX_EVENT_PATTERN, resource.property(&["EventPattern"])?),
            "AWS::IAM::Role" => ("inline policies", MAX_INLINE_POLICIES, resource.property(&["Policies"])?),
            _ => return None,
        };
        let size = resolved(node, region).len();
        (size > limit).then(|| {
            Problem::error(format!("{identity}: {size} characters of {what}, AWS's limit is {limit}"))
                .help("split the rule into several that select fewer resources each, or select by tag")
        })
    });
    sized.collect()
}

/// A node as AWS gets it: compact JSON with pseudo parameters resolved.
fn resolved(node: &Node, region: &str) -> String {
    let json = node.to_json().to_string();
    json.replace("${AWS::Partition}", "aws")
        .replace("${AWS::Region}", region)
        .replace("${AWS::AccountId}", "111122223333")
}

/// Every reference of a block leads to one of its resources or to a pseudo parameter.
pub(super) fn check_references<'a>(
    identity: &str,
    resources: impl Iterator<Item = &'a Resource> + Clone,
) -> Vec<Problem> {
    let ids: HashSet<&str> = resources.clone().map(|resource| resource.id.as_str()).collect();
    let mut found = Vec::new();
    for resource in resources {
        let dangling: BTreeSet<String> = references(&resource.body)
            .into_iter()
            .filter(|name| !name.starts_with("AWS::") && !ids.contains(name.as_str()))
            .collect();
        for name in dangling {
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
