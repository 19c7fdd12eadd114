//! A kind is a folder. These tests add one from a fixture, without a line of Rust, and then break it in every way that
//! the compiler must notice.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack_tests::{Outcome, RULE, TestProject, add_fixture_kinds, fixture_rule, rule_file};

/// Compiles a rule of the fixture kind after an edit of one of its files.
fn compile_with(file: &str, from: &str, to: &str) -> Outcome {
    let project = TestProject::with_rules(fixture_rule("{}")).unwrap();
    add_fixture_kinds(&project, |path, text| {
        if !path.ends_with(file) {
            return text;
        }
        assert!(text.contains(from), "{path} has no `{from}`");
        text.replace(from, to)
    })
    .unwrap();
    project.compile()
}

#[track_caller]
fn assert_refused(file: &str, from: &str, to: &str, parts: &[&str]) {
    let errors = compile_with(file, from, to).errors().join("\n");
    for part in parts {
        assert!(errors.contains(part), "`{part}` is not in:\n{errors}");
    }
}

#[test]
fn a_folder_is_enough() {
    let project = TestProject::with_rules(fixture_rule("{note: Call the orders team.}")).unwrap();
    add_fixture_kinds(&project, |_, text| text).unwrap();
    let outcome = project.compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let template = outcome.template("shop");
    for part in [
        "AlarmName: heal--shop--redrive--waiting--orders-dead",
        "AlarmDescription: Dead letters wait. Call the orders team.",
        "Name: heal--shop--redrive\n",
        "- sqs:StartMessageMoveTask",
        "- !Sub arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:orders-dead",
        "MaxNumberOfMessagesPerSecond: 50",
        "\"lease_seconds\": 3720",
    ] {
        assert!(template.contains(part), "`{part}` is not in:\n{template}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let project = TestProject::with_rules(fixture_rule("{}")).unwrap();
    add_fixture_kinds(&project, |_, text| text).unwrap();
    let first = project.compile();
    for _ in 0..5 {
        assert_eq!(project.compile().template("shop"), first.template("shop"));
    }
}

#[test]
fn rule_order_in_the_file_changes_nothing() {
    let two = |first: &str, second: &str| {
        let rules = format!("stack: shop\nrules:\n  - name: {first}\n{RULE}  - name: {second}\n{RULE}");
        TestProject::with_rules(rules).unwrap().compile().template("shop").to_owned()
    };
    assert!(!two("a", "b").is_empty());
    assert_eq!(two("a", "b"), two("b", "a"));
}

#[test]
fn adding_a_rule_leaves_the_other_rules_text_alone() {
    let one = TestProject::with_rules(rule_file("b", RULE)).unwrap().compile().template("shop").to_owned();
    let rules = format!("stack: shop\nrules:\n  - name: a\n{RULE}  - name: b\n{RULE}  - name: c\n{RULE}");
    let three = TestProject::with_rules(rules).unwrap().compile().template("shop").to_owned();
    let block = one.split_once("Resources:\n").unwrap().1;
    assert!(three.contains(block));
}

const RUNBOOK: &str = "runbook.yaml.hbs";
const KIND: &str = "kind.yaml";
const STACK: &str = "stack.yaml.hbs";

#[test]
fn a_call_without_a_grant() {
    assert_refused(
        KIND,
        "  sqs:StartMessageMoveTask: {resources: target}\n",
        "",
        &["calls sqs:StartMessageMoveTask, and nothing grants it"],
    );
}

#[test]
fn a_grant_without_a_call() {
    assert_refused(
        KIND,
        "permissions:\n",
        "permissions:\n  sqs:PurgeQueue: {resources: target}\n",
        &[
            "templates/platform/queue-redrive-healing/kind.yaml:20:3",
            "grants sqs:PurgeQueue, which its runbook never calls",
        ],
    );
}

#[test]
fn a_lease_that_ends_before_the_runbook() {
    assert_refused(
        KIND,
        "signals:\n",
        "lease: 1h\nsignals:\n",
        &[
            "shop/redrive: a lease of 3600 s is shorter than its runbook can take",
            "make `lease` at least 3720: 1.2 x 1850 s for the runbook, 900 s for the guard and its start, 600 s in the queue",
        ],
    );
}

#[test]
fn a_longer_lease_is_kept() {
    let project = TestProject::with_rules(fixture_rule("{}")).unwrap();
    let longer = |path: &str, text: String| {
        if path.ends_with(KIND) { text.replace("signals:\n", "lease: 2h\nsignals:\n") } else { text }
    };
    add_fixture_kinds(&project, longer).unwrap();
    let compiled = project.compile();
    assert!(compiled.template("shop").contains("\"lease_seconds\": 7200"));
    assert!(compiled.template("shop").contains("its lease is 7200 s"), "the reader is told another lease");
    let leases: Vec<_> = compiled.stacks.iter().flat_map(|stack| &stack.rules).map(|rule| rule.lease).collect();
    assert_eq!([Some(7200)], leases.as_slice());
}

#[test]
fn a_kind_that_does_not_say_what_a_resource_is_called() {
    assert_refused(
        KIND,
        "resource: {service: sqs, type: queue, dimensions: [QueueName]}\n",
        "",
        &["templates/platform/queue-redrive-healing/kind.yaml", "no `resource`"],
    );
}

#[test]
fn a_write_on_everything() {
    assert_refused(
        KIND,
        "StartMessageMoveTask: {resources: target}",
        "StartMessageMoveTask: {resources: any}",
        &["sqs:StartMessageMoveTask is granted on every resource", "grant it on `target`"],
    );
    assert_refused(
        KIND,
        "StartMessageMoveTask: {resources: target}",
        "StartMessageMoveTask: {resources: [\"*\"]}",
        &["sqs:StartMessageMoveTask is granted on every resource"],
    );
}

#[test]
fn a_scope_that_the_target_does_not_have() {
    assert_refused(
        KIND,
        "MoveTask: {resources: target}",
        "MoveTask: {resources: sources}",
        &["`queues` has no scope `sources`", "`target`"],
    );
}

#[test]
fn steps_that_dangle_loop_or_cannot_be_reached() {
    assert_refused(
        RUNBOOK,
        "nextStep: moved",
        "nextStep: movd",
        &["step `move` goes on to `movd`, which does not exist"],
    );
    assert_refused(RUNBOOK, "    nextStep: healed", "    nextStep: move", &["leads back to itself"]);
    assert_refused(
        RUNBOOK,
        "onFailure: step:escalate",
        "onFailure: Abort",
        &["step `escalate` cannot be reached", "when step `move` fails, the runbook says `Abort`"],
    );
    assert_refused(RUNBOOK, "    nextStep: moved\n", "", &["step `move` says neither `nextStep` nor `isEnd`"]);
    assert_refused(RUNBOOK, "name: moved", "name: move", &["two steps are named `move`"]);
}

#[test]
fn a_change_that_nothing_verifies() {
    assert_refused(
        RUNBOOK,
        "    nextStep: moved\n",
        "    isEnd: true\n",
        &["step `move` changes something, and a path from it ends without a verification"],
    );
}

#[test]
fn a_failure_that_nobody_hears_of() {
    assert_refused(
        RUNBOOK,
        "    timeoutSeconds: 1800\n    onFailure: step:escalate\n",
        "    timeoutSeconds: 1800\n    isCritical: false\n    onFailure: Continue\n",
        &["when step `moved` fails, the runbook says `Continue`", "the last verification `moved` is not critical"],
    );
}

#[test]
fn a_verification_that_cannot_fail() {
    assert_refused(
        RUNBOOK,
        "DesiredValues: [OK]",
        "DesiredValues: [OK, ALARM]",
        &["takes the alarm states OK, ALARM for healed"],
    );
}

#[test]
fn what_the_compiler_cannot_bound() {
    assert_refused(
        RUNBOOK,
        "action: aws:executeAwsApi",
        "action: aws:executeAutomation",
        &["uses aws:executeAutomation, which the compiler does not know"],
    );
    assert_refused(
        RUNBOOK,
        "    nextStep: moved\n",
        "    maxAttempts: often\n    nextStep: moved\n",
        &["`maxAttempts` of step `move` must be a whole number"],
    );
    assert_refused(
        RUNBOOK,
        "    nextStep: moved\n",
        "    nextStep: wait\n  - {name: wait, action: aws:sleep, inputs: {Duration: P1DT2H}, nextStep: moved}\n",
        &["step `wait` has no `Duration` of hours, minutes and seconds"],
    );
}

#[test]
fn permissions_that_are_patterns_or_secrets() {
    let grant = |action: &str| format!("StartMessageMoveTask: {{resources: target, action: \"{action}\"}}");
    let from = "StartMessageMoveTask: {resources: target}";
    assert_refused(KIND, from, &grant("sqs:*"), &["the action `sqs:*` is a pattern"]);
    let any = "StartMessageMoveTask: {resources: any, action: \"secretsmanager:GetSecretValue\"}";
    assert_refused(KIND, from, any, &["secretsmanager:GetSecretValue is granted on every resource"]);
    let wide = "StartMessageMoveTask: {resources: [\"arn:aws:sqs:*:*:*\"]}";
    assert_refused(KIND, from, wide, &["sqs:StartMessageMoveTask is granted on every resource"]);
}

#[test]
fn a_selection_too_large_for_its_policy() {
    let names: Vec<String> =
        (0..30).map(|index| format!("a-long-queue-name-of-seventy-characters-in-all-{index:020}")).collect();
    let rules = fixture_rule("{}").replace("[orders-dead]", &format!("[{}]", names.join(", ")));
    let project = TestProject::with_rules(rules).unwrap();
    add_fixture_kinds(&project, |path, text| {
        // Five queues for each that the rule selects.
        let arn = "      - {{sub \"arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:{}\" this}}\n";
        if path.ends_with("queues.yaml") { text.replace(arn, &arn.repeat(5)) } else { text }
    })
    .unwrap();
    let errors = project.compile().errors().join("\n");
    assert!(errors.contains("characters of inline policies, AWS's limit is 10240"), "{errors}");
}

#[test]
fn a_verification_by_another_alarm() {
    assert_refused(
        RUNBOOK,
        "{{alarm_of \"waiting\" \"ResourceId\"}}",
        "\"-\"",
        &["step `moved` verifies by `-`, which is no alarm of the rule"],
    );
}

#[test]
fn a_wait_without_a_limit() {
    assert_refused(RUNBOOK, "    timeoutSeconds: 1800\n", "", &["step `moved` has no `timeoutSeconds`"]);
}

#[test]
fn variables_from_nowhere() {
    assert_refused(
        RUNBOOK,
        "\\{{ ResourceId }}\"\n      Max",
        "\\{{ Queue }}\"\n      Max",
        &["`{{ Queue }}` is neither a parameter nor an output"],
    );
}

#[test]
fn parameters_without_bounds_or_source() {
    let added = |text: &str| {
        "mainSteps:\n  - name: move".to_string().replace("mainSteps:", &format!("  Extra: {text}\nmainSteps:"))
    };
    let from = "mainSteps:\n  - name: move";
    assert_refused(
        RUNBOOK,
        from,
        &added("{type: String, default: x}"),
        &["the runbook's parameter `Extra` takes any text"],
    );
    assert_refused(
        RUNBOOK,
        from,
        &added("{type: Integer}"),
        &["nothing gives the runbook's parameter `Extra` a value"],
    );
}

#[test]
fn alarms_outside_the_name_contract() {
    assert_refused(
        STACK,
        "{{alarm \"waiting\" this}}",
        "my-alarm",
        &["the alarm `my-alarm` does not belong to a signal"],
    );
    assert_refused(
        KIND,
        "waiting: runbook",
        "waiting: runbook\n  other: runbook",
        &["has no alarm for its signal `other`"],
    );
}

#[test]
fn a_fleet_alarm_for_the_whole_account() {
    let fleet = "    Metrics:\n      - {Id: f, Expression: 'SELECT MAX(X) FROM SCHEMA(\"AWS/SQS\", QueueName) GROUP BY QueueName', Period: 60}\n    Namespace:";
    assert_refused(STACK, "    Namespace:", fleet, &["has no WHERE: it would act on every resource in the account"]);
    let lower = fleet.replace("SELECT", "select").replace(" GROUP BY", " group by");
    assert_refused(STACK, "    Namespace:", &lower, &["has no WHERE"]);
    let other = fleet.replace(" GROUP BY", " WHERE QueueName = ''x'' GROUP BY");
    assert_refused(STACK, "    Namespace:", &other, &["does not filter by the rule's target: `QueueName = 'x'`"]);
    let own = fleet.replace(" GROUP BY", " WHERE Stack = ''shop'' AND \"Rule\" = ''redrive'' GROUP BY");
    let errors = compile_with(STACK, "    Namespace:", &own).errors().join("\n");
    assert!(!errors.contains("WHERE"), "{errors}");
}

#[test]
fn ec2_actions_where_ec2_refuses_them() {
    assert_refused(
        STACK,
        "native=\"\"",
        "native=\"recover\"",
        &["recovers on another metric than StatusCheckFailed_System"],
    );
    let math = "    Metrics:\n      - {Id: e, Expression: a - b}\n    Namespace:";
    let project = TestProject::with_rules(fixture_rule("{}")).unwrap();
    add_fixture_kinds(&project, |path, text| {
        if path.ends_with(STACK) {
            text.replace("    Namespace:", math).replace("native=\"\"", "native=\"reboot\"")
        } else {
            text
        }
    })
    .unwrap();
    assert!(
        project
            .compile()
            .errors()
            .join("\n")
            .contains("is metric math, and such alarms cannot do the EC2 action `reboot`")
    );
}

#[test]
fn references_to_nowhere() {
    for reference in
        ["!Ref Queue", "{Ref: Queue}", "!GetAtt [Queue, Arn]", "{\"Fn::GetAtt\": Queue.Arn}", "!Sub [\"${Queue}\", {}]"]
    {
        let to = format!("Value: {reference}");
        assert_refused(STACK, "Value: {{this}}", &to, &["refers to `Queue`, which does not exist"]);
    }
}

#[test]
fn a_misspelled_variable_is_no_empty_string() {
    assert_refused(
        STACK,
        "@root.params.note",
        "@root.params.notes",
        &["templates/platform/queue-redrive-healing/stack.yaml.hbs"],
    );
    assert_refused(
        RUNBOOK,
        "params.messages_per_second",
        "params.messages",
        &["templates/platform/queue-redrive-healing/runbook.yaml.hbs"],
    );
}

#[test]
fn broken_definitions() {
    let itself = "items: {x-selector: queues, type: string";
    assert_refused("targets/queues.yaml", "items: {type: string", itself, &["`selector` is no JSON Schema"]);
    assert_refused(KIND, "summary:", "sumary:", &["unknown field `sumary` in a kind", "did you mean `summary`?"]);
    assert_refused(KIND, "layer: platform", "layer: data", &["is in templates/platform/ but matches layer `data`"]);
    assert_refused(KIND, "targets: [queues]", "targets: [queue]", &["heals unknown targets `queue`"]);
    assert_refused(
        KIND,
        "dead_letters_waiting",
        "service_unhealthy_tasks",
        &["no kind of rule heals `dead_letters_waiting`"],
    );
    assert_refused(KIND, "type: string, default", "type: strang, default", &["`parameters` is no JSON Schema"]);
    assert_refused(
        KIND,
        "minimum: 1,",
        "minimun: 1,",
        &["`minimun` is no keyword of a parameter, did you mean `minimum`?"],
    );
    assert_refused(
        KIND,
        "description: Text for the people who are notified.",
        "x-unit: words",
        &["it has no `description`"],
    );
    assert_refused(STACK, "{{/each}}", "", &["templates/platform/queue-redrive-healing/stack.yaml.hbs"]);
}
