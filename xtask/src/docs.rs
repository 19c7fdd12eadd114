//! `cargo xtask docs`: the pages of docs/ that are written from the code.

use std::fs;
use std::process::ExitCode;

use healstack::diagnostics::{Problem, Problems};
use healstack::project::Project;
use healstack::reference;

use crate::error::XtaskError;
use crate::workspace::Workspace;

/// Options of `docs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only compare what is there with what would be written.
    #[arg(long)]
    check: bool,
}

/// Writes the pages, or compares them.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode, XtaskError> {
    if options.check {
        check(workspace)?;
    } else {
        write(workspace)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails when a page is not what would be written.
pub(crate) fn check(workspace: &Workspace) -> Result<(), XtaskError> {
    let path = workspace.root.join(RULES);
    let found = fs::read_to_string(&path).map_err(XtaskError::io("read", &path))?;
    if found == rules(workspace)? { Ok(()) } else { Err(XtaskError::StaleDocs { path: RULES }) }
}

fn write(workspace: &Workspace) -> Result<(), XtaskError> {
    let path = workspace.root.join(RULES);
    fs::write(&path, rules(workspace)?).map_err(XtaskError::io("write", path))
}

/// The reference of rules.
const RULES: &str = "docs/rules.md";

fn rules(workspace: &Workspace) -> Result<String, XtaskError> {
    let mut problems = Problems::default();
    let catalog = Project { root: workspace.root.clone() }.catalog(&mut problems);
    let first = |problems: &Problems| problems.iter().map(Problem::to_string).next().unwrap_or_default();
    match catalog {
        Some(catalog) if !problems.has_errors() => Ok(reference::markdown(&catalog)),
        _ => Err(XtaskError::Kinds { reason: first(&problems) }),
    }
}
