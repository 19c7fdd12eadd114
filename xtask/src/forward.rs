//! Hands a verb over to `healstack`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use crate::error::XtaskError;
use crate::workspace::Workspace;

/// What `healstack` is built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Features {
    /// Without anything that talks to AWS.
    Compile,
    /// With what a deployment needs of the AWS SDK.
    Deploy,
    /// Without anything that talks to AWS, with the rehearsal.
    Rehearse,
    /// With everything: the default features.
    Operate,
}

impl Features {
    /// Cargo's arguments for it.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Compile => &["--no-default-features"],
            Self::Deploy => &["--no-default-features", "--features", "deploy"],
            Self::Rehearse => &["--no-default-features", "--features", "rehearse"],
            Self::Operate => &[],
        }
    }
}

/// Becomes `cargo run -p healstack -- <verb> <arguments>`, which becomes `healstack`: no process stays in between, so
/// exit codes, signals and the terminal are exactly its own. Only returns when that fails.
pub(crate) fn exec(workspace: &Workspace, verb: &str, features: Features, arguments: &[OsString]) -> XtaskError {
    let mut command = workspace.cargo();
    command.arg("run").args(["--package", "healstack", "--bin", "healstack"]);
    // Relative paths among the arguments are the user's.
    if let Ok(here) = std::env::current_dir() {
        command.arg("--manifest-path").arg(workspace.root.join("Cargo.toml")).current_dir(here);
    }
    command.args(features.arguments());
    // A first build takes minutes and should show that it moves.
    if workspace.target.join("debug").join("healstack").exists() {
        command.arg("--quiet");
    }
    // What `healstack` calls itself when it says what to try next.
    command.env("HEALSTACK_COMMAND", "cargo xtask");
    command.arg("--").arg(verb).args(arguments);
    let source = command.exec();
    XtaskError::Run { program: PathBuf::from(command.get_program()), source }
}
