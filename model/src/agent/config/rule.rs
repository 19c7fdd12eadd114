//! A rule as the agent gets it: the SSM parameter that the compiler writes (`provisioner/src/compile/rule.rs`).

use super::parameters::{self, Parameters};
#[cfg(test)]
use super::problem::Place;
use super::problem::{Problem, Problems, of_serde};
use crate::agent::time::{SECOND, Span};
use crate::duration::MAX_SECONDS;
use crate::ledger::RuleId;
use crate::name::RuleName;
use crate::rule::{Action, Budget, Layer, Mode, Notify};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// The version of the parameter that this agent reads.
pub const SCHEMA_VERSION: u32 = 1;

/// What a rule heals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetType {
    /// systemd units.
    Unit,
    /// Connection pools.
    Pool,
    /// Circuit breakers.
    Breaker,
    /// Caches, which are healed from a host.
    Cache,
}

impl TargetType {
    /// The word for it in resource names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Pool => "pool",
            Self::Breaker => "breaker",
            Self::Cache => "cache",
        }
    }

    /// `resource_type` of an event. The recorder knows `breaker` and `pool`, and takes all else for a unit.
    #[must_use]
    pub const fn in_events(self) -> &'static str {
        match self {
            Self::Unit | Self::Cache => "unit",
            Self::Pool => "pool",
            Self::Breaker => "breaker",
        }
    }
}

impl fmt::Display for TargetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The hosts that a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// Those that carry all of these tags; never empty.
    Tagged(BTreeMap<String, String>),
    /// Those with one of these instance ids.
    Ids(Vec<String>),
    /// Any host that has the rule: the target itself is no host.
    Any,
}

impl Hosts {
    /// Whether a host is one of them.
    #[must_use]
    pub fn include(&self, instance_id: &str, tags: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Tagged(wanted) => wanted.iter().all(|(key, value)| tags.get(key) == Some(value)),
            Self::Ids(ids) => ids.iter().any(|id| id == instance_id),
            Self::Any => true,
        }
    }
}

/// A rule that the agent heals by.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRule {
    /// Its identity.
    pub id: RuleId,
    /// Its layer.
    pub layer: Layer,
    /// What it does.
    pub action: Action,
    /// What it may do; `off` also where the rule is not enabled.
    pub mode: Mode,
    /// What the names are names of.
    pub target: TargetType,
    /// Whom it heals, by name; at least one.
    pub names: Vec<String>,
    /// On which hosts.
    pub hosts: Hosts,
    /// Figures and switches of its kind.
    pub parameters: Parameters,
    /// Milliseconds from the end of a healing until the next.
    pub cooldown: Span,
    /// Healings of a resource in `window`.
    pub max_attempts: u32,
    /// The span in which attempts count, in milliseconds.
    pub window: Span,
    /// How long a resource must be healthy until its attempts are new, in milliseconds.
    pub stable_for: Span,
    /// Healings of the rule at once and in an hour.
    pub budget: Budget,
    /// What is notified.
    pub notify: Notify,
    /// The rule that takes over when the attempts are spent.
    pub escalate_to: Option<RuleName>,
    /// The alarm that stops the rule.
    pub suppress_while: Option<String>,
}

/// The parameter's JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    schema_version: u32,
    rule: String,
    #[serde(rename = "kind")]
    _kind: String,
    layer: Layer,
    trigger_condition: String,
    action: Action,
    enabled: bool,
    mode: Mode,
    healed_by: String,
    target: Map<String, Value>,
    parameters: Map<String, Value>,
    cooldown_seconds: u64,
    max_attempts: u32,
    window_seconds: u64,
    stable_for_seconds: u64,
    budget: Budget,
    notify: Notify,
    #[serde(default)]
    signal: Map<String, Value>,
    #[serde(rename = "signals")]
    _signals: Map<String, Value>,
    #[serde(rename = "resource")]
    _resource: Value,
    #[serde(default, rename = "lease_seconds")]
    _lease_seconds: Option<u64>,
    #[serde(default)]
    escalate_to: Option<RuleName>,
    #[serde(default)]
    suppress_while: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    names: Vec<String>,
    hosts: RawHosts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHosts {
    #[serde(default)]
    tag: Option<BTreeMap<String, String>>,
    #[serde(default)]
    ids: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    replication_group: String,
    #[serde(rename = "nodes")]
    _nodes: Vec<String>,
}

const AGAIN: &str = "compile the rule again with the version of healstack that this agent is of";

