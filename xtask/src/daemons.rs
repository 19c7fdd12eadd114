//! The daemons that the agent's tests run against.

use std::path::Path;

use crate::error::XtaskError;
use crate::python::{install_packages, may_install_packages};
use crate::steps::say;

/// A program of each, in any of the folders, and Debian's package of it.
const DAEMONS: [(&str, &str); 6] = [
    ("pgbouncer", "pgbouncer"),
    ("psql", "postgresql"),
    ("haproxy", "haproxy"),
    ("redis-server", "redis-server"),
    ("redis-cli", "redis-tools"),
    ("dbus-daemon", "dbus"),
];

/// Where distributions put daemons.
const FOLDERS: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

/// Installs those that are missing, on Debian as root. Elsewhere the tests that need them fail, each with the package's
/// name.
pub(crate) fn ensure() -> Result<(), XtaskError> {
    let is_there = |program: &str| FOLDERS.iter().any(|folder| Path::new(folder).join(program).exists());
    let missing: Vec<_> =
        DAEMONS.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() || !may_install_packages() {
        return Ok(());
    }
    say(&format!("installing {} for the agent's tests", missing.join(", ")));
    install_packages(&missing)
}
