//! Names of units, and which of them are left alone.

use std::fmt;

/// The longest name of a unit (systemd.unit(5)).
const LONGEST: usize = 255;

/// What a unit can be (systemd.unit(5)).
const KINDS: [&str; 11] =
    ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];

/// Units that are never acted on, by the name before `.` or `@`: a host without them cannot be reached or mended.
const PROTECTED: [&str; 9] =
    ["init", "dbus", "dbus-broker", "ssh", "sshd", "polkit", "amazon-ssm-agent", "snap.amazon-ssm-agent", "getty"];

/// The same by the beginning of the name: systemd's own, and the agent's.
const PROTECTED_PREFIXES: [&str; 3] = ["systemd-", "healstack-agent", "-."];

/// The name of a unit, with its kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitName(String);

/// A text that names no unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the full name of a unit, like shop.service")]
pub struct BadUnitName(String);

impl UnitName {
    /// Takes a full name, `shop@1.service`. Patterns and templates without an instance are none.
    pub fn try_new(name: impl Into<String>) -> Result<Self, BadUnitName> {
        let name = name.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        match name.rsplit_once('.') {
            Some((stem, kind))
                if !stem.is_empty()
                    && !stem.ends_with('@')
                    && KINDS.contains(&kind)
                    && name.len() <= LONGEST
                    && name.bytes().all(allowed) =>
            {
                Ok(Self(name))
            }
            _ => Err(BadUnitName(name)),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is never acted on by its name. What it really is may have another: an alias, or the agent under a name
    /// that an administrator gave it.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        is_protected(&self.0)
    }

    /// Its object on the bus, which systemd names by its own escapes: every byte but letters and digits, and a digit at
    /// the beginning, as `_` and two hexadecimal digits.
    pub(super) fn object_path(&self) -> String {
        let mut path = String::from("/org/freedesktop/systemd1/unit/");
        for (at, byte) in self.0.bytes().enumerate() {
            if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && at > 0) {
                path.push(char::from(byte));
            } else {
                path.extend(["_", &format!("{byte:02x}")]);
            }
        }
        path
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

pub(super) fn is_protected(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let stem = stem.split_once('@').map_or(stem, |(stem, _)| stem);
    let prefixed = PROTECTED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    // A snap's unit has the name of its program after another dot.
    prefixed
        || PROTECTED
            .iter()
            .any(|name| stem == *name || stem.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> UnitName {
        UnitName::try_new(name).unwrap()
    }

    #[test]
    fn names() {
        for name in ["shop.service", "shop@1.service", "a-b_c:d\\x20.timer", "1.service"] {
            assert!(UnitName::try_new(name).is_ok(), "{name}");
        }
        let long = format!("{}.service", "a".repeat(LONGEST));
        for name in
            ["", "shop", ".service", "shop@.service", "*.service", "a b.service", "a/b.service", "a.conf", &long]
        {
            assert_eq!(UnitName::try_new(name), Err(BadUnitName(name.to_owned())));
        }
    }

    #[test]
    fn objects_on_the_bus() {
        assert_eq!(unit("shop-1.service").object_path(), "/org/freedesktop/systemd1/unit/shop_2d1_2eservice");
        assert_eq!(unit("1shop.service").object_path(), "/org/freedesktop/systemd1/unit/_31shop_2eservice");
    }

    #[test]
    fn what_a_host_cannot_do_without() {
        for name in [
            "init.scope",
            "sshd.service",
            "ssh.service",
            "ssh.socket",
            "sshd@7-10.0.0.1:22.service",
            "dbus.socket",
            "systemd-journald.service",
            "healstack-agent.service",
            "healstack-agent-reporter.service",
            "snap.amazon-ssm-agent.amazon-ssm-agent.service",
            "-.slice",
            "getty@tty1.service",
        ] {
            assert!(unit(name).is_protected(), "{name}");
        }
        for name in ["shop.service", "sshd-proxy.service", "redis.service", "system.slice", "dbusx.service"] {
            assert!(!unit(name).is_protected(), "{name}");
        }
    }
}
