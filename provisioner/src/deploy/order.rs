//! The order of stacks: what can start now, and what cannot start any more. Knows names only.

use std::collections::{BTreeMap, BTreeSet};

use super::PlannedStack;
use super::error::DeployError;

/// What has become of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    Done,
    Ended,
}

/// Hands out stacks whose predecessors are done.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// In the order in which they were given, which is the order in which equals are handed out.
    names: Vec<String>,
    /// A stack to the stacks that come before it.
    before: BTreeMap<String, BTreeSet<String>>,
    phases: BTreeMap<String, Phase>,
}

impl Schedule {
    /// Dependencies first.
    pub(super) fn forward(stacks: &[PlannedStack]) -> Result<Self, DeployError> {
        let known: BTreeSet<&str> = stacks.iter().map(|stack| stack.name.as_str()).collect();
        let mut before: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for stack in stacks {
            let first = stack.depends_on.iter().filter(|name| known.contains(name.as_str())).cloned().collect();
            if before.insert(stack.name.clone(), first).is_some() {
                return Err(DeployError::DuplicateStack { stack: stack.name.clone() });
            }
        }
        let names: Vec<String> = stacks.iter().map(|stack| stack.name.clone()).collect();
        let phases = names.iter().map(|name| (name.clone(), Phase::Waiting)).collect();
        let schedule = Self { names, before, phases };
        schedule.refuse_cycles()?;
        Ok(schedule)
    }

    /// Dependents first: the order in which stacks are deleted.
    pub(super) fn backward(stacks: &[PlannedStack]) -> Result<Self, DeployError> {
        let mut schedule = Self::forward(stacks)?;
        let mut after: BTreeMap<String, BTreeSet<String>> =
            schedule.names.iter().map(|name| (name.clone(), BTreeSet::new())).collect();
        for (name, before) in &schedule.before {
            for first in before {
                after.entry(first.clone()).or_default().insert(name.clone());
            }
        }
        schedule.before = after;
        schedule.names.reverse();
        Ok(schedule)
    }

    /// All stacks in an order in which each comes after its predecessors.
    pub(super) fn sequence(&self) -> Vec<String> {
        let mut rest = self.clone();
        let mut sequence = Vec::with_capacity(self.names.len());
        while let Some(name) = rest.start_next() {
            rest.done(&name);
            sequence.push(name);
        }
        sequence
    }

    /// A stack that can start now, marked as running.
    pub(super) fn start_next(&mut self) -> Option<String> {
        let name = self.names.iter().find(|name| {
            self.phase(name) == Phase::Waiting
                && self
                    .before
                    .get(*name)
                    .is_none_or(|before| before.iter().all(|first| self.phase(first) == Phase::Done))
        })?;
        let name = name.clone();
        self.phases.insert(name.clone(), Phase::Running);
        Some(name)
    }

    /// The stack succeeded.
    pub(super) fn done(&mut self, name: &str) {
        self.phases.insert(name.to_owned(), Phase::Done);
    }

    /// The stack failed: all that wait for it, directly or not, are ended and returned with the one they waited for.
    pub(super) fn failed(&mut self, name: &str) -> Vec<(String, String)> {
        self.phases.insert(name.to_owned(), Phase::Ended);
        let mut ended = Vec::new();
        loop {
            let next = self.names.iter().find_map(|waiting| {
                if self.phase(waiting) != Phase::Waiting {
                    return None;
                }
                let cause = self.before.get(waiting)?.iter().find(|first| self.phase(first) == Phase::Ended)?;
                Some((waiting.clone(), cause.clone()))
            });
            let Some((waiting, cause)) = next else {
                return ended;
            };
            self.phases.insert(waiting.clone(), Phase::Ended);
            ended.push((waiting, cause));
        }
    }

    /// Stacks that have not started.
    pub(super) fn waiting(&self) -> Vec<String> {
        self.names.iter().filter(|name| self.phase(name) == Phase::Waiting).cloned().collect()
    }

    fn phase(&self, name: &str) -> Phase {
        self.phases.get(name).copied().unwrap_or(Phase::Done)
    }

    fn refuse_cycles(&self) -> Result<(), DeployError> {
        let ordered: BTreeSet<String> = self.sequence().into_iter().collect();
        let stacks: Vec<String> = self.names.iter().filter(|name| !ordered.contains(*name)).cloned().collect();
        if stacks.is_empty() { Ok(()) } else { Err(DeployError::DependencyCycle { stacks }) }
    }
}

/// `name` and everything it depends on within `stacks`.
pub(super) fn with_dependencies<'a>(stacks: &'a [PlannedStack], name: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        if let Some(stack) = stacks.iter().find(|stack| stack.name == name)
            && found.insert(stack.name.as_str())
        {
            open.extend(stack.depends_on.iter().map(String::as_str));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(name: &str, depends_on: &[&str]) -> PlannedStack {
        PlannedStack {
            name: name.to_owned(),
            depends_on: depends_on.iter().map(|name| (*name).to_owned()).collect(),
            ..PlannedStack::default()
        }
    }

    fn diamond() -> Vec<PlannedStack> {
        vec![
            stack("top", &["left", "right"]),
            stack("left", &["core"]),
            stack("right", &["core"]),
            stack("core", &["elsewhere"]),
        ]
    }

    #[test]
    fn independent_stacks_start_at_once_and_dependents_wait() {
        let mut schedule = Schedule::forward(&diamond()).unwrap();
        assert_eq!(schedule.start_next().as_deref(), Some("core"));
        assert_eq!(schedule.start_next(), None);
        schedule.done("core");
        assert_eq!(schedule.start_next().as_deref(), Some("left"));
        assert_eq!(schedule.start_next().as_deref(), Some("right"));
        schedule.done("left");
        assert_eq!(schedule.start_next(), None);
        schedule.done("right");
        assert_eq!(schedule.start_next().as_deref(), Some("top"));
    }

    #[test]
    fn a_failure_ends_every_dependent_and_names_what_it_waited_for() {
        let mut stacks = diamond();
        stacks.push(stack("alone", &[]));
        let mut schedule = Schedule::forward(&stacks).unwrap();
        schedule.start_next();
        let ended = schedule.failed("core");
        let pairs: Vec<(&str, &str)> = ended.iter().map(|(name, cause)| (name.as_str(), cause.as_str())).collect();
        assert_eq!(pairs, [("left", "core"), ("top", "left"), ("right", "core")]);
        assert_eq!(schedule.start_next().as_deref(), Some("alone"));
        assert!(schedule.waiting().is_empty());
    }

    #[test]
    fn deletion_goes_the_other_way_round() {
        assert_eq!(Schedule::forward(&diamond()).unwrap().sequence(), ["core", "left", "right", "top"]);
        assert_eq!(Schedule::backward(&diamond()).unwrap().sequence(), ["top", "right", "left", "core"]);
    }

    #[test]
    fn a_circle_is_refused_with_its_members() {
        let error = Schedule::forward(&[stack("a", &["b"]), stack("b", &["a"]), stack("c", &[])]).unwrap_err();
        assert_eq!(error.to_string(), "these stacks wait for one another: a, b");
    }

    #[test]
    fn a_name_used_twice_is_refused() {
        let error = Schedule::forward(&[stack("a", &[]), stack("a", &[])]).unwrap_err();
        assert_eq!(error.to_string(), "stack a is planned twice");
    }

    #[test]
    fn dependencies_are_followed_to_the_end() {
        let stacks = diamond();
        let found: Vec<&str> = with_dependencies(&stacks, "left").into_iter().collect();
        assert_eq!(found, ["core", "left"]);
    }
}
