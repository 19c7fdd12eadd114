//! A project on disk: where its files are, and everything that is read from them.

use crate::compile::{CompiledStack, Core, compile_all};
use crate::config::{self, Config, Environment};
use crate::diagnostics::{Problem, Problems, Source};
use crate::generated::Placements;
use crate::kinds::{Catalog, TemplateFiles};
use crate::rules;
use healstack_model::{EnvironmentName, StackName};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

/// A project's folders. All are fixed, so that every project looks alike.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder that holds `healstack.yaml`.
    pub root: PathBuf,
}

/// An environment, compiled.
#[derive(Debug)]
pub struct Compiled {
    /// Its name.
    pub environment_name: EnvironmentName,
    /// What `healstack.yaml` says of it.
    pub environment: Environment,
    /// The kinds that there are.
    pub catalog: Catalog,
    /// Its stacks, in an order in which they can be deployed.
    pub stacks: Vec<CompiledStack>,
}

impl Project {
    /// The project of `dir`, or of the nearest folder above it that has a `healstack.yaml`.
    pub fn find(dir: &Path) -> Result<Self, Problem> {
        dir.ancestors()
            .find(|dir| dir.join(config::FILE).is_file())
            .map(|root| Self { root: root.to_owned() })
            .ok_or_else(|| {
                Problem::error(format!("there is no {} in {} or above it", config::FILE, dir.display()))
                    .help("go to a project's folder, or begin one with `healstack init`")
            })
    }

    /// Where generated templates of an environment are.
    #[must_use]
    pub fn generated(&self, environment: &EnvironmentName) -> PathBuf {
        self.root.join("generated").join(environment.as_str())
    }

    /// Where files that may be deleted at any time are: the local AWS, its log.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.root.join("target").join("healstack")
    }

    /// The kinds of this project: the built-in ones and those of its own `templates/`.
    pub fn catalog(&self, problems: &mut Problems) -> Option<Catalog> {
        Catalog::load(self.templates(problems)?, problems)
    }

    fn templates(&self, problems: &mut Problems) -> Option<TemplateFiles> {
        let mut files = problems.take(TemplateFiles::built_in())?;
        problems.take(files.overlay(&self.root.join("templates")))?;
        Some(files)
    }

    /// `healstack.yaml`.
    pub fn config(&self, problems: &mut Problems) -> Option<Config> {
        let path = self.root.join(config::FILE);
        let text =
            fs::read_to_string(&path).map_err(|error| Problem::error(format!("cannot read {}: {error}", config::FILE)));
        Config::parse(&Source::new(config::FILE, problems.take(text)?), problems)
    }

    /// Reads and compiles one environment. There may be problems with or without a result.
    pub fn compile(&self, environment: Option<&str>, problems: &mut Problems) -> Option<Compiled> {
        let config = self.config(problems);
        let files = self.templates(problems)?;
        let read = |files: TemplateFiles, problems: &mut Problems| {
            let catalog = Catalog::load(files, problems)?;
            let sets = rules::load(&self.root.join("rules"), "rules", &catalog, problems);
            Some((catalog, sets))
        };
        let selected = config.as_ref().map(|config| config.select(environment));
        let Some(Ok((name, environment))) = selected else {
            // What is wrong with kinds and rules is told all the same.
            read(files, problems);
            problems.extend(selected.and_then(Result::err));
            return None;
        };
        // The core stack takes as long as reading the kinds and the rules, and needs neither.
        thread::scope(|scope| {
            let core = scope.spawn({
                let (files, name) = (files.clone(), name.clone());
                move || Core::compile(&files, &name, environment)
            });
            let core = || core.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let (catalog, sets) = read(files, problems)?;
            let before = problems.take(Placements::find(self.generated(&name)))?;
            let placed = |stack: &StackName, too_large: bool| before.of(stack, too_large);
            let stacks = compile_all(&catalog, &name, environment, &placed, sets, core, problems);
            Some(Compiled { environment: environment.clone(), environment_name: name, catalog, stacks })
        })
    }
}
