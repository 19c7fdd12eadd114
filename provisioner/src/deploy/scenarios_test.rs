//! Whole commands against the fake CloudFormation.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::DeployError;
use super::fake::{Fake, FakeStack, planned};
use super::report::{Outcome, StackOutcome};
use super::ui::Answer;
use super::{Account, DeployOptions, DestroyOptions, PlannedStack, StackAction, destroy, left_over, run, status};

const ASK: DeployOptions = DeployOptions { yes: false };
const YES: DeployOptions = DeployOptions { yes: true };

fn assert_nothing_left(fake: &Fake) {
    let world = fake.world();
    assert!(world.stacks.is_empty(), "{:?}", world.stacks);
    assert!(world.change_sets.is_empty(), "{:?}", world.change_sets);
}

#[tokio::test]
async fn a_diff_leaves_nothing_behind() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Nobody).await;
    let report = run::diff(&context, &[planned("a", &[]), planned("two-pages", &["a"])]).await.unwrap();
    assert!(report.has_changes());
    let changed: Vec<usize> = report.stacks.iter().map(|plan| plan.changes.len()).collect();
    assert_eq!(changed, [1, 2], "the second page of a change set counts");
    assert_nothing_left(&fake);
    assert!(fake.calls("ExecuteChangeSet").is_empty());
}

#[tokio::test]
async fn stacks_are_executed_in_order_and_independent_ones_at_once() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let stacks = [planned("app", &["core"]), planned("core", &[]), planned("side", &[])];
    let report = run::deploy(&context, &stacks, ASK).await.unwrap();
    assert_eq!(report.outcome, Outcome::Done);
    let names: Vec<&str> = report.stacks.iter().map(|one| one.stack.as_str()).collect();
    assert_eq!(names, ["app", "core", "side"], "results stand in the given order");
    assert!(report.stacks.iter().all(|one| one.outcome == StackOutcome::Created && one.resources == 1));
    let executed = fake.calls("ExecuteChangeSet");
    let mut first: Vec<&str> = executed[..2].iter().map(String::as_str).collect();
    first.sort_unstable();
    assert_eq!((first, executed[2].as_str()), (vec!["core", "side"], "app"));
}

#[tokio::test]
async fn a_failure_names_its_cause_skips_dependents_and_lets_others_go_on() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let stacks = [planned("fails", &[]), planned("app", &["fails"]), planned("top", &["app"]), planned("side", &[])];
    let report = run::deploy(&context, &stacks, YES).await.unwrap();
    assert_eq!(report.outcome, Outcome::Failed);
    let outcomes: Vec<StackOutcome> = report.stacks.iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [StackOutcome::Failed, StackOutcome::Skipped, StackOutcome::Skipped, StackOutcome::Created]);
    let failures = &report.stacks[0].failures;
    assert_eq!(failures.len(), 1, "neither cancelled resources nor another operation's events: {failures:?}");
    assert_eq!((failures[0].logical_id.as_deref(), failures[0].reason.as_str()), (Some("Topic"), "Invalid topic name"));
    assert_eq!(report.stacks[2].waited_for.as_deref(), Some("app"));
    let world = fake.world();
    assert!(world.change_sets.is_empty());
    assert_eq!(world.stacks.keys().collect::<Vec<_>>(), ["fails", "side"], "the skipped stacks' empty stacks are gone");
}

#[tokio::test]
async fn no_changes_is_a_success_and_asks_nothing() {
    let fake = Fake::start();
    fake.world().stacks.insert("same".to_owned(), deployed("CREATE_COMPLETE"));
    let (context, ui, _press) = fake.context(Answer::Nobody).await;
    let report = run::deploy(&context, &[planned("same", &[])], ASK).await.unwrap();
    assert_eq!(report.outcome, Outcome::Unchanged);
    assert_eq!(ui.shown.lock().unwrap().len(), 1, "the plan, and no question");
    assert!(fake.world().change_sets.is_empty());
    assert!(fake.calls("ExecuteChangeSet").is_empty());
}

#[tokio::test]
async fn without_somebody_to_confirm_nothing_happens() {
    let fake = Fake::start();
    let (context, ui, _press) = fake.context(Answer::Nobody).await;
    let error = run::deploy(&context, &[planned("a", &[])], ASK).await.unwrap_err();
    assert!(matches!(error, DeployError::NotConfirmed { .. }), "{error}");
    assert!(ui.shown.lock().unwrap()[0].contains("AWS::SNS::Topic"), "the plan is shown all the same");
    assert_nothing_left(&fake);
}

