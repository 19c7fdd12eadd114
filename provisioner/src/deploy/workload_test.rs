use super::super::fake::{Fake, FakeStack, planned};
use super::super::report::Outcome;
use super::super::ui::Answer;
use super::super::{DeployOptions, PlannedStack, StackAction, run};
use std::collections::BTreeMap;

const YES: DeployOptions = DeployOptions { yes: true };
const PUBLISHED: &str = "/heal/dev/workload/shop/Web";

fn workload(parameters: &[(&str, &str)]) -> PlannedStack {
    let given = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    PlannedStack {
        template: format!(
            "Parameters:\n  Stage: {{Type: String, Default: dev}}\n  Size: {{Type: String}}\nResources:\n  Told: {{Type: AWS::SSM::Parameter, Properties: {{Name: {PUBLISHED}}}}}\n"
        ),
        workload: Some(given.collect()),
        ..planned("shop", &[])
    }
}

fn rules() -> PlannedStack {
    PlannedStack {
        template: format!(
            "Parameters:\n  Web: {{Type: 'AWS::SSM::Parameter::Value<String>', Default: {PUBLISHED}}}\nResources:\n  Topic: {{Type: AWS::SNS::Topic}}\n"
        ),
        ..planned("rules", &["core", "shop"])
    }
}

fn deployed(template: &str, parameters: &[(&str, &str)]) -> FakeStack {
    FakeStack {
        status: "UPDATE_COMPLETE".to_owned(),
        template: template.to_owned(),
        parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..FakeStack::default()
    }
}

fn sent(fake: &Fake, stack: &str) -> BTreeMap<String, String> {
    fake.world().seen.get(&format!("CreateChangeSet {stack}")).cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_reads_from_a_workload_gets_its_change_set_after_it() {
    let fake = Fake::start();
    let (context, ui, _press) = fake.context(Answer::Yes).await;
    let report = run::deploy(&context, &[planned("core", &[]), workload(&[]), rules()], YES).await.unwrap();
    assert_eq!(report.outcome, Outcome::Done);
    let log = fake.world().log.clone();
    let at = |call: &str| log.iter().position(|one| one == call).unwrap_or_else(|| panic!("{call} is not in {log:?}"));
    assert!(at("ExecuteChangeSet shop") < at("CreateChangeSet rules"), "{log:?}");
    assert!(ui.shown.lock().unwrap().iter().any(|text| text.starts_with("shop is deployed first")));
}

#[tokio::test]
async fn a_workload_that_is_as_planned_costs_no_round() {
    let fake = Fake::start();
    let shop = deployed(&workload(&[]).template, &[("Stage", "prod"), ("Size", "2")]);
    fake.world().stacks.insert("shop".to_owned(), shop);
    let (context, ui, _press) = fake.context(Answer::Yes).await;
    run::deploy(&context, &[planned("core", &[]), workload(&[("Stage", "prod")]), rules()], YES).await.unwrap();
    assert!(!ui.shown.lock().unwrap().iter().any(|text| text.contains("deployed first")));
}

#[tokio::test]
async fn a_workload_keeps_the_values_of_its_parameters_and_gets_no_tags() {
    let fake = Fake::start();
    let shop = deployed("Resources: {}", &[("Stage", "prod"), ("Gone", "x")]);
    fake.world().stacks.insert("shop".to_owned(), shop);
    let (context, _, _press) = fake.context(Answer::Yes).await;
    run::deploy(&context, &[workload(&[("Size", "3")])], YES).await.unwrap();
    let sent = sent(&fake, "shop");
    let value = |key: &str| sent.get(key).map(String::as_str);
    assert_eq!(value("Parameters.member.1.ParameterKey"), Some("Stage"));
    assert_eq!(value("Parameters.member.1.UsePreviousValue"), Some("true"));
    assert_eq!(value("Parameters.member.2.ParameterKey"), Some("Size"));
    assert_eq!(value("Parameters.member.2.ParameterValue"), Some("3"));
    assert_eq!(value("Parameters.member.3.ParameterKey"), None, "a parameter that the template has no more");
    assert!(!sent.keys().any(|key| key.starts_with("Tags")), "{sent:?}");
    assert_ne!(value("ImportExistingResources"), Some("true"));
}

#[tokio::test]
async fn a_diff_says_what_it_cannot_know_yet() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Nobody).await;
    let report = run::diff(&context, &[planned("core", &[]), workload(&[]), rules()]).await.unwrap();
    assert_eq!(report.stacks[2].action, StackAction::Unknown);
    assert!(report.stacks[2].notes[0].contains("shop"), "{:?}", report.stacks[2].notes);
    assert!(sent(&fake, "rules").is_empty());
}

#[tokio::test]
async fn a_workload_that_fails_leaves_what_reads_from_it_alone() {
    let fake = Fake::start();
    let (context, _, _press) = fake.context(Answer::Yes).await;
    let shop = PlannedStack { name: "fails-shop".to_owned(), ..workload(&[]) };
    let rules = PlannedStack { depends_on: vec!["fails-shop".to_owned()], ..rules() };
    let report = run::deploy(&context, &[shop, rules], YES).await.unwrap();
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(report.stacks[1].waited_for.as_deref(), Some("fails-shop"));
    assert!(sent(&fake, "rules").is_empty());
}
