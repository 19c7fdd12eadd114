//! The guard's tests: the deployed state machines on the local AWS, in Python beside its launcher.

use std::process::{Command, ExitCode};

use crate::counts::{self, Counts};
use crate::error::XtaskError;
use crate::python::Environment;
use crate::steps::{Steps, succeed};
use crate::workspace::Workspace;

/// The tests that put a fault into every call take most of the time.
const WITHOUT_FAULTS: &str = "--without=test_every_fault";

/// Options of `guard`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only tests whose name contains this, for instance `Refusals` or `TakeLease`.
    pattern: Option<String>,
}

/// Options of `storm`.
#[derive(Debug, clap::Args)]
pub(crate) struct StormOptions {
    /// Failures at once.
    #[arg(default_value_t = 500)]
    events: u32,
}

/// Runs the tests, or those of a pattern.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> ExitCode {
    let mut steps = Steps::default();
    steps.run_counted("tests of the guard", || {
        let mut command = tests(workspace)?;
        counts::count(command.args(&options.pattern))
    });
    steps.finish()
}

/// Runs them as a step of a longer run.
pub(crate) fn test(workspace: &Workspace, fast: bool) -> Result<Counts, XtaskError> {
    let mut command = tests(workspace)?;
    counts::count(command.args(fast.then_some(WITHOUT_FAULTS)))
}

/// The tests' command, with `healstack` built for those that run it, and the rehearsal's interpreter for those that
/// compare with it.
fn tests(workspace: &Workspace) -> Result<Command, XtaskError> {
    succeed(workspace.cargo().args(["build", "--quiet", "--package", "healstack"]))?;
    succeed(workspace.cargo().args(["build", "--quiet", "--package", "healstack-tests", "--bin", "agree"]))?;
    let mut command = script(workspace, "run.py")?;
    let built = workspace.target.join("debug");
    command.envs([("HEALSTACK", built.join("healstack")), ("HEALSTACK_AGREE", built.join("agree"))]);
    Ok(command)
}

/// Prints what a storm takes, and what each decision costs.
pub(crate) fn storm(workspace: &Workspace, options: &StormOptions) -> Result<ExitCode, XtaskError> {
    succeed(script(workspace, "test_storm.py")?.arg(options.events.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn script(workspace: &Workspace, name: &str) -> Result<Command, XtaskError> {
    let path = workspace.root.join("tests").join("guard").join(name);
    let mut command = Environment::Ministack.script(workspace, &[])?;
    command.arg(path);
    Ok(command)
}
