//! `cargo xtask docs`: the pages of docs/ that are written from the code.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use healstack::diagnostics::{Problem, Problems};
use healstack::project::Project;
use healstack::reference::{self, Page};

use crate::error::XtaskError;
use crate::workspace::{Workspace, write_file};

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

/// Fails when a page is not what would be written, or when one is left over from a kind that is gone.
pub(crate) fn check(workspace: &Workspace) -> Result<(), XtaskError> {
    let pages = pages(workspace)?;
    for page in &pages {
        let path = path(workspace, page);
        let found = fs::read_to_string(&path).map_err(XtaskError::io("read", &path))?;
        if found != page.text {
            return Err(XtaskError::StaleDocs { path: format!("docs/{}", page.path) });
        }
    }
    match left_over(workspace, &pages)?.first() {
        Some(path) => Err(XtaskError::StaleDocs { path: path.display().to_string() }),
        None => Ok(()),
    }
}

fn write(workspace: &Workspace) -> Result<(), XtaskError> {
    let pages = pages(workspace)?;
    for path in left_over(workspace, &pages)? {
        fs::remove_file(&path).map_err(XtaskError::io("remove", path))?;
    }
    for page in pages {
        write_file(&path(workspace, &page), page.text)?;
    }
    Ok(())
}

fn path(workspace: &Workspace, page: &Page) -> PathBuf {
    workspace.root.join("docs").join(&page.path)
}

/// Pages of kinds that are gone.
fn left_over(workspace: &Workspace, pages: &[Page]) -> Result<Vec<PathBuf>, XtaskError> {
    let folder = workspace.root.join("docs").join("rules");
    let known: Vec<PathBuf> = pages.iter().map(|page| path(workspace, page)).collect();
    let mut found = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(&folder).map_err(XtaskError::io("read", &folder))? {
            let path = entry.map_err(XtaskError::io("read", &folder))?.path();
            if !known.contains(&path) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// The reference of rules.
fn pages(workspace: &Workspace) -> Result<Vec<Page>, XtaskError> {
    let mut problems = Problems::default();
    let catalog = Project { root: workspace.root.clone() }.catalog(&mut problems);
    let first = |problems: &Problems| problems.iter().map(Problem::to_string).next().unwrap_or_default();
    match catalog {
        Some(catalog) if !problems.has_errors() => reference::pages(&catalog).map_err(|found| {
            problems.extend(found);
            XtaskError::Kinds { reason: first(&problems) }
        }),
        _ => Err(XtaskError::Kinds { reason: first(&problems) }),
    }
}
