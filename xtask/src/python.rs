//! The virtual environments of `local/` and its scripts.

use std::path::Path;
use std::process::{Command, ExitCode};

use healstack::local::venv::{Venv, VenvError};

use crate::error::XtaskError;
use crate::steps::{say, succeed};
use crate::workspace::Workspace;

/// Where the compiler finds the table that `local/iam_table.py` writes.
const IAM_TABLE: &str = "provisioner/data/iam-without-resources.txt";

/// Options of `iam-table`.
#[derive(Debug, clap::Args)]
pub(crate) struct IamTableOptions {
    /// Only compare what is there with what would be written.
    #[arg(long)]
    check: bool,
}

/// The environments: their pins exclude each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Environment {
    /// checkov.
    Checkov,
    /// cfn-lint, botocore, `policy_sentry`, jsonata-python.
    Lint,
    /// The local AWS.
    Ministack,
    /// The rehearsed account.
    Moto,
}

impl Environment {
    /// The environment, made when it is missing or its pins changed. On Debian as root, packages that Python lacks for
    /// it are installed.
    pub(crate) fn ensure(self, workspace: &Workspace) -> Result<Venv, XtaskError> {
        let name = match self {
            Self::Checkov => "checkov",
            Self::Lint => "lint",
            Self::Ministack => "ministack",
            Self::Moto => "moto",
        };
        let file = workspace.root.join("local").join(format!("requirements-{name}.txt"));
        let requirements = std::fs::read_to_string(&file).map_err(XtaskError::io("read", &file))?;
        let folder = workspace.state_dir();
        let ensure = || Venv::ensure(&folder.join(format!("venv-{name}")), &requirements, &mut say);
        match ensure() {
            Err(error @ (VenvError::NoPython { .. } | VenvError::NoVenvModule { .. })) => {
                if !may_install_packages() {
                    return Err(error.into());
                }
                say(&format!("{error}: installing it"));
                install_packages(&["python3", "python3-venv"])?;
                Ok(ensure()?)
            }
            result => Ok(result?),
        }
    }

    /// A script of `local/` in this environment, without byte code beside it.
    pub(crate) fn script(self, workspace: &Workspace, arguments: &[&str]) -> Result<Command, XtaskError> {
        let mut command = self.ensure(workspace)?.python();
        command.arg("-B").args(arguments).current_dir(workspace.root.join("local"));
        Ok(command)
    }
}

/// Runs `local/iam_table.py`.
pub(crate) fn iam_table(workspace: &Workspace, options: &IamTableOptions) -> Result<ExitCode, XtaskError> {
    let mut command = iam_table_command(workspace)?;
    if options.check {
        command.arg("--check");
    }
    succeed(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// `local/iam_table.py <the compiler's table>`.
pub(crate) fn iam_table_command(workspace: &Workspace) -> Result<Command, XtaskError> {
    let mut command = Environment::Lint.script(workspace, &["iam_table.py"])?;
    command.arg(workspace.root.join(IAM_TABLE));
    Ok(command)
}

/// Installs packages of Debian.
pub(crate) fn install_packages(names: &[&str]) -> Result<(), XtaskError> {
    succeed(Command::new("apt-get").args(["update", "--quiet"]))?;
    let install = ["install", "--yes", "--quiet", "--no-install-recommends"];
    succeed(Command::new("apt-get").args(install).args(names).env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Whether this is a Debian or Ubuntu whose administrator runs it: only then are packages installed unasked.
pub(crate) fn may_install_packages() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    root && Path::new("/usr/bin/apt-get").exists()
}
