//! The workload's template beside a stack of rules: what its rules want of it, and what `synth` writes.

use super::{Compiler, template};
use crate::config::{Environment, WorkloadStack};
use crate::diagnostics::Problem;
use crate::rules::{HealingLoop, Origin, Reference, RuleSet};
use crate::schema::nearest;
use crate::workload::{self, Change, Target, Want};
use crate::yaml::{self, Node};
use healstack_model::StackName;

/// What the logical ids of the parameters begin with that tell the rules' stack the values of the workload's resources.
const PARAMETER: &str = "Healstack";

/// A workload's template, healed.
#[derive(Debug)]
pub struct HealedWorkload {
    /// The path of the template that users write, below the project's folder.
    pub path: String,
    /// The file's name in the stack's folder of `generated/`.
    pub file: &'static str,
    /// The healed text.
    pub text: String,
    /// What was changed.
    pub changes: Vec<Change>,
    /// How many resources it has, a loop counted as one.
    pub resources: usize,
    /// The stack that `deploy` deploys it as, if it does.
    pub stack: Option<WorkloadStack>,
}

impl HealedWorkload {
    /// The names that the file may have.
    pub const FILES: [&'static str; 2] = ["workload.yaml", "workload.json"];
}

/// Workloads of healstack.yaml that belong to no rule file.
pub(super) fn unknown(sets: &[RuleSet], environment: &Environment) -> Vec<Problem> {
    let healed: Vec<&str> = sets.iter().filter(|set| set.workload.is_some()).map(|set| set.stack.as_str()).collect();
    let unknown = environment.workloads.keys().filter(|name| !healed.contains(&name.as_str()));
    let told = |name: &String| {
        let help = match nearest(name, &healed) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name the `stack` of a rule file that has a `workload`".to_owned(),
        };
        Problem::error(format!("`workloads.{name}` of healstack.yaml belongs to no rule file with a workload"))
            .help(help)
    };
    unknown.map(told).collect()
}

impl Compiler<'_> {
    /// Heals the template that a rule file names. Nothing where it names none, or where something is wrong.
    pub(super) fn heal_workload(&self, set: &RuleSet) -> (Option<HealedWorkload>, Vec<Problem>) {
        let Some((named, source)) = set.workload.as_ref().and_then(|named| Some((named, named.source.as_ref()?)))
        else {
            return (None, Vec::new());
        };
        let template = match workload::Template::parse(source) {
            Ok(template) => template,
            Err(problem) => return (None, vec![problem]),
        };
        let mut problems = Vec::new();
        let mut wants = Vec::new();
        for healing in &set.loops {
            match self.want(set, healing) {
                Ok(want) => wants.push(want),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return (None, problems);
        }
        let (healed, mut problems) = template.heal(&wants);
        for healing in set.loops.iter().filter(|healing| healing.signals() && !healing.enforces()) {
            match self.reported(set, healing, &named.path, &template) {
                Ok(found) => problems.extend(found),
                Err(problem) => problems.push(problem),
            }
        }
        let healed = healed.map(|healed| HealedWorkload {
            path: named.path.clone(),
            file: HealedWorkload::FILES[usize::from(template.is_json())],
            text: healed.text,
            changes: healed.changes,
            resources: healed.resources,
            stack: self.environment.workloads.get(set.stack.as_str()).cloned(),
        });
        (healed, problems)
    }

    /// What a rule that sets nothing would set.
    fn reported(
        &self,
        set: &RuleSet,
        healing: &HealingLoop,
        path: &str,
        template: &workload::Template,
    ) -> Result<Option<Problem>, Problem> {
        let identity = format!("{}/{}", set.stack, healing.rule.name);
        let want = Want { overrides: true, native: self.native(set, healing)?, ..self.want(set, healing)? };
        // What is wrong with the target is told where the template is healed.
        let weaker: Vec<String> = template
            .lacks(&want)
            .iter()
            .filter(|change| !change.path.is_empty())
            .map(|change| format!("`{}.{}: {}`", change.resource, change.path, change.value))
            .collect();
        let message = format!("{identity} only reports, so that {path} lacks {}", weaker.join(", "));
        let help = "set it there, or let the rule set it: mode `enforce`, and no `enforce: false`";
        Ok((!weaker.is_empty()).then(|| Problem::warning(message).at(&set.source, healing.span).help(help)))
    }

    /// What the rule's kind wants of the template.
    fn native(&self, set: &RuleSet, healing: &HealingLoop) -> Result<Node, Problem> {
        let kind = &self.catalog.kinds[&healing.kind];
        if !kind.has_native {
            return Ok(Node::map(Vec::new()));
        }
        yaml::parse(&self.renderer.render(&kind.native_template(), &self.context(&set.stack, healing))?)
    }

    /// What the rule wants of the template. A rule that sets nothing is told there what its target is called, and no more.
    fn want(&self, set: &RuleSet, healing: &HealingLoop) -> Result<Want, Problem> {
        let native = if healing.enforces() { self.native(set, healing)? } else { Node::map(Vec::new()) };
        Ok(Want {
            identity: format!("{}/{}", set.stack, healing.rule.name),
            source: set.source.clone(),
            span: healing.span,
            overrides: healing.rule.overrides,
            targets: healing.references.iter().filter_map(|reference| self.target(&set.stack, reference)).collect(),
            native,
        })
    }

    fn target(&self, stack: &StackName, reference: &Reference) -> Option<Target> {
        let Origin::Resource { id, kind, value, only } = &reference.origin else { return None };
        let mut value = Node::from(value);
        value.walk_mut(&mut template::shorten_intrinsic);
        Some(Target {
            id: id.clone(),
            kind: kind.clone(),
            span: reference.span,
            only: (!only.is_null()).then(|| Node::from(only)),
            published: (self.names.published(stack, &reference.variable), value),
            parameter: format!("{PARAMETER}{}", reference.variable),
        })
    }
}
