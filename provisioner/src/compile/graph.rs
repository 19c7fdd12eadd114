//! The step graph of a runbook: no step dangles, none is out of reach, none loops, and no change goes unverified.

use super::step::Step;
use crate::diagnostics::{Problem, Source};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is wrong with the graph.
pub(super) fn check(source: &Arc<Source>, steps: &[Step]) -> Vec<Problem> {
    let at = |step: &Step, message: String| Problem::error(message).at(source, step.span);
    let mut found = Vec::new();
    let mut names = HashSet::new();
    for step in steps {
        if !names.insert(step.name.as_str()) {
            found.push(at(step, format!("two steps are named `{}`", step.name)));
        }
    }
    for step in steps {
        for target in edges(step).filter(|target| !names.contains(target)) {
            found.push(at(step, format!("step `{}` goes on to `{target}`, which does not exist", step.name)));
        }
        if step.next.is_empty() && !step.is_end {
            found.push(
                at(step, format!("step `{}` says neither `nextStep` nor `isEnd`", step.name))
                    .help("say where it goes on, so that a step inserted below changes nothing"),
            );
        }
    }
    if !found.is_empty() {
        return found;
    }
    let graph = Graph::new(steps);
    if let Some(step) = graph.cycle() {
        return vec![at(step, format!("step `{}` leads back to itself: the runbook might never end", step.name))];
    }
    let reached = graph.reachable();
    found.extend(
        steps
            .iter()
            .filter(|step| !reached.contains(step.name.as_str()))
            .map(|step| at(step, format!("step `{}` cannot be reached", step.name))),
    );
    for step in steps.iter().filter(|step| step.can_fail()) {
        if let Err(other) = &step.on_failure {
            found.push(
                at(step, format!("when step `{}` fails, the runbook says `{other}`", step.name)).help(
                    "write `onFailure: step:` and the step that undoes it, tries the next thing or calls a human",
                ),
            );
        }
    }
    let ends_well = |name: &String| {
        graph.step(name).is_some_and(|end| end.is_end && end.name != LEAVE_ALONE && !end.calls_a_human())
    };
    let last = |step: &&Step| step.verifies() && !step.is_critical && step.next.iter().any(ends_well);
    for step in steps.iter().filter(last) {
        found.push(
            at(
                step,
                format!("the last verification `{}` is not critical, so the healing succeeds without it", step.name),
            )
            .help("remove `isCritical: false`"),
        );
    }
    for step in steps {
        let quiet = if step.action == "aws:branch" { &step.next[..] } else { &[] };
        let forgiven = step.on_failure.as_ref().ok().filter(|_| !step.is_critical);
        let human = quiet.iter().chain(forgiven).find(|next| graph.step(next).is_some_and(Step::gives_up));
        if let Some(human) = human {
            found.push(
                at(step, format!("step `{}` leads to `{human}`, and the automation would end as a success", step.name))
                    .help("go there from the failure of a critical step, for instance an aws:assertAwsResourceProperty that does not hold"),
            );
        }
    }
    found.extend(ends(&graph, &at));
    for step in steps.iter().filter(|step| step.writes() && graph.ends_unverified(step)) {
        found.push(
            at(step, format!("step `{}` changes something, and a path from it ends without a verification", step.name))
                .help("end it with aws:waitForAwsResourceProperty or aws:assertAwsResourceProperty: an accepted call is no healing"),
        );
    }
    found
}

/// The step that ends a runbook which has changed nothing. The recorder knows it (templates/partials/recorder-runbooks.yaml.hbs).
const LEAVE_ALONE: &str = "leaveAlone";

/// What is wrong with the ends of a runbook: that nothing follows a failure, and that it does not say whether it healed.
///
/// The automation stops at a step with `isEnd` whether that step failed or succeeded (Automation actions reference, 2026-11), so a
/// step with an end has nothing to undo.
fn ends(graph: &Graph<'_>, at: &impl Fn(&Step, String) -> Problem) -> Vec<Problem> {
    let mut found = Vec::new();
    let (changed, unchanged) = (graph.after_changes(), graph.before_changes());
    for step in graph.steps.iter().filter(|step| step.is_end) {
        let name = step.name.as_str();
        if step.on_failure.is_ok() {
            found.push(
                at(step, format!("step `{name}` is an end, and what `onFailure` names would not run"))
                    .help("let it go on to `healed` or `leaveAlone`, which cannot fail"),
            );
        } else if !step.gives_up() && name == LEAVE_ALONE && changed.contains(name) {
            found.push(
                at(step, "`leaveAlone` can be reached after a change".to_owned())
                    .help("end with `healed` there: the recorder takes leaveAlone for a healing that changed nothing"),
            );
        } else if !step.gives_up() && name != LEAVE_ALONE && unchanged.contains(name) && !graph.reports(step) {
            found.push(
                at(step, format!("the end `{name}` can be reached without a change"))
                    .help("end with `leaveAlone` there: nothing was healed, so no attempt was spent"),
            );
        }
    }
    found
}

