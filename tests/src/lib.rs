//! A project in a temporary folder, for tests that go through the whole compiler.

use healstack::compile::CompiledStack;
use healstack::diagnostics::{Problem, Problems, Severity};
use healstack::project::Project;
use std::fs;
use std::io;
use std::path::Path;
use tempfile::TempDir;

/// `healstack.yaml` of every test project.
pub const CONFIG: &str = "environments:\n  test:\n    account: \"111122223333\"\n    region: eu-west-1\n";

/// A rule that compiles, without its first line `  - name: …`.
pub const RULE: &str = "    layer: infrastructure
    trigger_condition: instance_status_check_failed
    action: replace
    target: {instances: {tag: {app: shop}}}
";

/// A project in a temporary folder.
#[derive(Debug)]
pub struct TestProject {
    dir: TempDir,
}

impl TestProject {
    /// A project without rules.
    pub fn new() -> io::Result<Self> {
        let project = Self { dir: tempfile::tempdir()? };
        project.write("healstack.yaml", CONFIG)?;
        fs::create_dir(project.path().join("rules"))?;
        Ok(project)
    }

    /// A project with one rule file.
    pub fn with_rules(rules: impl AsRef<[u8]>) -> io::Result<Self> {
        let project = Self::new()?;
        project.write("rules/shop.yaml", rules)?;
        Ok(project)
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> io::Result<()> {
        let path = self.path().join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)
    }

    /// Compiles it.
    #[must_use]
    pub fn compile(&self) -> Outcome {
        let mut problems = Problems::default();
        let project = Project { root: self.path().to_owned() };
        let compiled = project.compile(None, &mut problems);
        Outcome { stacks: compiled.map(|compiled| compiled.stacks).unwrap_or_default(), problems }
    }
}

/// What came of compiling.
#[derive(Debug)]
pub struct Outcome {
    /// The stacks; incomplete when there are errors.
    pub stacks: Vec<CompiledStack>,
    /// What is wrong.
    pub problems: Problems,
}

impl Outcome {
    /// Every problem of a severity as `place: message | help`.
    #[must_use]
    pub fn told(&self, severity: Severity) -> Vec<String> {
        let line = |problem: &Problem| {
            let help = problem.to_json()["help"].as_str().unwrap_or_default().to_owned();
            format!("{}: {problem} | {help}", problem.location().unwrap_or_default())
        };
        self.problems.iter().filter(|problem| problem.severity == severity).map(line).collect()
    }

    /// Every error.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.told(Severity::Error)
    }

    /// The text of a stack's template; empty when there is none.
    #[must_use]
    pub fn template(&self, folder: &str) -> &str {
        self.stacks.iter().find(|stack| stack.folder == folder).map_or("", |stack| &stack.text)
    }
}

/// A rule file with one rule, whose lines after `name` are given.
#[must_use]
pub fn rule_file(name: &str, rest: &str) -> String {
    format!("stack: shop\nrules:\n  - name: {name}\n{rest}")
}

/// Where the kinds of the tests are: a `templates/` folder that adds one kind and its target type.
#[must_use]
pub fn fixture_kinds() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kinds")
}

/// A rule of the kind in [`fixture_kinds`], with its parameters as YAML.
#[must_use]
pub fn fixture_rule(parameters: &str) -> String {
    rule_file(
        "redrive",
        &format!(
            "    layer: platform\n    trigger_condition: dead_letters_waiting\n    action: repair\n    target: {{queues: {{names: [orders-dead]}}}}\n    parameters: {parameters}\n"
        ),
    )
}

/// The files of [`fixture_kinds`], each changed by `edit`, in the project's own `templates/`.
pub fn add_fixture_kinds(project: &TestProject, edit: impl Fn(&str, String) -> String) -> io::Result<()> {
    let kind = "platform/queue-redrive-healing";
    let files = ["kind.yaml", "stack.yaml.hbs", "runbook.yaml.hbs"].map(|file| format!("{kind}/{file}"));
    for path in files.into_iter().chain(["targets/queues.yaml".to_owned()]) {
        let text = fs::read_to_string(fixture_kinds().join(&path))?;
        project.write(&format!("templates/{path}"), edit(&path, text))?;
    }
    Ok(())
}
