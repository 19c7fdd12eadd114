//! `cargo xtask mutants`: whether the scenarios would notice a step that is missing.

use std::process::ExitCode;

use crate::error::XtaskError;
use crate::steps::succeed;
use crate::workspace::Workspace;

/// Options of `mutants`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the runbooks of rules whose name contains this.
    pattern: Option<String>,
}

/// Runs them over the repository's own rules.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode, XtaskError> {
    succeed(&mut command(workspace, options.pattern.as_deref()))?;
    Ok(ExitCode::SUCCESS)
}

/// The program that does it.
pub(crate) fn command(workspace: &Workspace, pattern: Option<&str>) -> std::process::Command {
    let mut command = workspace.cargo();
    command.args(["run", "--quiet", "--package", "healstack-tests", "--bin", "mutants", "--"]).args(pattern);
    command
}
