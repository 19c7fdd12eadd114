//! A runbook as typed steps, and what must be true of every runbook: its graph, its variables, its worst case.

use super::graph;
use super::step::{Step, impure, irrevocable, read};
use crate::diagnostics::{Problem, Source};
use crate::yaml::{Entry, Node};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Systems Manager quota, 2026-11: 64 KB a document.
const MAX_DOCUMENT: usize = 64 * 1024;

/// Who starts a runbook, which decides what it is given besides `ResourceId`, whose pattern is the kind's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starter {
    /// The guard: a healing.
    Guard,
    /// State Manager: what keeps AWS's own healing set.
    Association,
}

impl Starter {
    const fn given(self) -> [&'static str; 2] {
        match self {
            Self::Guard => ["RuleName", "HealEventId"],
            Self::Association => ["RuleName", ASSUME_ROLE],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Guard => "the guard",
            Self::Association => "the association",
        }
    }
}

/// The parameter by which State Manager wants to name the role of a runbook ("Scheduling automations with State Manager
/// associations", 2026-11).
pub(super) const ASSUME_ROLE: &str = "AutomationAssumeRole";
/// The logical id of the role of a settings document.
pub(super) const SETTINGS_ROLE: &str = "SettingsRole";

/// A runbook.
#[derive(Debug, Clone)]
pub struct Runbook {
    /// What it does, in a sentence.
    pub description: String,
    /// The document's content, complete but for `assumeRole`.
    pub content: Node,
    /// Its steps in order.
    pub steps: Vec<Step>,
    /// Longest time that it takes, in seconds.
    pub worst_case: u64,
}

