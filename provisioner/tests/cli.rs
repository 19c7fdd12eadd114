//! The command as users run it: arguments in, text, JSON and exit codes out.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs `healstack` in a folder, as without a terminal.
fn healstack(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_healstack"))
        .arg("-C")
        .arg(dir)
        .args(arguments)
        .env_remove("HEALSTACK_ENV")
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error} in {}", stdout(output)))
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", stdout(output), stderr(output));
}

fn new_project() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    assert_code(&healstack(dir.path(), &["init"]), 0);
    dir
}

#[test]
fn a_new_project_works_at_once_and_is_never_overwritten() {
    let dir = new_project();
    let rule = dir.path().join("rules/example.yaml");
    for command in [["check"].as_slice(), &["synth"], &["synth", "--check"], &["explain", "example"]] {
        assert_code(&healstack(dir.path(), command), 0);
    }
    assert!(dir.path().join("generated/dev/example/template.yaml").is_file());
    fs::write(&rule, "mine").unwrap();
    let again = healstack(dir.path(), &["init"]);
    assert_code(&again, 0);
    assert!(stdout(&again).contains("kept  rules/example.yaml"), "{}", stdout(&again));
    assert_eq!(fs::read_to_string(&rule).unwrap(), "mine");
}

#[test]
fn stale_files_end_with_3_and_say_what_differs() {
    let dir = new_project();
    let rule = dir.path().join("rules/example.yaml");
    let missing = healstack(dir.path(), &["synth", "--check"]);
    assert_code(&missing, 3);
    assert!(stdout(&missing).contains("missing  generated/dev/example/template.yaml"), "{}", stdout(&missing));

    assert_code(&healstack(dir.path(), &["synth"]), 0);
    let text = fs::read_to_string(&rule).unwrap();
    fs::write(&rule, format!("{text}    max_attempts: 7\n")).unwrap();
    let stale = healstack(dir.path(), &["synth", "--check"]);
    assert_code(&stale, 3);
    for part in [
        "stale  generated/dev/example/template.yaml",
        "+          \"max_attempts\": 7,",
        "-          \"max_attempts\": 3,",
        "run `healstack synth`",
    ] {
        assert!(stdout(&stale).contains(part), "`{part}` is not in\n{}", stdout(&stale));
    }
    assert_code(&healstack(dir.path(), &["synth"]), 0);
    assert_code(&healstack(dir.path(), &["synth", "--check"]), 0);
}

#[test]
fn a_removed_stack_is_removed_and_foreign_files_stay() {
    let dir = new_project();
    let generated = dir.path().join("generated/dev");
    assert_code(&healstack(dir.path(), &["synth"]), 0);
    fs::create_dir_all(generated.join("mine")).unwrap();
    fs::write(generated.join("mine/template.yaml"), "Resources: {}\n").unwrap();
    fs::write(generated.join("example/notes.txt"), "x").unwrap();
    let rule = fs::read_to_string(dir.path().join("rules/example.yaml")).unwrap();
    fs::write(dir.path().join("rules/example.yaml"), rule.replace("stack: example", "stack: other")).unwrap();
    let synth = healstack(dir.path(), &["synth"]);
    assert!(stdout(&synth).contains("removed  generated/dev/example/template.yaml"), "{}", stdout(&synth));
    assert!(generated.join("other/template.yaml").is_file());
    assert!(!generated.join("example/template.yaml").exists());
    assert!(generated.join("example/notes.txt").is_file());
    assert!(generated.join("mine/template.yaml").is_file());
}

#[test]
fn errors_show_the_line_and_write_nothing() {
    let dir = new_project();
    let rule = dir.path().join("rules/example.yaml");
    let text = fs::read_to_string(&rule).unwrap();
    fs::write(&rule, text.replace("mode: observe", "mode: obsreve")).unwrap();
    let failed = healstack(dir.path(), &["synth"]);
    assert_code(&failed, 1);
    let told = stderr(&failed);
    for part in ["rules/example.yaml:14:11", "mode: obsreve", "did you mean `observe`?", "1 error, nothing was done"] {
        assert!(told.contains(part), "`{part}` is not in\n{told}");
    }
    assert!(!dir.path().join("generated").exists());
    assert!(!told.contains('\u{1b}'), "no colour without a terminal");
}