impl AgentRule {
    /// Reads a rule's parameter, or says everything that is wrong with it. `Ok(None)` for a rule that somebody else heals by.
    pub fn parse(text: &str) -> Result<Option<Self>, Vec<Problem>> {
        let raw: Raw = serde_json::from_str(text).map_err(|error| vec![of_serde(&error, AGAIN)])?;
        if raw.healed_by != "agent" {
            return Ok(None);
        }
        let mut problems = Problems::default();
        if raw.schema_version != SCHEMA_VERSION {
            let what = format!("version {} of a rule's parameter is not known", raw.schema_version);
            problems.add("schema_version", what, "install the agent of the version that compiled the rule");
            return Err(problems.0);
        }
        bounds(&raw, &mut problems);
        let id = RuleId::parse(&raw.rule).map_err(|error| problems.add("rule", error.to_string(), error.help())).ok();
        let target = target(&raw.target, &mut problems);
        let kind = target.as_ref().map(|(target, ..)| *target);
        let parameters = kind.and_then(|target| {
            parameters::read(&raw.trigger_condition, target, raw.parameters, raw.signal, &mut problems)
        });
        let (Some(id), Some((target, names, hosts)), Some(parameters)) = (id, target, parameters) else {
            return Err(problems.0);
        };
        let milliseconds = |seconds: u64| seconds.saturating_mul(SECOND);
        problems.or(Some(Self {
            id,
            layer: raw.layer,
            action: raw.action,
            mode: if raw.enabled { raw.mode } else { Mode::Off },
            target,
            names,
            hosts,
            parameters,
            cooldown: milliseconds(raw.cooldown_seconds),
            max_attempts: raw.max_attempts,
            window: milliseconds(raw.window_seconds),
            stable_for: milliseconds(raw.stable_for_seconds),
            budget: raw.budget,
            notify: raw.notify,
            escalate_to: raw.escalate_to,
            suppress_while: raw.suppress_while,
        }))
    }
}

/// The figures that bound healing, in the ranges of the rule language (`crate::rule`). A zero would be no bound.
fn bounds(raw: &Raw, problems: &mut Problems) {
    let mut within = |path: &str, value: u64, least: u64, most: u64| {
        if !(least..=most).contains(&value) {
            problems.add(path, format!("{value} is not between {least} and {most}"), AGAIN);
        }
    };
    within("cooldown_seconds", raw.cooldown_seconds, 1, MAX_SECONDS);
    within("window_seconds", raw.window_seconds, 1, MAX_SECONDS);
    within("stable_for_seconds", raw.stable_for_seconds, 1, MAX_SECONDS);
    within("max_attempts", raw.max_attempts.into(), 1, 100);
    within("budget.concurrent", raw.budget.concurrent.into(), 1, 100);
    within("budget.per_hour", raw.budget.per_hour.into(), 1, 1000);
    if !matches!(raw.layer, Layer::Application | Layer::Data | Layer::Platform) {
        let what = format!("the agent does not heal the {} layer", raw.layer);
        problems.add("layer", what, "the recorder takes agents' events of application, data and platform only");
    }
}

fn target(target: &Map<String, Value>, problems: &mut Problems) -> Option<(TargetType, Vec<String>, Hosts)> {
    let mut entries = target.iter();
    let (Some((kind, selector)), None) = (entries.next(), entries.next()) else {
        problems.add("target", "a rule has one target", AGAIN);
        return None;
    };
    let path = format!("target.{kind}");
    let mut wrong = |error: &serde_json::Error| problems.add(&path, error.to_string(), AGAIN);
    let found = match kind.as_str() {
        "caches" => {
            let group: Group = Group::deserialize(selector).map_err(|error| wrong(&error)).ok()?;
            (TargetType::Cache, vec![group.replication_group], Hosts::Any)
        }
        "units" | "pools" | "breakers" => {
            let named: Named = Named::deserialize(selector).map_err(|error| wrong(&error)).ok()?;
            let hosts = match (named.hosts.tag, named.hosts.ids) {
                (Some(tag), None) if !tag.is_empty() => Hosts::Tagged(tag),
                (None, Some(ids)) if !ids.is_empty() => Hosts::Ids(ids),
                _ => {
                    let what = "the selector of hosts is empty, or is two";
                    problems.add(
                        format!("{path}.hosts"),
                        what,
                        "write `tag: {app: checkout}` or `ids: [i-…]` in the rule",
                    );
                    return None;
                }
            };
            let target = match kind.as_str() {
                "units" => TargetType::Unit,
                "pools" => TargetType::Pool,
                _ => TargetType::Breaker,
            };
            (target, named.names, hosts)
        }
        other => {
            problems.add(&path, format!("the agent does not heal {other}"), AGAIN);
            return None;
        }
    };
    if found.1.is_empty() || found.1.iter().any(String::is_empty) {
        problems.add(&path, "the selector names nothing", "name at least one; an empty selector is never everything");
        return None;
    }
    for (index, name) in found.1.iter().enumerate() {
        let path = format!("{path}.names[{index}]");
        super::names::check(found.0, name, &path, problems);
    }
    Some(found)
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
