//! `healstack diff`, `deploy`, `destroy`, `status`: the commands that talk to AWS.

use super::aws::{self, AwsOptions};
use super::output::GOOD;
use super::{Exit, Session};
use crate::deploy::{self, Account, DeployError, ENVIRONMENT_TAG, Outcome, PlannedStack, Step, TerminalUi, Ui, render};
use crate::diagnostics::{Problem, Problems};
use crate::generated::{self, State};
use crate::project::{Compiled, Project};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

/// Options of `diff`.
#[derive(Debug, clap::Args)]
pub(super) struct DiffOptions {
    #[command(flatten)]
    aws: AwsOptions,
}

/// Options of `deploy`.
#[derive(Debug, clap::Args)]
pub(super) struct DeployOptions {
    #[command(flatten)]
    aws: AwsOptions,
    /// Deploy without asking.
    #[arg(short, long)]
    yes: bool,
    /// Refuse when generated/ is not what the rules say: what is deployed is then what was reviewed.
    #[arg(long)]
    locked: bool,
}

/// Options of `destroy`.
#[derive(Debug, clap::Args)]
pub(super) struct DestroyOptions {
    #[command(flatten)]
    aws: AwsOptions,
    /// Delete without asking.
    #[arg(short, long)]
    yes: bool,
    /// Lift the termination protection of the core and account stacks.
    #[arg(long)]
    disable_protection: bool,
    /// Delete only stacks that are in no rule file any more.
    #[arg(long)]
    left_over: bool,
}

/// Options of `status`.
#[derive(Debug, clap::Args)]
pub(super) struct StatusOptions {
    #[command(flatten)]
    aws: AwsOptions,
}

/// A compiled project and where it goes.
struct Prepared {
    project: Project,
    compiled: Compiled,
    problems: Problems,
    stacks: Vec<PlannedStack>,
    account: Account,
    ui: Arc<dyn Ui>,
}

pub(super) fn diff(session: &Session, options: &DiffOptions) -> Exit {
    with(session, &options.aws, |prepared| async move {
        let found = deploy::diff(&prepared.stacks, &prepared.account, &prepared.ui).await?;
        Ok((render::diff(&found), value(&found), Exit::Success))
    })
}

pub(super) fn deploy(session: &Session, options: &DeployOptions) -> Exit {
    let prepared = match prepare(session, &options.aws) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    session.printer.mention_warnings(&prepared.problems);
    if let Err(problem) = write_generated(session, &prepared, options.locked) {
        return session.printer.fail(problem);
    }
    let local = options.aws.local;
    let options = deploy::DeployOptions { yes: options.yes };
    run(session, async move {
        for note in not_deployed(&prepared) {
            prepared.ui.step(&Step::Note(&note));
        }
        let done = deploy::deploy(&prepared.stacks, &prepared.account, options, &prepared.ui).await?;
        let mut text = render::deploy(&done);
        let left_over = prepared.left_over().await?;
        for stack in &left_over {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{} is deployed and in no rule file any more: `healstack destroy --left-over` deletes it",
                stack.name
            );
        }
        if local && matches!(done.outcome, Outcome::Done | Outcome::Unchanged) {
            text.push_str(&next_steps(&prepared));
        }
        let mut value = value(&done);
        value["left_over"] = left_over.iter().map(|stack| stack.name.clone()).collect();
        Ok((text, value, exit(done.outcome)))
    })
}

pub(super) fn destroy(session: &Session, options: &DestroyOptions) -> Exit {
    let destroy = deploy::DestroyOptions { yes: options.yes, disable_protection: options.disable_protection };
    let only_left_over = options.left_over;
    with(session, &options.aws, move |mut prepared| async move {
        let left_over = prepared.left_over().await?;
        if only_left_over {
            // What they depended on stays, so nothing of it is to be waited for.
            prepared.stacks =
                left_over.into_iter().map(|stack| PlannedStack { depends_on: Vec::new(), ..stack }).collect();
        } else {
            // Workloads are not Healstack's to delete.
            let (workloads, own): (Vec<_>, Vec<_>) =
                prepared.stacks.into_iter().partition(|stack| stack.workload.is_some());
            for workload in workloads {
                prepared.ui.step(&Step::Note(&format!("{} is a workload's own stack: it stays", workload.name)));
            }
            prepared.stacks = own;
            prepared.stacks.extend(left_over);
        }
        let done = deploy::destroy(&prepared.stacks, &prepared.account, destroy, &prepared.ui).await?;
        Ok((render::destroy(&done), value(&done), exit(done.outcome)))
    })
}

pub(super) fn status(session: &Session, options: &StatusOptions) -> Exit {
    with(session, &options.aws, |mut prepared| async move {
        let left_over = prepared.left_over().await?;
        prepared.stacks.extend(left_over);
        let found = deploy::status(&prepared.stacks, &prepared.account, &prepared.ui).await?;
        Ok((render::status(&found), value(&found), Exit::Success))
    })
}

impl Prepared {
    /// Stacks of this environment that are deployed and in no rule file any more.
    async fn left_over(&self) -> Result<Vec<PlannedStack>, DeployError> {
        let tag = (ENVIRONMENT_TAG, self.compiled.environment_name.as_str());
        let prefix = self.compiled.environment.names(&self.compiled.environment_name).stack("");
        let found = deploy::left_over(&self.stacks, tag, &self.account, &self.ui).await?;
        Ok(found.into_iter().filter(|stack| stack.name.starts_with(&prefix)).collect())
    }
}

fn exit(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Unchanged | Outcome::Done => Exit::Success,
        Outcome::Failed | Outcome::Cancelled => Exit::Failure,
        Outcome::Detached => Exit::Detached,
    }
}