#[test]
fn json_holds_results_and_problems() {
    let dir = new_project();
    let synth = json(&healstack(dir.path(), &["--output", "json", "synth"]));
    assert_eq!(synth["ok"], true);
    assert_eq!(synth["files"][0]["state"], "created");
    let explained = json(&healstack(dir.path(), &["--output", "json", "explain", "example/example"]));
    assert_eq!(explained["runbook"]["steps"][0]["name"], "describe");
    assert_eq!(explained["mode"], "observe");

    fs::write(dir.path().join("rules/example.yaml"), "stack: a b\n").unwrap();
    let failed = healstack(dir.path(), &["--output", "json", "check"]);
    assert_code(&failed, 1);
    let failed = json(&failed);
    assert_eq!(failed["ok"], false);
    assert_eq!(
        (&failed["problems"][0]["file"], &failed["problems"][0]["line"]),
        (&"rules/example.yaml".into(), &1.into())
    );
}

#[test]
fn a_rule_that_observes_acts_on_nothing() {
    let dir = new_project();
    let template = || {
        assert_code(&healstack(dir.path(), &["synth"]), 0);
        fs::read_to_string(dir.path().join("generated/dev/example/template.yaml")).unwrap()
    };
    let observing = template();
    assert!(!observing.contains(":automate:"));
    assert!(observing.contains("ActionsEnabled: true"));
    let rule = dir.path().join("rules/example.yaml");
    let text = fs::read_to_string(&rule).unwrap();
    fs::write(&rule, text.replace("mode: observe", "mode: enforce")).unwrap();
    assert!(template().contains("automate:${AWS::Region}:ec2:recover"));
    for off in ["mode: off", "enabled: false"] {
        fs::write(&rule, text.replace("mode: observe", off)).unwrap();
        let template = template();
        assert!(!template.contains(":automate:") && !template.contains("ActionsEnabled: true"), "{off}");
    }
}

#[test]
fn unknown_rules_and_environments_are_named() {
    let dir = new_project();
    let unknown = healstack(dir.path(), &["explain", "exampel"]);
    assert_code(&unknown, 1);
    assert!(stderr(&unknown).contains("did you mean `example`?"), "{}", stderr(&unknown));
    let unknown = healstack(dir.path(), &["--env", "prod", "check"]);
    assert_code(&unknown, 1);
    assert!(stderr(&unknown).contains("the environments of healstack.yaml are `dev`"), "{}", stderr(&unknown));
}

#[test]
fn kinds_are_listed_and_the_reference_names_every_parameter() {
    let dir = tempfile::tempdir().unwrap();
    let listed = stdout(&healstack(dir.path(), &["kinds"]));
    assert!(listed.contains("infrastructure/ec2-instance-healing"), "{listed}");
    let kinds = json(&healstack(dir.path(), &["--output", "json", "kinds"]));
    let reference = stdout(&healstack(dir.path(), &["kinds", "--markdown"]));
    for kind in kinds["kinds"].as_array().unwrap() {
        for parameter in kind["parameters"].as_object().unwrap().keys() {
            assert!(reference.contains(&format!("| `{parameter}` |")), "{parameter}");
        }
    }
}

#[test]
fn outside_a_project_it_says_how_to_begin() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = healstack(dir.path(), &["check"]);
    assert_code(&nowhere, 1);
    assert!(stderr(&nowhere).contains("healstack init"), "{}", stderr(&nowhere));
    assert_code(&healstack(dir.path(), &["no-such-command"]), 2);
    assert_code(&healstack(dir.path(), &["schema"]), 0);
    let completions = healstack(dir.path(), &["completions", "bash"]);
    assert!(stdout(&completions).contains("_healstack()"), "{}", stdout(&completions));
}

/// This repository's own rules, which are the documentation's example.
#[test]
fn the_published_schema_accepts_the_shipped_rules_and_refuses_a_misspelled_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let schema = json(&healstack(root, &["schema"]));
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let source =
        healstack::diagnostics::Source::new("rules", fs::read_to_string(root.join("rules/checkout.yaml")).unwrap());
    let rules = healstack::yaml::parse(&source).unwrap().to_json();
    let errors: Vec<String> = validator.iter_errors(&rules).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    let services = rules["rules"].as_array().unwrap().iter().position(|rule| rule["target"].get("services").is_some());
    let services = format!("/rules/{}/target", services.unwrap());
    for (pointer, value) in [
        ("/rules/0/parameters", serde_json::json!({"preserve_ip": true})),
        ("/rules/0/layer", "infra".into()),
        ("/rules/0/cooldown_period", "10 minutes".into()),
        (services.as_str(), serde_json::json!({"services": {"cluster": "x"}})),
    ] {
        let mut wrong = rules.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&wrong), "{pointer}");
    }
}

