//! The rehearsed account: the Python side, written out and started where it is needed.

use crate::digest::sha256;
use crate::local::venv::{Venv, VenvError};
use healstack_rehearsal::bridge::Bridge;
use healstack_rehearsal::engine::Deployment;
use include_dir::{Dir, include_dir};
use std::io;
use std::path::{Path, PathBuf};

/// Exact versions for the virtual environment.
const REQUIREMENTS: &str = include_str!("../../../local/requirements-moto.txt");

/// The Python files.
static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../local/rehearsal");

/// Why the account could not be made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum AccountError {
    /// Its virtual environment.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Venv(#[from] VenvError),
    /// A file or process.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: String,
        /// What the operating system answered.
        source: io::Error,
    },
}

/// What accounts are started from.
#[derive(Debug, Clone)]
pub struct Account {
    python: PathBuf,
    folder: PathBuf,
}

impl Account {
    /// Makes the virtual environment below a project's state folder if it is not there, and writes out the Python files.
    pub fn prepare(state: &Path, progress: &mut dyn FnMut(&str)) -> Result<Self, AccountError> {
        let venv = Venv::ensure(&state.join("venv-moto"), REQUIREMENTS, progress)?;
        let mut files: Vec<(PathBuf, &[u8])> = Vec::new();
        collect(&FILES, &mut files);
        // Each version has a folder of its own, so that two of them can run at the same time.
        let texts: Vec<_> =
            files.iter().map(|(path, text)| (path.to_string_lossy(), String::from_utf8_lossy(text))).collect();
        let digest = sha256(texts.iter().flat_map(|(path, text)| [path.as_ref(), text.as_ref()]));
        let folder = state.join("rehearsal").join(&digest[..12]);
        let io = |action: String| move |source| AccountError::Io { action, source };
        for (path, text) in files {
            let path = folder.join(path);
            if std::fs::read(&path).is_ok_and(|found| found == text) {
                continue;
            }
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(io(format!("create {}", parent.display())))?;
            }
            std::fs::write(&path, text).map_err(io(format!("write {}", path.display())))?;
        }
        Ok(Self { python: venv.interpreter(), folder })
    }

    /// Starts one.
    pub fn start(&self, deployment: &Deployment) -> Result<Bridge, AccountError> {
        let place = &deployment.place;
        Bridge::start(&self.python, &self.folder, &place.account, &place.region)
            .map_err(|source| AccountError::Io { action: format!("run {}", self.python.display()), source })
    }
}

fn collect<'a>(dir: &'a Dir<'_>, files: &mut Vec<(PathBuf, &'a [u8])>) {
    for file in dir.files() {
        let is_product = file.path().extension().is_some_and(|extension| extension == "py")
            && !file.path().file_name().is_some_and(|name| name.to_string_lossy().starts_with("test_"));
        if is_product {
            files.push((file.path().to_owned(), file.contents()));
        }
    }
    dir.dirs().filter(|dir| !dir.path().ends_with("__pycache__")).for_each(|dir| collect(dir, files));
}