fn value(report: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        let failed = matches!(fields.get("outcome").and_then(Value::as_str), Some("failed" | "cancelled"));
        fields.insert("ok".to_owned(), (!failed).into());
    }
    value
}

/// Compiles, finds the account, and runs a command on both.
fn with<F, R>(session: &Session, aws: &AwsOptions, command: F) -> Exit
where
    F: FnOnce(Prepared) -> R,
    R: Future<Output = Result<(String, Value, Exit), DeployError>>,
{
    match prepare(session, aws) {
        Ok(prepared) => run(session, command(prepared)),
        Err(exit) => exit,
    }
}

fn run(session: &Session, command: impl Future<Output = Result<(String, Value, Exit), DeployError>>) -> Exit {
    match aws::block_on(session, command) {
        Ok(Ok((text, value, exit))) => {
            session.printer.result(&text, value, &Problems::default());
            exit
        }
        Ok(Err(error)) => aws::fail(session.printer, &error),
        Err(exit) => exit,
    }
}

fn prepare(session: &Session, aws: &AwsOptions) -> Result<Prepared, Exit> {
    let printer = session.printer;
    let (project, compiled, problems) = session.compile()?;
    let account = aws.account(session, &project, &compiled.environment)?;
    let stacks = compiled
        .stacks
        .iter()
        .flat_map(|stack| {
            planned_workload(&project, &compiled, stack).into_iter().chain([planned(&project, &compiled, stack)])
        })
        .collect();
    let ui: Arc<dyn Ui> = Arc::new(TerminalUi::new(!printer.for_people()));
    Ok(Prepared { project, compiled, problems, stacks, account, ui })
}

fn planned(project: &Project, compiled: &Compiled, stack: &crate::compile::CompiledStack) -> PlannedStack {
    PlannedStack {
        name: stack.name.clone(),
        template: stack.text.clone(),
        template_path: generated_file(project, compiled, stack, generated::TEMPLATE),
        depends_on: stack.depends_on.clone(),
        termination_protection: stack.termination_protection,
        provides_artifact_bucket: stack.provides_artifact_bucket,
        tags: BTreeMap::from([
            (ENVIRONMENT_TAG.to_owned(), compiled.environment_name.to_string()),
            ("healstack:stack".to_owned(), stack.folder.clone()),
        ]),
        left_over: false,
        workload: None,
    }
}

/// Where `synth` writes a file of a stack.
fn generated_file(
    project: &Project,
    compiled: &Compiled,
    stack: &crate::compile::CompiledStack,
    name: &str,
) -> PathBuf {
    project.generated(&compiled.environment_name).join(&stack.folder).join(name)
}

/// What the user deploys by other means, before the rules that read from it.
fn not_deployed(prepared: &Prepared) -> Vec<String> {
    let Prepared { project, compiled, .. } = prepared;
    let others = compiled.stacks.iter().filter_map(|stack| Some((stack, stack.workload.as_ref()?)));
    others
        .filter(|(_, workload)| workload.stack.is_none())
        .map(|(stack, workload)| {
            let healed = generated_file(project, compiled, stack, workload.file);
            let healed = healed.strip_prefix(&project.root).unwrap_or(&healed).display().to_string();
            format!("{} reads what its targets are called from the stack of {healed}, which is deployed by you: `workloads` of healstack.yaml names none", stack.name)
        })
        .collect()
}

/// The stack of the workload that a stack of rules heals, where healstack.yaml names one.
fn planned_workload(
    project: &Project,
    compiled: &Compiled,
    stack: &crate::compile::CompiledStack,
) -> Option<PlannedStack> {
    let workload = stack.workload.as_ref()?;
    let owner = workload.stack.as_ref()?;
    Some(PlannedStack {
        name: owner.stack_name.clone(),
        template: workload.text.clone(),
        template_path: generated_file(project, compiled, stack, workload.file),
        workload: Some(owner.parameters.clone().into_iter().collect()),
        ..PlannedStack::default()
    })
}

/// Brings generated/ up to date, or with `--locked` refuses to deploy what was not reviewed.
fn write_generated(session: &Session, prepared: &Prepared, locked: bool) -> Result<(), Problem> {
    let Prepared { project, compiled, .. } = prepared;
    let files = generated::compare(&project.root, &project.generated(&compiled.environment_name), &compiled.stacks)?;
    let stale: Vec<_> = files.iter().filter(|file| file.state != State::Unchanged).collect();
    if let (true, Some(file)) = (locked, stale.first()) {
        return Err(Problem::error(format!("{} is not what the rules say", file.path.display()))
            .help("run `healstack synth`, have the result reviewed, and deploy again"));
    }
    generated::write(&project.root, &files)?;
    if session.printer.for_people() {
        for file in stale {
            anstream::eprintln!("{GOOD}wrote{GOOD:#} {}", file.path.display());
        }
    }
    Ok(())
}

/// What to try on the local AWS.
fn next_steps(prepared: &Prepared) -> String {
    let endpoint = prepared.account.endpoint_url.as_deref().unwrap_or_default();
    let region = prepared.account.region.as_deref().unwrap_or_default();
    // Set by `cargo xtask`, whose users have no `healstack` on their PATH.
    let healstack = std::env::var("HEALSTACK_COMMAND").unwrap_or_else(|_| "healstack".to_owned());
    format!(
        "
The local AWS answers at {endpoint} until `{healstack} local stop`. Next:
  {healstack} status --local          what is deployed
  {healstack} diff --local            after a change to a rule
  {healstack} local verify            read every resource back
  AWS_ENDPOINT_URL={endpoint} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION={region} aws cloudwatch describe-alarms
"
    )
}