#[tokio::test]
async fn no_is_an_answer() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::No).await;
    let report = run::deploy(&context, &[planned("a", &[])], ASK).await.unwrap();
    assert_eq!((report.outcome, report.stacks[0].outcome), (Outcome::Cancelled, StackOutcome::NotStarted));
    assert_nothing_left(&fake);
}

#[tokio::test]
async fn one_refused_change_set_deletes_the_others() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let error = run::deploy(&context, &[planned("a", &[]), planned("refused", &[])], YES).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "stack refused: cloudformation:CreateChangeSet failed: ValidationError: Template format error: no good (request request-1)"
    );
    assert_nothing_left(&fake);
    let error = run::diff(&context, &[planned("refused1", &[]), planned("refused2", &[])]).await.unwrap_err();
    assert!(matches!(&error, DeployError::Several { errors } if errors.len() == 2), "{error}");
}

#[tokio::test]
async fn ctrl_c_while_executing_detaches() {
    let fake = Fake::start();
    let (context, _, press) = fake.context(Answer::Yes).await;
    let presser = fake.clone();
    tokio::spawn(async move {
        while presser.calls("ExecuteChangeSet").is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        press.send(true).unwrap();
    });
    let report = run::deploy(&context, &[planned("hangs", &[]), planned("app", &["hangs"])], YES).await.unwrap();
    assert_eq!(report.outcome, Outcome::Detached);
    let outcomes: Vec<StackOutcome> = report.stacks.iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [StackOutcome::Detached, StackOutcome::NotStarted]);
    assert_eq!(fake.world().stacks.keys().collect::<Vec<_>>(), ["hangs"]);
    assert!(fake.calls("DeleteStack").iter().all(|stack| stack == "app"), "what is under way is left alone");
}

#[tokio::test]
async fn ctrl_c_before_execution_deletes_the_change_sets() {
    let fake = Fake::start();
    let (context, _, press) = fake.context(Answer::Yes).await;
    let presser = fake.clone();
    tokio::spawn(async move {
        while presser.calls("DescribeChangeSet").len() < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        press.send(true).unwrap();
    });
    let error = run::deploy(&context, &[planned("pending", &[]), planned("a", &[])], YES).await.unwrap_err();
    assert!(matches!(error, DeployError::Interrupted), "{error}");
    assert_nothing_left(&fake);
}

#[tokio::test]
async fn ctrl_c_while_looking_ends_at_once() {
    let fake = Fake::start();
    fake.world().throttle.insert("DescribeStacks".to_owned(), 100);
    let (context, _, press) = fake.context(Answer::Yes).await;
    press.send(true).unwrap();
    let stacks = [planned("a", &[])];
    assert!(matches!(run::diff(&context, &stacks).await, Err(DeployError::Interrupted)));
    assert!(matches!(status::status(&context, &stacks).await, Err(DeployError::Interrupted)));
    let destroyed = destroy::destroy(&context, &stacks, DestroyOptions::default()).await;
    assert!(matches!(destroyed, Err(DeployError::Interrupted)));
}

#[tokio::test]
async fn a_change_set_that_is_out_of_date_fails_with_what_to_do_and_leaves_nothing() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let report = run::deploy(&context, &[planned("obsolete", &[])], YES).await.unwrap();
    let failure = &report.stacks[0].failures[0];
    assert!(failure.reason.contains("OBSOLETE"), "{failure:?}");
    assert!(failure.help.as_deref().is_some_and(|help| help.contains("run the command again")), "{failure:?}");
    assert_nothing_left(&fake);
}

#[tokio::test]
async fn a_roll_back_that_somebody_else_began_is_seen() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let report = run::deploy(&context, &[planned("cancelled", &[])], YES).await.unwrap();
    assert_eq!(report.stacks[0].status.as_deref(), Some("ROLLBACK_COMPLETE"));
    assert_eq!(report.stacks[0].failures[0].reason, "CloudFormation gives no reason");
}

#[tokio::test]
async fn the_status_of_the_operation_before_is_not_taken_for_this_one_s() {
    let fake = Fake::start();
    fake.world().stacks.insert("slow".to_owned(), deployed("UPDATE_COMPLETE"));
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let report = run::deploy(&context, &[planned("slow", &[])], YES).await.unwrap();
    assert_eq!(report.stacks[0].outcome, StackOutcome::Failed, "{report:?}");
}

