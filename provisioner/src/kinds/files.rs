//! The template files: those built into the binary, and a project's own over them.

use crate::diagnostics::{Problem, Source};
use include_dir::{Dir, include_dir};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../templates");

/// All template files by their path below `templates/`.
#[derive(Debug, Clone, Default)]
pub struct TemplateFiles(BTreeMap<String, Arc<Source>>);

impl TemplateFiles {
    /// The files that this binary was built with.
    pub fn built_in() -> Result<Self, Problem> {
        let mut files = Self::default();
        files.embed(&BUILT_IN)?;
        Ok(files)
    }

    fn embed(&mut self, dir: &Dir<'static>) -> Result<(), Problem> {
        for file in dir.files() {
            let path = file.path().to_string_lossy().into_owned();
            let text = file.contents_utf8().ok_or_else(|| Problem::error(format!("templates/{path} is not UTF-8")))?;
            self.insert(&path, text);
        }
        dir.dirs().try_for_each(|dir| self.embed(dir))
    }

    /// Adds the files below `root`, each replacing the one of the same path. A missing folder adds none.
    pub fn overlay(&mut self, root: &Path) -> Result<(), Problem> {
        if root.is_dir() { self.read(root, root) } else { Ok(()) }
    }

    fn read(&mut self, root: &Path, dir: &Path) -> Result<(), Problem> {
        let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
            Problem::error(format!("cannot read {}: {error}", path.display()))
        };
        for entry in fs::read_dir(dir).map_err(|error| unreadable(dir, &error))? {
            let path = entry.map_err(|error| unreadable(dir, &error))?.path();
            if path.is_dir() {
                self.read(root, &path)?;
            } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "hbs") {
                let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
                let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                self.insert(&relative, &text);
            }
        }
        Ok(())
    }

    fn insert(&mut self, path: &str, text: &str) {
        self.0.insert(path.to_owned(), Source::new(format!("templates/{path}"), text));
    }

    /// Every path, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Every file, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Source>)> {
        self.0.iter().map(|(path, source)| (path.as_str(), source))
    }

    /// Whether there is such a file.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// A file; empty when there is none.
    #[must_use]
    pub fn source(&self, path: &str) -> Arc<Source> {
        self.0.get(path).cloned().unwrap_or_else(|| Source::new(format!("templates/{path}"), ""))
    }
}
