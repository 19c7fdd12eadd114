//! Stacks past CloudFormation's limits, divided into sibling stacks.
//!
//! A resource that moves to another stack is deleted and created again, under the same name. So a rule stays where it
//! is: what was generated before says where that was, and only rules without a place get one. Adding or removing a rule
//! never moves another.

use std::collections::HashMap;

/// Where the rules of a stack are, by name: 1 is the stack itself, 2 its first sibling.
pub type Placement = HashMap<String, usize>;

/// What a template holds, or may hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Resources.
    pub(super) resources: usize,
    /// Bytes of text.
    pub(super) bytes: usize,
}

/// Up to here a template takes new rules. CloudFormation's limits are 500 resources and 1 MB: a tenth is left for rules
/// that grow where they are, by a resource more in a target.
const FILL: Size = Size { resources: 450, bytes: 900_000 };

impl Size {
    /// Whether new rules may still come to a template of this size.
    pub(super) fn has_room(self) -> bool {
        self.resources <= FILL.resources && self.bytes <= FILL.bytes
    }

    fn plus(self, other: Self) -> Self {
        Self { resources: self.resources + other.resources, bytes: self.bytes + other.bytes }
    }
}

/// The part of each rule, in the order of `rules`. `known` is where rules were.
pub(super) fn place(rules: &[(&str, Size)], known: &Placement) -> Vec<usize> {
    let mut parts = Parts::default();
    for (name, size) in rules {
        if let Some(part) = known.get(*name) {
            parts.add(*part, *size);
        }
    }
    let placed = rules.iter().map(|(name, size)| {
        known.get(*name).copied().unwrap_or_else(|| {
            let part = parts.with_room_for(*size);
            parts.add(part, *size);
            part
        })
    });
    placed.collect()
}

/// What each part holds.
#[derive(Default)]
struct Parts(Vec<Size>);

impl Parts {
    fn add(&mut self, part: usize, size: Size) {
        if self.0.len() < part {
            self.0.resize(part, Size::default());
        }
        if let Some(taken) = part.checked_sub(1).and_then(|index| self.0.get_mut(index)) {
            *taken = taken.plus(size);
        }
    }

    /// The first part that has room, or is empty; else a new one.
    fn with_room_for(&self, size: Size) -> usize {
        let free = self.0.iter().position(|taken| *taken == Size::default() || taken.plus(size).has_room());
        free.unwrap_or(self.0.len()) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sized(names: &[String]) -> Vec<(&str, Size)> {
        let size = |name: &String| Size { resources: 1 + name.len() * 7 % 60, bytes: 1000 + name.len() * 977 % 90_000 };
        names.iter().map(|name| (name.as_str(), size(name))).collect()
    }

    fn placement(rules: &[(&str, Size)], known: &Placement) -> Placement {
        rules.iter().zip(place(rules, known)).map(|((name, _), part)| ((*name).to_owned(), part)).collect()
    }

    proptest! {
        /// Rules come and go in any order: none that stays ever moves, and no part takes more than it may.
        #[test]
        fn a_rule_stays_where_it_is(steps in prop::collection::vec(("[a-z]{1,40}", any::<bool>()), 1..120)) {
            let mut rules: Vec<String> = Vec::new();
            let mut before = Placement::new();
            for (name, removes) in steps {
                if removes && !rules.is_empty() {
                    rules.remove(name.len() % rules.len());
                } else if !rules.contains(&name) {
                    rules.push(name);
                }
                rules.sort();
                let sizes = sized(&rules);
                let after = placement(&sizes, &before);
                for (rule, part) in &after {
                    prop_assert!(before.get(rule).is_none_or(|was| was == part), "{rule} moved to {part}");
                }
                let mut parts = Parts::default();
                for (name, size) in &sizes {
                    parts.add(after[*name], *size);
                }
                prop_assert!(parts.0.iter().all(|part| part.has_room()), "{:?}", parts.0);
                before = after;
            }
        }
    }

    #[test]
    fn a_stack_that_fits_is_one() {
        let rules = [("a", Size { resources: 225, bytes: 1 }), ("b", Size { resources: 225, bytes: 1 })];
        assert_eq!(place(&rules, &Placement::new()), [1, 1]);
        let more = [rules[0], ("aa", Size { resources: 1, bytes: 1 }), rules[1]];
        assert_eq!(place(&more, &Placement::from([("a".into(), 1), ("b".into(), 1)])), [1, 2, 1]);
    }

    #[test]
    fn a_place_that_became_free_is_taken_again() {
        let full = Size { resources: 440, bytes: 1 };
        let known = Placement::from([("b".into(), 2)]);
        assert_eq!(place(&[("b", full), ("c", full), ("d", full)], &known), [2, 1, 3]);
    }
}
