//! What no rule may ever compile to: the unsafe behaviour of REL11-BP03's sample, kind by kind.
//!
//! The sample's defects, and where each is shown to be impossible: methods that do not exist, layers without an executor, names
//! that never match (every rule of the document compiles to signals and to something that heals them: here); an unknown rule,
//! cooldown that fails open or looks only at finished events, attempts that are never counted, no budget, no dry run, no kill
//! switch, state in one process (`tests/guard/test_decisions.py`, `test_switches.py`, `test_every_fault.py`); success without
//! verification, without undo, without a limit in time (`tests/kinds.rs`, `tests/abilities.rs`); notifications to a made-up
//! account, errors swallowed (`tests/guard/test_recorder.py`); an event that stays active for ever (`test_sweeper.py`).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack::compile::Step;
use healstack::diagnostics::Problems;
use healstack::kinds::{Catalog, HealedBy, TemplateFiles};
use healstack_tests::TestProject;
use std::fs;
use std::path::Path;

/// API calls and actions that no runbook may make, and what each would do.
const FORBIDDEN: [(&str, &str); 14] = [
    ("ec2:TerminateInstances", "loses what is on the disks, and the sample did it before it launched another"),
    ("ec2:RunInstances", "a copy of five fields is no copy of the instance"),
    ("ec2:DeleteVolume", "the old volume is the only copy until people say otherwise"),
    ("ec2:ReleaseAddress", "others refer to it"),
    ("ecs:StopTask", "the sample stopped all tasks of the service at once"),
    ("ecs:DeleteService", "no healing"),
    ("lambda:DeleteFunction", "no healing"),
    ("rds:DeleteDBInstance", "loses the data"),
    ("rds:DeleteDBCluster", "loses the data"),
    ("rds:RestoreDBInstanceFromS3", "would come without its point in time"),
    ("elasticache:DeleteReplicationGroup", "loses the cache, and the database behind it"),
    ("backup:DeleteRecoveryPoint", "is what a restore needs"),
    ("backup:UpdateBackupPlan", "a schedule is a decision about compliance"),
    ("route53:ChangeResourceRecordSets", "its control plane is in one region, which may be the one that fails"),
];

/// The shipped rules and every branch of every kind's templates, compiled.
fn everything() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = TestProject::new().unwrap();
    project
        .write("healstack.yaml", format!("{}    quotas: {{fleet_alarms: 1000}}\n", healstack_tests::CONFIG))
        .unwrap();
    for folder in [root.join("../rules"), root.join("fixtures/rules")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Its kind is a fixture of its own.
            if !path.ends_with("redrive.yaml") {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                project.write(&format!("rules/{name}"), fs::read(&path).unwrap()).unwrap();
            }
        }
    }
    let outcome = project.compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let rules: Vec<_> = outcome.stacks.iter().flat_map(|stack| &stack.rules).collect();
    assert!(
        rules.iter().filter(|rule| rule.runbook.is_some()).count() >= 12,
        "few runbooks: the test looks at nothing"
    );
    let healing = rules.iter().filter_map(|rule| Some((&rule.identity, rule.runbook.as_ref()?)));
    let settings = rules.iter().filter_map(|rule| Some((&rule.identity, &rule.settings.as_ref()?.runbook)));
    let calls = healing.chain(settings);
    calls
        .flat_map(|(identity, runbook)| runbook.calls().into_iter().map(move |call| format!("{identity} {call}")))
        .collect()
}

