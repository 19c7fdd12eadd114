//! The compiler: healing loops to CloudFormation templates.
//!
//! ```text
//! rules + kinds -> render -> parse -> qualify ids -> derive roles -> check -> emit
//! ```
//! **Invariant:** the same input gives the same bytes: no clock, no randomness, no order that a hash map decides.

mod alarms;
mod escalation;
mod events;
mod graph;
mod iam;
mod limits;
mod partition;
mod quotas;
mod references;
mod resources;
mod rule;
mod runbook;
mod settings;
mod stacks;
mod step;
mod template;
mod workloads;

pub use alarms::AlarmInfo;
pub use events::EventInfo;
pub use limits::{MAX_INLINE_TEMPLATE, MAX_TEMPLATE};
pub use partition::Placement;
pub use quotas::Counted;
pub use references::{shown, shown_in};
pub use rule::CompiledRule;
#[cfg(feature = "rehearse")]
pub(crate) use rule::context;
pub(crate) use rule::headings;
pub use runbook::{Runbook, Starter};
pub use settings::Settings;
pub use stacks::Core;
pub use step::Step;
pub use template::{Block, Resource, Template};
pub(crate) use template::{references, shorten_intrinsic};
pub use workloads::HealedWorkload;

use crate::config::Environment;
use crate::diagnostics::{Problem, Problems, Severity};
use crate::kinds::{Catalog, HealedBy, Requirement};
use crate::render::Renderer;
use crate::rules::{Reference, RuleSet};
use crate::yaml::{Entry, Node};
use healstack_model::{EnvironmentName, Names, StackName};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// One stack, compiled.
#[derive(Debug)]
pub struct CompiledStack {
    /// The folder under `generated/<environment>/`: the rule file's stack, or `core`, `account`, `artifacts`.
    pub folder: String,
    /// CloudFormation's name for it.
    pub name: String,
    /// The template.
    pub template: Template,
    /// The template's text.
    pub text: String,
    /// CloudFormation names of the stacks that must be there first.
    pub depends_on: Vec<String>,
    /// Whether deleting it takes an extra step.
    pub termination_protection: bool,
    /// Whether its output `ArtifactBucketName` names the bucket for large templates.
    pub provides_artifact_bucket: bool,
    /// Its rules.
    pub rules: Vec<CompiledRule>,
    /// The template that owns what the rules heal, in the first of a rule file's stacks.
    pub workload: Option<HealedWorkload>,
}

/// Tells where the rules of a stack were generated before. The flag says that the stack is too large to be one.
pub type Placed<'a> = &'a (dyn Fn(&StackName, bool) -> Result<Placement, Problem> + Sync);

/// The folders of those of Healstack's own stacks that some rule or template size asks for.
const OWN_STACKS: [&str; 2] = ["account", "artifacts"];

/// What is compiled for.
pub struct Compiler<'a> {
    catalog: &'a Catalog,
    placed: Placed<'a>,
    renderer: Renderer,
    /// What the runbooks of each kind call, whatever a rule's parameters leave out.
    mentioned: HashMap<String, HashSet<String>>,
    names: Names,
    environment_name: &'a EnvironmentName,
    environment: &'a Environment,
}

impl<'a> Compiler<'a> {
    /// A compiler of some rule sets for one environment. Fails with the templates that are none.
    pub fn new(
        catalog: &'a Catalog,
        sets: &[RuleSet],
        environment_name: &'a EnvironmentName,
        environment: &'a Environment,
        placed: Placed<'a>,
    ) -> Result<Self, Vec<Problem>> {
        let names = environment.names(environment_name);
        let kinds = sets.iter().flat_map(|set| &set.loops).map(|healing| healing.kind.as_str());
        let used = kinds.clone().collect::<BTreeSet<_>>().into_iter().filter_map(|kind| catalog.kinds.get(kind));
        let mentioned = used.map(|kind| (kind.id.clone(), iam::mentioned(kind, &catalog.files))).collect();
        let folders = kinds.chain(OWN_STACKS).collect();
        let targets: BTreeSet<&str> =
            sets.iter().flat_map(|set| &set.loops).map(|healing| healing.target_type.as_str()).collect();
        let scopes = targets.iter().filter_map(|target| catalog.targets.get(*target)).flat_map(|target| {
            let scopes = target.definition.scopes.iter();
            scopes.map(|(scope, template)| (rule::scope_name(&target.name, scope), template.as_str()))
        });
        let renderer = Renderer::new(&catalog.files, &folders, scopes, &names)?;
        Ok(Self { catalog, placed, renderer, mentioned, names, environment_name, environment })
    }

