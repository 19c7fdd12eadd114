use std::time::Duration;

use super::*;
use crate::deploy::error::DeployError;
use crate::deploy::iam::{IamDelta, iam_statements};
use crate::deploy::plan::{Change, ChangeKind, DiffReport, PropertyChange, Recreation, StackAction, StackPlan};
use crate::deploy::report::{DeployReport, Failure, Outcome, OutputValue, StackOutcome, StackResult};
use crate::deploy::status::{StackStatus, StatusReport};

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn change(kind: ChangeKind, logical_id: &str) -> Change {
    let physical_id = (kind != ChangeKind::Add).then(|| format!("heal-{}", logical_id.to_lowercase()));
    Change {
        kind,
        logical_id: logical_id.to_owned(),
        resource_type: "AWS::SNS::Topic".to_owned(),
        physical_id,
        policy: None,
        properties: Vec::new(),
    }
}

fn property(path: &str, before: &str, after: &str, recreation: Recreation) -> PropertyChange {
    let (before, after) = (Some(before.to_owned()), Some(after.to_owned()));
    PropertyChange { path: path.to_owned(), before, after, recreation, because_of: None }
}

fn plan(stack: &str, action: StackAction) -> StackPlan {
    StackPlan {
        stack: stack.to_owned(),
        action,
        status: None,
        changes: Vec::new(),
        iam: IamDelta::default(),
        enable_protection: false,
        notes: Vec::new(),
    }
}

fn role(action: &str) -> String {
    format!(
        "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      Policies:\n        - PolicyName: heal\n          \
         PolicyDocument:\n            Statement:\n              - {{Effect: Allow, Action: {action}, Resource: !GetAtt Table.Arn}}\n"
    )
}

fn report() -> DiffReport {
    let mut update = plan("heal--core", StackAction::Update);
    let mut modified = change(ChangeKind::Modify, "Display");
    modified.properties.push(property("DisplayName", "Healing", "Healed", Recreation::Never));
    let mut long = change(ChangeKind::Modify, "Guard");
    let before =
        r#"{"StartAt":"Lease","States":{"Lease":{"Type":"Task","TimeoutSeconds":30},"End":{"Type":"Succeed"}}}"#;
    long.properties.push(property("Definition", before, &before.replace("30", "60"), Recreation::Never));
    let mut replaced = change(ChangeKind::Replace, "Renamed");
    replaced.properties.push(property("TopicName", "a", "b", Recreation::Always));
    let mut kept = change(ChangeKind::Remove, "Kept");
    kept.policy = Some("Retain".to_owned());
    update.changes = vec![
        change(ChangeKind::Remove, "Gone"),
        replaced,
        kept,
        change(ChangeKind::MayReplace, "Perhaps"),
        modified,
        long,
        change(ChangeKind::Add, "New"),
    ];
    update.iam = IamDelta::between(
        &iam_statements(&role("'dynamodb:UpdateItem'")),
        &iam_statements(&role("['dynamodb:UpdateItem', 'dynamodb:DeleteItem']")),
    );
    let mut create = plan("heal--app", StackAction::Create);
    create.changes = vec![change(ChangeKind::Add, "Topic")];
    create.iam = IamDelta::between(&[], &iam_statements(&role("'dynamodb:GetItem'")));
    create.enable_protection = true;
    DiffReport {
        region: "eu-west-1".to_owned(),
        stacks: vec![update, create, plan("heal--same", StackAction::Unchanged)],
    }
}

#[test]
fn a_diff_shows_what_can_be_lost_last_and_what_is_permitted() {
    insta::assert_snapshot!(plain(&diff(&report())));
}

#[test]
fn what_exists_and_is_taken_in_is_not_added() {
    let mut create = plan("heal--core", StackAction::Create);
    create.changes = vec![change(ChangeKind::Add, "Topic"), change(ChangeKind::Import, "Ledger")];
    let text = plain(&diff(&DiffReport { region: "eu-west-1".to_owned(), stacks: vec![create] }));
    assert!(text.contains("i AWS::SNS::Topic Ledger heal-ledger (exists, is taken into the stack)"), "{text}");
    assert!(text.contains("1 to add, 1 to import."), "{text}");
}