#[tokio::test]
async fn what_a_failed_creation_left_is_deleted_after_the_confirmation() {
    let fake = Fake::start();
    fake.world().stacks.insert("a".to_owned(), deployed("ROLLBACK_COMPLETE"));
    let (context, ui, _press) = fake.context(Answer::Yes).await;
    let diff = run::diff(&context, &[planned("a", &[])]).await.unwrap();
    assert_eq!(diff.stacks[0].action, StackAction::Recreate);
    assert!(fake.calls("DeleteStack").is_empty(), "a diff deletes nothing that it did not make");
    let report = run::deploy(&context, &[planned("a", &[])], ASK).await.unwrap();
    assert_eq!(report.stacks[0].outcome, StackOutcome::Created, "{report:?}");
    assert!(ui.shown.lock().unwrap()[0].contains("will be deleted first"));
    let order = ["DeleteStack", "CreateChangeSet", "ExecuteChangeSet"];
    let world = fake.world();
    let calls = world.log.iter().filter_map(|call| order.iter().find(|action| call.starts_with(**action)));
    assert_eq!(calls.copied().collect::<Vec<_>>(), order);
}

#[tokio::test]
async fn throttled_calls_are_repeated() {
    let fake = Fake::start();
    fake.world().throttle.extend([("DescribeStacks".to_owned(), 1), ("ExecuteChangeSet".to_owned(), 1)]);
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let report = run::deploy(&context, &[planned("a", &[])], YES).await.unwrap();
    assert_eq!(report.outcome, Outcome::Done);
}

#[tokio::test]
async fn termination_protection_is_set_after_success_and_must_be_lifted_explicitly() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let core = PlannedStack { termination_protection: true, ..planned("core", &[]) };
    let stacks = [core, planned("app", &["core"])];
    run::deploy(&context, &stacks, YES).await.unwrap();
    assert!(fake.world().stacks["core"].protected);
    let options = DestroyOptions { yes: true, disable_protection: false };
    let error = destroy::destroy(&context, &stacks, options).await.unwrap_err();
    assert_eq!(error.to_string(), "termination protection is on for core");
    assert!(fake.calls("DeleteStack").is_empty());
    let options = DestroyOptions { disable_protection: true, ..options };
    let report = destroy::destroy(&context, &stacks, options).await.unwrap();
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(fake.calls("DeleteStack"), ["app", "core"], "dependents first");
}

#[tokio::test]
async fn destroying_lists_what_stays_and_does_not_mind_missing_stacks() {
    let fake = Fake::start();
    let mut stack = deployed("CREATE_COMPLETE");
    stack.template = "Resources:\n  Topic: {Type: AWS::SNS::Topic, DeletionPolicy: Retain}\n".to_owned();
    fake.world().stacks.insert("a".to_owned(), stack);
    let (context, ui, _press) = fake.context(Answer::Yes).await;
    let stacks = [planned("a", &[]), planned("gone", &[])];
    let report = destroy::destroy(&context, &stacks, DestroyOptions::default()).await.unwrap();
    let outcomes: Vec<(&str, StackOutcome)> =
        report.stacks.iter().map(|one| (one.stack.as_str(), one.outcome)).collect();
    assert_eq!(outcomes, [("gone", StackOutcome::Missing), ("a", StackOutcome::Deleted)]);
    assert_eq!(report.retained[0].physical_id.as_deref(), Some("arn:topic"));
    assert!(ui.shown.lock().unwrap()[0].contains("stay, outside the stack"));
    let again = destroy::destroy(&context, &[planned("gone", &[])], DestroyOptions::default()).await.unwrap();
    assert_eq!(again.outcome, Outcome::Unchanged);
}

#[tokio::test]
async fn an_empty_stack_that_a_change_set_left_is_destroyed_too() {
    let fake = Fake::start();
    fake.world().stacks.insert("a".to_owned(), deployed("REVIEW_IN_PROGRESS"));
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let report = destroy::destroy(&context, &[planned("a", &[])], DestroyOptions::default()).await.unwrap();
    assert_eq!(report.stacks[0].outcome, StackOutcome::Deleted, "{report:?}");
    assert_nothing_left(&fake);
}

