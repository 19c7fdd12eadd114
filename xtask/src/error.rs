//! Why a command could not run. A check or test that fails is a result, see [`crate::steps`].

use std::path::PathBuf;
use std::process::ExitStatus;

use healstack::local::venv::VenvError;

/// An error of a developer command.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum XtaskError {
    /// A program could not be run at all.
    #[error("cannot run {}", program.display())]
    #[diagnostic(help("is it installed, and on PATH?"))]
    Run {
        /// The program.
        program: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },

    /// A program ran and failed; it has printed why.
    #[error("{program} failed ({status})")]
    Failed {
        /// The program and its first arguments.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },

    /// A file or folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },

    /// There is no folder for tools.
    #[error("neither XDG_CACHE_HOME nor HOME is set")]
    #[diagnostic(help("set one: tools such as cargo-deny are installed below it"))]
    NoCache,

    /// A dependency has come in that makes everybody's build minutes longer.
    #[error("healstack is built with {}", found.join(", "))]
    #[diagnostic(help("`cargo tree --package healstack --invert <crate>` says what brings it in"))]
    UnwantedSdks {
        /// The crates.
        found: Vec<String>,
    },

    /// A page of docs/ is not what the code says.
    #[error("{path} is stale")]
    #[diagnostic(help("write it with `cargo xtask docs`"))]
    StaleDocs {
        /// The page.
        path: String,
    },

    /// The kinds of rules could not be read.
    #[error("the kinds in templates/ are wrong: {reason}")]
    #[diagnostic(help("`cargo xtask check` says where"))]
    Kinds {
        /// The first reason.
        reason: String,
    },

    /// There is nothing to check.
    #[error("no template.yaml below {}", folder.display())]
    #[diagnostic(help("write it with `cargo xtask synth`"))]
    NothingGenerated {
        /// The folder.
        folder: PathBuf,
    },

    /// Packages are missing, and may not be installed unasked.
    #[error("not installed: {packages}")]
    #[diagnostic(help("on Debian or Ubuntu: `apt-get install {packages}`; as root, this command does it itself"))]
    NoPackages {
        /// Their names.
        packages: String,
    },

    /// The test host could not be made, started or spoken to.
    #[error("{what}")]
    #[diagnostic(help("`cargo xtask test-host --run true` starts one and does nothing with it"))]
    Host {
        /// What happened.
        what: String,
    },

    /// A virtual environment could not be made.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Venv(#[from] VenvError),
}

impl XtaskError {
    /// For `map_err` on an operation with a file.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
