//! To which rule a rule may hand its resource when its attempts are spent.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack_tests::{RULE, TestProject};

const SERVICE: &str = "    layer: platform
    trigger_condition: service_unhealthy_tasks
    action: restart
    target: {services: {cluster: shop, names: [web]}}
";
const UNIT: &str = "    layer: application
    trigger_condition: high_memory_usage
    action: restart
    target: {units: {names: [shop.service], hosts: {tag: {app: shop}}}}
";

/// The errors of two rules, of which `first` escalates to `second`.
fn errors(first: &str, second: &str) -> String {
    let rules =
        format!("stack: shop\nrules:\n  - name: first\n{first}    escalate_to: second\n  - name: second\n{second}");
    TestProject::with_rules(rules).unwrap().compile().errors().join("\n")
}

#[test]
fn to_another_rule_for_the_same_resources() {
    assert_eq!(errors(RULE, RULE), "");
}

#[test]
fn from_a_host_to_its_own_instance() {
    assert_eq!(errors(UNIT, RULE), "");
}

#[test]
fn to_a_rule_for_other_resources() {
    let told = errors(RULE, SERVICE);
    assert!(told.contains("rules/shop.yaml:3:"), "{told}");
    let reason = "shop/first cannot escalate to `second`: second heals ecs:service, not ec2:instance";
    assert!(told.contains(reason), "{told}");
    assert!(told.contains("escalate to a rule that heals the same resources"), "{told}");
    assert!(errors(UNIT, SERVICE).contains("second heals ecs:service, not agent:unit"));
}

#[test]
fn to_a_rule_that_no_runbook_heals() {
    assert!(errors(RULE, UNIT).contains("cannot escalate to `second`: no runbook heals it"));
}
