//! What the host's file may not say.

use super::host::{
    Breaker, BreakerMeans, Cache, Command, Dependency, HostFile, HttpProbe, Metric, Pool, PoolMeans, Process, Unit,
    VERSION, Warm,
};
use super::names;
use super::problem::{Problem, Problems};
use super::rule::TargetType;
use crate::agent::polling::Polling;
use crate::duration::Seconds;
use std::net::{IpAddr, Ipv4Addr};

/// Everything that is wrong with the host's file.
#[must_use]
pub(super) fn host(file: &HostFile) -> Vec<Problem> {
    let mut problems = Problems::default();
    if file.version != VERSION {
        problems.add("version", format!("version {} of this file is not known", file.version), "write `version: 1`");
    }
    figures(file, &mut problems);
    for (name, unit) in &file.units {
        let path = format!("units.{name}");
        names::check(TargetType::Unit, name, &path, &mut problems);
        check_unit(&path, unit, file, &mut problems);
    }
    for (name, pool) in &file.pools {
        let path = format!("pools.{name}");
        names::check(TargetType::Pool, name, &path, &mut problems);
        check_pool(&path, pool, file, &mut problems);
    }
    for (name, breaker) in &file.breakers {
        let path = format!("breakers.{name}");
        names::check(TargetType::Breaker, name, &path, &mut problems);
        check_breaker(&path, breaker, file, &mut problems);
    }
    for (name, cache) in &file.caches {
        let path = format!("caches.{name}");
        names::check(TargetType::Cache, name, &path, &mut problems);
        check_cache(&path, cache, file, &mut problems);
    }
    for (name, one) in &file.commands {
        let path = format!("commands.{name}");
        if !is_word(name, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            problems.add(
                &path,
                format!("`{name}` is no command's name"),
                "write lower-case letters, digits and hyphens",
            );
        }
        check_command(&path, one, &mut problems);
    }
    for (name, one) in &file.metrics {
        check_metric(&format!("metrics.{name}"), one, &mut problems);
    }
    problems.0
}

fn figures(file: &HostFile, problems: &mut Problems) {
    range("limits.memory_mib", file.limits.memory_mib.into(), 8, 256, problems);
    range("limits.journal_mib", file.limits.journal_mib.into(), 1, 1024, problems);
    range("limits.concurrent", file.limits.concurrent.into(), 1, 32, problems);
    range("polling.normal_ms", file.polling.normal, Polling::LEAST, Polling::MOST, problems);
    range("polling.fast_ms", file.polling.fast, Polling::LEAST, file.polling.normal.max(Polling::LEAST), problems);
    range("evidence.of", file.evidence.of.into(), 1, 64, problems);
    range("evidence.ill", file.evidence.ill.into(), 1, u64::from(file.evidence.of.max(1)), problems);
    range("evidence.healthy", file.evidence.healthy.into(), 1, 64, problems);
    range("verify.successes", file.verify.successes.into(), 1, 20, problems);
    longest("verify.timeout", file.verify.timeout, 1800, problems);
    range("fleet.waves", file.fleet.waves.into(), 1, 1000, problems);
    longest("fleet.wave", file.fleet.wave, 3600, problems);
    longest("fleet.answer_within", file.fleet.answer_within, 60, problems);
}

fn check_unit(path: &str, unit: &Unit, file: &HostFile, problems: &mut Problems) {
    if let Some(one) = &unit.process {
        process(&format!("{path}.process"), one, problems);
    }
    if let Some(probe) = &unit.health {
        http(&format!("{path}.health"), probe, problems);
    }
    if let Some(name) = &unit.probe {
        known_command(&format!("{path}.probe"), name, file, problems);
    }
    if let Some(leak) = &unit.leak {
        longest(&format!("{path}.leak.exhausts_within"), leak.exhausts_within, 86_400, problems);
        range(&format!("{path}.leak.least_percent"), leak.least_percent.into(), 20, 99, problems);
    }
    if let Some(percent) = unit.recovered_percent {
        range(&format!("{path}.recovered_percent"), percent.into(), 1, 98, problems);
    }
    if let Some(dump) = &unit.dump {
        self::path(&format!("{path}.dump.directory"), &dump.directory, problems);
        longest(&format!("{path}.dump.timeout"), dump.timeout, 600, problems);
    }
    if let Some(within) = unit.restart_within {
        longest(&format!("{path}.restart_within"), within, 1800, problems);
    }
}

