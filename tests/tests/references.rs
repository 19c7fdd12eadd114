//! Targets that only CloudFormation knows: what their rules compile to, and what is told where they cannot.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack::diagnostics::Severity;
use healstack_tests::{CONFIG, Outcome, TestProject};

/// A group and what else a test needs.
const TEMPLATE: &str = "Resources:\n  WebGroup:\n    Type: AWS::AutoScaling::AutoScalingGroup\n    Properties:\n      MinSize: '1'\n      MaxSize: '2'\n      HealthCheckType: EC2\n";

/// A rule about groups with some names, in a file that has more lines before its rules.
fn rules(more: &str, names: &str, rest: &str) -> String {
    format!(
        "stack: shop\n{more}rules:\n  - name: capacity\n    layer: infrastructure\n    trigger_condition: unhealthy_instance_threshold\n    action: scale\n    target: {{auto_scaling_groups: {{names: {names}}}}}\n    parameters: {{scale_out_amount: 1}}\n{rest}"
    )
}

fn compile(rules: String, config: &str) -> Outcome {
    let project = TestProject::with_rules(rules).unwrap();
    project.write("workloads/shop.yaml", TEMPLATE).unwrap();
    project.write("healstack.yaml", format!("{CONFIG}{config}")).unwrap();
    project.compile()
}

const WORKLOAD: &str = "workload: workloads/shop.yaml\n";

#[test]
fn every_origin_becomes_what_cloudformation_reads() {
    let names = "[plain, {import: 'net:web'}, {ssm: /shop/web}, {parameter: Group}]";
    let outcome = compile(rules("", names, ""), "    parameters: {Group: web-2}\n");
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let template = outcome.template("shop");
    for part in [
        "Parameters:\n",
        "    Type: AWS::SSM::Parameter::Value<String>\n    Default: /shop/web\n",
        "  Group:\n",
        "    Default: web-2\n",
        "!ImportValue net:web",
        "Value: !Ref Group\n",
    ] {
        assert!(template.contains(part), "no `{part}` in:\n{template}");
    }
    assert!(!template.contains(['\u{F8FC}', '\u{F8FD}']));
    // The association that keeps health checks set is about all of them: none stands in a template of the project.
    let association = template.split("AWS::SSM::Association\n").nth(1).unwrap();
    let targets = &association[..association.find("Schedule").unwrap()];
    for part in ["- plain", "!ImportValue net:web", "!Ref Group"] {
        assert!(targets.contains(part), "no `{part}` in:\n{targets}");
    }
}

#[test]
fn what_stands_in_the_workload_is_set_there_and_by_no_association() {
    let named = rules(WORKLOAD, "[{resource: WebGroup}]", "    override: true\n");
    let outcome = compile(named, "");
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let stack = outcome.stacks.iter().find(|stack| stack.folder == "shop").unwrap();
    assert!(stack.rules[0].settings.is_none() && !stack.text.contains("AWS::SSM::Association"));
    let healed = stack.workload.as_ref().unwrap();
    assert!(healed.text.contains("HealthCheckType: \"EBS,ELB\"\n"), "{}", healed.text);
    let both = compile(rules(WORKLOAD, "[{resource: WebGroup}, other]", "    override: true\n"), "");
    let association = both.template("shop").split("AWS::SSM::Association\n").nth(1).unwrap();
    let targets = &association[..association.find("Schedule").unwrap()];
    assert!(targets.contains("- other") && !targets.contains("Web"), "{targets}");
}

#[test]
fn a_weaker_value_is_told_with_both_places() {
    let errors = compile(rules(WORKLOAD, "[{resource: WebGroup}]", ""), "").errors();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    for part in
        ["workloads/shop.yaml:7:24:", "`WebGroup.HealthCheckType` is EC2", "rules/shop.yaml:4", "EBS", "override: true"]
    {
        assert!(errors[0].contains(part), "`{part}` is not in: {}", errors[0]);
    }
}

#[test]
fn what_cannot_be_is_told_at_its_place() {
    for (rules, config, parts) in [
        (
            rules("", "[web]", "    override: true\n"),
            "",
            ["rules/shop.yaml:9:15:", "its target names no resource of one", "remove `override`"],
        ),
        (
            rules("", "[{resource: WebGroup}]", ""),
            "",
            ["rules/shop.yaml:7:", "the file names no template", "add `workload:"],
        ),
        (
            rules(WORKLOAD, "[{resource: WebGruop}]", ""),
            "",
            ["rules/shop.yaml:8:", "has no resource `WebGruop`", "did you mean `WebGroup`?"],
        ),
        (
            rules("workload: workloads/shap.yaml\n", "[{resource: WebGroup}]", ""),
            "",
            ["rules/shop.yaml:2:", "workloads/shap.yaml", ""],
        ),
        (
            rules("workload: ../shop.yaml\n", "[{resource: WebGroup}]", ""),
            "",
            ["rules/shop.yaml:2:", "`../shop.yaml` is not below the project's folder", "workloads/shop.yaml"],
        ),
        (
            rules("", "[web]", ""),
            "    workloads:\n      shap: {stack_name: shop}\n",
            ["", "`workloads.shap` of healstack.yaml belongs to no rule file", "name the `stack`"],
        ),
    ] {
        let errors = compile(rules, config).errors();
        let told = |part: &str| errors.iter().any(|error| error.contains(part));
        for part in parts {
            assert!(told(part), "`{part}` is not in: {errors:#?}");
        }
    }
}

#[test]
fn what_has_no_effect_is_a_warning() {
    for (rules, words) in [
        (rules(WORKLOAD, "[web]", ""), "no rule names a resource of `workloads/shop.yaml`"),
        (
            rules(WORKLOAD, "[{resource: WebGroup}]", "    override: true\n    enforce: false\n"),
            "`capacity` only reports, and so overrides nothing",
        ),
    ] {
        let outcome = compile(rules, "");
        assert_eq!(outcome.errors(), Vec::<String>::new());
        let warnings = outcome.told(Severity::Warning);
        assert!(warnings.iter().any(|warning| warning.contains(words)), "{warnings:#?}");
    }
}

#[test]
fn a_parameter_without_a_value_is_a_warning_in_words_that_people_read() {
    let outcome = compile(rules("", "[{parameter: Group}]", ""), "");
    assert_eq!(outcome.errors(), Vec::<String>::new());
    let warnings = outcome.told(Severity::Warning);
    let warning = warnings.iter().find(|warning| warning.contains("parameter `Group`")).unwrap();
    for part in ["rules/shop.yaml:7:", "nothing gives the parameter", "`parameters` of the environment"] {
        assert!(warning.contains(part), "`{part}` is not in: {warning}");
    }
    assert!(warnings.iter().all(|warning| !warning.contains('\u{F8FC}')));
}
