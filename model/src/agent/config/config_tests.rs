use super::*;
use serde_json::{Value, json};

fn rule(value: &Value) -> AgentRule {
    AgentRule::parse(&value.to_string()).unwrap().unwrap()
}

fn of(trigger: &str, target: &Value, parameters: &Value) -> AgentRule {
    rule(&json!({
        "schema_version": 1, "rule": "shop/one", "kind": "application/x", "layer": "application", "trigger_condition": trigger,
        "action": "restart", "enabled": true, "mode": "enforce", "healed_by": "agent", "target": target,
        "parameters": parameters, "cooldown_seconds": 600, "max_attempts": 3, "window_seconds": 86400,
        "stable_for_seconds": 3600, "budget": {"concurrent": 1, "per_hour": 6}, "notify": "all", "signals": {}, "resource": {},
    }))
}

fn units() -> Value {
    json!({"units": {"names": ["shop.service"], "hosts": {"tag": {"app": "shop"}}}})
}

fn identity() -> Identity {
    Identity {
        instance_id: "i-0123456789abcdef0".into(),
        account: "111122223333".into(),
        region: "eu-central-1".into(),
        tags: BTreeMap::from([("app".to_owned(), "shop".to_owned())]),
    }
}

fn problems(host: Value, rule: AgentRule) -> Vec<String> {
    let host = serde_json::from_value(host).unwrap();
    match Config::new(identity(), host, vec![rule]) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn names_that_mean_nothing_here_are_problems() {
    let memory = of("high_memory_usage", &units(), &json!({"heap_dump_command": "dump"}));
    assert!(problems(json!({}), memory.clone())[0].contains("shop/one: parameters.heap_dump_command: `dump`"));
    let dump = json!({"commands": {"dump": {"path": "/opt/dump", "user": "shop"}}});
    assert_eq!(problems(dump, memory), Vec::<String>::new());

    let health = of("http_health_failed", &units(), &json!({}));
    assert!(problems(json!({}), health)[0].contains("nothing says where shop.service answers"));
    let metric = of("metric_threshold", &units(), &json!({"metric": "queue"}));
    assert!(problems(json!({}), metric)[0].contains("`queue` has no threshold here"));
    let probe = of("probe_failed", &units(), &json!({"probe": "ping"}));
    assert!(problems(json!({}), probe)[0].contains("parameters.probe"));
    assert_eq!(problems(json!({}), of("unit_failed", &units(), &json!({}))), Vec::<String>::new());
}

#[test]
fn a_cache_is_removed_from_only_below_what_the_host_allows() {
    let target = json!({"caches": {"replication_group": "orders", "nodes": ["orders-001"]}});
    let cache = of("cache_hit_rate_low", &target, &json!({"stale_prefixes": ["item:", "session:"]}));
    assert!(problems(json!({}), cache.clone())[0].contains("nothing says where orders is"));
    let host = json!({"caches": {"orders": {"address": "127.0.0.1:6379", "prefixes": ["item:"]}}});
    let found = problems(host, cache);
    assert!(found.len() == 1 && found[0].contains("below `session:`"), "{found:?}");
}

#[test]
fn a_rule_for_other_hosts_is_left_out_and_a_double_refused() {
    let mut other = of("unit_failed", &units(), &json!({}));
    other.hosts = Hosts::Ids(vec!["i-0fedcba9876543210".into()]);
    let config = Config::new(identity(), HostFile::default(), vec![other.clone()]).unwrap();
    assert_eq!(config.rules().len(), 0);
    other.hosts = Hosts::Any;
    let found = Config::new(identity(), HostFile::default(), vec![other.clone(), other]).unwrap_err();
    assert!(found[0].what.contains("twice"));
}

#[test]
fn an_unsafe_parameter_of_each_kind_is_refused() {
    let pools = json!({"pools": {"names": ["orders"], "hosts": {"tag": {"app": "shop"}}}});
    let breakers = json!({"breakers": {"names": ["payments"], "hosts": {"tag": {"app": "shop"}}}});
    let caches = json!({"caches": {"replication_group": "orders", "nodes": ["orders-001"]}});
    for (trigger, target, parameters) in [
        ("connection_pool_exhausted", &pools, json!({"endpoint": "http://10.0.0.1/x", "adapter": "http"})),
        ("connection_pool_exhausted", &pools, json!({"connection_timeout_adjustment": 0})),
        ("connection_pool_exhausted", &pools, json!({"pool_size_limit": 0})),
        ("connection_pool_exhausted", &pools, json!({"leaked_after": 1})),
        ("circuit_breaker_open", &breakers, json!({"gradual_recovery": false})),
        ("circuit_breaker_open", &breakers, json!({"test_requests_percentage": 100})),
        ("circuit_breaker_open", &breakers, json!({"probe_successes": 0})),
        ("circuit_breaker_open", &breakers, json!({"health_url": "http://169.254.169.254/x"})),
        ("circuit_breaker_open", &breakers, json!({"endpoint": "http://10.0.0.1:8080"})),
        ("cache_hit_rate_low", &caches, json!({"stale_prefixes": [""]})),
        ("cache_hit_rate_low", &caches, json!({"stale_prefixes": ["ab*"]})),
        ("cache_hit_rate_low", &caches, json!({"warm_rate": 0})),
        ("cache_hit_rate_low", &caches, json!({"warm_keys": "keys"})),
        ("unit_failed", &units(), json!({"graceful_shutdown": false})),
        ("high_memory_usage", &units(), json!({"kill": true})),
        ("cpu_high", &units(), json!({})),
    ] {
        let text = json!({
            "schema_version": 1, "rule": "shop/one", "kind": "k", "layer": "application", "trigger_condition": trigger,
            "action": "repair", "enabled": true, "mode": "enforce", "healed_by": "agent", "target": target,
            "parameters": parameters, "cooldown_seconds": 600, "max_attempts": 3, "window_seconds": 86400,
            "stable_for_seconds": 3600, "budget": {"concurrent": 1, "per_hour": 6}, "notify": "all", "signals": {}, "resource": {},
        });
        let found = AgentRule::parse(&text.to_string()).unwrap_err();
        assert!(found.iter().all(|problem| !problem.help.is_empty()), "{trigger} {parameters}");
    }
}
