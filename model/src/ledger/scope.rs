//! What a switch is about: everything, a stack, or a rule.

use crate::name::{NameError, RuleName, StackName};
use std::fmt;

/// A rule's identity everywhere: `<stack>/<rule>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId {
    /// Its stack.
    pub stack: StackName,
    /// Its name in the stack.
    pub rule: RuleName,
}

impl RuleId {
    /// Parses `<stack>/<rule>`.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        match Scope::parse(text)? {
            Scope::Rule(rule) => Ok(rule),
            Scope::All | Scope::Stack(_) => Err(ScopeError::Parts(text.to_owned())),
        }
    }

    /// The rule of one of its alarms: `<prefix>--<stack>--<rule>--<signal>[--<resource>]`. `None` for any other alarm.
    #[must_use]
    pub fn of_alarm(prefix: &str, alarm: &str) -> Option<Self> {
        let mut parts = alarm.strip_prefix(prefix)?.strip_prefix("--")?.split("--");
        let (stack, rule, _signal) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { stack: StackName::new(stack).ok()?, rule: RuleName::new(rule).ok()? })
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stack, self.rule)
    }
}

/// What a switch is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every rule of the environment.
    All,
    /// Every rule of a stack.
    Stack(StackName),
    /// One rule.
    Rule(RuleId),
}

/// Why a text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Something that other programs take for everything.
    #[error("`{0}` is not a stack or a rule")]
    Everything(String),
    /// Neither one name nor two.
    #[error("`{0}` is not `<stack>/<rule>`")]
    Parts(String),
    /// The part before the slash is no name.
    #[error("`{text}` does not begin with a stack's name: {source}")]
    Stack {
        /// The whole text.
        text: String,
        /// What is wrong with the name.
        source: NameError,
    },
    /// The part after the slash is no name.
    #[error("`{text}` does not end with a rule's name: {source}")]
    Rule {
        /// The whole text.
        text: String,
        /// What is wrong with the name.
        source: NameError,
    },
}

impl ScopeError {
    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Everything(_) => "write `--all` for every rule of the environment".to_owned(),
            Self::Parts(_) => "write a stack (`checkout`) or a rule of it (`checkout/web-hosts`)".to_owned(),
            Self::Stack { source, .. } | Self::Rule { source, .. } => source.help(),
        }
    }
}

impl Scope {
    /// The sort key of [`Scope::All`]. Names are lower case, so no stack is called so.
    const ALL: &'static str = "ALL";

    /// Parses `<stack>` or `<stack>/<rule>`. Everything has no text of its own: it must not happen by a slip.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text == "*" || text == Self::ALL {
            return Err(ScopeError::Everything(text.to_owned()));
        }
        let owned = || text.to_owned();
        let stack_of = |name: &str| StackName::new(name).map_err(|source| ScopeError::Stack { text: owned(), source });
        match text.split_once('/') {
            None => Ok(Self::Stack(stack_of(text)?)),
            Some((_, rest)) if rest.contains('/') => Err(ScopeError::Parts(owned())),
            Some((stack, rule)) => {
                let stack = stack_of(stack)?;
                let rule = RuleName::new(rule).map_err(|source| ScopeError::Rule { text: owned(), source })?;
                Ok(Self::Rule(RuleId { stack, rule }))
            }
        }
    }

    /// The range key of this scope's switch.
    #[must_use]
    pub fn sort_key(&self) -> String {
        match self {
            Self::All => Self::ALL.to_owned(),
            Self::Stack(stack) => stack.to_string(),
            Self::Rule(rule) => rule.to_string(),
        }
    }

    /// The scope with this range key.
    pub fn of_sort_key(key: &str) -> Result<Self, ScopeError> {
        if key == Self::ALL { Ok(Self::All) } else { Self::parse(key) }
    }

    /// Whether it is about this rule.
    #[must_use]
    pub fn covers(&self, rule: &RuleId) -> bool {
        match self {
            Self::All => true,
            Self::Stack(stack) => *stack == rule.stack,
            Self::Rule(one) => one == rule,
        }
    }

    /// Whether it is about everything that `other` is about, and more.
    #[must_use]
    pub fn is_wider_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::Stack(_) | Self::Rule(_)) => true,
            (Self::Stack(stack), Self::Rule(rule)) => *stack == rule.stack,
            _ => false,
        }
    }
}

impl fmt::Display for Scope {
    /// As people write it: `--all`, `checkout` or `checkout/web`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.pad("--all"),
            Self::Stack(stack) => f.pad(stack.as_str()),
            Self::Rule(rule) => f.pad(&rule.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn everything_is_never_meant_by_a_slip() {
        for text in ["*", "ALL"] {
            let error = Scope::parse(text).unwrap_err();
            assert!(error.help().contains("--all"), "{text}");
        }
        assert_eq!(Scope::of_sort_key("ALL"), Ok(Scope::All));
        // Legal as a stack's name.
        assert!(matches!(Scope::parse("all"), Ok(Scope::Stack(_))));
    }

    #[test]
    fn what_is_no_scope_is_refused_with_the_part_at_fault() {
        let error = |text: &str| Scope::parse(text).unwrap_err();
        assert!(matches!(error("a/b/c"), ScopeError::Parts(_)));
        assert!(matches!(error("Checkout"), ScopeError::Stack { .. }));
        assert!(matches!(error("checkout/"), ScopeError::Rule { source: NameError::Empty, .. }));
        assert!(matches!(error(""), ScopeError::Stack { source: NameError::Empty, .. }));
        assert!(matches!(error("checkout/Web"), ScopeError::Rule { .. }));
        assert!(matches!(RuleId::parse("checkout"), Err(ScopeError::Parts(_))));
    }

    #[test]
    fn an_alarm_names_its_rule() {
        let of = |alarm: &str| RuleId::of_alarm("heal", alarm).map(|rule| rule.to_string());
        assert_eq!(of("heal--checkout--web-hosts--system").as_deref(), Some("checkout/web-hosts"));
        assert_eq!(of("heal--checkout--web-hosts--x--prod").as_deref(), Some("checkout/web-hosts"));
        for other in
            ["heal-core--dead-letters", "heal--core", "heal--a--b", "health--a--b--c", "other", "heal--A--b--c"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn sort_keys_come_back(stack in "[a-z]{1,6}", rule in proptest::option::of("[a-z]{1,6}")) {
            let text = rule.map_or(stack.clone(), |rule| format!("{stack}/{rule}"));
            let scope = Scope::parse(&text).unwrap();
            prop_assert_eq!(scope.to_string(), text);
            prop_assert_eq!(Scope::of_sort_key(&scope.sort_key()), Ok(scope));
        }

        #[test]
        fn a_wider_scope_covers_what_a_narrower_one_does(stack in "[ab]", rule in "[ab]", other in "[ab]") {
            let rule = RuleId::parse(&format!("{stack}/{rule}")).unwrap();
            let scopes = [Scope::All, Scope::parse(&other).unwrap(), Scope::Rule(rule.clone())];
            for wide in &scopes {
                for narrow in scopes.iter().filter(|narrow| wide.is_wider_than(narrow)) {
                    prop_assert!(!narrow.covers(&rule) || wide.covers(&rule));
                    prop_assert!(!narrow.is_wider_than(wide));
                }
            }
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = (Scope::parse(&text), Scope::of_sort_key(&text), RuleId::of_alarm("heal", &text));
        }
    }
}