    /// Compiles every rule set and the stacks that they need, in the order in which they can be deployed.
    pub fn compile(
        &self,
        sets: Vec<RuleSet>,
        core: impl FnOnce() -> Core,
        problems: &mut Problems,
    ) -> Vec<CompiledStack> {
        problems.extend(self.warnings(&sets));
        problems.extend(references::check_values(&sets, &self.environment.parameters));
        problems.extend(workloads::unknown(&sets, self.environment));
        problems.extend(escalation::check(&sets, self.catalog));
        // Stacks know nothing of one another. Their order, and that of their problems, stays.
        let compiled: Vec<_> = sets
            .into_par_iter()
            .map(|set| {
                let mut problems = Problems::default();
                (self.rule_stacks(set, &mut problems), problems)
            })
            .collect();
        let mut rules = Vec::new();
        for (stacks, found) in compiled {
            rules.extend(stacks);
            problems.extend(found);
        }
        let mut stacks = self.own_stacks(&rules, core(), problems);
        if let Some(account) = stacks.iter().find(|stack| stack.folder == "account") {
            for stack in &mut rules {
                stack.depends_on.push(account.name.clone());
            }
        }
        stacks.append(&mut rules);
        problems.extend(limits::check(&stacks));
        problems.extend(quotas::check(&stacks, self.environment));
        problems.reword(references::shown);
        stacks
    }

