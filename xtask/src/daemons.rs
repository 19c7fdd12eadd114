//! The daemons that the agent's tests run against.

use std::path::{Path, PathBuf};

use crate::error::XtaskError;
use crate::python::{install_packages, may_install_packages};
use crate::steps::say;

/// A program of each, in any of the folders, and Debian's package of it.
const DAEMONS: [(&str, &str); 6] = [
    ("pgbouncer", "pgbouncer"),
    ("initdb", "postgresql"),
    ("haproxy", "haproxy"),
    ("redis-server", "redis-server"),
    ("redis-cli", "redis-tools"),
    ("dbus-daemon", "dbus"),
];

/// Where distributions put daemons.
const FOLDERS: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
/// Where Debian puts what belongs to one of several versions of PostgreSQL: a client alone may be there without the server.
const POSTGRESQL: &str = "/usr/lib/postgresql";

/// Installs those that are missing, on Debian as root. Elsewhere the tests that need them fail, each with the package's
/// name.
pub(crate) fn ensure() -> Result<(), XtaskError> {
    let versions =
        Path::new(POSTGRESQL).read_dir().into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let folders: Vec<PathBuf> = FOLDERS.iter().map(PathBuf::from).chain(versions).collect();
    let is_there = |program: &str| folders.iter().any(|folder| folder.join(program).exists());
    let missing: Vec<_> =
        DAEMONS.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() || !may_install_packages() {
        return Ok(());
    }
    say(&format!("installing {} for the agent's tests", missing.join(", ")));
    install_packages(&missing)
}
