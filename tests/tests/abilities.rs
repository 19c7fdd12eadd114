//! What a kind can ask for besides alarms and API calls: commands on hosts, approvals, bounds, one resource a rule, and
//! what every rule can: mute windows.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack::diagnostics::Severity;
use healstack_tests::{Outcome, RULE, TestProject, add_fixture_kinds, fixture_rule, rule_file};

/// Compiles a rule of the fixture kind after edits of its files, each `(file, from, to)`.
fn compile_with(rule: &str, edits: &[(&str, &str, &str)]) -> Outcome {
    let project = TestProject::with_rules(rule).unwrap();
    add_fixture_kinds(&project, |path, text| {
        edits.iter().filter(|(file, _, _)| path.ends_with(file)).fold(text, |text, (_, from, to)| {
            assert!(text.contains(from), "{path} has no `{from}`");
            text.replace(from, to)
        })
    })
    .unwrap();
    project.compile()
}

#[track_caller]
fn assert_told(told: &[String], parts: &[&str]) {
    let told = told.join("\n");
    for part in parts {
        assert!(told.contains(part), "`{part}` is not in:\n{told}");
    }
}

const COMMAND: (&str, &str, &str) = (
    "runbook.yaml.hbs",
    "mainSteps:\n",
    "mainSteps:
  - name: tell
    action: aws:runCommand
    timeoutSeconds: 600
    onFailure: step:escalate
    inputs: {DocumentName: my-command, InstanceIds: [i-0123456789abcdef0]}
    nextStep: move
",
);
const APPROVAL: (&str, &str, &str) = (
    "runbook.yaml.hbs",
    "mainSteps:\n",
    "mainSteps:
  - name: ask
    action: aws:approve
    timeoutSeconds: 86400
    onFailure: step:escalate
    inputs: {NotificationArn: x, Message: May I?, Approvers: [\"arn:aws:iam::111122223333:role/x\"]}
    nextStep: move
",
);

#[test]
fn a_command_on_a_host_needs_its_grants() {
    let errors = compile_with(&fixture_rule("{}"), &[COMMAND]).errors();
    let missing = ["ssm:SendCommand", "ssm:ListCommands", "ssm:ListCommandInvocations"];
    assert_told(
        &errors,
        &missing.map(|call| format!("calls {call}, and nothing grants it")).each_ref().map(String::as_str),
    );
    let grants = "permissions:
  ssm:SendCommand: {resources: [\"arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:document/my-command\"]}
  ssm:ListCommands: {resources: any}
  ssm:ListCommandInvocations: {resources: any}
";
    let granted = compile_with(&fixture_rule("{}"), &[COMMAND, ("kind.yaml", "permissions:\n", grants)]);
    assert_eq!(granted.errors(), Vec::<String>::new());
    assert!(granted.template("shop").contains("- ssm:SendCommand"));
    // 600 s of the command, and the runbook as it is without it.
    let runbook = granted.stacks.iter().flat_map(|stack| &stack.rules).find_map(|rule| rule.runbook.as_ref()).unwrap();
    assert_eq!(runbook.worst_case, 600 + 1850);
    let wide =
        grants.replace("[\"arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:document/my-command\"]", "any");
    let errors = compile_with(&fixture_rule("{}"), &[COMMAND, ("kind.yaml", "permissions:\n", &wide)]).errors();
    assert_told(&errors, &["ssm:SendCommand is granted on every resource"]);
}

#[test]
fn a_command_on_a_host_is_a_change_that_must_be_verified() {
    let last = (
        "runbook.yaml.hbs",
        "    nextStep: healed\n  {{> healed}}\n",
        "    nextStep: tell
  - name: tell
    action: aws:runCommand
    timeoutSeconds: 600
    onFailure: step:escalate
    inputs: {DocumentName: my-command, InstanceIds: [i-0123456789abcdef0]}
    nextStep: healed
  {{> healed}}
",
    );
    let errors = compile_with(&fixture_rule("{}"), &[last]).errors();
    assert_told(&errors, &["step `tell` changes something, and a path from it ends without a verification"]);
    let unbounded = (COMMAND.0, COMMAND.1, COMMAND.2.replace("    timeoutSeconds: 600\n", ""));
    let errors = compile_with(&fixture_rule("{}"), &[(unbounded.0, unbounded.1, &unbounded.2)]).errors();
    assert_told(&errors, &["step `tell` has no `timeoutSeconds`"]);
}

#[test]
fn an_approval_publishes() {
    let errors = compile_with(&fixture_rule("{}"), &[APPROVAL]).errors();
    assert_told(&errors, &["calls sns:Publish, and nothing grants it"]);
}

#[test]
fn a_rule_is_held_to_its_kinds_bounds_and_told() {
    let bounds = "bounds:
  cooldown_period: {least: 6h, because: AWS refuses a second one within six hours}
  max_attempts: {most: 1, because: a second one would undo the first}
signals:
";
    let rule = format!("{}    cooldown_period: 600\n    max_attempts: 3\n", fixture_rule("{}"));
    let outcome = compile_with(&rule, &[("kind.yaml", "signals:\n", bounds)]);
    assert_eq!(outcome.errors(), Vec::<String>::new());
    assert_told(
        &outcome.told(Severity::Warning),
        &[
            "rules/shop.yaml:9:22: `cooldown_period: 10m` is held to 6h here: AWS refuses a second one within six hours | write `cooldown_period: 6h`, or longer",
            "rules/shop.yaml:10:19: `max_attempts: 3` is held to 1 here: a second one would undo the first | write `max_attempts: 1`",
        ],
    );
    for part in ["\"cooldown_seconds\": 21600", "\"max_attempts\": 1"] {
        assert!(outcome.template("shop").contains(part), "{part}");
    }
}

#[test]
fn a_rule_may_heal_one_resource_that_its_alarms_do_not_name() {
    let named = ("kind.yaml", "dimensions: [QueueName]", "from: source");
    let field = ("queues.yaml", "  properties:\n", "  properties:\n    source: {type: string}\n");
    let key = |source: &str| {
        let rule =
            fixture_rule("{}").replace("{names: [orders-dead]}", &format!("{{names: [a], source: \"{source}\"}}"));
        compile_with(&rule, &[named, field]).template("shop").to_owned()
    };
    assert!(key("orders").contains("\"key\": \"sqs:queue/orders\""), "{}", key("orders"));
    // As the guard reads an ARN: the service, and the resource with its first colon as a slash.
    assert!(key("arn:aws:sqs:eu-west-1:111122223333:queue:orders").contains("\"key\": \"sqs:queue/orders\""));
    // What one service keeps of another's resource is healed beside that.
    assert!(key("arn:aws:rds:eu-west-1:111122223333:db:orders").contains("\"key\": \"sqs:queue/rds/db/orders\""));
    let errors = compile_with(&fixture_rule("{}"), &[("kind.yaml", "dimensions: [QueueName]", "from: names")]).errors();
    assert_told(&errors, &["`names` of `queues` names no resource: it must be a text of its selector"]);
    for both in ["dimensions: [QueueName], from: source", "also: []"] {
        let errors =
            compile_with(&fixture_rule("{}"), &[("kind.yaml", "dimensions: [QueueName]", both), field]).errors();
        assert_told(&errors, &["`resource` needs `dimensions`, or `from`, and not both"]);
    }
}

#[test]
fn parameters_that_do_not_fit_one_another() {
    let relations = "relations:
  - at_most: {parameter: messages_per_second, of: limit, times: 0.5, because: the other half is for the consumers}
  - one_of: {parameters: [note, limit], because: somebody must be told}
signals:
";
    let limit = ("kind.yaml", "parameters:\n", "parameters:\n  limit: {type: integer, description: A limit.}\n");
    let note = ("kind.yaml", "note: {type: string, default: \"\",", "note: {type: string,");
    let told = |parameters: &str| {
        compile_with(&fixture_rule(parameters), &[limit, note, ("kind.yaml", "signals:\n", relations)])
    };
    assert_eq!(told("{limit: 100, note: x}").errors(), Vec::<String>::new());
    assert_told(
        &told("{limit: 90, messages_per_second: 46}").errors(),
        &[
            "rules/shop.yaml:8:50: `messages_per_second: 46` is more than 0.5 x `limit: 90`: the other half is for the consumers | lower `messages_per_second` to 45, or raise `limit` to 92",
        ],
    );
    // A default counts as much as what the rule says.
    assert_told(&told("{limit: 90}").errors(), &["`messages_per_second: 50` is more than 0.5 x `limit: 90`"]);
    assert_told(
        &told("{}").errors(),
        &["`redrive` has none of `note`, `limit`: somebody must be told | add note or limit to `parameters`"],
    );
    let wrong = relations.replace("of: limit", "of: limits");
    let errors = compile_with(&fixture_rule("{}"), &[limit, ("kind.yaml", "signals:\n", &wrong)]).errors();
    assert_told(&errors, &["`limits` is no parameter of this kind"]);
}

#[test]
fn ends_say_whether_anything_was_healed() {
    let told = |from: &str, to: &str| compile_with(&fixture_rule("{}"), &[("runbook.yaml.hbs", from, to)]).errors();
    assert_told(
        &told("    nextStep: healed\n", "    isEnd: true\n"),
        &["step `moved` is an end, and what `onFailure` names would not run"],
    );
    assert_told(
        &told("    nextStep: healed\n  {{> healed}}\n", "    nextStep: leaveAlone\n  {{> leave-alone}}\n"),
        &["`leaveAlone` can be reached after a change"],
    );
    assert_told(
        &told(
            "mainSteps:\n",
            "mainSteps:\n  - {name: look, action: aws:branch, inputs: {Choices: [{NextStep: healed, Variable: \"\\{{ RuleName }}\", StringEquals: x}], Default: move}}\n",
        ),
        &["the end `healed` can be reached without a change"],
    );
}

#[test]
fn a_parameter_of_the_source_document_must_be_there() {
    let source = "source:\n  parameters: {gone: true}\n  cooldown_period: 600\n  max_attempts: 3\nsignals:\n";
    let errors = compile_with(&fixture_rule("{}"), &[("kind.yaml", "signals:\n", source)]).errors();
    assert_told(&errors, &["REL11-BP03 gives this kind the parameter `gone`, which it does not have"]);
}

#[test]
fn mute_windows_name_every_alarm_of_the_rule() {
    let windows = "    mute_windows:
      - {schedule: \"cron(0 2 * * SUN)\", duration: 36h, timezone: Europe/Berlin}
      - {schedule: at(2026-12-24T18:00), duration: 1d}
";
    let outcome = TestProject::with_rules(rule_file("hosts", &format!("{RULE}{windows}"))).unwrap().compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let template = outcome.template("shop");
    let first = template.split_once("  HostsMuteWindow1:\n").unwrap().1.split_once("  HostsMuteWindow2:\n").unwrap().0;
    for part in [
        "Type: AWS::CloudWatch::AlarmMuteRule",
        "Name: heal--shop--hosts--mute-1",
        "Expression: cron(0 2 * * SUN)",
        "Duration: P1DT12H",
        "Timezone: Europe/Berlin",
        "- heal--shop--hosts--system\n",
        "- heal--shop--hosts--instance\n",
        "- heal--shop--hosts--unrecovered\n",
    ] {
        assert!(first.contains(part), "`{part}` is not in:\n{first}");
    }
    assert!(template.contains("Duration: P1D\n"));
}

#[test]
fn mute_windows_that_cloudwatch_would_refuse() {
    let errors = |window: &str| {
        let rule = rule_file("hosts", &format!("{RULE}    mute_windows: [{window}]\n"));
        TestProject::with_rules(rule).unwrap().compile().errors()
    };
    assert_told(&errors("{schedule: \"cron(0 2 * *)\", duration: 2h}"), &["write `cron(0 2 * * SUN)`, five fields"]);
    assert_told(&errors("{schedule: at(2026-12-24), duration: 2h}"), &["rules/shop.yaml:8:"]);
    assert_told(
        &errors("{schedule: at(2026-12-24T18:00), duration: 16d}"),
        &["rules/shop.yaml:8:", "a mute window cannot last 16d", "write a duration from 1m to 15d"],
    );
    assert_told(&errors("{schedule: at(2026-12-24T18:00)}"), &["`duration`"]);
}

#[test]
fn a_healing_that_gives_up_and_ends_as_a_success() {
    let branch = "mainSteps:
  - name: which
    action: aws:branch
    inputs: {Choices: [{NextStep: move, Variable: \"\\{{ RuleName }}\", StringEquals: x}], Default: escalate}
";
    let errors = compile_with(&fixture_rule("{}"), &[("runbook.yaml.hbs", "mainSteps:\n", branch)]).errors();
    assert_told(&errors, &["step `which` leads to `escalate`, and the automation would end as a success"]);
    let forgiven =
        ("runbook.yaml.hbs", "    onFailure: step:escalate\n", "    isCritical: false\n    onFailure: step:escalate\n");
    let errors = compile_with(&fixture_rule("{}"), &[forgiven]).errors();
    assert_told(&errors, &["step `move` leads to `escalate`, and the automation would end as a success"]);
}

#[test]
fn calls_that_cannot_be_taken_back() {
    let call = |service: &str, api: &str, more: &str| {
        let step = format!(
            "mainSteps:\n  - name: gone\n    action: aws:executeAwsApi\n    onFailure: step:escalate\n    inputs: {{Service: {service}, Api: {api}{more}}}\n    nextStep: move\n"
        );
        compile_with(&fixture_rule("{}"), &[("runbook.yaml.hbs", "mainSteps:\n", &step)]).errors()
    };
    for (service, api) in
        [("ec2", "TerminateInstances"), ("ecs", "StopTask"), ("rds", "DeleteDBInstance"), ("sqs", "PurgeQueue")]
    {
        assert_told(&call(service, api, ""), &[&format!("calls {service}:{api}, which cannot be taken back")]);
    }
    assert_told(&call("ec2", "DetachVolume", ", Force: true"), &["ec2:DetachVolume, which cannot be taken back"]);
    let clean = call("ec2", "DetachVolume", ", Force: false").join("\n");
    assert!(!clean.contains("taken back"), "{clean}");
}

#[test]
fn an_alarm_that_acts_past_the_guard() {
    let scaling = ("stack.yaml.hbs", "    {{> notify native=\"\"}}\n", "    AlarmActions: [!Ref Policy]\n");
    let errors = compile_with(&fixture_rule("{}"), &[scaling]).errors();
    assert_told(
        &errors,
        &["`heal--shop--redrive--waiting--orders-dead` acts past the guard: `Policy`", "let the guard"],
    );
}

#[test]
fn an_alarm_that_looks_back_too_far() {
    let told = |from: &str, to: &str| compile_with(&fixture_rule("{}"), &[("stack.yaml.hbs", from, to)]).errors();
    let periods = "EvaluationPeriods: 5\n    DatapointsToAlarm: 5";
    let many = "EvaluationPeriods: 1441\n    DatapointsToAlarm: 5";
    assert_told(
        &told(periods, many),
        &["looks back 86460 s, and an alarm with a period under an hour looks back one day"],
    );
    assert_told(&told(periods, "EvaluationPeriods: 4\n    DatapointsToAlarm: 5"), &["needs 5 of 4 datapoints"]);
    let weekly = "Period: 86400\n    EvaluationPeriods: 8\n    DatapointsToAlarm: 8";
    assert_told(&told(&format!("Period: 60\n    {periods}"), weekly), &["an alarm looks back seven days"]);
    let description = format!("{{{{fmt \"{} {{}}\" @root.params.note}}}}", "x".repeat(1024));
    let long = told("{{fmt \"Dead letters wait. {}\" @root.params.note}}", &description);
    assert_told(&long, &["is longer than 1024 characters"]);
}

const EVENT: &str = "Failed:
  Type: AWS::Events::Rule
  Properties:
    EventPattern: {source: [aws.sqs]}
    Targets:
      {{> to-guard signal=\"waiting\" resource=\"orders-dead\" alarm=(alarm \"waiting\" \"orders-dead\")}}
{{#each target.names}}";

#[test]
fn a_service_event_starts_a_healing_beside_an_alarm() {
    let with = |event: &str| compile_with(&fixture_rule("{}"), &[("stack.yaml.hbs", "{{#each target.names}}", event)]);
    let outcome = with(EVENT);
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let template = outcome.template("shop");
    for part in [
        "stateMachine:heal--core--guard:live",
        r#""heal":{"stack":"shop","rule":"redrive","signal":"waiting","resource":"orders-dead","alarm":"heal--shop--redrive--waiting--orders-dead"}"#,
    ] {
        assert!(template.contains(part), "`{part}` is not in:\n{template}");
    }
    let errors = with(&EVENT.replace("signal=\"waiting\"", "signal=\"gone\"")).errors();
    assert_told(&errors, &["an event starts the guard with the signal `gone`, which no runbook heals"]);
    let errors = with(&EVENT.replace("(alarm \"waiting\" \"orders-dead\")", "\"-\"")).errors();
    assert_told(&errors, &["an event names the alarm `-`, which is none of the signal `waiting`"]);
}
