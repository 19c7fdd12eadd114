use super::*;
use serde_json::json;

/// What the compiler writes for `memory-leak-healing` of `rules/checkout.yaml`.
pub(super) fn memory() -> Value {
    json!({
        "schema_version": 1, "rule": "checkout/memory-leak-healing", "kind": "application/memory-leak-healing",
        "layer": "application", "trigger_condition": "high_memory_usage", "action": "restart", "enabled": true,
        "mode": "enforce", "healed_by": "agent",
        "target": {"units": {"names": ["checkout.service"], "hosts": {"tag": {"app": "checkout"}}}},
        "parameters": {"memory_threshold": 85, "graceful_shutdown": true, "heap_dump_before_restart": true},
        "cooldown_seconds": 600, "max_attempts": 3, "window_seconds": 86400, "stable_for_seconds": 3600,
        "budget": {"concurrent": 1, "per_hour": 6}, "notify": "all", "signals": {"usage": "agent", "exhausted": "agent"},
        "resource": {"service": "agent", "type": "unit", "dimensions": ["InstanceId", "Target"]},
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut rule = memory();
    *rule.pointer_mut(pointer).unwrap() = value;
    rule
}

fn problems(rule: &Value) -> Vec<String> {
    AgentRule::parse(&rule.to_string()).unwrap_err().iter().map(ToString::to_string).collect()
}

/// Every rule that `healstack synth` wrote for this repository and the agent heals by.
fn compiled() -> Vec<String> {
    let template = include_str!("../../../../generated/dev/checkout/template.yaml");
    let mut rules = Vec::new();
    let mut lines = template.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() != "Value: |-" {
            continue;
        }
        let mut text = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("        ")) {
            text.push_str(line);
        }
        if text.contains("\"healed_by\"") {
            rules.push(text);
        }
    }
    rules
}

#[test]
fn every_rule_that_the_compiler_wrote_is_read() {
    let rules = compiled();
    assert!(rules.len() > 10, "{}", rules.len());
    let mut mine: Vec<AgentRule> = rules.iter().filter_map(|text| AgentRule::parse(text).unwrap()).collect();
    mine.sort_by(|a, b| a.id.cmp(&b.id));
    let names: Vec<String> = mine.iter().map(|rule| rule.id.rule.to_string()).collect();
    let expected =
        ["cache-invalidation-healing", "circuit-breaker-healing", "connection-pool-healing", "memory-leak-healing"];
    assert_eq!(names, expected);
    assert!(
        matches!(&mine[0].parameters, Parameters::Cache(cache) if cache.adjust_ttl && cache.signal.threshold == 80)
    );
    assert!(matches!(&mine[1].parameters, Parameters::Breaker(breaker) if breaker.probe_successes == 5));
    assert!(matches!(&mine[2].parameters, Parameters::Pool(pool) if pool.connection_timeout_adjustment == Some(30)));
    assert!(matches!(&mine[3].parameters, Parameters::Memory(memory) if memory.memory_threshold == 85));
    assert_eq!((mine[3].cooldown, mine[3].window, mine[3].max_attempts), (600_000, 86_400_000, 3));
}

#[test]
fn a_rule_that_is_not_enabled_is_off() {
    assert_eq!(AgentRule::parse(&with("/enabled", json!(false)).to_string()).unwrap().unwrap().mode, Mode::Off);
}

#[test]
fn a_rule_of_the_guard_is_none_of_the_agents() {
    assert_eq!(AgentRule::parse(&with("/healed_by", json!("guard")).to_string()), Ok(None));
}

#[test]
fn what_would_bound_nothing_is_refused() {
    for (pointer, value) in [
        ("/max_attempts", json!(0)),
        ("/max_attempts", json!(101)),
        ("/cooldown_seconds", json!(0)),
        ("/window_seconds", json!(0)),
        ("/stable_for_seconds", json!(0)),
        ("/budget", json!({"concurrent": 0, "per_hour": 6})),
        ("/budget", json!({"concurrent": 1, "per_hour": 0})),
    ] {
        assert!(problems(&with(pointer, value))[0].contains("is not between"), "{pointer}");
    }
}

#[test]
fn what_is_unsafe_is_refused() {
    for (pointer, value, word) in [
        ("/target/units/names", json!(["sshd.service"]), "never healed"),
        ("/target/units/names", json!([]), "names nothing"),
        ("/target/units/names", json!(["*.service"]), "no unit's name"),
        ("/target/units/hosts", json!({}), "empty"),
        ("/target/units/hosts", json!({"tag": {}}), "empty"),
        ("/target/units/hosts", json!({"ids": []}), "empty"),
        ("/parameters/graceful_shutdown", json!(false), "graceful_shutdown"),
        ("/parameters/memory_threshold", json!(10), "between 50 and 99"),
        ("/layer", json!("network"), "does not heal the network"),
    ] {
        let all = problems(&with(pointer, value));
        assert!(all.iter().any(|problem| problem.contains(word)), "{pointer}: {all:?}");
    }
}

#[test]
fn all_problems_are_reported_and_each_says_where() {
    let mut rule = with("/cooldown_seconds", json!(0));
    rule["parameters"]["memory_threshold"] = json!(200);
    rule["target"]["units"]["names"] = json!(["init.scope"]);
    let found = AgentRule::parse(&rule.to_string()).unwrap_err();
    let places: Vec<String> = found.iter().map(|problem| problem.place.to_string()).collect();
    assert_eq!(places, ["cooldown_seconds", "target.units.names[0]", "parameters.memory_threshold"]);
    assert!(found.iter().all(|problem| !problem.help.is_empty()));
}

#[test]
fn a_field_that_is_not_known_is_refused_with_its_position() {
    let mut rule = memory();
    rule["budgets"] = json!({});
    let found = AgentRule::parse(&rule.to_string()).unwrap_err();
    assert!(found[0].what.contains("unknown field `budgets`"), "{found:?}");
    assert!(matches!(found[0].place, Place::Position { line: 1, .. }));
    assert!(problems(&with("/schema_version", json!(2)))[0].contains("version 2"));
}

#[test]
fn hosts_are_those_with_all_of_the_tags_or_one_of_the_ids() {
    let tags = |list: &[(&str, &str)]| list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let hosts = Hosts::Tagged(tags(&[("app", "shop"), ("tier", "web")]));
    assert!(hosts.include("i-1", &tags(&[("app", "shop"), ("tier", "web"), ("x", "y")])));
    assert!(!hosts.include("i-1", &tags(&[("app", "shop")])));
    assert!(Hosts::Ids(vec!["i-1".into()]).include("i-1", &BTreeMap::new()));
    assert!(!Hosts::Ids(vec!["i-1".into()]).include("i-12", &BTreeMap::new()));
}
