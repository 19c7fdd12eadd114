//! The local AWS: ministack behind `local/ministack_launcher.py`, on a loopback port, in the background.
//!
//! Everything it needs is made below one folder, `<project>/target/healstack`, and may be deleted while it is stopped:
//!
//! | path | what |
//! |---|---|
//! | `local/` | the Python files of the repository's `local/`, which are embedded in this crate |
//! | `venv-ministack/` | the virtual environment, made from `requirements-ministack.txt` |
//! | `local.json` | the running server: process id, port, endpoint, digest of the Python files |
//! | `local.log` | what the server printed |
//! | `local.lock` | held while a server is started or stopped |
//! | `venv.lock` | held while an environment is made |
//!
//! **Invariant:** a process is signalled only when its own health answer or its command line shows that it is the server
//! which `local.json` names.

mod error;
mod files;
mod health;
mod process;
mod server;
mod state;
pub mod venv;

pub use error::LocalError;
pub use server::LocalAws;
pub use state::{Running, Stopped};

/// What [`LocalAws::verify`] looks at and how it prints it.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// The regions whose stacks are read; at least one.
    pub regions: Vec<String>,
    /// The account that deployed, 12 digits; without it, the one of [`Running::environment`].
    pub account: Option<String>,
    /// JSON instead of a table.
    pub json: bool,
}

/// What [`LocalAws::verify`] found; it has printed the details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// Every resource is there and as its template says.
    Clean,
    /// Some resource is not.
    Problems,
}
