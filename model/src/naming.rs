//! The names of AWS resources. They are an API: the guard finds a rule by its alarm's name, operators grep for them,
//! and a changed name replaces the resource. Everything that names a resource asks this module.
//!
//! ```text
//! stack      <prefix>--<stack>[--<part>]                      heal--checkout
//! alarm      <prefix>--<stack>--<rule>--<signal>[--<resource>] heal--checkout--ec2-instance-healing--system
//! document   <prefix>--<stack>--<rule>[--<part>]               heal--checkout--ec2-instance-healing
//! settings   <prefix>-settings--<stack>--<rule>                heal-settings--checkout--ec2-instance-healing
//! role       <prefix>--<stack>--<rule>[--<part>]--<region>     at most 64 characters, shortened with a hash
//! parameter  /<prefix>/<environment>/<stack>/<rule>
//! ```
//! Rule and stack names hold no `--`, so an alarm's name splits into its parts in one way only.

use crate::name::{EnvironmentName, Prefix, RuleName, StackName};
use sha2::{Digest, Sha256};

/// IAM quota, 2026-11: 64 characters a role name.
pub const MAX_ROLE_NAME: usize = 64;
/// CloudWatch quota, 2026-11: 255 characters an alarm name.
pub const MAX_ALARM_NAME: usize = 255;

/// Names of one environment's resources.
#[derive(Debug, Clone)]
pub struct Names {
    /// What every name begins with.
    pub prefix: Prefix,
    /// The environment, part of parameter paths.
    pub environment: EnvironmentName,
    /// The region, part of role names because roles are global.
    pub region: String,
}

impl Names {
    /// The CloudFormation stack of a rule file, or of one of Healstack's own stacks (`core`, `account`, …).
    #[must_use]
    pub fn stack(&self, stack: &str) -> String {
        format!("{}--{stack}", self.prefix)
    }

    /// The alarm for one signal of a rule; `resource` where there is one alarm a resource.
    #[must_use]
    pub fn alarm(&self, stack: &StackName, rule: &RuleName, signal: &str, resource: Option<&str>) -> String {
        let name = format!("{}--{stack}--{rule}--{signal}", self.prefix);
        match resource {
            Some(resource) => shorten(&format!("{name}--{resource}"), MAX_ALARM_NAME),
            None => name,
        }
    }

    /// A mute rule of a rule's alarms; `number` counts a rule's from 1.
    #[must_use]
    pub fn mute_rule(&self, stack: &StackName, rule: &RuleName, number: usize) -> String {
        format!("{}--{stack}--{rule}--mute-{number}", self.prefix)
    }

    /// The Systems Manager document (runbook) of a rule.
    #[must_use]
    pub fn document(&self, stack: &StackName, rule: &RuleName) -> String {
        format!("{}--{stack}--{rule}", self.prefix)
    }

    /// The role that a rule's runbook assumes.
    #[must_use]
    pub fn role(&self, stack: &StackName, rule: &RuleName) -> String {
        shorten(&format!("{}--{stack}--{rule}--{}", self.prefix, self.region), MAX_ROLE_NAME)
    }

    /// The document that keeps AWS's own healing of a rule's resources set, and the association that starts it. Not under
    /// `<prefix>--`: what begins so, the guard may start and the recorder takes for a healing.
    #[must_use]
    pub fn settings_document(&self, stack: &StackName, rule: &RuleName) -> String {
        format!("{}-settings--{stack}--{rule}", self.prefix)
    }

    /// The role that a rule's settings document assumes.
    #[must_use]
    pub fn settings_role(&self, stack: &StackName, rule: &RuleName) -> String {
        shorten(&format!("{}--{stack}--{rule}--settings--{}", self.prefix, self.region), MAX_ROLE_NAME)
    }

    /// The IAM path of the roles of settings documents, which the guard may not pass.
    #[must_use]
    pub fn settings_role_path(&self) -> String {
        format!("/{}/settings/", self.prefix)
    }

    /// The IAM path of runbook roles: the guard may pass only roles under it.
    #[must_use]
    pub fn runbook_role_path(&self) -> String {
        format!("/{}/runbook/", self.prefix)
    }

    /// The Parameter Store path of a rule's desired configuration.
    #[must_use]
    pub fn parameter(&self, stack: &StackName, rule: &RuleName) -> String {
        format!("/{}/{}/{stack}/{rule}", self.prefix, self.environment)
    }

    /// The Parameter Store parameter in which a workload's stack publishes a value of one of its resources: below a name that no rule
    /// file's stack may have.
    #[must_use]
    pub fn published(&self, stack: &StackName, variable: &str) -> String {
        format!("/{}/{}/workload/{stack}/{variable}", self.prefix, self.environment)
    }