#[tokio::test]
async fn a_large_template_waits_for_the_bucket_and_goes_through_it() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let large = PlannedStack {
        template: format!("{}# {}", planned("", &[]).template, "x".repeat(52_000)),
        ..planned("large", &[])
    };
    let store = PlannedStack { provides_artifact_bucket: true, ..planned("store", &[]) };
    let stacks = [large.clone(), store];
    let diff = run::diff(&context, &stacks).await.unwrap();
    assert_eq!(diff.stacks[0].action, StackAction::Unknown);
    fake.world().stacks.insert(
        "store".to_owned(),
        super::fake::FakeStack {
            outputs: BTreeMap::from([("ArtifactBucketName".to_owned(), "artifacts".to_owned())]),
            ..deployed("CREATE_COMPLETE")
        },
    );
    run::deploy(&context, &stacks, YES).await.unwrap();
    let world = fake.world();
    let (path, text) = world.objects.first_key_value().unwrap();
    assert!(
        path.starts_with("/artifacts/templates/") && path.len() == "/artifacts/templates/.yaml".len() + 64,
        "{path}"
    );
    assert!(text.contains(&large.template), "the object is the template");
    assert_eq!(world.seen["CreateChangeSet large"]["TemplateURL"], format!("{}{path}", fake.url));
    assert_eq!(world.seen["CreateChangeSet store"].get("TemplateURL"), None);
}

#[tokio::test]
async fn without_any_bucket_a_large_template_is_an_error() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let large = PlannedStack { template: "#".repeat(51_201), ..planned("large", &[]) };
    let error = run::diff(&context, &[large]).await.unwrap_err();
    assert!(matches!(error, DeployError::NoArtifactBucket { .. }), "{error}");
}

#[tokio::test]
async fn another_account_s_credentials_are_refused() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    context.aws.require_account("111122223333").await.unwrap();
    let error = context.aws.require_account("999999999999").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the credentials belong to account 111122223333, but the environment is account 999999999999"
    );
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_said_with_what_to_check() {
    let ui: std::sync::Arc<dyn super::Ui> = fake_ui();
    let account = Account { endpoint_url: Some("http://127.0.0.1:1".to_owned()), local: true, ..Account::default() };
    let error = super::status(&[planned("a", &[])], &account, &ui).await.unwrap_err();
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert!(miette::Diagnostic::help(&error).is_some());
}

#[tokio::test]
async fn stacks_that_nothing_asks_for_any_more_are_found_by_their_tag() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    for (name, environment, status) in [
        ("app", "prod", "CREATE_COMPLETE"),
        ("old", "prod", "UPDATE_COMPLETE"),
        ("gone", "prod", "DELETE_COMPLETE"),
        ("other", "test", "CREATE_COMPLETE"),
    ] {
        let stack =
            FakeStack { status: status.to_owned(), environment: environment.to_owned(), ..FakeStack::default() };
        fake.world().stacks.insert(name.to_owned(), stack);
    }
    let stacks = [planned("core", &[]), planned("app", &["core"])];
    let found = left_over::find(&context, &stacks, ("environment", "prod")).await.unwrap();
    let names: Vec<&str> = found.iter().map(|stack| stack.name.as_str()).collect();
    assert_eq!(names, ["old"]);
    assert_eq!(found[0].depends_on, ["core"], "core goes after it");
    let report = status::status(&context, &found).await.unwrap();
    assert_eq!((report.stacks[0].left_over, report.stacks[0].up_to_date), (true, None));
}

#[tokio::test]
async fn status_says_what_is_deployed_and_what_went_wrong() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let stacks = [planned("a", &[]), planned("fails", &[]), planned("gone", &[])];
    run::deploy(&context, &stacks[..2], YES).await.unwrap();
    let mut changed = stacks.clone();
    changed[1].template.push('#');
    let report = status::status(&context, &changed).await.unwrap();
    let said: Vec<(Option<&str>, Option<bool>, usize)> =
        report.stacks.iter().map(|one| (one.status.as_deref(), one.up_to_date, one.failures.len())).collect();
    assert_eq!(said[0], (Some("CREATE_COMPLETE"), Some(true), 0));
    assert_eq!(said[1].0, Some("ROLLBACK_COMPLETE"));
    assert_eq!(said[1].1, Some(false));
    assert!(report.stacks[1].failures.iter().any(|failure| failure.reason == "Invalid topic name"));
    assert_eq!(said[2], (None, None, 0));
}

fn deployed(status: &str) -> super::fake::FakeStack {
    super::fake::FakeStack { status: status.to_owned(), ..super::fake::FakeStack::default() }
}

fn fake_ui() -> std::sync::Arc<super::fake::FakeUi> {
    std::sync::Arc::new(super::fake::FakeUi { answer: Answer::Nobody, shown: std::sync::Mutex::default() })
}
