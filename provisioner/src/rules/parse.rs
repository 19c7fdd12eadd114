//! One rule file: its form, its names, its escalations.

use super::resolve::{check, resolve};
use super::{HealingLoop, RuleSet, Workload, reference};
use crate::diagnostics::{Problem, Problems, Severity, Source};
use crate::kinds::Catalog;
use crate::schema::{list, nearest};
use crate::yaml::{self, Node, Span};
use healstack_model::{Rule, RuleFile, RuleName, StackName};
use std::collections::HashMap;
use std::sync::Arc;

/// Parses one rule file, reporting everything that is wrong with it.
pub fn parse(source: &Arc<Source>, catalog: &Catalog, problems: &mut Problems) -> Option<RuleSet> {
    let node = problems.take(yaml::parse(source))?;
    let mut found = catalog.rule_files.check(source, &node, "the rule file");
    let rules = node.get("rules").map(Node::items).unwrap_or_default();
    found.extend(yaml::check_data(source, &node));
    found.extend(duplicates(source, rules));
    let broken = !found.is_empty();
    problems.extend(found);
    if broken {
        // What each kind says about its rules can be told even when another part of the file is wrong.
        for rule in rules {
            check(source, rule, node.get("workload").is_some(), catalog, problems);
        }
        return None;
    }
    let before = problems.count(Severity::Error);
    let file: RuleFile = problems.take(
        serde_json::from_value(node.to_json()).map_err(|error| Problem::error(error.to_string()).at(source, node.span)),
    )?;
    if file.stack.is_reserved() {
        let span = node.get("stack").map_or(node.span, |node| node.span);
        problems.push(
            Problem::error(format!("the stack name `{}` is Healstack's own", file.stack))
                .at(source, span)
                .help(format!("choose another; reserved are {}", list(&StackName::RESERVED))),
        );
    }
    let names: Vec<RuleName> = file.rules.iter().map(|rule| rule.name.clone()).collect();
    let mut loops = Vec::new();
    for (rule, node) in file.rules.into_iter().zip(rules) {
        problems.extend(escalation(source, node, &rule, &names));
        loops.extend(resolve(source, node, rule, (&file.defaults, file.workload.is_some()), catalog, problems));
    }
    problems.extend(escalation_cycle(source, &loops));
    problems.extend(reference::clashes(source, loops.iter().flat_map(|healing| &healing.references)));
    loops.sort_by(|left, right| left.rule.name.cmp(&right.rule.name));
    // A set without the rules that are wrong would be a smaller stack, and what follows from that no news to anybody.
    (problems.count(Severity::Error) == before).then(|| RuleSet {
        stack: file.stack,
        source: Arc::clone(source),
        workload: file.workload.map(|path| Workload {
            path,
            span: node.get("workload").map_or(node.span, |node| node.span),
            source: None,
        }),
        loops,
    })
}

fn duplicates(source: &Arc<Source>, rules: &[Node]) -> Vec<Problem> {
    let mut first: HashMap<&str, Span> = HashMap::new();
    let mut found = Vec::new();
    for name in rules.iter().filter_map(|rule| rule.get("name")) {
        let Some(text) = name.as_str() else { continue };
        if let Some(span) = first.get(text) {
            let (line, _) = source.position(span.start);
            let message = format!("the rule `{text}` is already defined on line {line}");
            found.push(Problem::error(message).at(source, name.span).help("rename one: a rule's name is its identity"));
        } else {
            first.insert(text, name.span);
        }
    }
    found
}

fn escalation(source: &Arc<Source>, node: &Node, rule: &Rule, names: &[RuleName]) -> Option<Problem> {
    let target = rule.escalate_to.as_ref()?;
    if names.contains(target) {
        return None;
    }
    let known: Vec<&str> = names.iter().map(RuleName::as_str).collect();
    let help = match nearest(target.as_str(), &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the rules of this stack are {}", list(&known)),
    };
    let span = node.get("escalate_to").map_or(node.span, |node| node.span);
    Some(
        Problem::error(format!("`escalate_to` names `{target}`, which is no rule of this stack"))
            .at(source, span)
            .help(help),
    )
}

/// A rule that would, over others, escalate to itself.
fn escalation_cycle(source: &Arc<Source>, loops: &[HealingLoop]) -> Option<Problem> {
    let next: HashMap<&RuleName, &RuleName> =
        loops.iter().filter_map(|healing| Some((&healing.rule.name, healing.rule.escalate_to.as_ref()?))).collect();
    loops.iter().find_map(|healing| {
        let start = &healing.rule.name;
        let mut path = vec![start.as_str()];
        let mut at = start;
        while let Some(to) = next.get(at) {
            path.push(to.as_str());
            if *to == start {
                let message = format!("escalation runs in a circle: {}", path.join(" -> "));
                return Some(
                    Problem::error(message).at(source, healing.span).help("end the chain: the last rule calls a human"),
                );
            }
            if path.len() > loops.len() {
                return None;
            }
            at = to;
        }
        None
    })
}
