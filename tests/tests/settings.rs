//! What keeps AWS's own healing set: for every kind that does, and for one that is made wrong on purpose.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack::compile::{CompiledRule, Settings, Step};
use healstack::diagnostics::{Problems, Severity};
use healstack::kinds::{Catalog, HealedBy, Kind, TemplateFiles};
use healstack_tests::{Outcome, RULE, TestProject, add_fixture_kinds, fixture_rule, rule_file};
use std::collections::BTreeMap;

fn catalog() -> Catalog {
    Catalog::load(TemplateFiles::built_in().unwrap(), &mut Problems::default()).unwrap()
}

/// The kinds that set something.
fn setting(catalog: &Catalog) -> impl Iterator<Item = &Kind> {
    catalog.kinds.values().filter(|kind| kind.definition.settings.is_some())
}

/// A kind's example with more lines, compiled.
fn compile(kind: &Kind, catalog: &Catalog, more: &str) -> Outcome {
    let (matches, target) = (&kind.definition.matches, &catalog.targets[&kind.definition.targets[0]]);
    let parameters: Vec<String> =
        kind.definition.example.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let rule = format!(
        "    layer: {}\n    trigger_condition: {}\n    action: {}\n    target: {{{}: {}}}\n    parameters: {{{}}}\n{more}",
        matches.layer,
        matches.trigger_condition,
        matches.action,
        target.name,
        target.definition.example,
        parameters.join(", ")
    );
    let outcome = TestProject::with_rules(rule_file("heal", &rule)).unwrap().compile();
    assert_eq!(outcome.errors(), Vec::<String>::new(), "{}", kind.id);
    outcome
}

fn rule(outcome: &Outcome) -> &CompiledRule {
    outcome.stacks.iter().flat_map(|stack| &stack.rules).next().unwrap()
}

/// The actions of the settings' role that change something.
fn granted_writes(settings: &Settings) -> Vec<String> {
    let actions = settings.statements.iter().flat_map(|statement| statement.get("Action").unwrap().items().to_vec());
    let writes = |action: &String| {
        let api = action.split(':').nth(1).unwrap();
        !["Describe", "Query", "CreateOpsItem"].iter().any(|verb| api.starts_with(verb))
    };
    actions.filter_map(|action| action.text().map(str::to_owned)).filter(writes).collect()
}

#[test]
fn every_kind_that_has_them_sets_them_or_says_why_not() {
    let catalog = catalog();
    assert!(setting(&catalog).count() >= 9);
    for kind in setting(&catalog) {
        let definition = kind.definition.settings.as_ref().unwrap();
        let enforced = compile(kind, &catalog, "");
        let settings = rule(&enforced).settings.as_ref().unwrap();
        assert_eq!(settings.enforced, definition.only_reported.is_none(), "{}", kind.id);
        let writes = settings.runbook.steps.iter().any(Step::writes);
        assert_eq!(writes, settings.enforced, "{}", kind.id);
        assert_eq!(!granted_writes(settings).is_empty(), settings.enforced, "{}", kind.id);
        let template = enforced.template("shop");
        for part in [
            "Name: heal-settings--shop--heal\n",
            "Path: /heal/settings/\n",
            "Type: AWS::SSM::Association\n",
            "AutomationTargetParameterName: ResourceId\n",
            "ScheduleExpression: rate(1 day)\n",
        ] {
            assert!(template.contains(part), "{}: no `{part}`", kind.id);
        }
        // The guard may start what begins with the prefix, and the recorder takes it for a healing.
        assert_eq!(template.matches("Name: heal--shop--heal\n").count(), usize::from(kind.has_runbook), "{}", kind.id);
    }
}

#[test]
fn a_rule_that_does_not_enforce_only_reports() {
    let catalog = catalog();
    for kind in setting(&catalog) {
        for more in ["    enforce: false\n", "    mode: observe\n", "    mode: observe\n    enforce: false\n"] {
            let outcome = compile(kind, &catalog, more);
            let settings = rule(&outcome).settings.as_ref().unwrap();
            assert!(!settings.enforced && !settings.runbook.steps.iter().any(Step::writes), "{} {more}", kind.id);
            assert_eq!(granted_writes(settings), Vec::<String>::new(), "{} {more}", kind.id);
        }
        for more in ["    mode: off\n", "    enabled: false\n"] {
            let outcome = compile(kind, &catalog, more);
            assert!(rule(&outcome).settings.is_none(), "{} {more}", kind.id);
            assert!(!outcome.template("shop").contains("heal-settings--"), "{} {more}", kind.id);
        }
    }
}

