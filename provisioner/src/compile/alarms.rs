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

/// How often CloudWatch evaluates an alarm with a period of a minute or more, in seconds (CloudWatch user guide, "Evaluating an
/// alarm", 2026-11).
const EVALUATION: u64 = 60;

/// CloudWatch quotas, 2026-11 (`PutMetricAlarm`): evaluation periods times period, in seconds.
const SPAN: u64 = 24 * 3600;
/// The same for periods of an hour and more.
const LONG_SPAN: u64 = 7 * 24 * 3600;
/// Metrics Insights answers from the last three hours, in seconds (CloudWatch user guide, 2026-11).
const FLEET_SPAN: u64 = 3 * 3600;
/// CloudWatch quota, 2026-11: 1,024 characters an alarm description.
const MAX_DESCRIPTION: usize = 1024;

/// What is known of one alarm.
#[derive(Debug, Clone)]
pub struct AlarmInfo {
    /// Its name.
    pub name: String,
    /// The signal: the part of the name after the rule.
    pub signal: String,
    /// The resource that it watches alone, where it does.
    pub resource: Option<String>,
    /// Its period in seconds.
    pub period: u64,
    /// From the failure to the alarm in seconds, at the least.
    pub detection_seconds: u64,
    /// From the failure to the alarm in seconds, at the most: the failure may begin inside a period, which then does not
    /// count, and CloudWatch evaluates once a minute. What the service takes to publish its metric comes on top.
    pub worst_detection_seconds: u64,
    /// EC2's own action, such as `recover`.
    pub native_action: Option<String>,
    /// Whether it notifies people.
    pub notifies: bool,
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
        period,
        detection_seconds: period * datapoints.unwrap_or(1),
        worst_detection_seconds: period * (datapoints.unwrap_or(1) + 1) + EVALUATION,
        native_action: actions(alarm).iter().find_map(|action| {
            let text = action.text()?;
            text.contains(":automate:").then(|| text.rsplit(':').next().unwrap_or_default().to_owned())
        }),
        notifies: actions(alarm).iter().filter_map(Node::text).any(|action| action.contains(":sns:")),
        fleet: query(alarm).is_some(),
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

/// The Metrics Insights query, where the alarm has one. Its keywords may be in any case.
fn query(alarm: &Resource) -> Option<&str> {
    metrics(alarm)
        .iter()
        .filter_map(|metric| metric.get("Expression").and_then(Node::text))
        .find(|expression| expression.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("SELECT")))
}

/// What stands between two keywords of a query, or from the first to the end.
fn clause<'a>(query: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let upper = query.to_ascii_uppercase();
    let start = upper.find(from)? + from.len();
    let end = upper[start..].find(to).map_or(query.len(), |length| start + length);
    Some(query[start..end].trim())
}

/// What is wrong with a rule's alarms.
pub(super) fn check(
    kind: &Kind,
    rule: &RuleScope<'_>,
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
        found.extend(unguarded(resource, alarm).into_iter().map(|message| {
            at(resource, message).help("let the guard start a runbook: it keeps cooldown, attempts and budget")
        }));
        found.extend(span(resource, alarm).into_iter().map(|message| at(resource, message)));
        found.extend(scope(resource, alarm, rule).map(|(message, help)| at(resource, message).help(help)));
        found.extend(native(resource, alarm).into_iter().map(|message| at(resource, message)));
    }
    for (signal, healed_by) in &kind.definition.signals {
        if *healed_by == HealedBy::Runbook && runbook.is_none() {
            found.push(Problem::error(format!("`{}` says that a runbook heals `{signal}`, and has none", kind.id)));
        }
        if *healed_by == HealedBy::Runbook && !alarms.iter().any(|alarm| alarm.signal == *signal) {
            found.push(Problem::error(format!("{} has no alarm for its signal `{signal}`", rule.identity)));
        }
    }
    found.extend(runbook.into_iter().flat_map(|runbook| verification(rule.identity, runbook, alarms)));
    found
}

/// What a fleet alarm of a rule may select.
pub(super) struct RuleScope<'a> {
    /// `<stack>/<rule>`.
    pub(super) identity: &'a str,
    /// Conditions of a query, one of which its WHERE must begin with: the target's tags, or the rule's own dimensions.
    pub(super) filters: Vec<String>,
}

/// A fleet alarm without a filter equal to the rule's target would act on resources that the rule does not heal.
fn scope(alarm: &Resource, info: &AlarmInfo, rule: &RuleScope<'_>) -> Option<(String, String)> {
    let query = query(alarm)?;
    let help = format!("begin its WHERE with {}", rule.filters.join(", or with "));
    let Some(filter) = clause(query, " WHERE ", " GROUP BY ") else {
        return Some((
            format!("the fleet alarm `{}` has no WHERE: it would act on every resource in the account", info.name),
            help,
        ));
    };
    let equal = rule.filters.iter().any(|wanted| {
        filter.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(" AND "))
    });
    let message = || format!("the fleet alarm `{}` does not filter by the rule's target: `{filter}`", info.name);
    (!equal).then(|| (message(), help))
}

/// Actions that are neither notifications nor EC2's own: an Auto Scaling action, for one, repeats every minute while the alarm
/// is on, and on a fleet alarm acts for the alarm instead of for a resource.
fn unguarded(alarm: &Resource, info: &AlarmInfo) -> Vec<String> {
    let harmless =
        |action: &str| action.contains(":sns:") || (action.contains(":automate:") && action.contains(":ec2:"));
    let keys = ["AlarmActions", "OKActions", "InsufficientDataActions"];
    let actions = keys.iter().filter_map(|key| alarm.property(&[key])).flat_map(Node::items).filter_map(Node::text);
    actions
        .filter(|action| !harmless(action))
        .map(|action| format!("`{}` acts past the guard: `{action}`", info.name))
        .collect()
}

/// CloudWatch's limits on how far back an alarm looks.
fn span(alarm: &Resource, info: &AlarmInfo) -> Vec<String> {
    let number = |node: Option<&Node>| node.and_then(Node::as_int).and_then(|number| u64::try_from(number).ok());
    let periods = number(alarm.property(&["EvaluationPeriods"])).unwrap_or(1);
    let needed = number(alarm.property(&["DatapointsToAlarm"])).unwrap_or(periods);
    let back = periods * info.period;
    let (most, why) = match (info.fleet, info.period) {
        (true, _) => (FLEET_SPAN, "Metrics Insights keeps three hours"),
        (false, ..3600) => (SPAN, "an alarm with a period under an hour looks back one day"),
        (false, _) => (LONG_SPAN, "an alarm looks back seven days"),
    };
    let mut found = Vec::new();
    if needed > periods {
        found.push(format!("`{}` needs {needed} of {periods} datapoints", info.name));
    }
    if back > most {
        found.push(format!("`{}` looks back {back} s, and {why} at the most", info.name));
    }
    if info.description.chars().count() > MAX_DESCRIPTION {
        found.push(format!("the description of `{}` is longer than {MAX_DESCRIPTION} characters", info.name));
    }
    found
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
        let states: Vec<&str> = step
            .inputs
            .get("DesiredValues")
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(Node::text)
            .collect();
        if states != ["OK"] {
            let message =
                format!("{identity}: step `{}` takes the alarm states {} for healed", step.name, states.join(", "));
            found.push(Problem::error(message).help("write `DesiredValues: [OK]`"));
        }
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
