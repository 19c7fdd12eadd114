//! Escalation: a rule may hand its resource only to a rule that can heal just that.

use crate::diagnostics::Problem;
use crate::kinds::{Catalog, HealedBy, Kind, ResourceName};
use crate::rules::{HealingLoop, RuleSet};
use healstack_model::Layer;

/// What is wrong with the escalations of every rule set. That the rule exists and that no circle comes of it was checked
/// when the files were read.
pub(super) fn check(sets: &[RuleSet], catalog: &Catalog) -> Vec<Problem> {
    let mut found = Vec::new();
    for set in sets {
        for healing in &set.loops {
            let Some(name) = &healing.rule.escalate_to else { continue };
            let Some(next) = set.loops.iter().find(|other| other.rule.name == *name) else { continue };
            let (from, to) = (&catalog.kinds[&healing.kind], &catalog.kinds[&next.kind]);
            if let Some((reason, help)) = refusal(from, next, to) {
                let message = format!("{}/{} cannot escalate to `{name}`: {reason}", set.stack, healing.rule.name);
                found.push(Problem::error(message).at(&set.source, healing.span).help(help));
            }
        }
    }
    found
}

fn refusal(from: &Kind, next: &HealingLoop, to: &Kind) -> Option<(String, &'static str)> {
    let (source, target) = (&from.definition.resource, &to.definition.resource);
    if !to.definition.signals.values().any(|healed_by| *healed_by == HealedBy::Runbook) {
        return Some(("no runbook heals it".to_owned(), "escalate to a rule with a runbook"));
    }
    if is_of_agent(from) && next.rule.layer == Layer::Data {
        let reason = "a host may not start a healing of the data layer".to_owned();
        return Some((reason, "let a rule of the data layer watch for itself"));
    }
    if !target.also.is_empty() {
        let reason = "its healing touches further resources, which the failing one does not name".to_owned();
        return Some((reason, "let its own alarm start it"));
    }
    // A host's agent may have its own instance healed.
    let own_instance = is_of_agent(from) && (target.service.as_str(), target.kind.as_str()) == ("ec2", "instance");
    let same = (&source.service, &source.kind) == (&target.service, &target.kind);
    (!same && !own_instance).then(|| {
        let reason = format!("{} heals {}, not {}", next.rule.name, shown(target), shown(source));
        (reason, "escalate to a rule that heals the same resources")
    })
}

fn is_of_agent(kind: &Kind) -> bool {
    kind.definition.signals.values().any(|healed_by| *healed_by == HealedBy::Agent)
}

fn shown(resource: &ResourceName) -> String {
    format!("{}:{}", resource.service, resource.kind)
}
