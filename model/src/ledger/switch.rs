//! Overrides of people: what they mean for a rule.

use super::scope::{RuleId, Scope};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an override does. It can only do less than the rule file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// Detect and report, act on nothing.
    Observe,
    /// Heal nothing.
    Pause,
}

impl Switch {
    /// The word for it in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Pause => "pause",
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One item of `CONTROL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// What it is about.
    pub scope: Scope,
    /// What it does.
    pub switch: Switch,
    /// When it ends by itself, seconds since 1970; `None`: when a person lifts it.
    pub until: Option<i64>,
    /// Why, in the person's words.
    pub reason: String,
    /// Who: the caller's ARN.
    pub by: String,
    /// Since when, RFC 3339.
    pub since_time: String,
}

impl Override {
    /// Whether it means anything at `now`, seconds since 1970. Its end is the first second without it.
    #[must_use]
    pub fn is_in_force(&self, now: i64) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// The override that decides about a rule at `now`, seconds since 1970; `None` when the rule file's own mode applies. A pause
/// beats `observe`; of several that do the same, the widest decides, because it is the last one that people will lift.
pub fn effect<'a>(overrides: impl IntoIterator<Item = &'a Override>, rule: &RuleId, now: i64) -> Option<&'a Override> {
    overrides
        .into_iter()
        .filter(|one| one.scope.covers(rule) && one.is_in_force(now))
        .min_by(|left, right| right.switch.cmp(&left.switch).then_with(|| left.scope.cmp(&right.scope)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(scope: Scope, switch: Switch, until: Option<i64>) -> Override {
        Override { scope, switch, until, reason: String::new(), by: String::new(), since_time: String::new() }
    }

    fn rule() -> RuleId {
        RuleId::parse("checkout/web").unwrap()
    }

    #[test]
    fn a_pause_beats_observe_and_the_widest_decides() {
        let stack = Scope::parse("checkout").unwrap();
        let overrides = [
            one(Scope::Rule(rule()), Switch::Pause, None),
            one(Scope::All, Switch::Observe, None),
            one(stack.clone(), Switch::Pause, None),
        ];
        let decides = effect(&overrides, &rule(), 100).unwrap();
        assert_eq!((&decides.scope, decides.switch), (&stack, Switch::Pause));
        let other = RuleId::parse("shop/web").unwrap();
        assert_eq!(effect(&overrides, &other, 100).unwrap().switch, Switch::Observe);
    }

    #[test]
    fn what_has_ended_means_nothing() {
        let overrides = [one(Scope::All, Switch::Pause, Some(100))];
        assert!(effect(&overrides, &rule(), 99).is_some());
        assert_eq!(effect(&overrides, &rule(), 100), None);
        assert_eq!(effect(&[], &rule(), 0), None);
    }

    proptest! {
        /// The definition, word by word, beside the function.
        #[test]
        fn decides_as_defined(
            found in proptest::collection::vec((0..4_usize, any::<bool>(), proptest::option::of(0..10_i64)), 0..6),
            now in 0..10_i64,
        ) {
            let scopes = [Scope::All, Scope::parse("checkout").unwrap(), Scope::Rule(rule()), Scope::parse("shop").unwrap()];
            let overrides: Vec<Override> = found
                .iter()
                .map(|(scope, pause, until)| {
                    one(scopes[*scope].clone(), if *pause { Switch::Pause } else { Switch::Observe }, *until)
                })
                .collect();
            let means = |switch: Switch| {
                overrides.iter().any(|one| {
                    one.switch == switch && one.scope != scopes[3] && one.until.is_none_or(|until| until > now)
                })
            };
            let expected = match (means(Switch::Pause), means(Switch::Observe)) {
                (true, _) => Some(Switch::Pause),
                (false, true) => Some(Switch::Observe),
                (false, false) => None,
            };
            prop_assert_eq!(effect(&overrides, &rule(), now).map(|one| one.switch), expected);
        }
    }
}