fn check_pool(path: &str, pool: &Pool, file: &HostFile, problems: &mut Problems) {
    let means = format!("{path}.means");
    match &pool.means {
        PoolMeans::Pgbouncer { endpoint, database, user } => {
            let unix = endpoint.strip_prefix("unix:");
            match unix {
                Some(socket) => self::path(&format!("{means}.endpoint"), socket, problems),
                None if is_loopback_address(endpoint) => {}
                None => not_on_this_host(&format!("{means}.endpoint"), endpoint, problems),
            }
            let identifier = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            let named = [("database", database.as_deref()), ("user", Some(user.as_str()))];
            for (field, value) in named.into_iter().filter_map(|(field, value)| Some((field, value?))) {
                if !is_word(value, identifier) {
                    let help = "write letters, digits, `.`, `_` and `-`: it becomes part of a command of the console";
                    problems.add(format!("{means}.{field}"), format!("`{value}` is no {field}"), help);
                }
            }
            if database.as_deref() == Some("pgbouncer") {
                let help = "name the database whose pool it is";
                problems.add(format!("{means}.database"), "`pgbouncer` is the admin console itself", help);
            }
        }
        PoolMeans::Http { endpoint } => loopback_url(&format!("{means}.endpoint"), endpoint, problems),
        PoolMeans::Sockets { peer, program } => {
            if peer.port() == 0 || peer.ip().is_unspecified() || peer.ip().is_multicast() {
                let help = "write the database's address and port: one peer, never all";
                problems.add(format!("{means}.peer"), format!("`{peer}` is no single peer"), help);
            }
            self::program(&format!("{means}.program"), program, problems);
        }
        PoolMeans::Signal { process: one } => process(&format!("{means}.process"), one, problems),
    }
    for (field, name) in [("waiting", &pool.waiting), ("database", &pool.database)] {
        if let Some(name) = name {
            known_metric(&format!("{path}.{field}"), name, file, problems);
        }
    }
    if !matches!(pool.means, PoolMeans::Pgbouncer { .. } | PoolMeans::Http { .. }) && pool.waiting.is_none() {
        let help = "add `waiting` with the name of a metric, for instance HikariCP's pending connections";
        problems.add(path, "nothing says how many clients wait for this pool", help);
    }
    range(&format!("{path}.database_busy_percent"), pool.database_busy_percent.into(), 50, 100, problems);
    range(&format!("{path}.most_dropped"), pool.most_dropped.into(), 1, 100, problems);
}

fn check_breaker(path: &str, breaker: &Breaker, file: &HostFile, problems: &mut Problems) {
    let means = format!("{path}.means");
    match &breaker.means {
        BreakerMeans::Haproxy { socket, backend, server } => {
            self::path(&format!("{means}.socket"), socket, problems);
            for (field, value) in [("backend", backend), ("server", server)] {
                // HAProxy's own grammar of names (configuration manual, 2.2), of which `*` and `;` are no part.
                if !is_word(value, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_' | '-')) {
                    let help = "write one name as `show servers state` shows it; a wildcard would take every server";
                    problems.add(format!("{means}.{field}"), format!("`{value}` is no single {field}"), help);
                }
            }
        }
        BreakerMeans::Actuator { endpoint } => loopback_url(&format!("{means}.endpoint"), endpoint, problems),
        BreakerMeans::Envoy { endpoint, runtime_key } => {
            loopback_url(&format!("{means}.endpoint"), endpoint, problems);
            if !is_word(runtime_key, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
                let help = "write the key of `runtime_fraction` or of a weighted cluster";
                problems.add(format!("{means}.runtime_key"), format!("`{runtime_key}` is no runtime key"), help);
            }
        }
        BreakerMeans::File { path: file } => self::path(&format!("{means}.path"), file, problems),
    }
    match &breaker.dependency {
        Some(Dependency::Http(probe)) => http(&format!("{path}.dependency.http"), probe, problems),
        Some(Dependency::Tcp(peer)) if peer.port() == 0 || peer.ip().is_unspecified() => {
            problems.add(
                format!("{path}.dependency.tcp"),
                format!("`{peer}` is no peer"),
                "write its address and port",
            );
        }
        Some(Dependency::Command(name)) => {
            known_command(&format!("{path}.dependency.command"), name, file, problems);
        }
        Some(Dependency::Tcp(_)) | None => {}
    }
    longest(&format!("{path}.hold"), breaker.hold, 600, problems);
}

