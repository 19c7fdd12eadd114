//! Configurations for tests.

use super::config::{AgentRule, Config, HostFile, Identity};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A rule's parameter with small figures; `change` sets fields of it.
pub(crate) fn rule(name: &str, trigger: &str, target: &Value, parameters: &Value, change: &Value) -> AgentRule {
    let mut rule = json!({
        "schema_version": 1, "rule": format!("shop/{name}"), "kind": "application/x", "layer": "application",
        "trigger_condition": trigger, "action": "restart", "enabled": true, "mode": "enforce", "healed_by": "agent",
        "target": target, "parameters": parameters, "cooldown_seconds": 60, "max_attempts": 2, "window_seconds": 3600,
        "stable_for_seconds": 600, "budget": {"concurrent": 1, "per_hour": 6}, "notify": "all", "signals": {}, "resource": {},
    });
    for (field, value) in change.as_object().unwrap() {
        rule[field] = value.clone();
    }
    AgentRule::parse(&rule.to_string()).unwrap().unwrap()
}

/// The selector of units.
pub(crate) fn units(names: &[&str]) -> Value {
    json!({"units": {"names": names, "hosts": {"tag": {"app": "shop"}}}})
}

/// The selector of pools or breakers.
pub(crate) fn named(kind: &str, names: &[&str]) -> Value {
    json!({kind: {"names": names, "hosts": {"tag": {"app": "shop"}}}})
}

/// The configuration of one host.
pub(crate) fn config(host: &Value, rules: Vec<AgentRule>) -> Config {
    let identity = Identity {
        instance_id: "i-0123456789abcdef0".into(),
        account: "111122223333".into(),
        region: "eu-central-1".into(),
        tags: BTreeMap::from([("app".to_owned(), "shop".to_owned())]),
    };
    let host: HostFile = serde_json::from_value(host.clone()).unwrap();
    Config::new(identity, host, rules).unwrap()
}
