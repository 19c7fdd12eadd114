//! `cargo xtask jsonata`: every expression of the generated state machines, evaluated by the rehearsal and by the
//! reference implementation in node, over recorded and random inputs.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::error::XtaskError;
use crate::python::{install_packages, may_install_packages};
use crate::steps::{Steps, succeed};
use crate::workspace::Workspace;

/// Options of `jsonata`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What the random inputs are made from: the same seed finds a difference again.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Random inputs for each expression.
    #[arg(long, default_value_t = 30)]
    inputs: u32,
}

/// Compares, and shows what differs.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> ExitCode {
    let mut steps = Steps::default();
    steps.run("JSONata evaluators", || compare(workspace, options));
    steps.finish()
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, inputs: 30 }
    }
}

/// Compares. node and npm are installed where they are missing and may be.
pub(crate) fn compare(workspace: &Workspace, options: &Options) -> Result<(), XtaskError> {
    if Command::new("npm").arg("--version").output().is_err() && may_install_packages() {
        install_packages(&["nodejs", "npm"])?;
    }
    let tests = workspace.root.join("tests").join("jsonata");
    let folder = reference(workspace)?;
    succeed(workspace.cargo().args(["build", "--quiet", "--package", "healstack-rehearsal", "--example", "jsonata"]))?;
    let cases = folder.join("cases.jsonl");
    let file = File::create(&cases).map_err(XtaskError::io("write", &cases))?;
    let evaluate = workspace.target.join("debug").join("examples").join("jsonata");
    succeed(Command::new(evaluate).arg(options.seed.to_string()).arg(options.inputs.to_string()).stdout(file))?;
    succeed(Command::new("node").arg(tests.join("compare.mjs")).arg(&folder).arg(&cases))
}

/// The folder with the reference implementation, installed when it is missing or its version changed.
fn reference(workspace: &Workspace) -> Result<PathBuf, XtaskError> {
    let wanted = workspace.root.join("tests").join("jsonata").join("package.json");
    let wanted = fs::read_to_string(&wanted).map_err(XtaskError::io("read", &wanted))?;
    let folder = workspace.state_dir().join("jsonata");
    let manifest = folder.join("package.json");
    let installed = folder.join("node_modules").join("jsonata");
    if installed.is_dir() && fs::read_to_string(&manifest).is_ok_and(|manifest| manifest == wanted) {
        return Ok(folder);
    }
    fs::create_dir_all(&folder).map_err(XtaskError::io("create", &folder))?;
    fs::write(&manifest, wanted).map_err(XtaskError::io("write", &manifest))?;
    let install = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"];
    succeed(Command::new("npm").args(install).current_dir(&folder))?;
    Ok(folder)
}