    /// A resource of the core stack that other stacks refer to by name: `heal--core--notifications`.
    #[must_use]
    pub fn core(&self, resource: &str) -> String {
        format!("{}--core--{resource}", self.prefix)
    }

    /// A role of the core stack, under the IAM path `/<prefix>/`.
    #[must_use]
    pub fn core_role(&self, role: &str) -> String {
        shorten(&format!("{}--core--{role}--{}", self.prefix, self.region), MAX_ROLE_NAME)
    }
}

/// The folder of a part of a rule file's stack, which is also how its CloudFormation stack ends: the first is the stack
/// itself. No stack of a user is named like a later one, since names hold no `--`.
#[must_use]
pub fn part(stack: &StackName, part: usize) -> String {
    if part == 1 { stack.to_string() } else { format!("{stack}--{part}") }
}

/// Shortens `name` to `limit` characters, keeping its head and ending in a hash of the whole, so that two long names
/// that differ only in their tails stay different.
#[must_use]
pub fn shorten(name: &str, limit: usize) -> String {
    if name.chars().count() <= limit {
        return name.to_owned();
    }
    let hash = hash8(name);
    let head: String = name.chars().take(limit - hash.len() - 1).collect();
    format!("{}-{hash}", head.trim_end_matches('-'))
}

/// The CloudFormation logical id that a rule's resources begin with: `ec2-instance-healing` is `Ec2InstanceHealing`.
///
/// Logical ids are alphanumeric, so where a word begins with a digit the boundary would be lost (`a-1b` and `a1b`);
/// such names carry a hash.
#[must_use]
pub fn logical_id(name: &RuleName) -> String {
    let mut id = String::new();
    let mut ambiguous = false;
    for word in name.as_str().split('-') {
        ambiguous |= word.starts_with(|c: char| c.is_ascii_digit());
        let mut chars = word.chars();
        id.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        id.extend(chars);
    }
    if ambiguous {
        id.push_str(&hash8(name.as_str()));
    }
    id
}

/// A logical id from any text, for resources that repeat over a list: alphanumeric head plus a hash of the whole.
#[must_use]
pub fn logical_suffix(text: &str) -> String {
    let mut head = text.chars().filter(char::is_ascii_alphanumeric);
    let first = head.next().map(|c| c.to_ascii_uppercase());
    let head: String = first.into_iter().chain(head).take(24).collect();
    format!("{head}{}", hash8(text))
}

/// The first 8 hexadecimal digits of the SHA-256 of `text`.
fn hash8(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text.as_bytes()).iter().take(4).fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> Names {
        Names {
            prefix: Prefix::default(),
            environment: EnvironmentName::new("prod").unwrap(),
            region: "ap-southeast-2".to_owned(),
        }
    }

    #[test]
    fn names_are_the_documented_ones() {
        let (stack, rule) = (StackName::new("checkout").unwrap(), RuleName::new("ec2-instance-healing").unwrap());
        let names = names();
        assert_eq!(names.stack("core"), "heal--core");
        assert_eq!(names.alarm(&stack, &rule, "system", None), "heal--checkout--ec2-instance-healing--system");
        assert_eq!(names.alarm(&stack, &rule, "x", Some("web")), "heal--checkout--ec2-instance-healing--x--web");
        assert_eq!(names.document(&stack, &rule), "heal--checkout--ec2-instance-healing");
        assert_eq!(names.role(&stack, &rule), "heal--checkout--ec2-instance-healing--ap-southeast-2");
        assert_eq!(names.settings_document(&stack, &rule), "heal-settings--checkout--ec2-instance-healing");
        assert_eq!(
            names.settings_role(&stack, &rule),
            "heal--checkout--ec2-instance-healing--settings--ap-southeast-2"
        );
        assert_eq!(names.parameter(&stack, &rule), "/heal/prod/checkout/ec2-instance-healing");
        assert_eq!(logical_id(&rule), "Ec2InstanceHealing");
    }

    #[test]
    fn logical_ids_keep_word_boundaries_apart() {
        let id = |name: &str| logical_id(&RuleName::new(name).unwrap());
        assert_ne!(id("a-1b"), id("a1b"));
        assert_ne!(id("a-1-2"), id("a-12"));
    }

    proptest! {
        #[test]
        fn role_names_fit_and_stay_apart(stack in "[a-z]{40}", left in "[a-z]{40}", right in "[a-z]{40}") {
            let stack = StackName::new(stack).unwrap();
            let role = |rule: &str| names().role(&stack, &RuleName::new(rule).unwrap());
            prop_assert!(role(&left).chars().count() <= MAX_ROLE_NAME);
            prop_assert_eq!(role(&left) == role(&right), left == right);
        }
    }
}
