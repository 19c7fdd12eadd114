//! The role of a runbook, derived from what the runbook calls. A call without a grant, a grant without a call, and a
//! write on `*` where the action takes resources are errors: a role can neither be too small nor silently too large.

use super::runbook::Runbook;
use crate::diagnostics::Problem;
use crate::kinds::{Grant, GrantResources, Kind, TemplateFiles};
use crate::yaml::{Entry, Node, Value};
use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

/// IAM actions, other than Describe and List, that take no resource: AWS's service authorization reference.
static WITHOUT_RESOURCES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("../../data/iam-without-resources.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
});

/// What `cloudwatch:DescribeAlarms` is granted on: the metric alarms of account and region. Composite alarms would need `*`
/// (CloudWatch API reference, 2026-11), and no runbook reads one.
const ALARMS: &str = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*";

/// The statements of a role, for the calls that this rule's runbook makes and no others. `mentioned` are those that the
/// kind's runbooks make for some rules: a call that only some make, or the other runbook, is still a call of the kind. `scope`
/// gives `Resource` and `Condition` of one of the target's scopes.
pub(super) fn statements(
    kind: &Kind,
    runbook: &Runbook,
    mentioned: &HashSet<String>,
    scope: &dyn Fn(&str) -> Result<Node, Problem>,
) -> Result<Vec<Node>, Vec<Problem>> {
    let place = |problem: Problem, key: &str| {
        let span = kind.node.get("permissions").and_then(|node| Some(node.entry(key)?.key_span));
        problem.at(&kind.source, span.unwrap_or_default())
    };
    let permissions = &kind.definition.permissions;
    let mut problems = Vec::new();
    let calls = runbook.calls();
    for call in calls.iter().filter(|call| !permissions.contains_key(*call)) {
        problems.push(
            Problem::error(format!("the runbook of `{}` calls {call}, and nothing grants it", kind.id))
                .help(format!("add `{call}:` to `permissions` in kind.yaml, with the narrowest resources")),
        );
    }
    for granted in permissions.keys().filter(|granted| !calls.contains(*granted) && !mentioned.contains(*granted)) {
        let message = format!("`{}` grants {granted}, which its runbook never calls", kind.id);
        problems.push(place(Problem::error(message), granted).help("remove the grant"));
    }
    let mut merged: Vec<(Node, Vec<String>)> = Vec::new();
    for (call, grants) in permissions.iter().filter(|(call, _)| calls.contains(*call)) {
        for grant in grants.as_slice() {
            match statement(call, grant, scope) {
                Ok((action, rest)) => match merged.iter_mut().find(|(other, _)| *other == rest) {
                    Some((_, actions)) => {
                        if !actions.contains(&action) {
                            actions.push(action);
                        }
                    }
                    None => merged.push((rest, vec![action])),
                },
                Err(problem) => problems.push(place(problem, call)),
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let statements = merged.into_iter().map(|(rest, actions)| {
        let actions: Vec<Node> = actions.into_iter().map(Node::from).collect();
        let mut entries = vec![Entry::new("Effect", "Allow"), Entry::new("Action", actions)];
        entries.extend(rest.entries().iter().cloned());
        Node::map(entries)
    });
    Ok(statements.collect())
}

/// The calls that a kind grants and that what its runbooks are rendered from makes, whatever a rule's parameters leave out.
pub(super) fn mentioned(kind: &Kind, files: &TemplateFiles) -> HashSet<String> {
    let mut seen = BTreeSet::new();
    let templates = [kind.runbook_template(), kind.settings_template()];
    let there = templates.iter().filter(|path| files.contains(path));
    let written: String = there.map(|path| with_partials(files, path, &mut seen)).collect();
    kind.definition.permissions.keys().filter(|call| mentions(&written, call)).cloned().collect()
}

/// A template and the partials that it uses, each once.
fn with_partials(files: &TemplateFiles, path: &str, seen: &mut BTreeSet<String>) -> String {
    let mut text = files.source(path).text().to_owned();
    let names: Vec<String> = crate::render::partials(&text).map(|name| format!("partials/{name}.yaml.hbs")).collect();
    for partial in names {
        if files.contains(&partial) && seen.insert(partial.clone()) {
            text.push_str(&with_partials(files, &partial, seen));
        }
    }
    text
}

/// Whether a template calls an API in a part that this rule's parameters leave out.
fn mentions(template: &str, call: &str) -> bool {
    let api = call.split_once(':').map_or(call, |(_, api)| api);
    let by_action = match call {
        "ssm:SendCommand" | "ssm:ListCommands" | "ssm:ListCommandInvocations" => "aws:runCommand",
        "sns:Publish" => "aws:approve",
        _ => "",
    };
    (!by_action.is_empty() && template.contains(by_action))
        || template
            .match_indices(&format!("Api: {api}"))
            .any(|(at, found)| !template[at + found.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// The action, and `Resource` and `Condition`.
fn statement(
    call: &str,
    grant: &Grant,
    scope: &dyn Fn(&str) -> Result<Node, Problem>,
) -> Result<(String, Node), Problem> {
    let action = grant.action.clone().unwrap_or_else(|| call.to_owned());
    let api = action.split_once(':').map_or("", |(_, api)| api);
    if action.contains('*') {
        return Err(
            Problem::error(format!("the action `{action}` is a pattern")).help("name each action that is needed")
        );
    }
    let mut node = match &grant.resources {
        GrantResources::Scope(word) if word == "any" => Node::map(vec![Entry::new("Resource", "*")]),
        GrantResources::Scope(word) if word == "alarms" => Node::map(vec![Entry::new("Resource", substituted(ALARMS))]),
        GrantResources::Scope(name) => scope(name)?,
        GrantResources::Arns(arns) => {
            let arns: Vec<Node> = arns.iter().map(|arn| substituted(arn)).collect();
            Node::map(vec![Entry::new("Resource", arns)])
        }
    };
    let everything = node.get("Resource").is_some_and(|resource| {
        resource.text().is_some_and(is_everything) || resource.items().iter().filter_map(Node::text).any(is_everything)
    });
    let harmless = api.starts_with("Describe") || api.starts_with("List");
    if everything && !harmless && !WITHOUT_RESOURCES.contains(action.as_str()) {
        return Err(Problem::error(format!("{action} is granted on every resource")).help(
            "grant it on `target`, or on the ARNs that it needs: the action supports resource-level permissions",
        ));
    }
    if let Some(condition) = &grant.condition {
        let condition = substitute_all(Node::from(condition));
        let merged = match node.remove("Condition") {
            Some(existing) => merge(&existing, &condition)?,
            None => condition,
        };
        if let Value::Mapping(entries) = &mut node.value {
            entries.push(Entry::new("Condition", merged));
        }
    }
    Ok((action, node))
}

/// A text with `${AWS::…}` in it becomes a `!Sub`.
fn substituted(text: &str) -> Node {
    if text.contains("${") { Node::from(text).tagged("Sub") } else { Node::from(text) }
}

fn substitute_all(mut node: Node) -> Node {
    node.walk_mut(&mut |node| {
        if node.as_str().is_some_and(|text| text.contains("${")) {
            node.tag = Some("Sub".to_owned());
        }
    });
    node
}

/// Whether an ARN leaves the service or the resource open.
fn is_everything(arn: &str) -> bool {
    let plain = arn.replace("${AWS::", "${AWS_");
    let parts: Vec<&str> = plain.splitn(6, ':').collect();
    arn == "*" || parts.get(2) == Some(&"*") || parts.get(5) == Some(&"*")
}

/// Both conditions: operators side by side, keys of the same operator together. IAM compares keys without regard to
/// case and reads a key once, so one that both name would silently drop the other's restriction.
fn merge(left: &Node, right: &Node) -> Result<Node, Problem> {
    let mut operators = left.entries().to_vec();
    for operator in right.entries() {
        match operators.iter_mut().find(|known| known.key == operator.key) {
            Some(known) => {
                let clash =
                    operator.value.entries().iter().find(|entry| {
                        known.value.entries().iter().any(|other| other.key.eq_ignore_ascii_case(&entry.key))
                    });
                if let Some(entry) = clash {
                    return Err(Problem::error(format!(
                        "the condition on `{}` is already the target's own",
                        entry.key
                    )));
                }
                let keys = known.value.entries().iter().chain(operator.value.entries()).cloned().collect();
                known.value = Node::map(keys);
            }
            None => operators.push(operator.clone()),
        }
    }
    Ok(Node::map(operators))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_actions_take_no_resource() {
        assert!(WITHOUT_RESOURCES.contains("ssm:CreateOpsItem"));
        assert!(!WITHOUT_RESOURCES.contains("ec2:StopInstances"));
        assert!(!WITHOUT_RESOURCES.contains("secretsmanager:GetSecretValue"));
        assert!(WITHOUT_RESOURCES.len() > 1000);
        assert!(is_everything("*") && is_everything("arn:aws:*:r:1:x") && is_everything("arn:aws:sqs:r:1:*"));
        assert!(!is_everything("arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"));
    }

    #[test]
    fn a_call_in_a_part_that_was_left_out_is_still_the_kinds() {
        let template = "inputs: {Service: ec2, Api: StopInstances, X: 1}\nApi: Start\n";
        assert!(mentions(template, "ec2:StopInstances"));
        assert!(mentions(template, "ec2:Start"));
        assert!(!mentions(template, "ec2:Stop"));
    }

    #[test]
    fn conditions_are_merged_by_operator() {
        let node = |value: serde_json::Value| Node::from(&value);
        let left = node(serde_json::json!({"StringEquals": {"a": "1"}}));
        let merged =
            merge(&left, &node(serde_json::json!({"StringEquals": {"b": "2"}, "Bool": {"c": "true"}}))).unwrap();
        assert!(merge(&left, &node(serde_json::json!({"StringEquals": {"A": "2"}}))).is_err());
        let expected = serde_json::json!({"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}});
        assert_eq!(merged.to_json(), expected);
    }
}
