//! `enabled`, `mode` and `notify` mean the same for every kind: what a rule that does not act compiles to, kind by kind, in every
//! branch of the templates that the shipped rules and the fixtures take.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack::compile::{CompiledStack, Resource};
use healstack::yaml::Node;
use healstack_tests::{CONFIG, TestProject};
use std::fs;
use std::path::Path;

/// Every rule file of the project and of the fixtures, with each rule's own switches replaced by some lines.
fn compile_all_with(lines: &str) -> Vec<CompiledStack> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = TestProject::new().unwrap();
    project.write("healstack.yaml", format!("{CONFIG}    quotas: {{fleet_alarms: 1000}}\n")).unwrap();
    for folder in [root.join("../rules"), root.join("fixtures/rules")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Its kind is a fixture of its own.
            if path.ends_with("redrive.yaml") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let own = ["    enabled:", "    mode:", "    notify:"];
            let kept = text.lines().filter(|line| !own.iter().any(|field| line.starts_with(field)));
            let switched = kept.map(|line| match line.strip_prefix("    layer:") {
                Some(_) => format!("{lines}{line}\n"),
                None => format!("{line}\n"),
            });
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            project.write(&format!("rules/{name}"), switched.collect::<String>()).unwrap();
        }
    }
    let outcome = project.compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let rules = outcome.stacks.iter().flat_map(|stack| &stack.rules);
    let kinds: std::collections::BTreeSet<&str> = rules.map(|rule| rule.healing.kind.as_str()).collect();
    assert!(kinds.len() >= 20, "the rules of this test are of {} kinds only: {kinds:?}", kinds.len());
    outcome.stacks
}

/// The resources of the rules' stacks, of some types.
fn of_type<'a>(stacks: &'a [CompiledStack], kind: &'a str) -> impl Iterator<Item = &'a Resource> {
    let rules = stacks.iter().filter(|stack| !stack.rules.is_empty());
    rules.flat_map(|stack| stack.template.resources()).filter(move |resource| resource.kind() == kind)
}

fn actions(alarm: &Resource) -> Vec<&str> {
    let keys = ["AlarmActions", "OKActions", "InsufficientDataActions"];
    let found = keys.iter().filter_map(|key| alarm.property(&[key]));
    found.flat_map(Node::items).filter_map(Node::text).collect()
}

#[test]
fn a_rule_that_is_off_has_its_alarms_and_events_switched_off() {
    for lines in ["    enabled: false\n", "    mode: \"off\"\n"] {
        let stacks = compile_all_with(lines);
        for alarm in of_type(&stacks, "AWS::CloudWatch::Alarm") {
            let enabled = alarm.property(&["ActionsEnabled"]).map(Node::to_json);
            assert_eq!(enabled, Some(false.into()), "{} with {lines}", alarm.id);
        }
        for event in of_type(&stacks, "AWS::Events::Rule") {
            let state = event.property(&["State"]).and_then(Node::text);
            assert_eq!(state, Some("DISABLED"), "{} with {lines}", event.id);
        }
    }
}

/// What acts by itself, past the guard: EC2's alarm actions and the resources of AWS's own healing.
fn acts(stacks: &[CompiledStack]) -> Vec<String> {
    let alarms = of_type(stacks, "AWS::CloudWatch::Alarm");
    let mut found: Vec<String> = alarms
        .filter(|alarm| actions(alarm).iter().any(|action| action.contains(":automate:")))
        .map(|alarm| format!("{} {:?}", alarm.id, actions(alarm)))
        .collect();
    let shifts = of_type(stacks, "AWS::ARCZonalShift::ZonalAutoshiftConfiguration");
    let enabled =
        shifts.filter(|shift| shift.property(&["ZonalAutoshiftStatus"]).and_then(Node::text) == Some("ENABLED"));
    found.extend(enabled.map(|shift| shift.id.clone()));
    // A name must resolve whatever the mode; what acts is a second answer.
    let records: Vec<&Resource> = of_type(stacks, "AWS::Route53::RecordSet").collect();
    let text = |record: &Resource, path: &[&str]| record.property(path).and_then(Node::text).unwrap().to_owned();
    let answer = |record: &Resource| text(record, &["AliasTarget", "DNSName"]);
    let of = |failover: &str| {
        records.iter().filter(move |record| text(record, &["Failover"]) == failover).collect::<Vec<_>>()
    };
    for (primary, secondary) in of("PRIMARY").into_iter().zip(of("SECONDARY")) {
        assert_eq!(text(primary, &["Name"]), text(secondary, &["Name"]));
        if answer(primary) != answer(secondary) {
            found.push(secondary.id.clone());
        }
    }
    found
}

#[test]
fn a_rule_that_observes_acts_on_nothing() {
    assert_eq!(acts(&compile_all_with("    mode: observe\n")), Vec::<String>::new());
    assert_eq!(acts(&compile_all_with("    enabled: false\n")), Vec::<String>::new());
    // The test would not notice a template without any such action.
    assert!(acts(&compile_all_with("    mode: enforce\n")).len() > 5);
}

#[test]
fn a_rule_that_observes_still_detects() {
    let stacks = compile_all_with("    mode: observe\n");
    for alarm in of_type(&stacks, "AWS::CloudWatch::Alarm") {
        assert_eq!(alarm.property(&["ActionsEnabled"]).map(Node::to_json), Some(true.into()), "{}", alarm.id);
    }
    for event in of_type(&stacks, "AWS::Events::Rule") {
        assert_eq!(event.property(&["State"]).and_then(Node::text), Some("ENABLED"), "{}", event.id);
    }
}

#[test]
fn notify_decides_what_alarms_tell_people() {
    let told = |lines: &str, key: &str| -> usize {
        let stacks = compile_all_with(lines);
        let alarms = of_type(&stacks, "AWS::CloudWatch::Alarm");
        let keyed = alarms.filter_map(|alarm| alarm.property(&[key])).flat_map(Node::items).filter_map(Node::text);
        keyed.filter(|action| action.contains(":sns:")).count()
    };
    assert_eq!(told("    notify: none\n", "AlarmActions"), 0);
    assert_eq!(told("    notify: none\n", "OKActions"), 0);
    assert_eq!(told("    notify: failures\n", "OKActions"), 0);
    assert!(told("    notify: failures\n", "AlarmActions") > 20);
    assert!(told("    notify: all\n", "OKActions") > 20);
}
