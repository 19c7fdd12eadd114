//! The rule language: what a user writes in `rules/<stack>.yaml`.
//!
//! Field names and defaults are those of AWS Well-Architected REL11-BP03, so that document's rules load as written, plus
//! `target`. What a kind of rule defines itself (its target selector, `parameters`, `signal`) stays a JSON value here
//! and is checked against the kind's own schema.

use crate::duration::Seconds;
use crate::name::{RuleName, StackName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// One rule file: the healing rules of one stack.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// The stack that these rules become. Unique in the project.
    pub stack: StackName,
    /// The CloudFormation template that owns what the rules heal, as a path from the project's folder. `synth` writes a copy with
    /// AWS's own healing beside the rules' stack, and targets may name its resources: `{resource: <logical id>}`.
    #[schemars(
        regex(pattern = r"^[^/\\\s][^\\]*\.(yaml|yml|json|template)$"),
        extend("x-help" = "write a path from the folder of healstack.yaml to a template, for instance workloads/checkout.yaml")
    )]
    pub workload: Option<String>,
    /// What rules take where they say nothing themselves.
    #[serde(default)]
    pub defaults: Defaults,
    /// The rules.
    #[schemars(length(min = 1))]
    pub rules: Vec<Rule>,
}

/// Values for every rule of the file that does not set them itself.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// What a rule may do.
    pub mode: Option<Mode>,
    /// The span in which `max_attempts` counts.
    pub window: Option<Seconds>,
    /// How long a resource must stay healthy until its attempts start again.
    pub stable_for: Option<Seconds>,
    /// How many healings of one rule at once, and in an hour.
    pub budget: Option<Budget>,
    /// What is reported to the notifications topic.
    pub notify: Option<Notify>,
    /// An alarm that stops healing while it is in ALARM.
    pub suppress_while: Option<String>,
}

/// One healing rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The rule's name, unique in its stack.
    pub name: RuleName,
    /// The layer of the architecture that is healed.
    pub layer: Layer,
    /// The failure that starts the healing, one of the layer's conditions.
    pub trigger_condition: String,
    /// What the healing does about it.
    pub action: Action,
    /// What is healed: one target type with its selector, for instance `instances: {tag: {app: checkout}}`.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub target: Map<String, Value>,
    /// Parameters of this kind of rule.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// How long a resource is left alone after a healing has ended. Default: the kind's.
    pub cooldown_period: Option<Seconds>,
    /// How often a resource is healed within `window` before a human is called. Default: the kind's.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: Option<u32>,
    /// Whether the rule is on. A rule that is off keeps its resources, with their actions disabled.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The span in which `max_attempts` counts. Default: 24h or twice the cooldown, whichever is longer.
    pub window: Option<Seconds>,
    /// How long a resource must stay healthy until its attempts start again. Default: 1h or three times the cooldown, whichever is longer.
    pub stable_for: Option<Seconds>,
    /// How many healings of this rule at once, and in an hour. Default: `{concurrent: 1, per_hour: 6}`.
    pub budget: Option<Budget>,
    /// What the rule may do. Default: enforce.
    pub mode: Option<Mode>,
    /// Whether AWS's own healing of the target is kept set, each day: health checks, circuit breakers, failover. `false` only
    /// reports what is weaker, as does every rule that observes. Default: true, for the kinds that have such settings.
    pub enforce: Option<bool>,
    /// A rule of this stack that takes over when the attempts are spent.
    pub escalate_to: Option<RuleName>,
    /// The name of an alarm that stops this rule's healing while it is in ALARM, for instance the alarm of a dependency.
    #[schemars(length(min = 1, max = 255))]
    pub suppress_while: Option<String>,
    /// When the rule's alarms are muted: nothing is healed and nobody is told. A failure that outlasts the window is healed after it.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub mute_windows: Vec<MuteWindow>,
    /// Overrides of the signal's threshold and datapoints, as this kind of rule allows them.
    #[serde(default)]
    pub signal: Map<String, Value>,
    /// What is reported to the notifications topic. Default: all.
    pub notify: Option<Notify>,
    /// Whether AWS's own healing replaces what the workload's template sets weaker. Without it, that is an error. What is set stronger stays.
    #[serde(default, rename = "override")]
    pub overrides: bool,
}

fn yes() -> bool {
    true
}

/// A recurring or single window in which a rule's alarms are muted: a schedule of CloudWatch's alarm mute rules.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct MuteWindow {
    /// When it begins: `cron(minutes hours day-of-month month day-of-week)`, or once, `at(2026-12-24T18:00)`.
    #[schemars(
        regex(pattern = r"^(cron\(\S+( \S+){4}\)|at\([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}\))$"),
        extend("x-help" = "write `cron(0 2 * * SUN)`, five fields, or `at(2026-12-24T18:00)`")
    )]
    pub schedule: String,
    /// How long it lasts: one minute to 15 days.
    pub duration: Seconds,
    /// The time zone of the schedule, for instance Europe/Berlin. Default: UTC.
    #[schemars(
        regex(pattern = r"^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$"),
        extend("x-help" = "write a name of the time zone database, for instance Europe/Berlin")
    )]
    pub timezone: Option<String>,
}

impl MuteWindow {
    /// CloudWatch's limits on a window's length in seconds: one minute and 15 days (`Schedule` of `PutAlarmMuteRule`, 2026-11).
    pub const LENGTH: std::ops::RangeInclusive<u64> = 60..=15 * 24 * 3600;

