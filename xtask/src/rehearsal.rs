//! Rehearsals as steps of the tests: the rehearsed account itself, every scenario, and the parts of the engine beside their
//! peers.

use std::process::Command;

use crate::counts::{self, Counts};
use crate::error::XtaskError;
use crate::python::Environment;
use crate::steps::{Steps, succeed};
use crate::workspace::Workspace;
use crate::{healed, jsonata, mutants};

/// The account that the tests of the rehearsed account are in; any would do.
const ACCOUNT: &str = "111122223333";

/// The rule whose resources fail together.
const STORM: &str = "ec2-instance-healing";

/// What takes seconds.
pub(crate) fn add_to(steps: &mut Steps, workspace: &Workspace) {
    steps.run_counted("tests of the rehearsed account", || {
        let mut command = Environment::Moto.script(workspace, &["-m", "unittest", "discover", "--quiet"])?;
        command.current_dir(workspace.root.join("local").join("rehearsal")).env("MOTO_ACCOUNT_ID", ACCOUNT);
        counts::count(&mut command)
    });
    steps.run_counted("DynamoDB in memory beside moto's", || oracle(workspace));
    steps.run("JSONata beside the reference implementation", || {
        jsonata::compare(workspace, &jsonata::Options::default())
    });
}

/// What takes minutes.
pub(crate) fn add_slow_to(steps: &mut Steps, workspace: &Workspace) {
    steps.run("rehearsal of every rule", || rehearse(workspace, &workspace.root));
    steps.run("rehearsals without one step each", || succeed(&mut mutants::command(workspace, None)));
    // Fails where a bound is broken, and where not all are healed in the end.
    steps.run("a storm over thirty instances", || {
        succeed(&mut workspace.built_healstack(&workspace.root, &["rehearse", STORM, "--storm", "30"]))
    });
    steps.run("rehearsal of the example", || rehearse(workspace, &workspace.root.join(healed::EXAMPLE)));
}

/// Every scenario of a project, with the `healstack` that the guard's tests have built.
fn rehearse(workspace: &Workspace, project: &std::path::Path) -> Result<(), XtaskError> {
    succeed(&mut workspace.built_healstack(project, &["rehearse"]))
}

fn oracle(workspace: &Workspace) -> Result<Counts, XtaskError> {
    let python = Environment::Moto.ensure(workspace)?.interpreter();
    let mut command: Command = workspace.cargo();
    command.args([
        "test",
        "--quiet",
        "--package",
        "healstack-rehearsal",
        "--test",
        "dynamodb_oracle",
        "--",
        "--ignored",
    ]);
    counts::count(command.env("HEALSTACK_MOTO_PYTHON", python))
}
