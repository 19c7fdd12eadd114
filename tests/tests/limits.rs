//! AWS's limits, met by the compiler instead of by a deployment.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack::compile::{CompiledStack, Counted};
use healstack_tests::{CONFIG, Outcome, TestProject, rule_file};

fn errors(rules: &str) -> String {
    TestProject::with_rules(rules).unwrap().compile().errors().join("\n")
}

/// A rule file with so many rules of three resources each.
fn many(rules: usize) -> String {
    let rule = |index: usize| {
        format!(
            "  - name: leak-n{index}\n    layer: application\n    trigger_condition: high_memory_usage\n    action: restart\n    target: {{units: {{names: [a.service], hosts: {{tag: {{app: a}}}}}}}}\n"
        )
    };
    format!("stack: shop\nrules:\n{}", (0..rules).map(rule).collect::<String>())
}

/// A rule over so many ECS services.
fn services(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|index| format!("service-{index}")).collect();
    rule_file(
        "heal",
        &format!(
            "    layer: platform\n    trigger_condition: service_unhealthy_tasks\n    action: restart\n    target: {{services: {{cluster: main, names: [{}]}}}}\n",
            names.join(", ")
        ),
    )
}

/// The folders of the rule stacks, with the names of each one's rules.
fn divided(outcome: &Outcome) -> Vec<(String, Vec<String>)> {
    let rules = |stack: &CompiledStack| stack.rules.iter().map(|rule| rule.healing.rule.name.to_string()).collect();
    let stacks = outcome.stacks.iter().filter(|stack| !stack.rules.is_empty());
    stacks.map(|stack| (stack.folder.clone(), rules(stack))).collect()
}

/// Compiles, and writes what `synth` would write.
fn synth(project: &TestProject, rules: &str) -> Outcome {
    project.write("rules/shop.yaml", rules).unwrap();
    let outcome = project.compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let dir = project.path().join("generated/test");
    let files = healstack::generated::compare(project.path(), &dir, &outcome.stacks).unwrap();
    healstack::generated::write(project.path(), &files).unwrap();
    outcome
}

#[test]
fn a_stack_past_the_limits_has_siblings_and_no_rule_ever_moves() {
    let project = TestProject::new().unwrap();
    project.write("healstack.yaml", format!("{CONFIG}    quotas: {{fleet_alarms: 1000}}\n")).unwrap();
    let first = divided(&synth(&project, &many(150)));
    assert_eq!(first.iter().map(|(folder, rules)| (folder.as_str(), rules.len())).collect::<Vec<_>>(), [("shop", 150)]);
    // One that sorts before all others, and one past the limit: both go where there is room, nothing else moves.
    let more = format!("{}{}", many(150), many(1).split_once("rules:\n").unwrap().1.replace("leak-n0", "a-first"));
    let second = synth(&project, &more);
    assert_eq!(divided(&second)[0], first[0]);
    assert_eq!(divided(&second)[1], ("shop--2".to_owned(), vec!["a-first".to_owned()]));
    assert!(second.template("shop--2").contains("for environment test, part 2."));
    assert_eq!(second.stacks.iter().find(|stack| stack.folder == "shop--2").unwrap().name, "heal--shop--2");
    // One goes: only it. The place stays free until somebody needs it.
    let fewer = more.replacen("leak-n7\n", "leak-n700\n", 1);
    let third = divided(&synth(&project, &fewer));
    assert!(third[0].1.contains(&"leak-n700".to_owned()) && !third[0].1.contains(&"leak-n7".to_owned()));
    assert_eq!(third[0].1.len(), 150);
    assert_eq!(third[1], divided(&second)[1]);
    // All of the first part go: the second stays what it is.
    let rest = format!("stack: shop\nrules:\n{}", more.split_at(more.find("  - name: a-first").unwrap()).1);
    assert_eq!(divided(&synth(&project, &rest)), [divided(&second)[1].clone()]);
    assert!(!project.path().join("generated/test/shop").exists());
    assert_eq!(divided(&synth(&project, &rest)), [divided(&second)[1].clone()]);
}

#[test]
fn quotas_are_summed_over_all_stacks() {
    let alarms = errors(&many(100));
    assert_eq!(alarms, "");
    let error = errors(&many(101));
    assert!(error.contains("all stacks together have 202 fleet alarms, the account's quota is 200"), "{error}");
    assert!(error.contains("most are in `shop`"), "{error}");
    assert!(error.contains("`quotas: {fleet_alarms: …}`"), "{error}");
}

/// Each quota, lowered to what the rules just need, and one below it.
#[test]
fn every_quota_is_kept() {
    let rules = format!("{}{}", many(1), services(2).split_once("rules:\n").unwrap().1);
    let told = |quotas: &str| {
        let project = TestProject::with_rules(&rules).unwrap();
        project.write("healstack.yaml", format!("{CONFIG}    quotas: {{{quotas}}}\n")).unwrap();
        project.compile()
    };
    let all = told("");
    assert_eq!(all.errors(), Vec::<String>::new());
    for counted in Counted::ALL {
        let needed: usize = all.stacks.iter().map(|stack| counted.of(stack)).sum();
        assert!(needed > 0, "the rules of this test have no {}", counted.name());
        assert_eq!(told(&format!("{}: {needed}", counted.field())).errors(), Vec::<String>::new());
        let errors = told(&format!("{}: {}", counted.field(), needed - 1)).errors().join("\n");
        assert!(errors.contains(&format!("together have {needed} {}", counted.name())), "{errors}");
    }
}

#[test]
fn characters_of_an_event_pattern() {
    assert_eq!(errors(&services(20)), "");
    let error = errors(&services(40));
    assert!(error.contains("characters of event pattern, AWS's limit is 2048"), "{error}");
}

#[test]
fn the_core_template_is_large_and_asks_for_a_bucket_unless_one_is_named() {
    let folders = |config: &str| -> Vec<String> {
        let project = TestProject::with_rules(many(3)).unwrap();
        project.write("healstack.yaml", config).unwrap();
        project.compile().stacks.into_iter().map(|stack| stack.folder).collect()
    };
    assert_eq!(folders(CONFIG), ["artifacts", "core", "shop"]);
    assert_eq!(folders(&format!("{CONFIG}    artifact_bucket: my-templates\n")), ["core", "shop"]);
}

#[test]
fn long_names_are_shortened_and_stay_apart() {
    let long = "a".repeat(39);
    let rules = format!(
        "stack: {}\nrules:\n{}",
        "s".repeat(40),
        ["x", "y"]
            .map(|last| format!(
                "  - name: {long}{last}\n    layer: infrastructure\n    trigger_condition: instance_status_check_failed\n    action: replace\n    target: {{instances: {{tag: {{a: b}}}}}}\n"
            ))
            .concat()
    );
    let outcome = TestProject::with_rules(&rules).unwrap().compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let template = outcome.template(&"s".repeat(40));
    let names: Vec<&str> = template.lines().filter_map(|line| line.trim().strip_prefix("RoleName: ")).collect();
    // Of each rule the runbook's role and that of its settings.
    let different: std::collections::BTreeSet<&&str> = names.iter().collect();
    assert_eq!((names.len(), different.len()), (4, 4));
    assert!(names.iter().all(|name| name.len() == 64), "{names:?}");
}