    /// The length as ISO 8601 duration.
    #[must_use]
    pub fn iso_duration(&self) -> String {
        let seconds = self.duration.get();
        let part = |value: u64, unit: &str| if value > 0 { format!("{value}{unit}") } else { String::new() };
        let days = part(seconds / 86_400, "D");
        let time = [part(seconds / 3600 % 24, "H"), part(seconds / 60 % 60, "M"), part(seconds % 60, "S")].concat();
        if time.is_empty() { format!("P{days}") } else { format!("P{days}T{time}") }
    }
}

/// A layer of the architecture, as REL11-BP03 divides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Layer {
    /// Instances, groups of instances, volumes.
    Infrastructure,
    /// Container services, functions, databases.
    Platform,
    /// Processes on hosts.
    Application,
    /// Data: databases' content, caches, backups.
    Data,
    /// Paths: DNS, zones, gateways, load balancers.
    Network,
}

/// What a healing does, as REL11-BP03 names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Action {
    /// Start it again.
    Restart,
    /// Put another in its place.
    Replace,
    /// Change its size or number.
    Scale,
    /// Go back to what worked.
    Rollback,
    /// Mend it in place.
    Repair,
    /// Move to the standby.
    Failover,
}

/// What a rule may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Mode {
    /// Detect and heal.
    #[default]
    Enforce,
    /// Detect and report, act on nothing: the way to adopt a rule.
    Observe,
    /// Neither: the alarms stay, their actions are disabled.
    Off,
}

/// What is reported to the notifications topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Notify {
    /// Failures and recoveries.
    #[default]
    All,
    /// Failures only.
    Failures,
    /// Nothing.
    None,
}

/// Bounds on how much is healed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Budget {
    /// Healings at the same time.
    #[schemars(range(min = 1, max = 100))]
    pub concurrent: u32,
    /// Healings started in one hour.
    #[schemars(range(min = 1, max = 1000))]
    pub per_hour: u32,
}

impl Default for Budget {
    /// One at a time and six an hour: enough for single failures, too little to make an outage.
    fn default() -> Self {
        Self { concurrent: 1, per_hour: 6 }
    }
}

/// Least default of `window` in seconds: attempts count within a day.
pub const LEAST_WINDOW: u64 = 24 * 3600;
/// Least default of `stable_for` in seconds.
pub const LEAST_STABLE_FOR: u64 = 3600;

/// The default of `window` in seconds for a cooldown in seconds: a day, or two cooldowns, since attempts that a cooldown keeps
/// further apart than the window would never count.
#[must_use]
pub fn default_window(cooldown: u64) -> u64 {
    LEAST_WINDOW.max(cooldown.saturating_mul(2))
}

/// The default of `stable_for` in seconds for a cooldown in seconds: one hour, or three cooldowns.
#[must_use]
pub fn default_stable_for(cooldown: u64) -> u64 {
    LEAST_STABLE_FOR.max(cooldown.saturating_mul(3))
}

macro_rules! display_as_serialised {
    ($type:ident { $($variant:ident => $text:literal),* $(,)? }) => {
        impl $type {
            /// The word for this value in rule files.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

impl Layer {
    /// Every layer, from hosts to paths.
    pub const ALL: [Self; 5] = [Self::Infrastructure, Self::Platform, Self::Application, Self::Data, Self::Network];

    /// The layer of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.as_str() == name)
    }
}

display_as_serialised!(Layer {
    Infrastructure => "infrastructure", Platform => "platform", Application => "application", Data => "data", Network => "network",
});
display_as_serialised!(Action {
    Restart => "restart", Replace => "replace", Scale => "scale", Rollback => "rollback", Repair => "repair", Failover => "failover",
});
display_as_serialised!(Mode { Enforce => "enforce", Observe => "observe", Off => "off" });
display_as_serialised!(Notify { All => "all", Failures => "failures", None => "none" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_rule_files() {
        for layer in Layer::ALL {
            assert_eq!(serde_json::to_value(layer).unwrap(), layer.as_str());
            assert_eq!(Layer::parse(layer.as_str()), Some(layer));
        }
        assert_eq!(Layer::parse("-"), None);
        for mode in [Mode::Enforce, Mode::Observe, Mode::Off] {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
        }
    }

    #[test]
    fn a_rule_of_the_source_document_loads_as_written() {
        let rule: Rule = serde_json::from_value(serde_json::json!({
            "name": "ec2-instance-healing", "layer": "infrastructure",
            "trigger_condition": "instance_status_check_failed", "action": "replace",
            "parameters": {"health_check_grace_period": 300, "replacement_strategy": "immediate", "preserve_eip": true},
            "cooldown_period": 600, "max_attempts": 3, "enabled": true,
            "target": {"instances": {"tag": {"app": "checkout"}}},
        }))
        .unwrap();
        assert_eq!(rule.cooldown_period.map(Seconds::get), Some(600));
        assert_eq!(rule.max_attempts, Some(3));
    }

    #[test]
    fn mute_windows_last_as_iso_8601_says() {
        let lasts = |seconds: u64| {
            let window = MuteWindow { schedule: String::new(), duration: Seconds::clamped(seconds), timezone: None };
            window.iso_duration()
        };
        assert_eq!((lasts(7200), lasts(90), lasts(172_800)), ("PT2H".into(), "PT1M30S".into(), "P2D".into()));
        assert_eq!(lasts(129_600), "P1DT12H");
    }

    #[test]
    fn timing_defaults() {
        assert_eq!(default_stable_for(300), 3600);
        assert_eq!(default_stable_for(1800), 5400);
        assert_eq!(default_window(1800), 86_400);
        assert_eq!(default_window(7 * 86_400), 14 * 86_400);
    }
}
