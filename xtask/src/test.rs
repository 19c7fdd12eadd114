//! `cargo xtask test`: everything, cheapest first.

use std::process::{Command, ExitCode};

use crate::counts::{self, Counts};
use crate::error::XtaskError;
use crate::python::Environment;
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{daemons, guard, lint, local_deploy, rehearsal};

/// Options of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave the deployment to the local AWS out, the faults in every call of the guard, and the rehearsals.
    #[arg(long)]
    fast: bool,
}

/// Lints and tests; the last line is `<n> passed, <n> failed`, over all test runners, with each other step counted as one.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> ExitCode {
    let mut steps = Steps::default();
    lint::add_to(&mut steps, workspace);
    steps.run_counted("tests of the local AWS", || {
        counts::count(&mut Environment::Ministack.script(workspace, &["-m", "unittest", "test_local_aws"])?)
    });
    steps.run_counted("tests of the guard", || guard::test(workspace, options.fast));
    steps.run_counted("Rust tests", || rust_tests(workspace));
    rehearsal::add_to(&mut steps, workspace);
    if !options.fast {
        rehearsal::add_slow_to(&mut steps, workspace);
        local_deploy::add_to(&mut steps, workspace);
    }
    steps.finish()
}

/// With the daemons that the agent's tests need. `cargo nextest` where it is installed, which leaves documentation tests to `cargo test`; else `cargo test` for all.
fn rust_tests(workspace: &Workspace) -> Result<Counts, XtaskError> {
    daemons::ensure()?;
    let cargo = |arguments: &[&str]| {
        let mut command = workspace.cargo();
        command.args(arguments);
        command
    };
    if !has_nextest() {
        return counts::count(&mut cargo(&["test", "--quiet", "--workspace", "--no-fail-fast"]));
    }
    let mut counts = counts::count(&mut cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]))?;
    counts += counts::count(&mut cargo(&["test", "--quiet", "--workspace", "--doc"]))?;
    Ok(counts)
}

fn has_nextest() -> bool {
    Command::new("cargo-nextest").arg("--version").output().is_ok_and(|output| output.status.success())
}