fn check_cache(path: &str, cache: &Cache, file: &HostFile, problems: &mut Problems) {
    let host = cache.address.rsplit_once(':');
    let named = |host: &str| is_word(host, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
    if !host.is_some_and(|(host, port)| named(host) && port.parse::<u16>().is_ok_and(|port| port > 0)) {
        let help = "write host and port of the primary endpoint";
        problems.add(format!("{path}.address"), format!("`{}` is no address", cache.address), help);
    }
    for (index, one) in cache.prefixes.iter().enumerate() {
        prefix(&format!("{path}.prefixes[{index}]"), one, problems);
    }
    if let Some(one) = &cache.password_file {
        self::path(&format!("{path}.password_file"), one, problems);
    }
    range(&format!("{path}.batch"), cache.batch.into(), 1, 1000, problems);
    match &cache.warm {
        Some(Warm::Page(page)) => {
            if page.matches("{}").count() != 1 {
                let help = "write `{}` once, where the key goes";
                problems.add(format!("{path}.warm.page"), format!("`{page}` does not say where the key goes"), help);
            }
            loopback_url(&format!("{path}.warm.page"), &page.replace("{}", "key"), problems);
        }
        Some(Warm::Command(name)) => known_command(&format!("{path}.warm.command"), name, file, problems),
        None => {}
    }
    if let Some(bounds) = &cache.ttl {
        let path = format!("{path}.ttl");
        longest(&format!("{path}.most"), bounds.most, 30 * 86_400, problems);
        if bounds.least.get() < 60 || bounds.least > bounds.most {
            let help = "write at least 1m and at most `most`: entries that end at once empty the cache";
            problems.add(format!("{path}.least"), format!("{} is no lower bound", bounds.least), help);
        }
        if cache.prefixes.is_empty() {
            problems.add(
                &path,
                "lifetimes have bounds, but of no keys",
                "add `prefixes`; an empty prefix is never everything",
            );
        }
    }
    if let Some(name) = &cache.database {
        known_metric(&format!("{path}.database"), name, file, problems);
    }
}

/// Programs that read further commands from their arguments: the allow list would be none.
const SHELLS: [&str; 9] = ["sh", "bash", "dash", "zsh", "ksh", "busybox", "env", "sudo", "su"];

fn check_command(path: &str, command: &Command, problems: &mut Problems) {
    self::path(&format!("{path}.path"), &command.path, problems);
    let program = command.path.rsplit('/').next().unwrap_or_default();
    let inline = |argument: &String| argument.starts_with('-') && !argument.starts_with("--") && argument.contains('c');
    if SHELLS.contains(&program) && (command.arguments.iter().any(inline) || ["env", "sudo", "su"].contains(&program)) {
        let help = "put the commands into a script that belongs to root, and name the script";
        problems.add(format!("{path}.arguments"), format!("`{program}` would run whatever its arguments say"), help);
    }
    if command.arguments.iter().any(|argument| argument.contains('\0')) {
        problems.add(format!("{path}.arguments"), "an argument holds a NUL", "leave it out");
    }
    if !is_word(&command.user, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        problems.add(format!("{path}.user"), format!("`{}` is no user", command.user), "write the user's name");
    }
    longest(&format!("{path}.timeout"), command.timeout, 3600, problems);
}

fn check_metric(path: &str, metric: &Metric, problems: &mut Problems) {
    loopback_url(&format!("{path}.endpoint"), &metric.endpoint, problems);
    // The grammar of names in Prometheus's text format.
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    if !is_word(&metric.name, name) || metric.name.starts_with(|c: char| c.is_ascii_digit()) {
        problems.add(
            format!("{path}.name"),
            format!("`{}` is no metric", metric.name),
            "write the name without labels",
        );
    }
    let (threshold, sign) = match (metric.above, metric.below) {
        (Some(above), None) => (above, 1.0),
        (None, Some(below)) => (below, -1.0),
        // A metric that others are compared with needs no threshold of its own.
        (None, None) => return,
        (Some(_), Some(_)) => {
            problems.add(path, "a metric is ill above a threshold or below it, not both", "write two metrics");
            return;
        }
    };
    let recovered = metric.recovered.unwrap_or(threshold);
    if !threshold.is_finite() || !recovered.is_finite() {
        problems.add(path, "a threshold is no number", "write a finite number");
    } else if (threshold - recovered) * sign < 0.0 {
        let help = "write a value on the healthy side of the threshold";
        problems.add(format!("{path}.recovered"), format!("{recovered} is on the ill side of {threshold}"), help);
    }
}

fn process(path: &str, process: &Process, problems: &mut Problems) {
    self::path(&format!("{path}.pid_file"), &process.pid_file, problems);
    program(&format!("{path}.program"), &process.program, problems);
}

fn program(path: &str, program: &str, problems: &mut Problems) {
    self::path(path, program, problems);
    if names::is_protected_program(program) {
        let what = format!("`{program}` is never signalled: the host, its log-in or the agent would go with it");
        problems.add(path, what, "name the program of your own application");
    }
}

fn http(path: &str, probe: &HttpProbe, problems: &mut Problems) {
    probe_url(&format!("{path}.url"), &probe.url, problems);
    range(&format!("{path}.least_status"), probe.least_status.into(), 100, 599, problems);
    range(&format!("{path}.most_status"), probe.most_status.into(), probe.least_status.into(), 599, problems);
    longest(&format!("{path}.timeout"), probe.timeout, 60, problems);
}

/// A page that a probe reads. Not the instance's metadata service, whose answers are credentials.
pub(super) fn probe_url(path: &str, url: &str, problems: &mut Problems) {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let help = "write the health page without a user, for instance https://payments.internal/healthz";
    match authority {
        Some(authority) if !authority.is_empty() && !authority.contains('@') && !url.contains(char::is_whitespace) => {
            if is_metadata(authority) {
                problems.add(path, format!("`{url}` is the instance's metadata service"), help);
            }
        }
        _ => problems.add(path, format!("`{url}` is no page"), help),
    }
}

/// IMDS over IPv4 and IPv6 (EC2 user guide, "Instance metadata and user data", 2026-11), with the rest of IPv4's link-local range.
fn is_metadata(authority: &str) -> bool {
    let host = host_of(authority);
    host == "fd00:ec2::254"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_link_local())
        || host.parse::<u32>().is_ok()
        || host.starts_with("0x")
}

fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

/// An address of this host: what the healer, which has no network, can reach.
pub(super) fn loopback_url(path: &str, url: &str, problems: &mut Problems) {
    if !is_loopback_url(url) {
        not_on_this_host(path, url, problems);
    }
}

pub(super) fn not_on_this_host(path: &str, value: &str, problems: &mut Problems) {
    let help = "write an address of the host itself: http://127.0.0.1:<port>/…, or unix:<socket> for PgBouncer";
    problems.add(path, format!("`{value}` is not on this host"), help);
}

pub(super) fn is_loopback_url(url: &str) -> bool {
    let authority = url.strip_prefix("http://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    authority.is_some_and(is_loopback_address) && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// `<loopback address>[:<port>]`. A name could be resolved to anything.
fn is_loopback_address(authority: &str) -> bool {
    let host = host_of(authority);
    let port = authority.strip_prefix('[').unwrap_or(authority).strip_prefix(host).unwrap_or_default();
    let port = port.trim_start_matches(']');
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        && (port.is_empty()
            || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0)))
}

/// The beginning of keys: three characters at the least and no wildcard, so that none is everything.
pub(super) fn prefix(path: &str, prefix: &str, problems: &mut Problems) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '_' | '/' | '-');
    if !(3..=100).contains(&prefix.len()) || !prefix.chars().all(allowed) {
        let help = "write the keys' beginning, of at least three characters and without wildcards";
        problems.add(path, format!("`{prefix}` is no beginning of keys"), help);
    }
}

/// An absolute path without `..`.
pub(super) fn path(path: &str, value: &str, problems: &mut Problems) {
    let parts = value.split('/').skip(1);
    if !value.starts_with('/')
        || value.len() < 2
        || value.contains(char::is_control)
        || parts.clone().any(|part| part == "..")
    {
        problems.add(path, format!("`{value}` is no absolute path"), "write the whole path, without `..`");
    }
}

fn is_word(value: &str, allowed: impl Fn(char) -> bool) -> bool {
    (1..=128).contains(&value.len()) && value.chars().all(allowed)
}

fn range(path: &str, value: u64, least: u64, most: u64, problems: &mut Problems) {
    if !(least..=most).contains(&value) {
        problems.add(path, format!("{value} is not between {least} and {most}"), "write a value in this range");
    }
}

fn longest(path: &str, value: Seconds, most: u64, problems: &mut Problems) {
    if value.get() > most {
        problems.add(path, format!("{value} is too long"), format!("write at most {}", Seconds::clamped(most)));
    }
}

fn known_command(path: &str, name: &str, file: &HostFile, problems: &mut Problems) {
    if !file.commands.contains_key(name) {
        problems.add(path, format!("`{name}` is not on the allow list"), "add it to `commands`, with path and user");
    }
}

fn known_metric(path: &str, name: &str, file: &HostFile, problems: &mut Problems) {
    if !file.metrics.contains_key(name) {
        problems.add(path, format!("there is no metric `{name}`"), "add it to `metrics`, with endpoint and name");
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
