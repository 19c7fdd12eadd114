//! What the operator's commands share: `healstack.yaml` alone finds the ledger, and how their errors are told.

use super::aws::{self, AwsOptions};
use super::output::{Printer, report};
use super::{Exit, Session};
use crate::deploy::{TerminalUi, Ui};
use crate::diagnostics::{Problem, Problems};
use crate::operate::{Connection, OperateError};
use crate::project::Project;
use healstack_model::Layer;
use std::sync::Arc;

/// Why a command ended without a result.
pub(super) enum Failure {
    /// AWS, or what is in the ledger.
    Operate(OperateError),
    /// What was asked for.
    Problem(Problem),
}

impl From<OperateError> for Failure {
    fn from(error: OperateError) -> Self {
        Self::Operate(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Failure {
    /// Reports it.
    pub(super) fn told(self, printer: Printer) -> Exit {
        match self {
            Self::Problem(problem) => printer.fail(problem),
            Self::Operate(OperateError::Aws(error)) => aws::fail(printer, &error),
            Self::Operate(error) => report(printer, &error),
        }
    }
}

/// Finds the environment's ledger and runs a command on it. `healstack.yaml` must be right; rule files are not looked at.
pub(super) fn with_ledger(
    session: &Session,
    options: &AwsOptions,
    command: impl AsyncFnOnce(&Project, &Connection) -> Result<Exit, Failure>,
) -> Exit {
    let mut problems = Problems::default();
    let found = problems.take(session.project()).and_then(|project| {
        let config = project.config(&mut problems)?;
        let (name, environment) = problems.take(config.select(session.env.as_deref()))?;
        let (names, environment) = (environment.names(&name), environment.clone());
        Some((project, names, environment))
    });
    let Some((project, names, environment)) = found.filter(|_| !problems.has_errors()) else {
        return session.printer.failure(&problems);
    };
    let account = match options.account(session, &project, &environment) {
        Ok(account) => account,
        Err(exit) => return exit,
    };
    let ui: Arc<dyn Ui> = Arc::new(TerminalUi::new(!session.printer.for_people()));
    let ran = aws::block_on(session, async {
        let connection = Connection::open(&account, names, &ui).await?;
        command(&project, &connection).await
    });
    match ran {
        Ok(Ok(exit)) | Err(exit) => exit,
        Ok(Err(failure)) => failure.told(session.printer),
    }
}

/// Text that says something.
pub(super) fn words(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("say why in a few words".to_owned()) } else { Ok(text.to_owned()) }
}

/// A layer's name.
pub(super) fn layer(text: &str) -> Result<Layer, String> {
    let names = Layer::ALL.map(Layer::as_str);
    Layer::parse(text).ok_or_else(|| format!("the layers are {}", crate::schema::list(&names)))
}