/// Two kinds that keep the same property go by the same script, which decides about the value.
#[test]
fn kinds_that_set_the_same_set_the_same_value() {
    let catalog = catalog();
    let mut by_call: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for kind in setting(&catalog) {
        let outcome = compile(kind, &catalog, "");
        let steps = &rule(&outcome).settings.as_ref().unwrap().runbook.steps;
        let compares = steps.iter().find(|step| step.name == "compare").unwrap();
        for step in steps.iter().filter(|step| step.writes()) {
            let script = format!("{}\n{}", step.inputs.to_json(), compares.script());
            by_call.entry(step.call().unwrap()).or_default().push((kind.id.clone(), script));
        }
    }
    assert!(by_call.values().any(|kinds| kinds.len() > 1), "no two kinds share a call: {by_call:?}");
    for (call, kinds) in by_call {
        assert!(kinds.iter().all(|(_, script)| *script == kinds[0].1), "{call}: {kinds:?}");
    }
}

#[test]
fn what_the_agent_heals_has_no_settings_of_aws() {
    let catalog = catalog();
    let by_agent = |kind: &&Kind| kind.definition.signals.values().all(|healed_by| *healed_by == HealedBy::Agent);
    let wrong: Vec<&String> = catalog
        .kinds
        .values()
        .filter(by_agent)
        .filter(|kind| kind.definition.settings.is_some())
        .map(|kind| &kind.id)
        .collect();
    assert_eq!(wrong, Vec::<&String>::new());
}

#[test]
fn resources_are_named_by_id_or_by_one_tag_and_their_type() {
    let with = |target: &str| {
        let rule = rule_file("hosts", &RULE.replace("{tag: {app: shop}}", target));
        let outcome = TestProject::with_rules(rule).unwrap().compile();
        assert_eq!(outcome.errors(), Vec::<String>::new());
        outcome.template("shop").to_owned()
    };
    let by_id = with("{ids: [i-0123456789abcdef0, i-0fedcba9876543210]}");
    let values = "        - Key: ParameterValues\n          Values:\n            - i-0123456789abcdef0\n            - i-0fedcba9876543210\n";
    assert!(by_id.contains(values) && !by_id.contains("TargetType: /AWS"), "{by_id}");
    let by_tags = with("{tag: {app: shop, env: prod}}");
    assert!(by_tags.contains("        - Key: tag:app\n          Values:\n            - shop\n"), "{by_tags}");
    // The association takes one tag: the runbook asks for both, and the role too.
    assert!(by_tags.contains("TargetType: /AWS::EC2::Instance\n"), "{by_tags}");
    for part in ["Name: tag:app\n", "Name: tag:env\n", "aws:ResourceTag/env: prod\n"] {
        assert!(by_tags.contains(part), "no {part} in {by_tags}");
    }
}

#[test]
fn a_name_without_a_target_group_has_nothing_to_set() {
    let rule = "    layer: network\n    trigger_condition: endpoint_unhealthy\n    action: failover\n    target:\n      records:\n        zone: Z1\n        name: www.example.com\n        primary: {dns_name: web-1.eu-west-1.elb.amazonaws.com, zone: Z2}\n        secondary: {dns_name: web-2.eu-central-1.elb.amazonaws.com, zone: Z3}\n";
    let outcome = TestProject::with_rules(rule_file("name", rule)).unwrap().compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    assert!(!outcome.template("shop").contains("heal-settings--"));
}

#[test]
fn enforce_where_there_is_nothing_to_enforce() {
    let errors = TestProject::with_rules(format!("{}    enforce: true\n", fixture_rule("{}"))).unwrap();
    add_fixture_kinds(&errors, |_, text| text).unwrap();
    let told = errors.compile().errors().join("\n");
    let expected = "rules/shop.yaml:9:14: `redrive` has nothing to enforce: its kind sets nothing of what AWS heals by itself | remove `enforce`";
    assert_eq!(told, expected);
    let database = "    layer: platform\n    trigger_condition: database_connection_failures\n    action: restart\n    target: {databases: {ids: [orders]}}\n    enforce: true\n";
    let outcome = TestProject::with_rules(rule_file("db", database)).unwrap().compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let warnings = outcome.told(Severity::Warning).join("\n");
    assert!(warnings.contains("rules/shop.yaml:8:14: `enforce: true` only reports here: backups"), "{warnings}");
}

