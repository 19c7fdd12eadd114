//! Names that the agent acts on, and those that it never acts on.

use super::problem::Problems;
use super::rule::TargetType;

/// Units whose restart takes the host, its log-in, its way to Systems Manager or the agent itself away. A trailing `*` stands for any end.
///
/// Sources: `systemd.special(7)` and the unit names of Amazon Linux 2023, RHEL 9, Debian 12 and Ubuntu 24.04.
pub const PROTECTED_UNITS: [&str; 24] = [
    "init.scope",
    "systemd-*",
    "dbus*",
    "ssh.service",
    "sshd*",
    "ssh@*",
    "healstack*",
    "getty*",
    "serial-getty*",
    "console-getty*",
    "emergency*",
    "rescue*",
    "initrd-*",
    "user@*",
    "user-runtime-dir@*",
    "polkit*",
    "NetworkManager*",
    "networking.service",
    "network.service",
    "amazon-ssm-agent*",
    "snap.amazon-ssm-agent*",
    "cloud-init*",
    "cloud-config*",
    "cloud-final*",
];

/// Programs that are never signalled and whose sockets are never destroyed.
pub const PROTECTED_PROGRAMS: [&str; 8] = [
    "systemd",
    "init",
    "sshd",
    "dbus-daemon",
    "dbus-broker",
    "healstack-agent",
    "amazon-ssm-agent",
    "ssm-agent-worker",
];

/// Whether a unit is one that the agent never acts on.
#[must_use]
pub fn is_protected_unit(name: &str) -> bool {
    PROTECTED_UNITS.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *pattern,
    })
}

/// Whether a program, by its name or path, is one that the agent never acts on.
#[must_use]
pub fn is_protected_program(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    // systemd's own programs are called so, `systemd-journald` and the like.
    PROTECTED_PROGRAMS.contains(&name) || name.starts_with("systemd-")
}

/// Checks a name that a rule or the host's file acts on. The grammars are those of `templates/targets/`.
pub(super) fn check(target: TargetType, name: &str, path: &str, problems: &mut Problems) {
    match target {
        TargetType::Unit => unit(name, path, problems),
        TargetType::Pool => {
            let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !grammar(name, 128, first, |c| first(c) || matches!(c, '.' | '-')) {
                problems.add(path, format!("`{name}` is no pool's name"), "write letters, digits, `.`, `_` and `-`");
            }
        }
        TargetType::Breaker => {
            let first = |c: char| c.is_ascii_alphanumeric();
            if !grammar(name, 128, first, |c| first(c) || matches!(c, '.' | '_' | '-')) {
                problems.add(path, format!("`{name}` is no breaker's name"), "write letters, digits, `.`, `_` and `-`");
            }
        }
        TargetType::Cache => {
            if !grammar(
                name,
                40,
                |c| c.is_ascii_lowercase(),
                |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
            ) {
                let help = "write the replication group's id: lower-case letters, digits and hyphens";
                problems.add(path, format!("`{name}` is no replication group"), help);
            }
        }
    }
}

fn unit(name: &str, path: &str, problems: &mut Problems) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '.' | '@' | '-' | '\\');
    if is_protected_unit(name) {
        let what = format!("`{name}` is never healed: restarting it can take the host, its log-in or the agent away");
        problems.add(path, what, "name the unit of your own application");
    } else if !name.ends_with(".service") {
        problems.add(
            path,
            format!("`{name}` is no service unit"),
            format!("write the whole name, for instance {name}.service"),
        );
    } else if !grammar(name, 248, |c| allowed(c) && c != '-', allowed) {
        problems.add(
            path,
            format!("`{name}` is no unit's name"),
            "write the name as `systemctl list-units` shows it, without wildcards",
        );
    } else if name == ".service" {
        problems.add(path, "the unit has no name", "write the whole name, for instance checkout.service");
    }
}

/// Whether `name` is of one to `most` characters, begins with `first` and goes on with `then`.
fn grammar(name: &str, most: usize, first: impl Fn(char) -> bool, then: impl Fn(char) -> bool) -> bool {
    name.len() <= most && name.chars().next().is_some_and(first) && name.chars().skip(1).all(then)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(target: TargetType, name: &str) -> Option<String> {
        let mut problems = Problems::default();
        check(target, name, "p", &mut problems);
        problems.0.first().map(|problem| problem.what.clone())
    }

    #[test]
    fn what_carries_the_host_is_never_healed() {
        for name in [
            "init.scope",
            "systemd-journald.service",
            "systemd-logind.service",
            "dbus.service",
            "dbus-broker.service",
            "ssh.service",
            "sshd.service",
            "sshd@0.service",
            "healstack-agent.service",
            "healstack-reporter.service",
            "getty@tty1.service",
            "user@1000.service",
            "amazon-ssm-agent.service",
            "NetworkManager.service",
        ] {
            assert!(wrong(TargetType::Unit, name).is_some_and(|what| what.contains("never healed")), "{name}");
        }
        for name in
            ["checkout.service", "my-systemd.service", "worker@1.service", "sshuttle.service", "network-api.service"]
        {
            assert_eq!(wrong(TargetType::Unit, name), None, "{name}");
        }
    }

    #[test]
    fn names_are_whole_and_without_wildcards() {
        for name in
            ["", "*", "checkout", "check*.service", "a b.service", ".service", "-.service", "x.slice", "a/b.service"]
        {
            assert!(wrong(TargetType::Unit, name).is_some(), "{name}");
        }
        for (target, name) in [
            (TargetType::Pool, "*"),
            (TargetType::Pool, ""),
            (TargetType::Pool, "a;b"),
            (TargetType::Breaker, "_all"),
            (TargetType::Breaker, "a/b"),
            (TargetType::Cache, "Orders"),
            (TargetType::Cache, ""),
        ] {
            assert!(wrong(target, name).is_some(), "{target} {name}");
        }
        for (target, name) in
            [(TargetType::Pool, "orders"), (TargetType::Breaker, "payments.v2"), (TargetType::Cache, "orders-1")]
        {
            assert_eq!(wrong(target, name), None, "{target} {name}");
        }
    }

    #[test]
    fn programs_by_name_or_path() {
        for program in ["sshd", "/usr/sbin/sshd", "/lib/systemd/systemd", "/usr/lib/systemd/systemd-journald", "init"] {
            assert!(is_protected_program(program), "{program}");
        }
        for program in ["java", "/opt/app/bin/server", "initialise"] {
            assert!(!is_protected_program(program), "{program}");
        }
    }
}
