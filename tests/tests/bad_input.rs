//! Whatever a user, or a stranger's pull request, writes: the error says where it is and what to write instead.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use healstack_tests::{RULE, TestProject, rule_file};

/// The errors of a rule file.
fn errors(rules: impl AsRef<[u8]>) -> Vec<String> {
    TestProject::with_rules(rules).unwrap().compile().errors()
}

/// The one error of a rule whose lines after `name` are given.
#[track_caller]
fn one_error(rest: &str) -> String {
    let errors = errors(rule_file("heal", rest));
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.into_iter().next().unwrap()
}

#[track_caller]
fn assert_told(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn unknown_field_with_the_nearest_right_one() {
    let error = one_error(&format!("{RULE}    cooldown_perod: 600\n"));
    assert_told(
        &error,
        &["rules/shop.yaml:8:5:", "unknown field `cooldown_perod` in `heal`", "did you mean `cooldown_period`?"],
    );
}

#[test]
fn unknown_parameter_with_the_nearest_right_one() {
    let error = one_error(&format!("{RULE}    parameters: {{preserve_ip: true}}\n"));
    assert_told(&error, &["rules/shop.yaml:8:18:", "unknown field `preserve_ip`", "did you mean `preserve_eip`?"]);
}

#[test]
fn unknown_kind_with_those_of_the_layer() {
    let error = one_error(&RULE.replace("instance_status_check_failed", "instance_on_fire"));
    assert_told(
        &error,
        &[
            "rules/shop.yaml:5:24:",
            "no kind of rule heals `instance_on_fire` on the infrastructure layer",
            "instance_status_check_failed with action replace",
        ],
    );
    let error = one_error(&RULE.replace("action: replace", "action: restart"));
    assert_told(
        &error,
        &["rules/shop.yaml:6:13:", "with action `restart`", "instance_status_check_failed with action replace"],
    );
}

#[test]
fn unknown_layer() {
    let error = one_error(&RULE.replace("infrastructure", "infrastucture"));
    assert_told(
        &error,
        &["rules/shop.yaml:4:12:", "`layer` cannot be `infrastucture`", "did you mean `infrastructure`?"],
    );
}

#[test]
fn wrong_unit() {
    let error = one_error(&format!("{RULE}    cooldown_period: 10 minutes\n"));
    assert_told(&error, &["rules/shop.yaml:8:22:", "`minutes` in `10 minutes` is not a unit of time", "s, m, h or d"]);
}

#[test]
fn negative_and_zero_cooldown() {
    for cooldown in ["-600", "0", "0s"] {
        let error = one_error(&format!("{RULE}    cooldown_period: {cooldown}\n"));
        assert_told(&error, &["rules/shop.yaml:8:22:", "`cooldown_period`", "at least 1 second", cooldown]);
    }
}

#[test]
fn a_duration_beyond_the_limit_has_its_place() {
    let error = one_error(&format!("{RULE}    cooldown_period: 500d\n"));
    assert_told(&error, &["rules/shop.yaml:8:22:", "`500d` is longer than 400 days"]);
}

#[test]
fn the_longest_durations_lose_no_rule() {
    let rules = rule_file("heal", &format!("{RULE}    cooldown_period: 200d\n    window: 300d\n"));
    let outcome = TestProject::with_rules(rules).unwrap().compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    assert!(outcome.template("shop").contains("\"stable_for_seconds\": 34560000"));
}

#[test]
fn whole_numbers_with_a_point_are_whole() {
    let rules = rule_file("heal", &format!("{RULE}    max_attempts: 4.0\n    signal: {{datapoints: 12.0}}\n"));
    let outcome = TestProject::with_rules(rules).unwrap().compile();
    assert_eq!(outcome.errors(), Vec::<String>::new());
    assert!(outcome.template("shop").contains("EvaluationPeriods: 12\n"));
    let error = one_error(&format!("{RULE}    max_attempts: 4.5\n"));
    assert_told(&error, &["`max_attempts` must be a whole number, this is the number 4.5"]);
}

#[test]
fn words_for_true_and_nothing() {
    assert_told(
        &one_error(&format!("{RULE}    enabled: yes\n")),
        &["`enabled` must be true or false", "write true or false"],
    );
    assert_told(&one_error(&format!("{RULE}    mode:\n")), &["rules/shop.yaml:8:5:", "`mode`", "leave the field out"]);
}

#[test]
fn what_is_more_than_data() {
    let error = one_error(&format!("{RULE}    suppress_while: \"{{{{resolve:secretsmanager:db:SecretString}}}}\"\n"));
    assert_told(&error, &["rules/shop.yaml:8:21:", "would be a dynamic reference", "a secret's value"]);
    let error = one_error(&format!("{RULE}    suppress_while: !Ref Alarm\n"));
    assert_told(&error, &["the tag `!Ref` has no meaning here"]);
    let error = one_error(&format!("{RULE}    <<: {{mode: observe}}\n"));
    assert_told(&error, &["unknown field `<<`", "merge keys are not supported"]);
}

#[test]
fn tags_that_are_awss() {
    let error = one_error(&RULE.replace("{app: shop}", "{\"aws:autoscaling:groupName\": web}"));
    assert_told(
        &error,
        &["`aws:autoscaling:groupName` cannot be a key of `tag`", "keys that begin with aws: are AWS's"],
    );
}

#[test]
fn files_that_look_like_rules_and_are_not_read() {
    let project = TestProject::with_rules(rule_file("heal", RULE)).unwrap();
    project.write("rules/OTHER.YAML", "x").unwrap();
    project.write("rules/more/x.yaml", "x").unwrap();
    let warnings = project.compile().told(healstack::diagnostics::Severity::Warning).join("\n");
    assert_told(&warnings, &["rules/OTHER.YAML is not read", "the folder rules/more/ is not read"]);
}

#[test]
fn one_wrong_field_hides_nothing_in_the_others() {
    let rules = rule_file(
        "heal",
        "    layer: infrastructure
    trigger_condition: instance_status_check_failed
    action: replace
    target: {instances: {tag: {app: 12}}}
    parameters: {health_check_grace_period: 5m, preserve_eip: yes}
    cooldown_period: 10 minutes
    signal: {datapoints: \"15\"}
",
    );
    let found = errors(rules).join("\n");
    for part in [
        "`minutes` in `10 minutes`",
        "`app` must be text",
        "write 300: the unit is seconds",
        "`preserve_eip` must be true or false",
        "write it without quotes",
    ] {
        assert!(found.contains(part), "`{part}` is not in\n{found}");
    }
}

#[test]
fn an_unknown_kind_is_told_without_a_target_too() {
    let rest = "    layer: platform\n    trigger_condition: too_many_errors\n    action: rollback\n";
    let found = errors(rule_file("heal", rest)).join("\n");
    assert!(
        found.contains("has no `target`") && found.contains("service_unhealthy_tasks with action restart"),
        "{found}"
    );
}

#[test]
fn a_target_that_is_not_indented() {
    let rest = RULE.replace("target: {instances: {tag: {app: shop}}}", "target:\n    instances: {tag: {app: shop}}");
    let found = errors(rule_file("heal", &rest)).join("\n");
    assert!(found.contains("indent `instances` under `target:`"), "{found}");
}

#[test]
fn one_mistake_is_one_error() {
    let rules = format!("stack: shop\nrules:\n  - name: heal\n{RULE}  - name: heal\n{RULE}");
    assert_eq!(errors(rules).len(), 1);
}

#[test]
fn wrong_type() {
    let error = one_error(&format!("{RULE}    max_attempts: three\n"));
    assert_told(&error, &["`max_attempts` must be a whole number, this is the text `three`"]);
    let error = one_error(&RULE.replace("app: shop", "app: 7"));
    assert_told(&error, &["`app` must be text, this is the number 7", "in quotes"]);
}

#[test]
fn duplicate_rule_name() {
    let rules = format!("stack: shop\nrules:\n  - name: heal\n{RULE}  - name: heal\n{RULE}");
    assert_told(&errors(rules).join("\n"), &["rules/shop.yaml:8:11:", "the rule `heal` is already defined on line 3"]);
}

#[test]
fn duplicate_stack() {
    let project = TestProject::with_rules(rule_file("a", RULE)).unwrap();
    project.write("rules/other.yaml", rule_file("b", RULE)).unwrap();
    assert_told(&project.compile().errors().join("\n"), &["the stack `shop` is also that of rules/other.yaml"]);
}

#[test]
fn names_outside_the_grammar() {
    let error = |name: &str| {
        let found = errors(rule_file(name, RULE));
        assert_eq!(found.len(), 1, "{found:#?}");
        found.into_iter().next().unwrap()
    };
    assert_told(&error(&"x".repeat(41)), &["has 41 characters, the limit is 40", "shorten it"]);
    assert_told(&error("heal--twice"), &["contains a double hyphen", "for instance `heal-twice`"]);
    assert_told(&error("Heal"), &["'H' at position 1 is not allowed", "for instance `heal`"]);
    let reserved = rule_file("heal", RULE).replace("stack: shop", "stack: core");
    assert_told(&errors(reserved).join("\n"), &["rules/shop.yaml:1:8:", "the stack name `core` is Healstack's own"]);
}

#[test]
fn empty_selector_is_never_everything() {
    for selector in ["{}", "{tag: {}}", "{ids: []}"] {
        let error = one_error(&RULE.replace("{tag: {app: shop}}", selector));
        assert_told(&error, &["rules/shop.yaml:7:", "is empty"]);
    }
    let error = one_error(&RULE.replace("{tag: {app: shop}}", "{tag: {app: \"*\"}}"));
    assert_told(&error, &["`app` cannot be `*`", "wildcards are not possible"]);
}

#[test]
fn missing_or_wrong_target() {
    let error = one_error(&RULE.replace("    target: {instances: {tag: {app: shop}}}\n", ""));
    assert_told(&error, &["rules/shop.yaml:3:5:", "`heal` has no `target`", "add `target:`"]);
    let error = one_error(&RULE.replace("instances:", "instance:"));
    assert_told(&error, &["rules/shop.yaml:7:14:", "`heal` does not heal `instance`", "did you mean `instances`?"]);
    let error = one_error(&RULE.replace("{instances: {tag: {app: shop}}}", "{}"));
    assert_told(&error, &["`target` is empty"]);
}

#[test]
fn parameter_out_of_its_range() {
    let error = one_error(&format!("{RULE}    parameters: {{health_check_grace_period: 7200}}\n"));
    assert_told(
        &error,
        &["`health_check_grace_period` is `7200`, the most is 3600 seconds", "from 60 to 3600 seconds"],
    );
}

#[test]
fn unsafe_parameter() {
    let error = one_error(&format!("{RULE}    parameters: {{preserve_eip: false}}\n"));
    assert_told(&error, &["rules/shop.yaml:8:32:", "`preserve_eip: false` is unsafe", "write `preserve_eip: true`"]);
}

#[test]
fn escalation_to_nowhere_or_in_a_circle() {
    let error = one_error(&format!("{RULE}    escalate_to: other\n"));
    assert_told(&error, &["`escalate_to` names `other`, which is no rule of this stack"]);
    let rules =
        format!("stack: shop\nrules:\n  - name: a\n{RULE}    escalate_to: b\n  - name: b\n{RULE}    escalate_to: a\n");
    assert_told(&errors(rules).join("\n"), &["escalation runs in a circle: a -> b -> a"]);
}

#[test]
fn window_that_never_counts() {
    let error = one_error(&format!("{RULE}    window: 5m\n"));
    assert_told(&error, &["`window` is 5m, not longer than the cooldown of 10m"]);
}

#[test]
fn invalid_yaml() {
    let found = errors("stack: shop\nrules: [\n");
    assert_told(&found.join("\n"), &["rules/shop.yaml:", "not valid YAML"]);
}

#[test]
fn tab_indentation() {
    let found = errors("stack: shop\nrules:\n\t- name: heal\n");
    assert_told(&found.join("\n"), &["rules/shop.yaml:3:1:", "a tab in the indentation", "spaces only"]);
}

#[test]
fn a_file_of_ten_megabytes() {
    let found = errors("#".repeat(10 * 1024 * 1024));
    assert_told(&found.join("\n"), &["rules/shop.yaml has 10.0 MiB, the limit for a rule file is 4 MiB", "split it"]);
}

#[test]
fn a_file_that_is_not_utf_8() {
    let found = errors(b"stack: shop\nrules:\n  - name: \xff\xfe\n");
    assert_told(&found.join("\n"), &["rules/shop.yaml:3:11: not UTF-8 text", "save the file as UTF-8"]);
}

#[test]
fn a_file_that_is_no_map_and_a_folder_without_rules() {
    assert_told(&errors("just text\n").join("\n"), &["the rule file must be a map, this is the text `just text`"]);
    assert_told(&errors("").join("\n"), &["the rule file must be a map, this is empty"]);
    let found = TestProject::new().unwrap().compile().errors();
    assert_told(&found.join("\n"), &["there are no rule files in rules/", "healstack init"]);
}

#[test]
fn all_errors_of_a_run_are_reported_at_once() {
    let project = TestProject::with_rules(format!(
        "stack: shop\nrules:\n  - name: one\n{RULE}    cooldown_period: 10x\n  - name: two\n{}  - name: three\n{RULE}    parameters: {{preserve_eip: false}}\n",
        RULE.replace("app: shop", "app: 7")
    ))
    .unwrap();
    project.write("rules/b.yaml", "stack: b\nrule: []\n").unwrap();
    let found = project.compile().errors().join("\n");
    assert_told(
        &found,
        &[
            "`x` in `10x`",
            "`app` must be text",
            "`preserve_eip: false` is unsafe",
            "unknown field `rule`",
            "rules/b.yaml",
        ],
    );
}
