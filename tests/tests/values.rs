//! What a user writes into a rule stays data in every file that is generated from it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack::diagnostics::Source;
use healstack::yaml::{self, Node, quote};
use healstack_tests::{TestProject, add_fixture_kinds, fixture_rule};
use proptest::prelude::*;

/// The alarm's description in the stack of a rule whose parameter `note` is `note`.
fn description(project: &TestProject, note: &str) -> String {
    project.write("rules/shop.yaml", fixture_rule(&format!("{{note: {}}}", quote(note)))).unwrap();
    let outcome = project.compile();
    assert_eq!(outcome.errors(), Vec::<String>::new(), "{note:?}");
    let template = yaml::parse(&Source::new("template", outcome.template("shop"))).unwrap();
    let resources = template.get("Resources").unwrap().entries();
    let alarm = resources.iter().find(|resource| resource.key.starts_with("RedriveWaiting")).unwrap();
    let description = alarm.value.path(&["Properties", "AlarmDescription"]).unwrap();
    assert_eq!(description.tag, None);
    let parameter = resources.iter().find(|resource| resource.key == "RedriveRule").unwrap();
    let parameter = parameter.value.path(&["Properties", "Value"]).and_then(Node::as_str).unwrap();
    assert!(!parameter.contains("{{"), "Parameter Store refuses two braces");
    let parameter: serde_json::Value = serde_json::from_str(parameter).unwrap();
    assert_eq!(parameter["parameters"]["note"], note);
    description.as_str().map(str::to_owned).unwrap()
}

fn project() -> TestProject {
    let project = TestProject::new().unwrap();
    add_fixture_kinds(&project, |_, text| text).unwrap();
    project
}

#[test]
fn what_means_something_elsewhere_means_nothing_here() {
    let project = project();
    for note in [
        "it's \"quoted\"",
        "line\nbreak",
        "{{ ResourceId }}",
        "{{params.note}}",
        "${AWS::AccountId}",
        "!Ref Key",
        "a: b",
        "- item",
        "#comment",
        "\u{0}\u{7f}\u{85}\u{2028}\u{feff}",
        "%",
        "@",
        "`",
        "null",
        "yes",
        "1e3",
        "'",
        "\\",
        "{\"a\": [1]}",
        "}}",
        "&anchor",
        "*alias",
        "<<",
        "? key",
        "\t tab",
        " lead",
        "trail ",
        "é 漢字 🦀",
    ] {
        assert_eq!(description(&project, note), format!("Dead letters wait. {note}"), "{note:?}");
    }
}

#[test]
fn a_value_in_a_substitution_substitutes_nothing() {
    let project = project();
    add_fixture_kinds(&project, |_, text| {
        text.replace("{{fmt \"Dead letters wait. {}\"", "{{sub \"${AWS::Region} {}\"")
    })
    .unwrap();
    project.write("rules/shop.yaml", fixture_rule("{note: \"${AWS::AccountId}\"}")).unwrap();
    let outcome = project.compile();
    assert!(
        outcome.template("shop").contains("AlarmDescription: !Sub ${AWS::Region} ${!AWS::AccountId}"),
        "{}",
        outcome.template("shop")
    );
}

#[test]
fn a_value_cannot_become_a_variable_of_a_runbook() {
    let project = project();
    add_fixture_kinds(&project, |path, text| {
        if path.ends_with("runbook.yaml.hbs") {
            text.replace(
                "description: Starts a move of the dead letters, and waits until the queue's alarm is OK.",
                "description: {{params.note}}",
            )
        } else {
            text
        }
    })
    .unwrap();
    project.write("rules/shop.yaml", fixture_rule("{note: \"all is well\"}")).unwrap();
    assert_eq!(project.compile().errors(), Vec::<String>::new());
    project.write("rules/shop.yaml", fixture_rule("{note: \"{{ ResourceId }}\"}")).unwrap();
    let errors = project.compile().errors().join("\n");
    assert!(errors.contains("Systems Manager would read it as a variable"), "{errors}");
}

#[test]
fn every_generated_template_parses_again() {
    let project = project();
    project.write("rules/shop.yaml", fixture_rule("{note: \"x\"}")).unwrap();
    for stack in project.compile().stacks {
        let node = yaml::parse(&Source::new(&*stack.folder, stack.text.as_str())).unwrap();
        assert!(node.get("Resources").is_some_and(Node::is_mapping), "{}", stack.folder);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_stays_text(note in any::<String>()) {
        prop_assert_eq!(description(&project(), &note), format!("Dead letters wait. {note}"));
    }
}
