//! cargo-deny: licences, duplicate and banned crates, and where crates come from (deny.toml).

use std::path::PathBuf;
use std::process::Command;

use crate::error::XtaskError;
use crate::steps::{say, succeed};
use crate::workspace::Workspace;

/// The releases whose deny.toml ours is.
const SERIES: &str = "0.20";

/// Checks the dependency tree. Advisories are left out: they change without a commit. So are warnings, which name crates
/// that are there in two versions; `cargo deny check bans` shows them.
pub(crate) fn check(workspace: &Workspace) -> Result<(), XtaskError> {
    let program = install(workspace)?;
    let mut command = Command::new(program);
    command.current_dir(&workspace.root).args([
        "--workspace",
        "--all-features",
        "--log-level",
        "error",
        "check",
        "--hide-inclusion-graph",
    ]);
    succeed(command.args(["bans", "licenses", "sources"]))
}

/// cargo-deny of the right series, installed for all clones of this user when it is missing (a few minutes, once).
fn install(workspace: &Workspace) -> Result<PathBuf, XtaskError> {
    let root = Workspace::tools_dir()?;
    let program = root.join("bin").join("cargo-deny");
    if is_of_series(&program) {
        return Ok(program);
    }
    say(&format!("installing cargo-deny {SERIES} into {}: a few minutes, once", root.display()));
    let mut command = workspace.cargo();
    command
        .args(["install", "--locked", "--quiet", "cargo-deny", "--version", &format!("^{SERIES}"), "--root"])
        .arg(root);
    // A build folder of its own, which cargo removes again.
    succeed(command.env_remove("CARGO_TARGET_DIR"))?;
    Ok(program)
}

fn is_of_series(program: &PathBuf) -> bool {
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| {
        let version = String::from_utf8_lossy(&output.stdout).into_owned();
        version.trim().strip_prefix("cargo-deny ").is_some_and(|version| version.starts_with(&format!("{SERIES}.")))
    })
}
