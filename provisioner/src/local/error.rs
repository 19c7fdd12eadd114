//! Why the local AWS could not do what it was asked to.

use std::path::PathBuf;
use std::process::ExitStatus;

use super::venv::VenvError;

/// An error of the local AWS. Each says what to do about it.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LocalError {
    /// The virtual environment could not be made.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Venv(#[from] VenvError),

    /// A file or folder of the state directory could not be read or written.
    #[error("cannot {action} {}", path.display())]
    #[diagnostic(help("check that you may write there and that the disk is not full; the folder may be deleted"))]
    Io {
        /// What was tried: `read`, `write`, ..
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },

    /// The port that was asked for cannot be listened on.
    #[error("port {port} of 127.0.0.1 cannot be used")]
    #[diagnostic(help("choose another with `--port`, or leave it out: a free one is taken then"))]
    Port {
        /// The port.
        port: u16,
        /// What the operating system answered.
        source: std::io::Error,
    },

    /// A server is up already, on another port than the one asked for.
    #[error("the local AWS is running on port {running} already, and port {asked} was asked for")]
    #[diagnostic(help("use the running one by leaving `--port` out, or stop it first: `healstack local stop`"))]
    OtherPort {
        /// Where it runs.
        running: u16,
        /// What was asked for.
        asked: u16,
    },

    /// The server process could not be started at all.
    #[error("cannot start {}", program.display())]
    #[diagnostic(help("delete the virtual environment above it; the next start makes it anew"))]
    Spawn {
        /// The Python interpreter of the virtual environment.
        program: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },

    /// The server ended while it was starting.
    #[error("the local AWS ended at once ({status})\n{tail}")]
    #[diagnostic(help(
        "the lines above are the end of {}; if Python misses a module, delete the folder venv-ministack beside it and start again",
        log.display()
    ))]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// The last lines of the log.
        tail: String,
        /// The log.
        log: PathBuf,
    },

    /// The server runs and does not answer.
    #[error("the local AWS (process {pid}) does not answer at {endpoint} within {seconds} s\n{tail}")]
    #[diagnostic(help("the end of {} is above; `healstack local stop` ends it, then start it again", log.display()))]
    NoAnswer {
        /// Its process.
        pid: u32,
        /// Where it should answer.
        endpoint: String,
        /// How long it was waited for.
        seconds: u64,
        /// The last lines of the log.
        tail: String,
        /// The log.
        log: PathBuf,
    },

    /// The recorded process could not be ended.
    #[error("process {pid}, the local AWS, did not end within {seconds} s of SIGTERM, nor of SIGKILL")]
    #[diagnostic(help("look at it with `ps -p {pid}`"))]
    DoesNotEnd {
        /// Its process.
        pid: u32,
        /// How long each signal was given.
        seconds: u64,
    },

    /// The operating system refused the signal.
    #[error("cannot end process {pid}, the local AWS")]
    #[diagnostic(help("it was started by another user; end it as that user"))]
    Signal {
        /// Its process.
        pid: u32,
        /// What the operating system answered.
        source: std::io::Error,
    },

    /// There is no server.
    #[error("the local AWS is not running")]
    #[diagnostic(help("start it with `healstack local start`, or deploy to it with `healstack deploy --local`"))]
    NotRunning,

    /// `verify.py` could not do its work; it has printed why.
    #[error("the local AWS could not be verified ({status})")]
    #[diagnostic(help("deploy to it first: `healstack deploy --local`; its log is {}", log.display()))]
    Verify {
        /// How it ended.
        status: ExitStatus,
        /// The server's log.
        log: PathBuf,
    },
}

impl LocalError {
    /// For `map_err` on an operation with a file.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
