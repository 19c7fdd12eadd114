//! Alarms: what they are, and what must be true of each. The rules are CloudWatch's, and Healstack's name contract.

use super::{Resource, Runbook};
use crate::diagnostics::{Problem, Source};
use crate::kinds::{HealedBy, Kind};
use crate::yaml::Node;
use healstack_model::Names;
use healstack_model::naming::MAX_ALARM_NAME;
use std::sync::Arc;

/// CloudWatch quota, 2026-11: 5 actions for each state of an alarm.
const MAX_ACTIONS: usize = 5;

/// What is known of one alarm.
#[derive(Debug, Clone)]
pub struct AlarmInfo {
    /// Its name.
    pub name: String,
    /// The signal: the part of the name after the rule.
    pub signal: String,
    /// The resource that it watches alone, where it does.
    pub resource: Option<String>,
    /// From the failure to the alarm in seconds, at the least.
    pub detection_seconds: u64,
    /// EC2's own action, such as `recover`.
    pub native_action: Option<String>,
    /// Whether it is one alarm for many resources.
    pub fleet: bool,
    /// Its description.
    pub description: String,
}

/// The alarms among a rule's resources.
pub(super) fn read(resources: &[Resource], names: &Names) -> Vec<AlarmInfo> {
    resources
        .iter()
        .filter(|resource| resource.kind() == "AWS::CloudWatch::Alarm")
        .map(|alarm| info(alarm, names))
        .collect()
}

fn info(alarm: &Resource, names: &Names) -> AlarmInfo {
    let text = |key| alarm.property(&[key]).and_then(Node::text).unwrap_or_default().to_owned();
    let name = text("AlarmName");
    let mut parts = name.splitn(5, "--");
    let contract = parts.next() == Some(names.prefix.as_str());
    let mut rest = parts.skip(2);
    let number = |node: Option<&Node>| node.and_then(Node::as_int).and_then(|number| u64::try_from(number).ok());
    let period = metrics(alarm)
        .iter()
        .find_map(|metric| number(metric.get("Period")).or_else(|| number(metric.path(&["MetricStat", "Period"]))))
        .or_else(|| number(alarm.property(&["Period"])))
        .unwrap_or_default();
    // M of N: M bad periods are enough.
    let datapoints =
        number(alarm.property(&["DatapointsToAlarm"])).or_else(|| number(alarm.property(&["EvaluationPeriods"])));
    AlarmInfo {
        signal: if contract { rest.next().unwrap_or_default().to_owned() } else { String::new() },
        resource: rest.next().map(str::to_owned),
        detection_seconds: period * datapoints.unwrap_or(1),
        native_action: actions(alarm).iter().find_map(|action| {
            let text = action.text()?;
            text.contains(":automate:").then(|| text.rsplit(':').next().unwrap_or_default().to_owned())
        }),
        fleet: query(alarm).is_some_and(|query| query.contains("GROUP BY")),
        description: text("AlarmDescription"),
        name,
    }
}

fn metrics(alarm: &Resource) -> &[Node] {
    alarm.property(&["Metrics"]).map(Node::items).unwrap_or_default()
}

fn actions(alarm: &Resource) -> &[Node] {
    alarm.property(&["AlarmActions"]).map(Node::items).unwrap_or_default()
}

/// The Metrics Insights query, where the alarm has one.
fn query(alarm: &Resource) -> Option<&str> {
    metrics(alarm)
        .iter()
        .filter_map(|metric| metric.get("Expression").and_then(Node::text))
        .find(|expression| expression.trim_start().starts_with("SELECT"))
}

