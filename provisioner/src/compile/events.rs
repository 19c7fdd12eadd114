//! Service events that start a healing: what they inject must be a signal of the kind, and an alarm that knows the same failure
//! as a state. The guard would find out at the first failure; the compiler does before the deployment.

use super::{AlarmInfo, Resource};
use crate::diagnostics::{Problem, Source};
use crate::kinds::{HealedBy, Kind};
use crate::yaml::Node;
use std::sync::Arc;

/// What is wrong with the event rules of a rule.
pub(super) fn check(
    kind: &Kind,
    identity: &str,
    resources: &[Resource],
    alarms: &[AlarmInfo],
    source: &Arc<Source>,
) -> Vec<Problem> {
    let mut found = Vec::new();
    let rules = resources.iter().filter(|resource| resource.kind() == "AWS::Events::Rule");
    let targets = rules.flat_map(|rule| rule.property(&["Targets"]).map(Node::items).unwrap_or_default());
    for target in targets.filter(|target| is_guard(target)) {
        let template = target.path(&["InputTransformer", "InputTemplate"]).and_then(Node::text).unwrap_or_default();
        let signal = injected(template, "signal").unwrap_or_default();
        let alarm = injected(template, "alarm").unwrap_or_default();
        let at = |message: String| Problem::error(message).at(source, target.span);
        if kind.definition.signals.get(signal) != Some(&HealedBy::Runbook) {
            found.push(
                at(format!("{identity}: an event starts the guard with the signal `{signal}`, which no runbook heals"))
                    .help("name one of kind.yaml's `signals` that says `runbook`"),
            );
        }
        if !alarms.iter().any(|known| known.name == alarm && known.signal == signal) {
            found.push(
                at(format!("{identity}: an event names the alarm `{alarm}`, which is none of the signal `{signal}`"))
                    .help("name the alarm that watches the same failure: the sweeper offers what was refused by it"),
            );
        }
    }
    found
}

/// Whether a target of an event rule is the guard.
fn is_guard(target: &Node) -> bool {
    target.get("Arn").and_then(Node::text).is_some_and(|arn| arn.ends_with("--core--guard:live"))
}

/// A text that an input template injects.
fn injected<'t>(template: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = template.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(text, _)| text)
}
