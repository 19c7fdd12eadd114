//! The course of a diff and of a deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use super::artifact::{self, Bucket};
use super::aws::Aws;
use super::changeset::{self, Prepared, Surveyed};
use super::clock;
use super::draft::{self, Draft};
use super::error::DeployError;
use super::execute;
use super::interrupt::Interrupt;
use super::jobs;
use super::order::{self, Schedule};
use super::plan::{DiffReport, StackPlan};
use super::render;
use super::report::{DeployReport, Outcome, StackOutcome, StackResult};
use super::state;
use super::ui::{Answer, Step, Ui};
use super::workload;
use super::{Account, DeployOptions, PlannedStack};

/// What every step of a command needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    /// The services.
    pub(crate) aws: Aws,
    /// The user.
    pub(crate) ui: Arc<dyn Ui>,
    /// Whether the user wants to leave.
    pub(crate) interrupt: Interrupt,
    /// The name of this run's change sets.
    pub(super) change_set_name: String,
    /// The bucket that the user named.
    pub(super) artifact_bucket: Option<String>,
}

impl Context {
    /// Connects, and refuses the wrong account.
    pub(crate) async fn connect(account: &Account, ui: &Arc<dyn Ui>) -> Result<Self, DeployError> {
        let aws = Aws::connect(account).await?;
        if let Some(expected) = account.expected_account.as_deref().filter(|_| !account.local) {
            aws.require_account(expected).await?;
        }
        Ok(Self {
            aws,
            ui: Arc::clone(ui),
            interrupt: Interrupt::listen(),
            change_set_name: clock::unique_token(),
            artifact_bucket: account.artifact_bucket.clone(),
        })
    }

    /// The result of something that only looks, or [`DeployError::Interrupted`] as soon as Ctrl-C is pressed.
    pub(crate) async fn unless_interrupted<T>(
        &self,
        looking: impl Future<Output = Result<T, DeployError>>,
    ) -> Result<T, DeployError> {
        tokio::select! {
            result = looking => result,
            () = self.interrupt.pressed() => Err(DeployError::Interrupted),
        }
    }

    /// A line for the user.
    pub(super) fn note(&self, text: &str) {
        self.ui.step(&Step::Note(text));
    }

    /// Asks, unless `yes`. Nobody to ask is an error.
    pub(crate) async fn confirm(&self, question: &str, yes: bool) -> Result<bool, DeployError> {
        if yes {
            return Ok(true);
        }
        tokio::select! {
            answer = self.ui.ask(question) => match answer {
                Ok(Answer::Yes) => Ok(true),
                Ok(Answer::No) => Ok(false),
                Ok(Answer::Nobody) | Err(_) => Err(DeployError::NotConfirmed { question: question.to_owned() }),
            },
            () = self.interrupt.pressed() => {
                // The question's line is still open.
                self.note("");
                Err(DeployError::Interrupted)
            }
        }
    }
}

/// Shows nothing, executes nothing, leaves nothing behind.
pub(super) async fn diff(context: &Context, stacks: &[PlannedStack]) -> Result<DiffReport, DeployError> {
    Schedule::forward(stacks)?;
    let surveyed = survey(context, stacks).await?;
    let bucket = bucket(context, &surveyed);
    let pending = workload::pending(context, &surveyed).await?;
    let prepared = prepare(context, surveyed, &bucket, &pending).await?;
    let (plans, drafts) = split(prepared);
    draft::discard(context, drafts).await;
    Ok(DiffReport { region: context.aws.region.clone(), stacks: plans })
}

/// Shows, asks, executes.
pub(super) async fn deploy(
    context: &Context,
    stacks: &[PlannedStack],
    options: DeployOptions,
) -> Result<DeployReport, DeployError> {
    Schedule::forward(stacks)?;
    let mut open = survey(context, stacks).await?;
    let mut bucket = bucket(context, &open);
    let mut results = Vec::new();
    for round in early(context, stacks, &open, &bucket).await? {
        context.note(&round.why);
        let (now, later) = open.into_iter().partition(|one| round.stacks.contains(&one.planned.name));
        open = later;
        let report = batch(context, now, &bucket, options).await?;
        results.extend(report.stacks);
        if !matches!(report.outcome, Outcome::Done | Outcome::Unchanged) {
            let left = |one: &Surveyed| StackResult {
                waited_for: Some(round.waited_for.clone()),
                ..StackResult::new(&one.planned.name, unstarted(report.outcome))
            };
            results.extend(open.iter().map(left));
            return Ok(in_order(DeployReport { stacks: results, ..report }, stacks));
        }
        if let Bucket::After(provider) = &bucket {
            let made = context.aws.stack(provider).await?;
            let planned = stacks.iter().filter(|stack| stack.name == *provider).map(|stack| (stack, made.as_ref()));
            bucket = artifact::bucket(None, planned);
        }
    }
    let mut report = batch(context, open, &bucket, options).await?;
    if !results.is_empty() {
        report.stacks.extend(results);
        if report.outcome != Outcome::Cancelled {
            report.outcome = Outcome::of(&report.stacks);
        }
    }
    Ok(in_order(report, stacks))
}

/// Stacks that are deployed before the change sets of others can be made.
struct Round {
    stacks: BTreeSet<String>,
    /// The stack that the others wait for.
    waited_for: String,
    /// What is told.
    why: String,
}