/// What is wrong with a rule's alarms.
pub(super) fn check(
    kind: &Kind,
    identity: &str,
    resources: &[Resource],
    alarms: &[AlarmInfo],
    runbook: Option<&Runbook>,
    source: &Arc<Source>,
) -> Vec<Problem> {
    let mut found = Vec::new();
    let at = |resource: &Resource, message: String| Problem::error(message).at(source, resource.body.span);
    let resources: Vec<&Resource> =
        resources.iter().filter(|resource| resource.kind() == "AWS::CloudWatch::Alarm").collect();
    for (resource, alarm) in resources.iter().zip(alarms) {
        if !kind.definition.signals.contains_key(&alarm.signal) {
            found.push(
                at(resource, format!("the alarm `{}` does not belong to a signal of `{}`", alarm.name, kind.id))
                    .help("name it with the `alarm` helper and one of kind.yaml's `signals`: the guard finds the rule by this name"),
            );
        }
        if alarm.name.chars().count() > MAX_ALARM_NAME {
            found.push(at(
                resource,
                format!("the alarm name `{}` is longer than {MAX_ALARM_NAME} characters", alarm.name),
            ));
        }
        for key in ["AlarmActions", "OKActions"] {
            let count = resource.property(&[key]).map_or(0, |actions| actions.items().len());
            if count > MAX_ACTIONS {
                found.push(at(resource, format!("`{}` has {count} {key}, CloudWatch takes {MAX_ACTIONS}", alarm.name)));
            }
        }
        found.extend(scope(resource, alarm).map(|(message, help)| at(resource, message).help(help)));
        found.extend(native(resource, alarm).into_iter().map(|message| at(resource, message)));
    }
    for (signal, healed_by) in &kind.definition.signals {
        if *healed_by == HealedBy::Runbook && runbook.is_none() {
            found.push(Problem::error(format!("`{}` says that a runbook heals `{signal}`, and has none", kind.id)));
        }
        if *healed_by == HealedBy::Runbook && !alarms.iter().any(|alarm| alarm.signal == *signal) {
            found.push(Problem::error(format!("{identity} has no alarm for its signal `{signal}`")));
        }
    }
    found.extend(runbook.into_iter().flat_map(|runbook| verification(identity, runbook, alarms)));
    found
}

/// A fleet alarm without a filter would act on every resource of the account.
fn scope(alarm: &Resource, info: &AlarmInfo) -> Option<(String, &'static str)> {
    let query = query(alarm)?;
    (!query.contains(" WHERE ")).then(|| {
        (
            format!("the fleet alarm `{}` has no WHERE: it would act on every resource in the account", info.name),
            "filter it by the rule's target, or make one alarm a resource",
        )
    })
}

/// EC2's alarm actions: which alarms may have them.
fn native(alarm: &Resource, info: &AlarmInfo) -> Vec<String> {
    let Some(action) = &info.native_action else { return Vec::new() };
    let mut found = Vec::new();
    let math = !metrics(alarm).is_empty() && query(alarm).is_none();
    if math {
        found.push(format!("`{}` is metric math, and such alarms cannot do the EC2 action `{action}`", info.name));
    }
    let system_only = match query(alarm) {
        Some(query) => query.contains("StatusCheckFailed_System"),
        None => alarm.property(&["MetricName"]).and_then(Node::text) == Some("StatusCheckFailed_System"),
    };
    if action == "recover" && !system_only {
        found.push(format!(
            "`{}` recovers on another metric than StatusCheckFailed_System, which EC2 refuses",
            info.name
        ));
    }
    found
}

/// A verification by alarm names an alarm of this rule that watches one resource: a fleet alarm may stay in ALARM
/// because of another.
fn verification(identity: &str, runbook: &Runbook, alarms: &[AlarmInfo]) -> Vec<Problem> {
    let verifying = runbook
        .steps
        .iter()
        .filter(|step| step.verifies() && step.call().as_deref() == Some("cloudwatch:DescribeAlarms"));
    let mut found = Vec::new();
    for step in verifying {
        for name in step.inputs.get("AlarmNames").map(Node::items).unwrap_or_default() {
            let name = name.text().unwrap_or_default();
            let head = name.split("{{").next().unwrap_or_default();
            let named =
                alarms.iter().find(|alarm| alarm.name == name || (name != head && alarm.name.starts_with(head)));
            let message = match named {
                Some(alarm) if alarm.fleet => {
                    format!("{identity}: step `{}` verifies by the fleet alarm `{}`", step.name, alarm.name)
                }
                Some(_) => continue,
                None => format!("{identity}: step `{}` verifies by `{name}`, which is no alarm of the rule", step.name),
            };
            found.push(
                Problem::error(message)
                    .help("verify by the resource's own API, or by an alarm for this resource alone"),
            );
        }
    }
    found
}
