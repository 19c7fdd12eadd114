//! What every command that talks to AWS has: where to, and how its errors are told.

use super::output::{Printer, report};
use super::{Exit, Session};
use crate::config::Environment;
use crate::deploy::{Account, DeployError};
use crate::diagnostics::{Problem, Problems};
use crate::local::LocalAws;
use crate::project::Project;
use miette::Diagnostic as _;
use std::future::Future;

/// Where to; the rest comes from the ordinary AWS configuration chain.
#[derive(Debug, clap::Args)]
pub(super) struct AwsOptions {
    /// Use the local AWS, which is started when it does not run.
    #[arg(long)]
    pub(super) local: bool,
    /// The profile of the AWS configuration files.
    #[arg(long, value_name = "NAME", conflicts_with = "local")]
    profile: Option<String>,
    /// The endpoint of every service. Default: `AWS_ENDPOINT_URL`, or AWS.
    #[arg(long, value_name = "URL", conflicts_with = "local")]
    endpoint_url: Option<String>,
}

impl AwsOptions {
    /// The environment's account. Starts the local AWS where it is asked for; what goes wrong was reported.
    pub(super) fn account(
        &self,
        session: &Session,
        project: &Project,
        environment: &Environment,
    ) -> Result<Account, Exit> {
        let region = Some(environment.region.clone());
        if self.local {
            let mut progress = |message: &str| anstream::eprintln!("{message}");
            let running = LocalAws::new(project.state_dir())
                .start(None, &mut progress)
                .map_err(|error| report(session.printer, &error))?;
            return Ok(Account { region, endpoint_url: Some(running.endpoint), local: true, ..Account::default() });
        }
        Ok(Account {
            region,
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            expected_account: Some(environment.account.clone()),
            artifact_bucket: environment.artifact_bucket.clone(),
            local: false,
        })
    }
}

/// Runs what talks to AWS; a failure to begin was reported.
pub(super) fn block_on<T>(session: &Session, command: impl Future<Output = T>) -> Result<T, Exit> {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Ok(runtime.block_on(command)),
        Err(error) => Err(session.printer.fail(Problem::error(format!("cannot start the runtime: {error}")))),
    }
}

/// For people as any error; as JSON, one problem an error: several stacks can have one each.
pub(super) fn fail(printer: Printer, error: &DeployError) -> Exit {
    if printer.for_people() {
        report(printer, error);
    } else {
        let mut problems = Problems::default();
        for error in error.each() {
            let problem = Problem::error(error.to_string());
            problems.push(match error.help() {
                Some(help) => problem.help(help.to_string()),
                None => problem,
            });
        }
        printer.failure(&problems);
    }
    if matches!(error, DeployError::Interrupted) { Exit::Interrupted } else { Exit::Failure }
}