impl Runbook {
    /// Reads a rendered runbook and checks it.
    pub fn parse(source: &Arc<Source>, node: &Node, identity: &str, starter: Starter) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let steps: Vec<Step> = node
            .get("mainSteps")
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(|step| read(source, step, &mut problems))
            .collect();
        if steps.is_empty() && problems.is_empty() {
            problems.push(Problem::error("a runbook needs `mainSteps`").at(source, node.span));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        problems.extend(steps.iter().filter_map(|step| irrevocable(step, source)));
        problems.extend(steps.iter().filter_map(|step| impure(step, source)));
        problems.extend(parameters(source, node, starter));
        let content = complete(node, identity, starter);
        problems.extend(variables(source, &content, &steps));
        problems.extend(graph::check(source, &steps));
        let size = content.to_json().to_string().len();
        if size > MAX_DOCUMENT {
            problems
                .push(Problem::error(format!("the runbook has {size} bytes, a document's limit is {MAX_DOCUMENT}")));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let description = node.get("description").and_then(Node::as_str).unwrap_or_default().to_owned();
        Ok(Self { description, content, worst_case: graph::worst_case(&steps), steps })
    }

    /// Every `Service:Api` that it calls.
    #[must_use]
    pub fn calls(&self) -> BTreeSet<String> {
        self.steps.iter().flat_map(Step::calls).collect()
    }
}

/// Every parameter is bounded, and has a source: who starts the runbook gives it, or it has a default.
fn parameters(source: &Arc<Source>, node: &Node, starter: Starter) -> Vec<Problem> {
    let mut found = Vec::new();
    for entry in node.get("parameters").map(Node::entries).unwrap_or_default() {
        let name = &entry.key;
        let text = |key: &str| entry.value.get(key).and_then(Node::as_str);
        let bounded = entry.value.get("allowedValues").is_some() || text("allowedPattern").is_some();
        if text("type").is_none_or(|kind| kind == "String" || kind == "StringList") && !bounded {
            found.push(
                Problem::error(format!("the runbook's parameter `{name}` takes any text"))
                    .at(source, entry.key_span)
                    .help("bound it with `allowedPattern` or `allowedValues`"),
            );
        }
        if starter.given().contains(&name.as_str()) {
            found.push(Problem::error(format!("the compiler adds the parameter `{name}`")).at(source, entry.key_span));
        } else if name != "ResourceId" && entry.value.get("default").is_none() {
            found.push(
                Problem::error(format!("nothing gives the runbook's parameter `{name}` a value"))
                    .at(source, entry.key_span)
                    .help(format!(
                        "give it a `default` from the rule; {} gives only ResourceId, {}",
                        starter.name(),
                        starter.given().join(", ")
                    )),
            );
        }
    }
    if node.path(&["parameters", "ResourceId"]).is_none() {
        found.push(
            Problem::error("the runbook has no parameter `ResourceId`")
                .at(source, node.span)
                .help("add it, with an `allowedPattern`: it names what the runbook is for"),
        );
    }
    found
}

/// The document with what every runbook has.
fn complete(node: &Node, identity: &str, starter: Starter) -> Node {
    let parameter = |description: &str, pattern: &str, default: Option<String>| {
        let mut entries = vec![
            Entry::new("type", "String"),
            Entry::new("description", description),
            Entry::new("allowedPattern", pattern),
        ];
        entries.extend(default.map(|default| Entry::new("default", default)));
        Node::map(entries)
    };
    let mut parameters = node.get("parameters").map(Node::entries).unwrap_or_default().to_vec();
    let [rule, other] = starter.given();
    let its_rule = format!("^{identity}$");
    parameters.push(Entry::new(rule, parameter("The rule that heals.", &its_rule, Some(identity.to_owned()))));
    let other_one = match starter {
        Starter::Guard => parameter("The healing's event id.", "^[0-9a-fA-F-]{36}$", None),
        Starter::Association => Node::map(vec![
            Entry::new("type", "AWS::IAM::Role::Arn"),
            Entry::new("description", "The role that this runs with."),
            Entry::new("default", Node::from(format!("{SETTINGS_ROLE}.Arn")).tagged("GetAtt")),
        ]),
    };
    parameters.push(Entry::new(other, other_one));
    let mut entries = vec![Entry::new("schemaVersion", "0.3")];
    entries.extend(node.entry("description").cloned());
    entries.push(Entry::new("parameters", Node::map(parameters)));
    entries.extend(node.entry("mainSteps").cloned());
    Node::map(entries)
}

/// Every `{{ name }}` is a parameter, an output of an earlier step, or Systems Manager's own.
fn variables(source: &Arc<Source>, content: &Node, steps: &[Step]) -> Vec<Problem> {
    let parameters: HashSet<&str> = content
        .get("parameters")
        .map(Node::entries)
        .unwrap_or_default()
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    let order: HashMap<&str, usize> =
        steps.iter().enumerate().map(|(index, step)| (step.name.as_str(), index)).collect();
    let mut found = Vec::new();
    let nodes = content.get("mainSteps").map(Node::items).unwrap_or_default();
    for (index, node) in nodes.iter().enumerate() {
        node.walk(&mut |node| {
            for name in node.text().map(references).unwrap_or_default() {
                let known = match name.split_once('.') {
                    Some((step, output)) => order.get(step).is_some_and(|position| {
                        *position < index && steps[*position].outputs.iter().any(|known| known == output)
                    }),
                    None => parameters.contains(name) || name.starts_with("automation:") || name.starts_with("global:"),
                };
                if !known {
                    found.push(
                        Problem::error(format!(
                            "`{{{{ {name} }}}}` is neither a parameter nor an output of an earlier step"
                        ))
                        .at(source, node.span),
                    );
                }
            }
        });
    }
    found
}

/// The names in `{{ name }}`.
fn references(text: &str) -> Vec<&str> {
    text.split("{{").skip(1).filter_map(|part| part.split_once("}}")).map(|(name, _)| name.trim()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::step::API_TIMEOUT;
    use super::*;
    use crate::yaml;

    fn parse(steps: &str) -> Runbook {
        let text = format!(
            "description: d\nparameters:\n  ResourceId: {{type: String, allowedPattern: x}}\nmainSteps:\n{steps}"
        );
        let source = Source::new("runbook", text);
        Runbook::parse(&source, &yaml::parse(&source).unwrap(), "s/r", Starter::Guard).unwrap()
    }

    #[test]
    fn the_worst_case_is_the_longest_path_over_failures_too() {
        let runbook = parse(
            "  - {name: act, action: aws:executeAwsApi, maxAttempts: 3, onFailure: step:late, inputs: {Service: a, Api: Do}, nextStep: ok}
  - {name: ok, action: aws:waitForAwsResourceProperty, timeoutSeconds: 100, onFailure: step:late, inputs: {Service: a, Api: Get}, nextStep: healed}
  - {name: late, action: aws:sleep, inputs: {Duration: PT1H5M2S}, nextStep: sure}
  - {name: sure, action: aws:assertAwsResourceProperty, timeoutSeconds: 60, onFailure: step:human, inputs: {Service: a, Api: Get}, nextStep: healed}
  - {name: healed, action: aws:sleep, inputs: {Duration: PT1S}, isEnd: true}
  - {name: human, action: aws:executeAwsApi, inputs: {Service: ssm, Api: CreateOpsItem}, isEnd: true}
",
        );
        assert_eq!(runbook.worst_case, 3 * API_TIMEOUT + 100 + 3902 + 60 + API_TIMEOUT);
        assert_eq!(runbook.calls().into_iter().collect::<Vec<_>>(), ["a:Do", "a:Get", "ssm:CreateOpsItem"]);
    }

    #[test]
    fn every_runbook_takes_what_the_guard_gives() {
        let human =
            "  - {name: human, action: aws:executeAwsApi, inputs: {Service: ssm, Api: CreateOpsItem}, isEnd: true}\n";
        let runbook = parse(human);
        let parameters = runbook.content.get("parameters").unwrap();
        for name in Starter::Guard.given() {
            assert!(parameters.get(name).is_some(), "{name}");
        }
        assert_eq!(parameters.path(&["RuleName", "allowedPattern"]).and_then(Node::text), Some("^s/r$"));
    }
}