#[test]
fn a_failed_call_says_what_to_do() {
    let error = DeployError::Protected { stacks: vec!["heal--core".to_owned()] };
    let report = DeployReport {
        outcome: Outcome::Failed,
        region: "eu-west-1".to_owned(),
        stacks: vec![StackResult::failed("heal--core", &error)],
    };
    let text = plain(&deploy(&report));
    assert!(
        text.contains("heal--core failed: termination protection is on for heal--core\n  help: run again with"),
        "{text}"
    );
}

#[test]
fn nothing_to_change_is_one_line_a_stack_and_a_sentence() {
    let report =
        DiffReport { region: "eu-west-1".to_owned(), stacks: vec![plan("heal--same", StackAction::Unchanged)] };
    insta::assert_snapshot!(plain(&diff(&report)));
}

#[test]
fn colours_are_those_of_the_consequence() {
    let text = diff(&report());
    for expected in [
        "\u{1b}[32m+\u{1b}[0m AWS::SNS::Topic New",
        "\u{1b}[33m~\u{1b}[0m AWS::SNS::Topic Display",
        "\u{1b}[31m-/+\u{1b}[0m AWS::SNS::Topic Renamed",
        "\u{1b}[31m-\u{1b}[0m AWS::SNS::Topic Gone",
    ] {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
}

#[test]
fn a_failed_deployment_begins_with_the_cause() {
    let failure = |id: &str, reason: &str| Failure {
        logical_id: Some(id.to_owned()),
        resource_type: Some("AWS::SNS::Topic".to_owned()),
        status: Some("CREATE_FAILED".to_owned()),
        reason: reason.to_owned(),
        help: None,
    };
    let output = OutputValue { key: "Topic".to_owned(), value: "arn:topic".to_owned(), description: None };
    let stacks = vec![
        StackResult {
            resources: 3,
            seconds: 75.2,
            outputs: vec![output],
            ..StackResult::new("heal--core", StackOutcome::Created)
        },
        StackResult {
            status: Some("ROLLBACK_COMPLETE".to_owned()),
            seconds: 12.34,
            failures: vec![failure("Topic", "Invalid topic name"), failure("Other", "Already exists")],
            ..StackResult::new("heal--app", StackOutcome::Failed)
        },
        StackResult {
            waited_for: Some("heal--app".to_owned()),
            ..StackResult::new("heal--top", StackOutcome::Skipped)
        },
    ];
    let report = DeployReport { outcome: Outcome::Failed, region: "eu-west-1".to_owned(), stacks };
    insta::assert_snapshot!(plain(&deploy(&report)));
}

#[test]
fn detaching_says_how_to_go_on() {
    let stacks = vec![
        StackResult::new("heal--core", StackOutcome::Detached),
        StackResult::new("heal--app", StackOutcome::NotStarted),
    ];
    let report = DeployReport { outcome: Outcome::Detached, region: "eu-west-1".to_owned(), stacks };
    insta::assert_snapshot!(plain(&deploy(&report)));
}

#[test]
fn the_status_is_in_columns_whatever_its_colour() {
    let core = StackStatus {
        stack: "heal--core".to_owned(),
        status: Some("UPDATE_ROLLBACK_COMPLETE".to_owned()),
        last_updated: Some("2026-01-02T03:04:05Z".to_owned()),
        drift: Some("IN_SYNC".to_owned()),
        up_to_date: Some(false),
        resources: Some(17),
        termination_protection: Some(true),
        failures: vec![Failure::of_stack("Template validation failed")],
        ..StackStatus::default()
    };
    let app = StackStatus { stack: "heal--application".to_owned(), ..StackStatus::default() };
    let report = StatusReport { region: "eu-west-1".to_owned(), stacks: vec![core, app] };
    insta::assert_snapshot!(plain(&status(&report)));
}

#[test]
fn reports_are_json_too() {
    let value = serde_json::to_value(report()).unwrap();
    assert_eq!(value["stacks"][0]["changes"][1]["kind"], "replace");
    assert_eq!(value["stacks"][0]["iam"]["changes"][0]["kind"], "widened");
}

#[test]
fn durations_have_the_unit_that_fits() {
    assert_eq!(style::seconds(Duration::from_millis(40)), "40ms");
    assert_eq!(style::seconds(Duration::from_millis(12_340)), "12.3s");
    assert_eq!(style::seconds(Duration::from_secs(185)), "3m 05s");
}
