//! AWS's limits, met by the compiler instead of by a deployment.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack_tests::{CONFIG, TestProject, rule_file};

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

#[test]
fn resources_of_a_template() {
    assert_eq!(errors(&many(166)), "");
    let error = errors(&many(167));
    assert!(error.contains("the stack `shop` has 501 resources, a template's limit is 500"), "{error}");
    assert!(error.contains("split its rules over several files"), "{error}");
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
    assert_eq!(names.len(), 2);
    assert_ne!(names[0], names[1]);
    assert!(names.iter().all(|name| name.len() == 64), "{names:?}");
}
