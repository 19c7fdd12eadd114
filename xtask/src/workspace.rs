//! Where things are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::XtaskError;

/// The checked-out repository, and what belongs to it elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    /// The folder with the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Where cargo builds: `target`, unless `CARGO_TARGET_DIR` or a configuration file says otherwise.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// The repository that this program was built from.
    pub(crate) fn find() -> Self {
        // Set by `cargo run`; the other is where it was built, for when the program is started by itself.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let manifest = PathBuf::from(manifest);
        let root = manifest.parent().map_or_else(|| manifest.clone(), PathBuf::from);
        // This program is `<target>/<profile>/xtask`, whatever chose the target folder.
        let target = env::current_exe().ok().and_then(|program| Some(program.parent()?.parent()?.to_owned()));
        let target = target.unwrap_or_else(|| root.join("target"));
        Self { root, target }
    }

    /// Where files that may be deleted at any time are, virtual environments for one.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.root.join("target").join("healstack")
    }

    /// Where tools are installed, for all clones of a user.
    pub(crate) fn tools_dir() -> Result<PathBuf, XtaskError> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        Ok(cache.ok_or(XtaskError::NoCache)?.join("healstack").join("tools"))
    }

    /// cargo, the one that runs this program, in the root folder.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        command
    }

    /// `healstack` as `cargo xtask synth` builds it, for the project in a folder.
    pub(crate) fn healstack(&self, project: &Path) -> Command {
        let mut command = self.cargo();
        command.args(["run", "--quiet", "--package", "healstack", "--bin", "healstack", "--no-default-features", "--"]);
        command.arg("--directory").arg(project);
        command
    }

    /// `healstack` with everything, where it has been built, for the project in a folder.
    pub(crate) fn built_healstack(&self, project: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.target.join("debug").join("healstack"));
        command.arg("--directory").arg(project).args(arguments);
        command
    }
}

/// Writes a file, and the folders above it that are missing.
pub(crate) fn write_file(path: &Path, content: impl AsRef<[u8]>) -> Result<(), XtaskError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(XtaskError::io("create", folder))?;
    }
    fs::write(path, content).map_err(XtaskError::io("write", path))
}

/// Every template below a folder, in order.
pub(crate) fn templates(folder: &Path) -> Result<Vec<PathBuf>, XtaskError> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(dir) = folders.pop() {
        let entries = dir.read_dir().map_err(XtaskError::io("read", &dir))?;
        for entry in entries {
            let path = entry.map_err(XtaskError::io("read", &dir))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "template.yaml") {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        return Err(XtaskError::NothingGenerated { folder: folder.to_owned() });
    }
    found.sort();
    Ok(found)
}
