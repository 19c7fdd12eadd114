//! What a test host is made and run with, from the distribution.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::error::XtaskError;
use crate::python::{install_packages, may_install_packages};
use crate::steps::{say, succeed};
use crate::workspace::Workspace;

/// The machine's program, and others with the packages that they are in.
pub(super) const QEMU: &str = "qemu-system-x86_64";
const PROGRAMS: [(&str, &str); 4] = [
    ("mmdebstrap", "mmdebstrap"),
    ("mke2fs", "e2fsprogs"),
    ("qemu-img", "qemu-utils"),
    ("/bin/busybox", "busybox-static"),
];

/// Debian's newer packages for its stable release.
const BACKPORTS: &str = "bookworm-backports";

/// Installs what is missing, where that may be done unasked.
pub(super) fn ensure() -> Result<(), XtaskError> {
    let mut missing: Vec<&str> =
        PROGRAMS.into_iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| package).collect();
    let without_machine = !is_there(QEMU);
    if !without_machine && missing.is_empty() {
        return Ok(());
    }
    if !may_install_packages() {
        missing.extend(without_machine.then_some("qemu-system-x86"));
        return Err(XtaskError::NoPackages { packages: missing.join(" ") });
    }
    if !missing.is_empty() {
        say(&format!("installing {}", missing.join(", ")));
        install_packages(&missing)?;
    }
    if without_machine { install_machine() } else { Ok(()) }
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Where qemu-utils is a backport, the emulator must be one of the same version.
fn install_machine() -> Result<(), XtaskError> {
    say("installing qemu-system-x86");
    let simulated = Command::new("apt-get")
        .args(["install", "--simulate", "--no-install-recommends", "qemu-system-x86"])
        .output()
        .is_ok_and(|output| output.status.success());
    if simulated {
        return install_packages(&["qemu-system-x86"]);
    }
    // The system's own sources are left as they are.
    let folder = Workspace::tools_dir()?.join("apt");
    fs::create_dir_all(&folder).map_err(XtaskError::io("create", &folder))?;
    let system = Path::new("/etc/apt/sources.list.d");
    for entry in system.read_dir().map_err(XtaskError::io("read", system))? {
        let path = entry.map_err(XtaskError::io("read", system))?.path();
        if let Some(name) =
            path.file_name().filter(|_| path.extension().is_some_and(|end| end == "list" || end == "sources"))
        {
            fs::copy(&path, folder.join(name)).map_err(XtaskError::io("copy", &path))?;
        }
    }
    let mirror = mirror();
    let backports = folder.join("backports.list");
    fs::write(&backports, format!("deb {mirror} {BACKPORTS} main\n")).map_err(XtaskError::io("write", &backports))?;
    let sources = format!("Dir::Etc::SourceParts={}", folder.display());
    succeed(Command::new("apt-get").args(["--option", &sources, "update", "--quiet"]))?;
    succeed(
        Command::new("apt-get")
            .args(["--option", &sources, "install", "--yes", "--quiet", "--no-install-recommends"])
            .args(["--target-release", BACKPORTS, "qemu-system-x86"])
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// Where this machine has its Debian packages from; Debian's own mirrors where it has none.
pub(super) fn mirror() -> String {
    let output = Command::new("apt-get")
        .args(["indextargets", "--format", "$(REPO_URI) $(ORIGIN)", "Created-By: Packages"])
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let found = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(uri, origin)| *origin == "Debian" && uri.starts_with("http") && !uri.contains("security"));
    found.map_or_else(|| "http://deb.debian.org/debian".to_owned(), |(uri, _)| uri.to_owned())
}