/// The rounds before the last one, each with its own confirmation.
async fn early(
    context: &Context,
    stacks: &[PlannedStack],
    surveyed: &[Surveyed],
    bucket: &Bucket,
) -> Result<Vec<Round>, DeployError> {
    let mut rounds = Vec::new();
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    if let (Bucket::After(provider), true) = (bucket, any_large(stacks)?) {
        taken = order::with_dependencies(stacks, provider);
        rounds.push(Round {
            stacks: taken.iter().map(|name| (*name).to_owned()).collect(),
            waited_for: provider.clone(),
            why: format!("{provider} is deployed first: it makes the bucket that larger templates go through"),
        });
    }
    // The change set of a stack that reads a value would hold the one from before.
    let workloads: BTreeSet<String> = workload::pending(context, surveyed).await?.into_keys().collect();
    let first = workloads.iter().find(|name| !taken.contains(name.as_str()));
    if let Some(waited_for) = first {
        let names = workloads.iter().cloned().collect::<Vec<_>>().join(", ");
        let verb = if workloads.len() == 1 { "is" } else { "are" };
        rounds.push(Round {
            waited_for: waited_for.clone(),
            why: format!("{names} {verb} deployed first: other stacks read there what they heal"),
            stacks: workloads,
        });
    }
    Ok(rounds)
}

fn unstarted(outcome: Outcome) -> StackOutcome {
    if outcome == Outcome::Failed { StackOutcome::Skipped } else { StackOutcome::NotStarted }
}

fn in_order(mut report: DeployReport, stacks: &[PlannedStack]) -> DeployReport {
    report.stacks.sort_by_key(|result| stacks.iter().position(|stack| stack.name == result.stack));
    report
}

/// One round: change sets, one question, execution.
async fn batch(
    context: &Context,
    surveyed: Vec<Surveyed>,
    bucket: &Bucket,
    options: DeployOptions,
) -> Result<DeployReport, DeployError> {
    let prepared = prepare(context, surveyed, bucket, &BTreeMap::new()).await?;
    let plans: Vec<StackPlan> = prepared.iter().map(|one| one.plan.clone()).collect();
    let shown = DiffReport { region: context.aws.region.clone(), stacks: plans };
    context.ui.show(&render::diff(&shown));
    if shown.has_changes() {
        let confirmed = context.confirm("Deploy these changes?", options.yes).await;
        if !matches!(confirmed, Ok(true)) {
            let names: Vec<String> = prepared.iter().map(|one| one.plan.stack.clone()).collect();
            let (_, drafts) = split(prepared);
            draft::discard(context, drafts).await;
            confirmed?;
            let stacks = names.iter().map(|name| StackResult::new(name, StackOutcome::NotStarted)).collect();
            return Ok(DeployReport { outcome: Outcome::Cancelled, region: context.aws.region.clone(), stacks });
        }
    }
    let stacks = execute::execute(context, prepared, bucket).await?;
    Ok(DeployReport { outcome: Outcome::of(&stacks), region: context.aws.region.clone(), stacks })
}

/// Looks at every stack as it is.
async fn survey(context: &Context, stacks: &[PlannedStack]) -> Result<Vec<Surveyed>, DeployError> {
    let surveyed = jobs::all_ok(stacks.iter().cloned().map(|planned| {
        let context = context.clone();
        async move {
            let deployed = context.aws.stack(&planned.name).await?;
            let situation = state::situation(&planned.name, deployed.as_ref(), planned.workload.is_some())?;
            Ok(Surveyed { planned: Arc::new(planned), deployed, situation })
        }
    }));
    context.unless_interrupted(surveyed).await
}

fn bucket(context: &Context, surveyed: &[Surveyed]) -> Bucket {
    let stacks = surveyed.iter().map(|one| (&*one.planned, one.deployed.as_ref()));
    artifact::bucket(context.artifact_bucket.as_deref(), stacks)
}

fn any_large(stacks: &[PlannedStack]) -> Result<bool, DeployError> {
    let mut any = false;
    for stack in stacks {
        any |= artifact::is_large(stack)?;
    }
    Ok(any)
}

/// All change sets, or none: when one cannot be made, the others are deleted, and all errors are reported.
async fn prepare(
    context: &Context,
    surveyed: Vec<Surveyed>,
    bucket: &Bucket,
    pending: &BTreeMap<String, BTreeSet<String>>,
) -> Result<Vec<Prepared>, DeployError> {
    let outcomes = jobs::all(surveyed.into_iter().map(|one| {
        let (context, bucket) = (context.clone(), bucket.clone());
        let workload = workload::awaited(&one, pending).map(str::to_owned);
        async move {
            let (draft, plan) = changeset::prepare(&context, &one, &bucket, workload.as_deref()).await;
            (one, draft, plan)
        }
    }))
    .await?;
    let (mut prepared, mut unused, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for (surveyed, draft, plan) in outcomes {
        match plan {
            Ok(plan) => prepared.push(Prepared { surveyed, draft, plan }),
            Err(error) => {
                unused.extend(draft);
                errors.push(error);
            }
        }
    }
    // A change set without changes has failed and cannot be executed.
    let idle = prepared.iter_mut().filter(|one| one.plan.action == super::StackAction::Unchanged);
    unused.extend(idle.filter_map(|one| one.draft.take()));
    if errors.is_empty() && !context.interrupt.is_pressed() {
        draft::discard(context, unused).await;
        return Ok(prepared);
    }
    unused.extend(split(prepared).1);
    draft::discard(context, unused).await;
    if errors.is_empty() {
        errors.push(DeployError::Interrupted);
    }
    Err(DeployError::of_many(errors))
}

fn split(prepared: Vec<Prepared>) -> (Vec<StackPlan>, Vec<Draft>) {
    let (plans, drafts): (Vec<_>, Vec<_>) = prepared.into_iter().map(|one| (one.plan, one.draft)).unzip();
    (plans, drafts.into_iter().flatten().collect())
}