const SETTINGS: &str = "description: Keeps a queue as it is.
parameters:
  ResourceId: {type: String, allowedPattern: \"^[a-z-]+$\"}
mainSteps:
  {{> settings-guard lease=\"sqs:queue/{{ ResourceId }}\" next=\"queue\"}}
  - name: queue
    action: aws:executeAwsApi
    onFailure: step:escalate
    inputs: {Service: sqs, Api: GetQueueUrl, QueueName: \"\\{{ ResourceId }}\"}
    nextStep: compare
  - name: compare
    action: aws:executeScript
    timeoutSeconds: 60
    onFailure: step:escalate
    inputs:
      Runtime: python3.11
      Handler: compare
      InputPayload: {}
      Script: |
        def compare(events, context):
            return dict(Verdict=\"leave\", Because=\"-\")
    outputs:
      {{> settings-verdict-outputs}}
    nextStep: strong
  {{> settings-verdict}}
  {{> settings-ends}}
";

/// The fixture kind with settings, after an edit of them.
fn compile_settings(more: &str, from: &str, to: &str) -> Outcome {
    let project = TestProject::with_rules(format!("{}{more}", fixture_rule("{}"))).unwrap();
    add_fixture_kinds(&project, |path, text| {
        let more = "settings:\n  sets: [Nothing.]\n  resources: [names]\n  only_reported: it is a fixture\npermissions:\n  dynamodb:Query: {resources: ledger}\n  sqs:GetQueueUrl: {resources: target}\n";
        if path.ends_with("kind.yaml") { text.replace("permissions:\n", more) } else { text }
    })
    .unwrap();
    assert!(SETTINGS.contains(from), "{from}");
    project
        .write("templates/platform/queue-redrive-healing/settings.yaml.hbs", SETTINGS.replacen(from, to, 1))
        .unwrap();
    project.compile()
}

#[test]
fn a_kind_adds_settings_by_a_file() {
    let outcome = compile_settings("", "Keeps", "Keeps");
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let template = outcome.template("shop");
    for part in ["RES#sqs:queue/{{ ResourceId }}", "- RES#sqs:queue/*\n", "table/heal--core--ledger\n"] {
        assert!(template.contains(part), "no {part} in\n{template}");
    }
}

#[test]
fn settings_that_are_not_safe_do_not_compile() {
    let cases = [
        ("lease=\"sqs:queue/", "lease=\"sqs:topic/", "look for the lease `RES#sqs:topic/"),
        (
            "mainSteps:\n",
            "mainSteps:\n  - {name: early, action: aws:sleep, inputs: {Duration: PT1S}, nextStep: allSwitches}\n",
            "do not begin with the guard",
        ),
        ("            return dict(", "            import boto3\n            return dict(", "has `import`"),
        ("            return dict(", "            return __builtins__.dict(", "has `__`"),
        ("    timeoutSeconds: 60\n", "", "step `compare` has no `timeoutSeconds`"),
        (
            "    onFailure: step:escalate\n    inputs:\n      Runtime",
            "    inputs:\n      Runtime",
            "when step `compare` fails",
        ),
        (
            "    nextStep: compare\n",
            "    nextStep: more\n  - name: more\n    action: aws:executeAwsApi\n    onFailure: step:escalate\n    inputs: {Service: sqs, Api: ListQueueTags, QueueUrl: x}\n    nextStep: compare\n",
            "calls sqs:ListQueueTags, and nothing grants it",
        ),
        (
            "    nextStep: compare\n",
            "    nextStep: more\n  - name: more\n    action: aws:executeAwsApi\n    onFailure: step:escalate\n    inputs: {Service: sqs, Api: DeleteQueue, QueueUrl: x}\n    nextStep: compare\n",
            "which cannot be taken back",
        ),
        ("    nextStep: strong\n", "    nextStep: report\n", "the end `report` can be reached without a change"),
        (
            "  ResourceId: {type: String, allowedPattern: \"^[a-z-]+$\"}\n",
            "  Other: {type: Integer}\n",
            "the association gives only ResourceId, RuleName",
        ),
    ];
    for (from, to, expected) in cases {
        let errors = compile_settings("", from, to).errors().join("\n");
        assert!(errors.contains(expected), "`{expected}` is not in:\n{errors}");
    }
    let write = "Api: SetQueueAttributes, QueueUrl: x, Attributes: {},";
    // Verified and all, and still a write where the kind says that it only reports.
    let sure = "    nextStep: sure
  - {name: sure, action: aws:assertAwsResourceProperty, timeoutSeconds: 60, onFailure: step:report, inputs: {Service: sqs, Api: GetQueueAttributes, QueueUrl: x, PropertySelector: $.Attributes.x, DesiredValues: [x]}, nextStep: done}
  - {name: done, action: aws:sleep, inputs: {Duration: PT1S}, isEnd: true}
";
    let granted =
        SETTINGS.replace("Api: GetQueueUrl,", write).replace("    nextStep: strong\n  {{> settings-verdict}}\n", sure);
    let project = TestProject::with_rules(fixture_rule("{}")).unwrap();
    add_fixture_kinds(&project, |path, text| {
        let more = "settings:\n  sets: [Nothing.]\n  resources: [names]\n  only_reported: it is a fixture\npermissions:\n  dynamodb:Query: {resources: ledger}\n  sqs:SetQueueAttributes: {resources: target}\n  sqs:GetQueueAttributes: {resources: target}\n";
        if path.ends_with("kind.yaml") { text.replace("permissions:\n", more) } else { text }
    })
    .unwrap();
    project.write("templates/platform/queue-redrive-healing/settings.yaml.hbs", granted).unwrap();
    let errors = project.compile().errors().join("\n");
    assert!(errors.contains("step `queue` changes something, and this rule only reports"), "{errors}");
    let errors = {
        let project = TestProject::with_rules(fixture_rule("{}")).unwrap();
        add_fixture_kinds(&project, |_, text| text).unwrap();
        project.write("templates/platform/queue-redrive-healing/settings.yaml.hbs", SETTINGS).unwrap();
        project.compile().errors().join("\n")
    };
    assert!(errors.contains("has only one of `settings` and settings.yaml.hbs"), "{errors}");
}
