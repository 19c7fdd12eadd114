//! The slow part of the tests: this repository's own rules, deployed to a local AWS of their own and taken down again.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::XtaskError;
use crate::steps::{Steps, succeed};
use crate::workspace::Workspace;
use crate::{healed, lint};

/// What makes a project; each is copied if it is there.
const PROJECT: [&str; 5] = ["healstack.yaml", "rules", "templates", "workloads", "generated"];

/// Changes of the shipped rules that reach runbooks, settings, alarms and native resources.
const CHANGES: [(&str, &str); 6] = [
    ("health_check_grace_period: 300", "health_check_grace_period: 400"),
    ("scale_out_amount: 2", "scale_out_amount: 3"),
    ("names: [web, worker]", "names: [web, mailer]"),
    ("memory_threshold: 85", "memory_threshold: 90"),
    ("cooldown_period: 300", "cooldown_period: 900"),
    ("parameters: {least_standby_targets: 2}", "enforce: false"),
];

/// Deploys, deploys again without a change, verifies and destroys, as a user would. The server is stopped in any case.
pub(crate) fn add_to(steps: &mut Steps, workspace: &Workspace) {
    // Kept between runs for its virtual environment; its server has a port of its own, so that one in use is left alone.
    let project = workspace.target.join("xtask").join("local-deploy");
    let healstack = |arguments: &[&str]| workspace.built_healstack(&project, arguments);
    let mut ready = false;
    steps.run("healstack with the AWS SDK", || {
        succeed(workspace.cargo().args(["build", "--quiet", "--package", "healstack"]))?;
        copy_project(&workspace.root, &project)?;
        // One that an interrupted run has left, with whatever is deployed to it.
        succeed(&mut healstack(&["local", "stop"]))?;
        ready = true;
        Ok(())
    });
    if !ready {
        return;
    }
    steps.run("deploy to a new local AWS", || succeed(&mut healstack(&["deploy", "--local", "--yes"])));
    steps.run("deploy again, without a change", || succeed(&mut healstack(&["deploy", "--local", "--yes"])));
    steps.run("every resource read back", || succeed(&mut healstack(&["local", "verify"])));
    steps.run("deploy a change of parameters in place, and read it back", || {
        let rules = project.join("rules/checkout.yaml");
        let text = fs::read_to_string(&rules).map_err(XtaskError::io("read", &rules))?;
        let changed = CHANGES.iter().fold(text, |text, (from, to)| text.replace(from, to));
        fs::write(&rules, changed).map_err(XtaskError::io("write", &rules))?;
        succeed(&mut healstack(&["deploy", "--local", "--yes"]))?;
        succeed(&mut healstack(&["local", "verify"]))
    });
    // The core stack has termination protection. The ledger stays, and a new deployment takes it back.
    let destroy = ["destroy", "--local", "--yes", "--disable-protection"];
    steps.run("destroy", || succeed(&mut healstack(&destroy)));
    steps.run("a kind that is only a folder, and a template for the bucket", || {
        let fixtures = workspace.root.join("tests/fixtures");
        copy_tree(&fixtures.join("kinds"), project.join("templates"))?;
        copy_tree(&fixtures.join("rules"), project.join("rules"))?;
        let large = project.join("rules/large.yaml");
        fs::write(&large, large_rule_file()).map_err(XtaskError::io("write", &large))?;
        succeed(&mut healstack(&["deploy", "--local", "--yes"]))
    });
    steps.run("cfn-lint over that", || lint::cfn_lint(workspace, &project.join("generated")));
    steps.run("runbooks and IAM policies in that", || lint::runbooks(workspace, &project.join("generated")));
    steps.run("every resource read back again", || succeed(&mut healstack(&["local", "verify"])));
    steps.run("stop the local AWS", || succeed(&mut healstack(&["local", "stop"])));
    add_example_to(steps, workspace);
}

/// The example: its workload's own template is healed and deployed before the rules that read from it, by the one command of the
/// README; what users own stays when the rules are destroyed.
fn add_example_to(steps: &mut Steps, workspace: &Workspace) {
    let project = workspace.target.join("xtask").join("local-deploy-example");
    let healstack = |arguments: &[&str]| workspace.built_healstack(&project, arguments);
    let mut ready = false;
    steps.run("the example, and what an interrupted run has left of it", || {
        copy_project(&workspace.root.join(healed::EXAMPLE), &project)?;
        succeed(&mut healstack(&["local", "stop"]))?;
        ready = true;
        Ok(())
    });
    if !ready {
        return;
    }
    steps.run("deploy the example with its workload", || {
        // Nothing may be generated anew: what is deployed is what was reviewed.
        succeed(&mut healstack(&["deploy", "--local", "--yes", "--locked"]))
    });
    steps.run("every resource of the example read back", || succeed(&mut healstack(&["local", "verify"])));
    steps.run("destroy the example's rules, and deploy them again to the workload", || {
        succeed(&mut healstack(&["destroy", "--local", "--yes", "--disable-protection"]))?;
        succeed(&mut healstack(&["deploy", "--local", "--yes", "--locked"]))
    });
    steps.run("stop the example's local AWS", || succeed(&mut healstack(&["local", "stop"])));
}

/// Rules enough that their template is over the 51,200 bytes that CloudFormation takes inline.
fn large_rule_file() -> String {
    let rule = |index: usize| {
        format!(
            "  - name: leak-n{index}
    layer: application
    trigger_condition: high_memory_usage
    action: restart
    target: {{units: {{names: [app{index}.service], hosts: {{tag: {{app: large}}}}}}}}
"
        )
    };
    let rules: String = (0..25).map(rule).collect();
    format!("stack: large\nrules:\n{rules}")
}

/// A copy of the project without what it has generated or built elsewhere. Files that are gone here are gone there.
fn copy_project(from: &Path, to: &Path) -> Result<(), XtaskError> {
    fs::create_dir_all(to).map_err(XtaskError::io("create", to))?;
    for name in PROJECT {
        let (source, copy) = (from.join(name), to.join(name));
        if copy.is_dir() {
            fs::remove_dir_all(&copy).map_err(XtaskError::io("remove", &copy))?;
        }
        copy_tree(&source, copy)?;
    }
    Ok(())
}

fn copy_tree(from: &Path, to: PathBuf) -> Result<(), XtaskError> {
    if from.is_dir() {
        fs::create_dir_all(&to).map_err(XtaskError::io("create", &to))?;
        for entry in from.read_dir().map_err(XtaskError::io("read", from))? {
            let entry = entry.map_err(XtaskError::io("read", from))?;
            copy_tree(&entry.path(), to.join(entry.file_name()))?;
        }
    } else if from.exists() {
        fs::copy(from, &to).map_err(XtaskError::io("write", to))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_follows_the_original() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("rules/a")).unwrap();
        fs::write(from.join("healstack.yaml"), "1").unwrap();
        fs::write(from.join("rules/a/b.yaml"), "2").unwrap();
        fs::create_dir_all(from.join("target")).unwrap();
        copy_project(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("rules/a/b.yaml")).unwrap(), "2");
        assert!(!to.join("target").exists());
        fs::create_dir_all(to.join("target/healstack")).unwrap();
        fs::remove_file(from.join("rules/a/b.yaml")).unwrap();
        copy_project(&from, &to).unwrap();
        assert!(!to.join("rules/a/b.yaml").exists());
        assert!(to.join("target/healstack").exists(), "the server's state stays");
    }
}