    /// What compiles and is probably not what was meant.
    fn warnings(&self, sets: &[RuleSet]) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut selected: HashMap<(&str, String), String> = HashMap::new();
        for set in sets {
            for healing in &set.loops {
                let identity = format!("{}/{}", set.stack, healing.rule.name);
                let warn = |message: String| Problem::warning(message).at(&set.source, healing.span);
                let kind = &self.catalog.kinds[&healing.kind];
                if kind.definition.requires.contains(&Requirement::AgentProbe) {
                    let message = format!(
                        "{identity} is started by a probe of the agent, which is not part of this version: that alarm cannot fire yet"
                    );
                    found.push(warn(message).help("keep it for later, or publish the metric of its alarm yourself"));
                }
                if kind.definition.signals.values().all(|healed_by| *healed_by == HealedBy::Agent) {
                    let message =
                        format!("{identity} needs the agent, which is not part of this version: it heals nothing yet");
                    found.push(warn(message).help("keep it for later, or remove it"));
                }
                // A logical id of one template is not that of another.
                let of = if healing.references.iter().any(Reference::is_in_template) { set.stack.as_str() } else { "" };
                let selection = (healing.kind.as_str(), format!("{of}{}", healing.selector));
                if let Some(twin) = selected.insert(selection, identity.clone()) {
                    let message =
                        format!("{twin} and {identity} heal the same {}: their alarms act twice", healing.target_type);
                    found.push(warn(message).help("remove one, or select other targets"));
                }
            }
        }
        found
    }

    /// The stack of a rule file, and its siblings where it is too large for one.
    fn rule_stacks(&self, set: RuleSet, problems: &mut Problems) -> Vec<CompiledStack> {
        let before = problems.count(Severity::Error);
        let source = set.source.name().to_owned();
        let rule_file = Arc::clone(&set.source);
        let (mut workload, found) = self.heal_workload(&set);
        problems.extend(found);
        let mut rules = Vec::new();
        for healing in set.loops {
            match self.rule(&set.stack, healing) {
                Ok(compiled) => rules.push(compiled),
                Err(found) => problems.extend(found),
            }
        }
        if problems.count(Severity::Error) > before {
            return Vec::new();
        }
        let mut whole = self.part(&set.stack, &source, 1, rules);
        let ids: Vec<&str> = whole.template.resources().map(|resource| resource.id.as_str()).collect();
        let named = whole.rules.iter().flat_map(|rule| &rule.healing.references);
        problems.extend(references::clashes(&rule_file, named, &ids));
        let size = partition::Size { resources: whole.resources(), bytes: whole.text.len() };
        let placement = match (self.placed)(&set.stack, !size.has_room()) {
            Ok(placement) => placement,
            Err(problem) => {
                problems.push(problem);
                return Vec::new();
            }
        };
        let owner =
            workload.as_ref().and_then(|workload| workload.stack.as_ref()).map(|stack| stack.stack_name.clone());
        let mut stacks = if size.has_room() && placement.values().all(|part| *part == 1) {
            whole.workload = workload.take();
            vec![whole]
        } else {
            self.divide(&set.stack, &source, whole, &placement)
        };
        if let Some(first) = stacks.first_mut().filter(|first| first.workload.is_none()) {
            first.workload = workload;
        }
        // The workload's stack tells those of the rules what they heal.
        for stack in &mut stacks {
            stack.depends_on.extend(owner.clone());
        }
        stacks
    }

    /// Divides a stack into siblings, each rule staying where `known` says that it is.
    fn divide(&self, stack: &StackName, source: &str, whole: CompiledStack, known: &Placement) -> Vec<CompiledStack> {
        let parts = {
            let rules: Vec<(&str, partition::Size)> = whole
                .rules
                .iter()
                .zip(&whole.template.blocks)
                .map(|(rule, block)| {
                    let text = Template { blocks: vec![block.clone()], ..Template::default() }.emit();
                    (rule.healing.rule.name.as_str(), partition::Size { resources: rule.resources, bytes: text.len() })
                })
                .collect();
            partition::place(&rules, known)
        };
        let mut divided: BTreeMap<usize, Vec<(CompiledRule, Block)>> = BTreeMap::new();
        for ((rule, block), part) in whole.rules.into_iter().zip(whole.template.blocks).zip(parts) {
            divided.entry(part).or_default().push((rule, block));
        }
        divided.into_iter().map(|(part, rules)| self.part(stack, source, part, rules)).collect()
    }

    fn part(&self, stack: &StackName, source: &str, part: usize, rules: Vec<(CompiledRule, Block)>) -> CompiledStack {
        let (rules, blocks): (Vec<_>, Vec<Block>) = rules.into_iter().unzip();
        let folder = healstack_model::naming::part(stack, part);
        let which = if part == 1 { String::new() } else { format!(", part {part}") };
        let parameters = references::parameters(
            rules.iter().flat_map(|rule: &CompiledRule| &rule.healing.references),
            &self.names,
            stack,
            &self.environment.parameters,
        );
        let template = Template {
            parameters,
            header: format!(
                "Generated by `healstack synth` from {source} for environment {}{which}. Do not edit: change the rules instead.",
                self.environment_name
            ),
            description: format!("Healstack: healing rules of {stack}{which}"),
            blocks,
            ..Template::default()
        };
        let text = template.emit();
        CompiledStack {
            name: self.names.stack(&folder),
            folder,
            depends_on: vec![self.names.stack("core")],
            termination_protection: false,
            provides_artifact_bucket: false,
            template,
            text,
            rules,
            workload: None,
        }
    }
}

impl CompiledStack {
    /// The number of its resources.
    #[must_use]
    pub fn resources(&self) -> usize {
        self.template.resources().count()
    }
}

/// An output of a stack.
fn output(name: &str, description: &str, value: Node) -> Entry {
    Entry::new(name, Node::map(vec![Entry::new("Description", description), Entry::new("Value", value)]))
}

/// Everything that compiles needs, for one environment of a project.
pub fn compile_all(
    catalog: &Catalog,
    environment_name: &EnvironmentName,
    environment: &Environment,
    placed: Placed<'_>,
    sets: Vec<RuleSet>,
    core: impl FnOnce() -> Core,
    problems: &mut Problems,
) -> Vec<CompiledStack> {
    match Compiler::new(catalog, &sets, environment_name, environment, placed) {
        Ok(compiler) => compiler.compile(sets, core, problems),
        Err(found) => {
            problems.extend(found);
            Vec::new()
        }
    }
}
