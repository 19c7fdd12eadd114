//! Service events that start a healing: what they inject must be a signal of the kind, and an alarm that knows the same failure
//! as a state. The guard would find out at the first failure; the compiler does before the deployment.

use super::{AlarmInfo, Resource};
use crate::diagnostics::{Problem, Source};
use crate::kinds::{HealedBy, Kind};
use crate::yaml::Node;
use std::sync::Arc;

/// What is known of one event rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventInfo {
    /// The services, as events name them: `aws.rds`.
    pub source: String,
    /// The kinds of events.
    pub detail_type: String,
    /// Its description.
    pub description: String,
    /// Whether its events start a healing, through the guard. Others are written down.
    pub starts: bool,
}

/// The event rules among a rule's resources that tell guard or recorder something.
pub(super) fn read(resources: &[Resource]) -> Vec<EventInfo> {
    let mut found: Vec<EventInfo> = Vec::new();
    for rule in resources.iter().filter(|resource| resource.kind() == "AWS::Events::Rule") {
        let targets = rule.property(&["Targets"]).map(Node::items).unwrap_or_default();
        let starts = targets.iter().any(is_guard);
        if !starts && !targets.iter().any(|target| ends_with(target, "--core--recorder:live")) {
            continue;
        }
        let texts = |key: &str| {
            let values = rule.property(&["EventPattern", key]).map(Node::items).unwrap_or_default();
            values.iter().filter_map(Node::text).collect::<Vec<_>>().join(", ")
        };
        let event = EventInfo {
            source: texts("source"),
            detail_type: texts("detail-type"),
            description: rule.property(&["Description"]).and_then(Node::text).unwrap_or_default().to_owned(),
            starts,
        };
        // One rule a resource: what is the same for all is told once.
        if !found.iter().any(|known| (known.starts, &known.detail_type) == (starts, &event.detail_type)) {
            found.push(event);
        }
    }
    found
}

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
    ends_with(target, "--core--guard:live")
}

fn ends_with(target: &Node, end: &str) -> bool {
    target.get("Arn").and_then(Node::text).is_some_and(|arn| arn.ends_with(end))
}

/// A text that an input template injects.
fn injected<'t>(template: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = template.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(text, _)| text)
}
