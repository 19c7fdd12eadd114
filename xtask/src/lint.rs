//! `cargo xtask lint`: everything that is checked without running tests, cheapest first.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::counts::Counts;
use crate::error::XtaskError;
use crate::python::{Environment, iam_table_command};
use crate::steps::{Steps, printed_by, succeed};
use crate::workspace::{Workspace, templates};
use crate::{counts, deny, docs, healed};

/// Runs all checks; fails when one does.
pub(crate) fn run(workspace: &Workspace) -> ExitCode {
    let mut steps = Steps::default();
    add_to(&mut steps, workspace);
    steps.finish()
}

/// Runs all checks as steps of a longer run.
pub(crate) fn add_to(steps: &mut Steps, workspace: &Workspace) {
    let cargo = |arguments: &[&str]| {
        let mut command = workspace.cargo();
        command.args(arguments);
        command
    };
    steps.run("format", || succeed(&mut cargo(&["fmt", "--all", "--check"])));
    let generated = workspace.root.join("generated");
    steps.run("cfn-lint over generated/", || cfn_lint(workspace, &generated));
    steps.run("runbooks, state machines and policies in generated/", || runbooks(workspace, &generated));
    steps.run_counted("tests of those checks", || {
        let mut counts = Counts::default();
        for script in CHECKS.into_iter().chain([healed::SCRIPT]) {
            counts += counts::count(&mut Environment::Lint.script(workspace, &[script, "--self-test"])?)?;
        }
        Ok(counts)
    });
    steps.run("checkov over generated/", || checkov(workspace, &generated));
    steps.run("table of IAM actions", || succeed(iam_table_command(workspace)?.arg("--check")));
    steps.run("generated/ is what the rules compile to", || {
        succeed(workspace.healstack(&workspace.root).args(["synth", "--check"]))
    });
    let example = workspace.root.join(healed::EXAMPLE);
    steps.run("the example's generated/ too", || succeed(workspace.healstack(&example).args(["synth", "--check"])));
    steps.run("cfn-lint over the example", || cfn_lint(workspace, &example.join("generated")));
    steps.run("runbooks, state machines and policies in the example", || {
        runbooks(workspace, &example.join("generated"))
    });
    steps.run("cfn-lint finds nothing new in healed templates", || healed::check(workspace));
    steps.run("docs/ is what the code says", || docs::check(workspace));
    steps.run("no service's SDK but those that are needed", || no_service_sdks(workspace));
    let deny_warnings = ["--", "--deny", "warnings"];
    // Each set of features is built by some verb of `cargo xtask`.
    let smaller = ["clippy", "--quiet", "--package", "healstack", "--no-default-features", "--all-targets"];
    steps.run("clippy without the AWS SDK", || succeed(cargo(&smaller).args(deny_warnings)));
    steps.run("clippy with what a deployment needs of it", || {
        succeed(cargo(&smaller).args(["--features", "deploy"]).args(deny_warnings))
    });
    steps.run("clippy with everything", || {
        succeed(cargo(&["clippy", "--quiet", "--workspace", "--all-targets"]).args(deny_warnings))
    });
    steps.run("documentation", || {
        let mut command = cargo(&["doc", "--quiet", "--no-deps", "--workspace"]);
        succeed(command.env("RUSTDOCFLAGS", "--deny warnings"))
    });
    steps.run("licences and origins of dependencies", || deny::check(workspace));
}

/// SDK crates that `healstack` must not be built with: each takes minutes, and nothing it does needs more than
/// CloudFormation, S3 and STS, or over the ledger DynamoDB and CloudWatch. deny.toml cannot say it for one package of the
/// workspace.
const UNWANTED_SDKS: [&str; 5] = ["aws-sdk-ec2", "aws-sdk-ecs", "aws-sdk-lambda", "aws-sdk-rds", "aws-sdk-ssm"];

fn no_service_sdks(workspace: &Workspace) -> Result<(), XtaskError> {
    let mut command = workspace.cargo();
    command.args(["tree", "--package", "healstack", "--edges", "normal", "--all-features", "--prefix", "none"]);
    command.args(["--format", "{p}"]);
    let found = unwanted(&printed_by(&mut command)?);
    if found.is_empty() { Ok(()) } else { Err(XtaskError::UnwantedSdks { found }) }
}

/// The unwanted crates in the output of `cargo tree`, one crate and its version a line.
fn unwanted(tree: &str) -> Vec<String> {
    let mut found: Vec<String> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| UNWANTED_SDKS.contains(name))
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// What of `local/` checks templates.
const CHECKS: [&str; 2] = ["check_runbooks.py", "check_machines.py"];

/// Every API call against botocore's models, every IAM action against AWS's service authorization reference, and the states,
/// expressions and roles of state machines.
pub(crate) fn runbooks(workspace: &Workspace, generated: &Path) -> Result<(), XtaskError> {
    // Both run, so that one look shows all that is wrong.
    let found = CHECKS.map(|script| succeed(Environment::Lint.script(workspace, &[script])?.arg(generated)));
    found.into_iter().collect()
}

/// A security scanner's own rules. local/checkov.yaml says which do not hold here, and why.
pub(crate) fn checkov(workspace: &Workspace, generated: &Path) -> Result<(), XtaskError> {
    let environment = Environment::Checkov.ensure(workspace)?;
    let mut command = Command::new(environment.program("checkov"));
    command.current_dir(&workspace.root).args(["--config-file", "local/checkov.yaml", "--directory"]).arg(generated);
    // It would add a configuration file of the user's, and look its findings up where there is a key for that.
    command.env("HOME", workspace.state_dir()).env_remove("BC_API_KEY");
    succeed(&mut command)
}

/// Everything that cfn-lint has to say, informational rules included; no configuration file of the user counts.
pub(crate) fn cfn_lint(workspace: &Workspace, generated: &Path) -> Result<(), XtaskError> {
    let program = Environment::Lint.ensure(workspace)?.program("cfn-lint");
    let mut command = Command::new(program);
    command.current_dir(&workspace.root).args(["--config-file", "/dev/null", "--format", "pretty"]);
    command.args(["--include-checks", "I", "--non-zero-exit-code", "informational", "--"]);
    succeed(command.args(templates(generated)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwanted_sdks_are_named_once() {
        let tree = "healstack v0.1.0 (/x)\naws-sdk-s3 v1.0.0\naws-sdk-ssm v1.0.0\naws-sdk-ec2 v1.2.3\naws-sdk-ssm v1.0.0 (*)\naws-sdk-sso v1.0.0\n";
        assert_eq!(unwanted(tree), ["aws-sdk-ec2", "aws-sdk-ssm"]);
    }
}
