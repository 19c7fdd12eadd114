//! Healed templates: those of the tests' corpus and of the example, against what cfn-lint says of their originals.

use std::fs;
use std::path::Path;

use crate::error::XtaskError;
use crate::python::Environment;
use crate::steps::{printed_by, succeed};
use crate::workspace::{Workspace, write_file};

/// The script of `local/` that compares.
pub(crate) const SCRIPT: &str = "check_healed.py";
/// The project of the example.
pub(crate) const EXAMPLE: &str = "examples/checkout";
/// What cases are compiled for.
const CONFIG: &str = "environments:\n  dev:\n    account: \"111122223333\"\n    region: us-east-1\n";

/// Heals every template of the corpus that is not refused, and fails when cfn-lint finds something that healing brought.
pub(crate) fn check(workspace: &Workspace) -> Result<(), XtaskError> {
    let project = workspace.target.join("xtask").join("healed");
    write_project(&workspace.root.join("tests/fixtures/workloads"), &project)?;
    // What it prints is a line for each case.
    printed_by(workspace.healstack(&project).arg("synth"))?;
    let mut script = Environment::Lint.script(workspace, &[SCRIPT])?;
    succeed(script.arg(project).arg(workspace.root.join(EXAMPLE)))
}

/// One project with the rules and the template of every case that heals.
fn write_project(corpus: &Path, project: &Path) -> Result<(), XtaskError> {
    if project.exists() {
        fs::remove_dir_all(project).map_err(XtaskError::io("remove", project))?;
    }
    write_file(&project.join("healstack.yaml"), CONFIG)?;
    for case in corpus.read_dir().map_err(XtaskError::io("read", corpus))? {
        let folder = case.map_err(XtaskError::io("read", corpus))?.path();
        let rules = folder.join("rules.yaml");
        if folder.join("refused.txt").exists() || !rules.exists() {
            continue;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for template in
            ["template.yaml", "template.json"].map(|file| folder.join(file)).iter().filter(|path| path.exists())
        {
            let file = template.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(&rules).map_err(XtaskError::io("read", &rules))?;
            let named = text.replace(&format!("workloads/{file}"), &format!("workloads/{name}/{file}"));
            write_file(&project.join(format!("rules/{name}.yaml")), named)?;
            let original = fs::read(template).map_err(XtaskError::io("read", template))?;
            write_file(&project.join(format!("workloads/{name}/{file}")), original)?;
        }
    }
    Ok(())
}