/// Longest time from start to end in seconds, over failures too. The graph has no cycle.
pub(super) fn worst_case(steps: &[Step]) -> u64 {
    let graph = Graph::new(steps);
    let mut known = HashMap::new();
    steps.first().map_or(0, |first| graph.longest(first, &mut known))
}

fn edges(step: &Step) -> impl Iterator<Item = &str> {
    step.next.iter().chain(step.on_failure.as_ref().ok()).map(String::as_str)
}

struct Graph<'a> {
    steps: &'a [Step],
    by_name: HashMap<&'a str, &'a Step>,
}

impl<'a> Graph<'a> {
    fn new(steps: &'a [Step]) -> Self {
        Self { steps, by_name: steps.iter().map(|step| (step.name.as_str(), step)).collect() }
    }

    fn step(&self, name: &str) -> Option<&'a Step> {
        self.by_name.get(name).copied()
    }

    fn longest(&self, step: &'a Step, known: &mut HashMap<&'a str, u64>) -> u64 {
        if let Some(seconds) = known.get(step.name.as_str()) {
            return *seconds;
        }
        let after = edges(step).filter_map(|name| self.step(name)).map(|next| self.longest(next, known)).max();
        let seconds = step.worst_case() + after.unwrap_or(0);
        known.insert(&step.name, seconds);
        seconds
    }

    fn reachable(&self) -> HashSet<&'a str> {
        self.from(self.steps.first().into_iter().collect())
    }

    /// Whether a step tells people of what made the automation fail: nothing leads to it but failures of critical steps.
    fn reports(&self, step: &Step) -> bool {
        let name = step.name.as_str();
        let fails_to = |other: &&Step| other.on_failure.as_ref().is_ok_and(|next| next == name);
        step.calls_a_human()
            && self.steps.iter().all(|other| !other.next.iter().any(|next| next == name))
            && self.steps.iter().filter(fails_to).all(|other| other.is_critical)
    }

    /// The steps that change something, and those that may come after one.
    fn after_changes(&self) -> HashSet<&'a str> {
        self.from(self.steps.iter().filter(|step| step.writes()).collect())
    }

    /// The steps that may come before anything was changed.
    fn before_changes(&self) -> HashSet<&'a str> {
        let mut reached = HashSet::new();
        let mut open: Vec<&'a Step> = self.steps.first().into_iter().collect();
        while let Some(step) = open.pop() {
            if reached.insert(step.name.as_str()) && !step.writes() {
                open.extend(edges(step).filter_map(|name| self.step(name)));
            }
        }
        reached
    }

    /// Some steps, and everything that they lead to.
    fn from(&self, mut open: Vec<&'a Step>) -> HashSet<&'a str> {
        let mut reached = HashSet::new();
        while let Some(step) = open.pop() {
            if reached.insert(step.name.as_str()) {
                open.extend(edges(step).filter_map(|name| self.step(name)));
            }
        }
        reached
    }

    /// Whether some path leads from `step` to an end past every verification and without a call to a human.
    fn ends_unverified(&self, step: &'a Step) -> bool {
        step.is_end
            || edges(step)
                .filter_map(|name| self.step(name))
                .any(|next| !next.verifies() && !next.calls_a_human() && self.ends_unverified(next))
    }

    fn cycle(&self) -> Option<&'a Step> {
        fn visit<'a>(graph: &Graph<'a>, step: &'a Step, open: &mut Vec<&'a str>, done: &mut HashSet<&'a str>) -> bool {
            if done.contains(step.name.as_str()) {
                return false;
            }
            if open.contains(&step.name.as_str()) {
                return true;
            }
            open.push(&step.name);
            let found = edges(step).filter_map(|name| graph.step(name)).any(|next| visit(graph, next, open, done));
            open.pop();
            done.insert(&step.name);
            found
        }
        let mut done = HashSet::new();
        self.steps.iter().find(|step| visit(self, step, &mut Vec::new(), &mut done))
    }
}
