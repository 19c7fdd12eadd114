//! Names that users choose. They become parts of AWS resource names, so their grammar is fixed from the first version.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Longest rule, stack or environment name in characters. With a prefix of 16 and `--` between the parts, every alarm
/// name (255) and document name (128) of AWS keeps room for a suffix.
pub const MAX_NAME: usize = 40;

/// Why a string is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name cannot be empty")]
    Empty,
    /// Longer than its limit.
    #[error("`{name}` has {length} characters, the limit is {limit}")]
    TooLong {
        /// The name at fault.
        name: String,
        /// Its length in characters.
        length: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// `--` separates the parts of an AWS resource name, so a name may not contain it.
    #[error("`{name}` contains a double hyphen, which separates stack, rule and signal in AWS names")]
    DoubleHyphen {
        /// The name at fault.
        name: String,
    },
    /// Another character than the grammar allows.
    #[error("`{name}` is not a name: {found:?} at position {position} is not allowed")]
    Character {
        /// The name at fault.
        name: String,
        /// The first character at fault.
        found: char,
        /// Its position, counted from 1.
        position: usize,
    },
    /// Ends with a hyphen.
    #[error("`{name}` ends with a hyphen")]
    TrailingHyphen {
        /// The name at fault.
        name: String,
    },
    /// AWS refuses names that begin so.
    #[error("AWS keeps names that begin with `{start}` for itself")]
    Reserved {
        /// The beginning at fault.
        start: &'static str,
    },
}

impl NameError {
    /// What to write instead: the nearest valid name where there is one.
    #[must_use]
    pub fn help(&self) -> String {
        let rule = "use lower-case letters, digits and single hyphens, beginning with a letter";
        match self {
            Self::TooLong { name, limit, .. } => {
                let cut: String = name.chars().take(*limit).collect();
                format!("shorten it, for instance to `{}`", cut.trim_end_matches('-'))
            }
            Self::Reserved { .. } => "begin with another word".to_owned(),
            Self::Empty | Self::DoubleHyphen { .. } | Self::Character { .. } | Self::TrailingHyphen { .. } => {
                rule.to_owned()
            }
        }
    }
}

/// The nearest valid name: lower case, every run of other characters one hyphen, or nothing where none is allowed.
fn nearest(name: &str, limit: usize, hyphens: bool) -> Option<String> {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let candidate: String = words.join(if hyphens { "-" } else { "" }).chars().take(limit).collect();
    check(&candidate, limit, hyphens).is_ok().then_some(candidate)
}

fn check(name: &str, limit: usize, hyphens: bool) -> Result<(), NameError> {
    let owned = || name.to_owned();
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    let mut previous = None;
    for (index, c) in name.chars().enumerate() {
        let allowed = match c {
            'a'..='z' => true,
            '0'..='9' => index > 0,
            '-' => hyphens && index > 0,
            _ => false,
        };
        if !allowed {
            return Err(NameError::Character { name: owned(), found: c, position: index + 1 });
        }
        if c == '-' && previous == Some('-') {
            return Err(NameError::DoubleHyphen { name: owned() });
        }
        previous = Some(c);
    }
    if previous == Some('-') {
        return Err(NameError::TrailingHyphen { name: owned() });
    }
    let length = name.chars().count();
    if length > limit {
        return Err(NameError::TooLong { name: owned(), length, limit });
    }
    // Prefixes are the only names without hyphens, and the only ones that an AWS name begins with.
    match RESERVED_PREFIXES.iter().find(|start| !hyphens && name.starts_with(**start)) {
        Some(start) => Err(NameError::Reserved { start }),
        None => Ok(()),
    }
}

/// Parameter Store refuses names that begin with `aws` or `ssm`, Systems Manager documents that begin with `aws`,
/// `amazon` or `amzn` (API references of `PutParameter` and `CreateDocument`, 2026-11).
const RESERVED_PREFIXES: [&str; 4] = ["aws", "amazon", "amzn", "ssm"];

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $limit:expr, $hyphens:expr, $pattern:literal, $format:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// What the JSON Schema calls this kind of string, so that errors can say precisely what is wrong with it.
            pub const FORMAT: &'static str = $format;

            /// Parses a name, or says why it is none.
            pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
                let name = name.into();
                check(&name, $limit, $hyphens)?;
                Ok(Self(name))
            }

            /// The valid name that is most like `name`, where there is one.
            #[must_use]
            pub fn nearest(name: &str) -> Option<String> {
                nearest(name, $limit, $hyphens)
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern, "maxLength": $limit, "format": $format})
            }
        }
    };
}

name_type!(
    /// The name of a rule, unique in its stack. A rule's identity everywhere is `<stack>/<rule>`.
    RuleName,
    MAX_NAME,
    true,
    "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
    "healstack-rule-name"
);
name_type!(
    /// The name of a stack: one rule file, one CloudFormation stack.
    StackName,
    MAX_NAME,
    true,
    "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
    "healstack-stack-name"
);
name_type!(
    /// The name of an environment: one account and region.
    EnvironmentName,
    MAX_NAME,
    true,
    "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
    "healstack-environment-name"
);
name_type!(
    /// What every AWS name of an environment begins with. No hyphens, so that `<prefix>-core` can never be `<prefix>--…`.
    Prefix,
    16,
    false,
    "^[a-z][a-z0-9]*$",
    "healstack-prefix"
);

impl Default for Prefix {
    fn default() -> Self {
        Self("heal".to_owned())
    }
}

impl StackName {
    /// Names that belong to the stacks which Healstack generates itself.
    pub const RESERVED: [&str; 6] = ["account", "agent", "artifacts", "core", "last-good", "workload"];

    /// Whether a rule file may not use this name.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        Self::RESERVED.contains(&self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_the_source_documents_names() {
        for name in ["ec2-instance-healing", "a", "a1-2b", &"a".repeat(40)] {
            assert!(RuleName::new(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        let error = |name: &str| RuleName::new(name).unwrap_err();
        assert_eq!(error(""), NameError::Empty);
        assert!(matches!(error("a--b"), NameError::DoubleHyphen { .. }));
        assert!(matches!(error("a-"), NameError::TrailingHyphen { .. }));
        assert!(matches!(error("1a"), NameError::Character { found: '1', position: 1, .. }));
        assert!(matches!(error("aB"), NameError::Character { found: 'B', position: 2, .. }));
        assert!(matches!(error(&"a".repeat(41)), NameError::TooLong { length: 41, limit: 40, .. }));
        assert!(Prefix::new("a-b").is_err());
        assert_eq!(Prefix::new("awsheal"), Err(NameError::Reserved { start: "aws" }));
    }

    #[test]
    fn suggests_a_valid_name() {
        assert_eq!(RuleName::nearest("Memory Leak!").as_deref(), Some("memory-leak"));
        assert_eq!(RuleName::nearest("a--b").as_deref(), Some("a-b"));
        assert_eq!(RuleName::nearest("123"), None);
        assert_eq!(Prefix::nearest("my-heal").as_deref(), Some("myheal"));
        assert!(RuleName::new("ab".repeat(30)).unwrap_err().help().contains('`'));
    }

    proptest! {
        #[test]
        fn the_schemas_pattern_and_the_parser_agree(name in "[a-zA-Z0-9-]{0,6}|[a-z][a-z-]{35,44}") {
            let words_ok = name.split('-').all(|word| !word.is_empty());
            let first_ok = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
            let chars_ok = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            let expected = words_ok && first_ok && chars_ok && name.len() <= MAX_NAME;
            prop_assert_eq!(RuleName::new(name).is_ok(), expected);
        }
    }
}
