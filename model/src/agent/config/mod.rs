//! What the agent is told: rules from Parameter Store, and the host's own file.
//!
//! Rules say what is healed, how often and within which bounds; the host's file says what their names mean here. A rule can
//! start nothing that the file, which belongs to root, or the rule language itself does not allow.

mod check;
mod host;
mod names;
mod parameters;
mod problem;
mod rule;

pub use host::{
    Breaker as BreakerSettings, BreakerMeans, Cache as CacheSettings, Command, Dependency, Dump, Fleet, HostFile,
    HttpProbe, Leak, Lease, Limits, Metric as MetricSource, Pool as PoolSettings, PoolMeans, Process, Signal,
    TtlBounds, Unit as UnitSettings, VERSION, Verify, Warm,
};
pub use names::{PROTECTED_PROGRAMS, PROTECTED_UNITS, is_protected_program, is_protected_unit};
pub use parameters::{
    Breaker as BreakerParameters, BreakerAdapter, Cache as CacheParameters, CacheSignal, Memory as MemoryParameters,
    Metric as MetricParameters, Parameters, Pool as PoolParameters, PoolAdapter, Probe as ProbeParameters,
    Restart as RestartParameters,
};
pub use problem::{Place, Problem};
pub use rule::{AgentRule, Hosts, SCHEMA_VERSION, TargetType};

use problem::Problems;
use std::collections::BTreeMap;

/// Who this host is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// The EC2 instance's id, or the managed instance's (`mi-…`).
    pub instance_id: String,
    /// The AWS account.
    pub account: String,
    /// The AWS region.
    pub region: String,
    /// The instance's tags, by which rules select hosts.
    pub tags: BTreeMap<String, String>,
}

/// A whole configuration without problems.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    identity: Identity,
    host: HostFile,
    rules: Vec<AgentRule>,
}

impl HostFile {
    /// Everything that is wrong with the file by itself: what is out of range, unsafe, or names what is not there.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        check::host(self)
    }
}

impl Config {
    /// Puts rules and host's file together, or says everything that is wrong. Rules for other hosts are left out; places
    /// of a rule's problems begin with its identity.
    pub fn new(identity: Identity, host: HostFile, rules: Vec<AgentRule>) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems(host.problems());
        let mut mine: Vec<AgentRule> = Vec::new();
        for rule in rules {
            if !rule.hosts.include(&identity.instance_id, &identity.tags) {
                continue;
            }
            if mine.iter().any(|other| other.id == rule.id) {
                problems.add(&rule.id, "the rule is there twice", "keep one of them");
                continue;
            }
            meanings(&rule, &host, &mut problems);
            mine.push(rule);
        }
        // The order of a listing changes nothing.
        mine.sort_by(|a, b| a.id.cmp(&b.id));
        problems.or(Self { identity, host, rules: mine })
    }

    /// Who this host is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The host's file.
    #[must_use]
    pub const fn host(&self) -> &HostFile {
        &self.host
    }

    /// The rules for this host, by identity.
    #[must_use]
    pub fn rules(&self) -> &[AgentRule] {
        &self.rules
    }
}

/// Whether everything that a rule names means something on this host.
fn meanings(rule: &AgentRule, host: &HostFile, problems: &mut Problems) {
    let mut command = |field: &str, name: Option<&String>| {
        if let Some(name) = name.filter(|name| !host.commands.contains_key(*name)) {
            let path = format!("{}: parameters.{field}", rule.id);
            problems.add(
                path,
                format!("`{name}` is not on this host's allow list"),
                "add it to `commands` in agent.yaml",
            );
        }
    };
    match &rule.parameters {
        Parameters::Memory(memory) => command("heap_dump_command", memory.heap_dump_command.as_ref()),
        Parameters::State(restart) => command("command", restart.command.as_ref()),
        Parameters::Health(restart) => {
            command("command", restart.command.as_ref());
            for name in &rule.names {
                if host.units.get(name).is_none_or(|unit| unit.health.is_none()) {
                    let help = format!("add `health: {{url: …}}` to `units.{name}` in agent.yaml");
                    problems.add(format!("{}: target", rule.id), format!("nothing says where {name} answers"), help);
                }
            }
        }
        Parameters::Metric(metric) => {
            command("command", metric.command.as_ref());
            let source = host.metrics.get(&metric.metric);
            if source.is_none_or(|source| source.above.is_none() && source.below.is_none()) {
                let help = format!("add `metrics.{}` with `above` or `below` in agent.yaml", metric.metric);
                problems.add(
                    format!("{}: parameters.metric", rule.id),
                    format!("`{}` has no threshold here", metric.metric),
                    help,
                );
            }
        }
        Parameters::Probe(probe) => {
            command("probe", Some(&probe.probe));
            command("command", probe.command.as_ref());
        }
        Parameters::Cache(cache) => {
            for name in &rule.names {
                cache_meaning(rule, cache, name, host, problems);
            }
        }
        // What these need is in the rule itself, and may be in the host's file.
        Parameters::Pool(_) | Parameters::Breaker(_) => {}
    }
}

fn cache_meaning(rule: &AgentRule, parameters: &CacheParameters, name: &str, host: &HostFile, problems: &mut Problems) {
    let Some(cache) = host.caches.get(name) else {
        let help = format!("add `caches.{name}` with its address to agent.yaml, on one host or some");
        problems.add(format!("{}: target", rule.id), format!("nothing says where {name} is"), help);
        return;
    };
    let allowed = |prefix: &str| cache.prefixes.iter().any(|allowed| prefix.starts_with(allowed.as_str()));
    for prefix in parameters.stale_prefixes.iter().filter(|prefix| !allowed(prefix)) {
        let path = format!("{}: parameters.stale_prefixes", rule.id);
        let help = format!("add it to `caches.{name}.prefixes` in agent.yaml if its keys may be removed");
        problems.add(path, format!("nothing on this host allows to remove keys below `{prefix}`"), help);
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