#[test]
fn no_runbook_makes_a_call_that_cannot_be_taken_back() {
    let calls = everything();
    for (forbidden, why) in FORBIDDEN {
        let found: Vec<&String> = calls.iter().filter(|call| call.ends_with(&format!(" {forbidden}"))).collect();
        assert!(found.is_empty(), "{found:?}: {why}");
    }
    let destructive = |call: &&String| {
        let api = call.rsplit(':').next().unwrap_or_default();
        ["Delete", "Terminate", "Purge", "Deregister", "Release"].iter().any(|verb| api.starts_with(verb))
    };
    assert_eq!(calls.iter().filter(destructive).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// `(layer, trigger, action, target, the parameter at fault, a part of the error)`: every value without a safe meaning.
const UNSAFE: [(&str, &str, &str, &str, &str, &str); 9] = [
    (
        "infrastructure",
        "instance_status_check_failed",
        "replace",
        "instances: {tag: {app: shop}}",
        "preserve_eip: false",
        "releasing its address",
    ),
    (
        "infrastructure",
        "volume_io_performance_degraded",
        "repair",
        "volumes: {tag: {app: shop}}",
        "force_detach: true",
        "`force_detach: true` is unsafe",
    ),
    (
        "infrastructure",
        "volume_io_performance_degraded",
        "repair",
        "volumes: {tag: {app: shop}}",
        "create_snapshot: false",
        "`create_snapshot: false` is unsafe",
    ),
    (
        "platform",
        "service_unhealthy_tasks",
        "restart",
        "services: {cluster: a, names: [b]}",
        "stop_unhealthy_tasks: false",
        "is unsafe",
    ),
    (
        "application",
        "circuit_breaker_open",
        "repair",
        "breakers: {names: [payments], hosts: {tag: {app: shop}}}",
        "gradual_recovery: false",
        "`gradual_recovery: false` is unsafe",
    ),
    (
        "application",
        "high_memory_usage",
        "restart",
        "units: {names: [a.service], hosts: {tag: {app: shop}}}",
        "graceful_shutdown: false",
        "`graceful_shutdown: false` is unsafe",
    ),
    (
        "platform",
        "high_error_rate",
        "rollback",
        "functions: {alias: live, names: [checkout]}",
        "update_alias: false",
        "`update_alias: false` is unsafe",
    ),
    (
        "data",
        "data_corruption_detected",
        "rollback",
        "databases: {ids: [orders]}",
        "restore_from_backup: false",
        "is unsafe",
    ),
    (
        "platform",
        "database_connection_failures",
        "restart",
        "databases: {ids: [orders]}",
        "apply_pending_maintenance: true",
        "is unsafe",
    ),
];

#[test]
fn every_unsafe_value_is_an_error_with_a_help() {
    for (layer, trigger, action, target, parameter, part) in UNSAFE {
        let rule = format!(
            "stack: shop\nrules:\n  - name: heal\n    layer: {layer}\n    trigger_condition: {trigger}\n    action: {action}\n    target: {{{target}}}\n    parameters: {{{parameter}}}\n"
        );
        let errors = TestProject::with_rules(rule).unwrap().compile().errors();
        assert_eq!(errors.len(), 1, "{trigger} with {parameter}: {errors:?}");
        assert!(errors[0].contains(part), "{errors:?}");
        assert!(!errors[0].ends_with("| "), "no help: {errors:?}");
    }
}

/// Every value that a kind calls unsafe, kind by kind: none compiles, and each error says what to write instead.
#[test]
fn what_a_kind_calls_unsafe_does_not_compile() {
    let mut problems = Problems::default();
    let catalog = Catalog::load(TemplateFiles::built_in().unwrap(), &mut problems).unwrap();
    let mut tried = 0;
    for kind in catalog.kinds.values() {
        let matches = &kind.definition.matches;
        let target = &catalog.targets[&kind.definition.targets[0]];
        for decided in kind.definition.unsafe_values.iter().filter(|decided| decided.equals.is_some()) {
            let value = decided.equals.clone().unwrap();
            let rule = format!(
                "stack: shop\nrules:\n  - name: heal\n    layer: {}\n    trigger_condition: {}\n    action: {}\n    target: {{{}: {}}}\n    parameters: {{{}: {value}}}\n",
                matches.layer,
                matches.trigger_condition,
                matches.action,
                target.name,
                target.definition.example,
                decided.parameter
            );
            let errors = TestProject::with_rules(rule).unwrap().compile().errors();
            let told =
                errors.iter().find(|error| error.contains(&format!("`{}: {value}` is unsafe", decided.parameter)));
            assert!(
                told.is_some_and(|error| !error.ends_with("| ")),
                "{}: {} {value}: {errors:?}",
                kind.id,
                decided.parameter
            );
            tried += 1;
        }
    }
    assert!(tried >= 15, "only {tried} values: the test looks at nothing");
}

/// Each rule of the document does something: it has signals, and each signal has a healer, and whoever that is exists.
#[test]
fn every_rule_of_the_document_heals() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/checkout.yaml");
    let outcome = TestProject::with_rules(fs::read_to_string(path).unwrap()).unwrap().compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let mut problems = Problems::default();
    let catalog = Catalog::load(TemplateFiles::built_in().unwrap(), &mut problems).unwrap();
    let rules: Vec<_> = outcome.stacks.iter().flat_map(|stack| &stack.rules).collect();
    assert!(rules.len() >= 20);
    for rule in rules {
        assert!(!rule.alarms.is_empty(), "{} watches nothing", rule.identity);
        let writes = rule.runbook.as_ref().is_some_and(|runbook| runbook.steps.iter().any(Step::writes));
        let signals = &catalog.kinds[&rule.healing.kind].definition.signals;
        let others = signals.values().any(|healed_by| *healed_by != HealedBy::Runbook);
        assert!(writes || (rule.runbook.is_none() && others), "{} heals nothing", rule.identity);
        if let Some(runbook) = &rule.runbook {
            assert!(runbook.steps.iter().any(Step::verifies), "{} verifies nothing", rule.identity);
            assert!(runbook.steps.iter().any(Step::gives_up), "{} calls nobody", rule.identity);
        }
    }
}