/// Without anybody's credentials: what is refused here is refused before anything is asked of AWS.
#[cfg(feature = "operate")]
fn without_credentials(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_healstack"));
    for variable in ["HEALSTACK_ENV", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        command.env_remove(variable);
    }
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.arg("-C").arg(dir).args(arguments).args(["--profile", "nobody"]).output().unwrap()
}

#[cfg(feature = "operate")]
#[test]
fn everything_is_never_paused_by_a_slip() {
    let dir = new_project();
    for (arguments, told) in [
        (["pause", "--reason", "x"].as_slice(), "--all"),
        (&["pause", "ALL", "--reason", "x"], "--all"),
        (&["pause", "*", "--reason", "x"], "--all"),
        (&["pause", "checkout", "--all", "--reason", "x"], "cannot be used with"),
        (&["pause", "checkout"], "--reason"),
        (&["pause", "checkout", "--reason", "  "], "say why"),
        (&["pause", "Checkout", "--reason", "x"], "lower-case"),
        (&["pause", "checkout", "--reason", "x", "--for", "2h", "--until", "2h"], "cannot be used with"),
        (&["pause", "checkout", "--reason", "x", "--for", "2 hours"], "2h"),
        (&["pause", "checkout", "--reason", "x", "--for", "30"], "write `30m` or `30s`"),
        (&["resume"], "--all"),
        (&["mode", "observe", "--reason", "x"], "--all"),
        (&["mode", "off", "checkout"], "unrecognized subcommand"),
        (&["unlock", "i-0abc"], "--reason"),
    ] {
        let refused = healstack(dir.path(), arguments);
        assert_code(&refused, 2);
        assert!(stderr(&refused).contains(told), "{arguments:?}: `{told}` is not in\n{}", stderr(&refused));
    }
}

#[cfg(feature = "operate")]
#[test]
fn wrong_times_and_filters_say_what_is_right() {
    let dir = new_project();
    for (arguments, told) in [
        (["events", "--since", "yesterday"].as_slice(), "24h"),
        (&["events", "--status", "done"], "completed"),
        (&["events", "--layer", "infra"], "infrastructure"),
        (&["events", "--rule", "a/b/c"], "checkout/web-hosts"),
        (&["events", "--limit", "0"], "0"),
        (&["stats", "--since", "24"], "24h"),
    ] {
        let refused = healstack(dir.path(), arguments);
        assert_code(&refused, 2);
        assert!(stderr(&refused).contains(told), "{arguments:?}: `{told}` is not in\n{}", stderr(&refused));
    }
}

#[cfg(feature = "operate")]
#[test]
fn the_ledger_needs_healstack_yaml_and_no_rule_that_compiles() {
    let dir = new_project();
    fs::write(dir.path().join("rules/example.yaml"), "no: rules").unwrap();
    // It gets as far as the credentials, which are not there.
    for arguments in [
        ["events"].as_slice(),
        &["stats"],
        &["switches"],
        &["pause", "--all", "--reason", "x"],
        &["unlock", "i-0abc", "--reason", "x"],
    ] {
        let failed = without_credentials(dir.path(), arguments);
        assert_code(&failed, 1);
        assert!(stderr(&failed).contains("no usable AWS credentials"), "{arguments:?}: {}", stderr(&failed));
    }
    let nowhere = tempfile::tempdir().unwrap();
    let failed = healstack(nowhere.path(), &["events"]);
    assert_code(&failed, 1);
    assert!(stderr(&failed).contains("healstack init"), "{}", stderr(&failed));
}

#[cfg(feature = "operate")]
#[test]
fn an_error_among_json_lines_is_a_line() {
    let dir = new_project();
    let failed = without_credentials(dir.path(), &["--output", "json", "events"]);
    assert_code(&failed, 1);
    assert_eq!(stdout(&failed).lines().count(), 1, "{}", stdout(&failed));
    assert_eq!(json(&failed)["ok"], false);
}
