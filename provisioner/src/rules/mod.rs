//! From rule files to typed healing loops: the kind is selected, defaults are filled in, and everything that a rule
//! says has been checked.

mod files;
mod parse;
pub(crate) mod reference;
mod resolve;

pub use files::MAX_FILE;
pub use parse::parse;
pub use reference::{Origin, Reference};

use crate::diagnostics::{Problem, Problems, Source};
use crate::kinds::Catalog;
use crate::yaml::Span;
use healstack_model::{Budget, Mode, Notify, Rule, Seconds, StackName};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde_json::{Map, Value};
use std::path::{Component, Path};
use std::sync::Arc;

/// The rules of one file.
#[derive(Debug)]
pub struct RuleSet {
    /// The stack that they become.
    pub stack: StackName,
    /// The file.
    pub source: Arc<Source>,
    /// The template that owns what the rules heal.
    pub workload: Option<Workload>,
    /// The rules, sorted by name, so that their order in the file changes nothing.
    pub loops: Vec<HealingLoop>,
}

/// The template that a rule file names.
#[derive(Debug)]
pub struct Workload {
    /// Its path below the project's folder.
    pub path: String,
    /// Where the rule file names it.
    pub span: Span,
    /// The file; `None` until it has been read.
    pub source: Option<Arc<Source>>,
}

/// One rule with everything filled in.
#[derive(Debug)]
pub struct HealingLoop {
    /// What the user wrote.
    pub rule: Rule,
    /// The kind's identity, `<layer>/<kind>`.
    pub kind: String,
    /// The target's type.
    pub target_type: String,
    /// The target's selector, a variable in the place of each reference.
    pub selector: Value,
    /// The references of the selector.
    pub references: Vec<Reference>,
    /// The selector with nothing but the logical ids of the workload's template, a tree of the same shape.
    pub resources: Value,
    /// Parameters with defaults.
    pub parameters: Map<String, Value>,
    /// The signal's threshold and datapoints with defaults.
    pub signal: Map<String, Value>,
    /// From the end of a healing to the next.
    pub cooldown: Seconds,
    /// Within `window`.
    pub max_attempts: u32,
    /// The span in which attempts count.
    pub window: Seconds,
    /// How long a resource must stay healthy until its attempts start again.
    pub stable_for: Seconds,
    /// Healings at once and in an hour.
    pub budget: Budget,
    /// What the rule may do.
    pub mode: Mode,
    /// What is reported.
    pub notify: Notify,
    /// An alarm that stops healing.
    pub suppress_while: Option<String>,
    /// Where the rule stands.
    pub span: Span,
}

impl HealingLoop {
    /// Whether the rule acts: it is on, and neither observing nor off.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.rule.enabled && self.mode == Mode::Enforce
    }

    /// Whether AWS's own healing of the target is set where it is weaker, rather than only reported.
    #[must_use]
    pub fn enforces(&self) -> bool {
        self.acts() && self.rule.enforce != Some(false)
    }

    /// Whether the rule's alarms do anything at all.
    #[must_use]
    pub fn signals(&self) -> bool {
        self.rule.enabled && self.mode != Mode::Off
    }
}

/// Reads every rule file of a folder, in the order of their names. `shown` is the folder as the user knows it.
pub fn load(dir: &Path, shown: &str, catalog: &Catalog, problems: &mut Problems) -> Vec<RuleSet> {
    let mut sets: Vec<RuleSet> = Vec::new();
    let sources = files::read_all(dir, shown, problems);
    let parsed: Vec<_> = sources
        .into_par_iter()
        .map(|source| {
            let mut problems = Problems::default();
            let set = parse(&source, catalog, &mut problems);
            (source, set, problems)
        })
        .collect();
    for (source, set, found) in parsed {
        problems.extend(found);
        let Some(set) = set else { continue };
        if let Some(twin) = sets.iter().find(|other| other.stack == set.stack) {
            let message = format!("the stack `{}` is also that of {}", set.stack, twin.source.name());
            problems.push(
                Problem::error(message)
                    .at(&source, Span::default())
                    .help("give each rule file a `stack` of its own, or put the rules into one file"),
            );
            continue;
        }
        sets.push(set);
    }
    let root = dir.parent().unwrap_or(dir);
    for set in &mut sets {
        let Some(workload) = &mut set.workload else { continue };
        // What is generated must not depend on files that the repository does not have.
        let inside =
            Path::new(&workload.path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            let message = format!("`{}` is not below the project's folder", workload.path);
            let help = "write the path of a template of this project, for instance `workloads/shop.yaml`";
            problems.push(Problem::error(message).at(&set.source, workload.span).help(help));
            continue;
        }
        // A name where an id was meant would leave the template as it is, silently.
        if !set.loops.iter().flat_map(|healing| &healing.references).any(Reference::is_in_template) {
            let message = format!("no rule names a resource of `{}`: nothing is set there", workload.path);
            let help = "write targets as `{resource: <logical id>}`, or remove `workload`";
            problems.push(Problem::warning(message).at(&set.source, workload.span).help(help));
        }
        match files::read_workload(&root.join(&workload.path), &workload.path) {
            Ok(source) => workload.source = Some(source),
            Err(problem) => problems.push(problem.at(&set.source, workload.span)),
        }
    }
    sets
}
