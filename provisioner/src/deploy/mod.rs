//! Everything that talks to AWS: what a deployment would change, the deployment itself, its removal, and its state.
//!
//! Three rules hold throughout:
//!
//! * **The diff is the change set.** [`diff`] shows what CloudFormation says it would do, and [`deploy`] executes exactly the
//!   change sets that it has shown; nothing is computed on the side and presented as the plan.
//! * **Nothing is left behind.** A change set that is not executed is deleted, and so is the empty stack
//!   (`REVIEW_IN_PROGRESS`) that CloudFormation makes for the change set of a new stack.
//! * **Results are values.** Functions return reports that serialise to JSON; [`render`] turns them into text for people.
//!
//! A stack that fails is part of the [`DeployReport`], because the other stacks have results too. An `Err` means that the
//! command as a whole could not run.

mod artifact;
pub(crate) mod aws;
mod call_failure;
mod calls;
mod changeset;
mod classify;
pub(crate) mod clock;
mod delete;
mod destroy;
mod draft;
mod error;
mod execute;
mod failure;
mod follow;
mod iam;
pub(crate) mod interrupt;
pub(crate) mod jobs;
pub(crate) mod left_over;
mod order;
mod plan;
pub mod render;
mod report;
pub(crate) mod run;
mod state;
mod status;
pub(crate) mod template;
mod ui;
mod workload;

#[cfg(test)]
#[path = "fake_test.rs"]
mod fake;
#[cfg(test)]
#[path = "scenarios_test.rs"]
mod scenarios;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use call_failure::AwsFailure;
pub use error::DeployError;
pub use iam::{IamChange, IamChangeKind, IamDelta, Statement, iam_statements};
pub use plan::{Change, ChangeKind, DiffReport, PropertyChange, Recreation, StackAction, StackPlan};
pub use report::{DeployReport, DestroyReport, Failure, Outcome, OutputValue, ResourceRef, StackOutcome, StackResult};
pub use status::{StackStatus, StatusReport};
pub use ui::{Answer, Step, TerminalUi, Ui};

/// The stack tag by which an environment's stacks are found, those that are in no rule file any more too.
pub const ENVIRONMENT_TAG: &str = "healstack:environment";

/// One stack to deploy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlannedStack {
    /// The CloudFormation stack name.
    pub name: String,
    /// The template's text, as it is sent.
    pub template: String,
    /// Where the template was read from; for messages only.
    pub template_path: PathBuf,
    /// Names of the stacks that must be deployed before this one. Names outside the run are taken as deployed.
    pub depends_on: Vec<String>,
    /// Whether CloudFormation is to refuse the stack's deletion. `false` leaves the setting as it is.
    pub termination_protection: bool,
    /// Whether this stack's output `ArtifactBucketName` names the bucket for templates that are too large to send inline.
    pub provides_artifact_bucket: bool,
    /// Tags of the stack, which CloudFormation puts on its resources too.
    pub tags: BTreeMap<String, String>,
    /// Whether it is deployed and nothing asks for it any more; [`left_over`] finds such stacks. It can only be destroyed.
    pub left_over: bool,
    /// For the stack of a workload, which others own: values of its parameters. It gets no tags, takes no resources in, keeps the values
    /// of parameters that are not given, is deployed before what reads from it, and is never destroyed.
    pub workload: Option<BTreeMap<String, String>>,
}

/// Where to deploy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The region; `None` takes it from the environment or the profile.
    pub region: Option<String>,
    /// The profile of the shared configuration files; `None` takes `AWS_PROFILE` or `default`.
    pub profile: Option<String>,
    /// The endpoint of every service; `None` takes `AWS_ENDPOINT_URL` or the real AWS.
    pub endpoint_url: Option<String>,
    /// Refuse to go on when the credentials belong to another account (12 digits).
    pub expected_account: Option<String>,
    /// The bucket for templates that are too large to send inline; `None` asks the stack that provides one.
    pub artifact_bucket: Option<String>,
    /// A local AWS: fixed test credentials, no configuration files, no proxy, `us-east-1` unless a region is given.
    pub local: bool,
}

/// How to deploy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeployOptions {
    /// Execute without asking.
    pub yes: bool,
}

/// How to destroy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DestroyOptions {
    /// Delete without asking.
    pub yes: bool,
    /// Lift termination protection from the stacks that have it.
    pub disable_protection: bool,
}

/// What `stacks` would change, from change sets that are deleted again.
pub async fn diff(stacks: &[PlannedStack], account: &Account, ui: &Arc<dyn Ui>) -> Result<DiffReport, DeployError> {
    let context = run::Context::connect(account, ui).await?;
    run::diff(&context, stacks).await
}

/// Deploys `stacks` in the order of their dependencies, independent ones at once.
pub async fn deploy(
    stacks: &[PlannedStack],
    account: &Account,
    options: DeployOptions,
    ui: &Arc<dyn Ui>,
) -> Result<DeployReport, DeployError> {
    let context = run::Context::connect(account, ui).await?;
    run::deploy(&context, stacks, options).await
}

/// Deletes `stacks`, those that others depend on last.
pub async fn destroy(
    stacks: &[PlannedStack],
    account: &Account,
    options: DestroyOptions,
    ui: &Arc<dyn Ui>,
) -> Result<DestroyReport, DeployError> {
    let context = run::Context::connect(account, ui).await?;
    destroy::destroy(&context, stacks, options).await
}

/// Stacks that an earlier deployment made and `stacks` hold no more: those with a tag of this key and value.
pub async fn left_over(
    stacks: &[PlannedStack],
    tag: (&str, &str),
    account: &Account,
    ui: &Arc<dyn Ui>,
) -> Result<Vec<PlannedStack>, DeployError> {
    let context = run::Context::connect(account, ui).await?;
    left_over::find(&context, stacks, tag).await
}

/// What is deployed of `stacks`.
pub async fn status(stacks: &[PlannedStack], account: &Account, ui: &Arc<dyn Ui>) -> Result<StatusReport, DeployError> {
    let context = run::Context::connect(account, ui).await?;
    status::status(&context, stacks).await
}
