//! The core stack as it is compiled: what its documents promise of it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack_tests::{CONFIG, RULE, TestProject, rule_file};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

fn core() -> String {
    core_of(CONFIG)
}

fn core_of(config: &str) -> String {
    let project = TestProject::with_rules(rule_file("hosts", RULE)).unwrap();
    project.write("healstack.yaml", config).unwrap();
    let outcome = project.compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    outcome.template("core").to_owned()
}

/// Words in capitals that the machines give as a reason: `reason: WORD`, `'reason': 'WORD'`.
fn reasons(template: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        let text = text.trim_start_matches(['\'', ':', ' ', '"']);
        text.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect()
    };
    let after_reason = template.match_indices("reason").map(|(at, found)| word(&template[at + found.len()..]));
    // What the resource's own item says becomes the reason.
    let verdicts = ["IN_FLIGHT", "COOLDOWN", "MAX_ATTEMPTS"].map(str::to_owned);
    after_reason.filter(|word| word.len() > 3).chain(verdicts).collect()
}

#[test]
fn every_alarm_about_healstack_says_what_to_do_in_a_section_of_its_own() {
    let (template, operations) = (core(), document("operations.md"));
    let names: Vec<&str> =
        template.lines().filter_map(|line| line.trim().strip_prefix("AlarmName: heal-core--")).collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(operations.contains(&format!("\n### {name}\n")), "docs/operations.md has no section {name}");
        assert!(
            template.contains(&format!("docs/operations.md#{name}")),
            "the alarm {name} does not say where to look"
        );
    }
}

#[test]
fn every_reason_is_explained_to_the_operator() {
    let operations = document("operations.md");
    let found = reasons(&core());
    assert!(found.len() >= 15, "{found:?}");
    // A duplicate is in the ledger as what it is a duplicate of.
    for reason in found.into_iter().filter(|reason| reason != "DUPLICATE") {
        assert!(operations.contains(&format!("`{reason}`")), "docs/operations.md does not explain {reason}");
    }
}

#[test]
fn every_error_of_the_machines_is_explained_to_the_operator() {
    let (template, operations) = (core(), document("operations.md"));
    let errors: BTreeSet<&str> = template.lines().filter_map(|line| line.trim().strip_prefix("Error: ")).collect();
    assert!(errors.len() >= 8, "{errors:?}");
    for error in errors.into_iter().filter(|error| *error != "Heal.SweeperFailed") {
        assert!(operations.contains(&format!("`{error}`")), "docs/operations.md does not explain {error}");
    }
}

#[test]
fn the_environments_budget_bounds_all_rules_together() {
    assert!(core().contains("[0..10 - 1]"), "the default is 10");
    assert!(core_of(&format!("{CONFIG}    budget: {{concurrent: 3}}\n")).contains("[0..3 - 1]"));
    let project = TestProject::with_rules(rule_file("hosts", RULE)).unwrap();
    project.write("healstack.yaml", format!("{CONFIG}    budget: {{concurrent: 101}}\n")).unwrap();
    assert!(project.compile().errors().join("\n").contains("healstack.yaml:5:26"), "{:?}", project.compile().errors());
}
