//! Parameters of the kinds of rules that the agent heals by, as `templates/*/kind.yaml` defines them, with its defaults.

use super::problem::Problems;
use super::rule::TargetType;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The parameters of one rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameters {
    /// `high_memory_usage`: a unit that uses too much memory.
    Memory(Memory),
    /// `connection_pool_exhausted`: clients that wait for a connection.
    Pool(Pool),
    /// `circuit_breaker_open`.
    Breaker(Breaker),
    /// `cache_hit_rate_low`.
    Cache(Cache),
    /// `unit_failed`: a unit that is not active, or a process that is gone.
    State(Restart),
    /// `http_health_failed`: a unit whose health page, which the host's file names, does not answer well.
    Health(Restart),
    /// `metric_threshold`: a Prometheus metric, which the host's file names, past its threshold.
    Metric(Metric),
    /// `probe_failed`: a command of the host's allow list that ends with another code than 0.
    Probe(Probe),
}

/// Parameters of `application/memory-leak-healing`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Percent of the unit's limit, or of the host's memory where it has none. 50 to 99.
    pub memory_threshold: u8,
    /// Stop with a signal and its time before SIGKILL. Never false.
    pub graceful_shutdown: bool,
    /// Dump the heap before the restart, where a command is named and the disk has room.
    pub heap_dump_before_restart: bool,
    /// The command of the host's allow list that dumps.
    pub heap_dump_command: Option<String>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { memory_threshold: 85, graceful_shutdown: true, heap_dump_before_restart: true, heap_dump_command: None }
    }
}

/// How the agent reaches a pool, as the rule says it. The host's file may say it otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolAdapter {
    /// PgBouncer's admin console.
    Pgbouncer,
    /// An endpoint of the application.
    Http,
}

/// Parameters of `application/connection-pool-healing`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pool {
    /// Recycle connections, then drop leaked clients one by one.
    pub reset_connections: bool,
    /// Let the pool grow by a quarter for an hour, up to `pool_size_limit`.
    pub increase_pool_size: bool,
    /// The time that a client may wait for a connection, in seconds, for an hour and only where it is shorter than the pool's own. 1 to 300.
    pub connection_timeout_adjustment: Option<u32>,
    /// Clients that wait. 1 to 10,000.
    pub waiting_threshold: u32,
    /// After how many seconds without a statement a held connection is leaked. 30 to 86,400.
    pub leaked_after: u32,
    /// The most connections of the pool on this host. Without it the pool does not grow.
    pub pool_size_limit: Option<u32>,
    /// How the pool is reached.
    pub adapter: PoolAdapter,
    /// Where, on this host.
    pub endpoint: String,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            reset_connections: true,
            increase_pool_size: true,
            connection_timeout_adjustment: None,
            waiting_threshold: 5,
            leaked_after: 300,
            pool_size_limit: None,
            adapter: PoolAdapter::Pgbouncer,
            endpoint: "unix:/var/run/postgresql/.s.PGSQL.6432".to_owned(),
        }
    }
}

/// How the agent reaches a breaker, as the rule says it. The host's file may say it otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BreakerAdapter {
    /// An endpoint of the application's Spring Boot actuator that takes `HALF_OPEN`.
    Actuator,
    /// A runtime key of Envoy's admin interface.
    Envoy,
    /// A flag file that the application reads.
    File,
}

/// Parameters of `application/circuit-breaker-healing`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// Bring an open breaker back. `false` only watches it.
    pub reset_circuit_breaker: bool,
    /// In steps. Never false.
    pub gradual_recovery: bool,
    /// The share of requests in the first step, in percent. 1 to 50.
    pub test_requests_percentage: u8,
    /// What tells whether the dependency answers. Without it, and without one in the host's file, the breaker is only watched.
    pub health_url: Option<String>,
    /// Answers in a row before the first step. 1 to 60.
    pub probe_successes: u8,
    /// How the breaker is reached.
    pub adapter: BreakerAdapter,
    /// Where, on this host.
    pub endpoint: String,
    /// A flag that is set while the breaker is open.
    pub degradation_flag: Option<String>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            reset_circuit_breaker: true,
            gradual_recovery: true,
            test_requests_percentage: 10,
            health_url: None,
            probe_successes: 5,
            adapter: BreakerAdapter::Actuator,
            endpoint: "http://127.0.0.1:8080/actuator".to_owned(),
            degradation_flag: None,
        }
    }
}

/// Parameters of `data/cache-invalidation-healing`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Read keys through the application again.
    pub warm_cache: bool,
    /// Remove what is below `stale_prefixes`.
    pub invalidate_stale_entries: bool,
    /// Bring lifetimes into the bounds that the host's file sets; without bounds there, nothing.
    pub adjust_ttl: bool,
    /// A file on this host with the keys to warm.
    pub warm_keys: Option<String>,
    /// Keys a second. 1 to 10,000.
    pub warm_rate: u32,
    /// Beginnings of keys that may be removed.
    pub stale_prefixes: Vec<String>,
    /// Figures of the rule's signal.
    #[serde(skip)]
    pub signal: CacheSignal,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            warm_cache: true,
            invalidate_stale_entries: true,
            adjust_ttl: false,
            warm_keys: None,
            warm_rate: 100,
            stale_prefixes: Vec::new(),
            signal: CacheSignal::default(),
        }
    }
}

/// The signal of `data/cache-invalidation-healing`, with the kind's defaults. A compiler that does not write it leaves these.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSignal {
    /// Percent of the lookups that find their key. Ill below.
    pub threshold: u8,
    /// Lookups in a period below which there is no rate.
    pub minimum_lookups: u64,
    /// Length of a period in seconds.
    pub period: u32,
    /// Periods in a row.
    pub datapoints: u8,
}

impl Default for CacheSignal {
    fn default() -> Self {
        Self { threshold: 80, minimum_lookups: 1000, period: 300, datapoints: 3 }
    }
}

/// Parameters of rules that restart a unit for another reason than memory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Restart {
    /// Stop with a signal and its time before SIGKILL. Never false.
    pub graceful_shutdown: bool,
    /// A command of the host's allow list that heals instead of a restart.
    pub command: Option<String>,
}

impl Default for Restart {
    fn default() -> Self {
        Self { graceful_shutdown: true, command: None }
    }
}

/// Parameters of rules over a Prometheus metric.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The metric's name in the host's file.
    pub metric: String,
    /// A command of the host's allow list that heals instead of a restart.
    #[serde(default)]
    pub command: Option<String>,
}

/// Parameters of rules over a probe command.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The probe's name in the host's allow list.
    pub probe: String,
    /// A command of the host's allow list that heals instead of a restart.
    #[serde(default)]
    pub command: Option<String>,
}

const RANGE_HELP: &str = "write a value in this range into the rule, and deploy it";

/// The parameters of the kind that a trigger condition and a target type select.
pub(super) fn read(
    trigger: &str,
    target: TargetType,
    parameters: Map<String, Value>,
    signal: Map<String, Value>,
    problems: &mut Problems,
) -> Option<Parameters> {
    let parameters = Value::Object(parameters);
    let read = match (trigger, target) {
        ("high_memory_usage", TargetType::Unit) => Parameters::Memory(take(parameters, "parameters", problems)?),
        ("connection_pool_exhausted", TargetType::Pool) => Parameters::Pool(take(parameters, "parameters", problems)?),
        ("circuit_breaker_open", TargetType::Breaker) => Parameters::Breaker(take(parameters, "parameters", problems)?),
        ("cache_hit_rate_low", TargetType::Cache) => {
            let cache: Cache = take(parameters, "parameters", problems)?;
            Parameters::Cache(Cache { signal: take(Value::Object(signal), "signal", problems)?, ..cache })
        }
        ("unit_failed", TargetType::Unit) => Parameters::State(take(parameters, "parameters", problems)?),
        ("http_health_failed", TargetType::Unit) => Parameters::Health(take(parameters, "parameters", problems)?),
        ("metric_threshold", TargetType::Unit) => Parameters::Metric(take(parameters, "parameters", problems)?),
        ("probe_failed", TargetType::Unit) => Parameters::Probe(take(parameters, "parameters", problems)?),
        _ => {
            let what = format!("the agent knows no `{trigger}` of a {target}");
            problems.add("trigger_condition", what, "install the agent of the version that compiled the rule");
            return None;
        }
    };
    check(&read, problems);
    Some(read)
}

fn take<T: DeserializeOwned>(value: Value, path: &str, problems: &mut Problems) -> Option<T> {
    let help = "compile the rule again with the version of healstack that this agent is of";
    serde_json::from_value(value).map_err(|error| problems.add(path, error.to_string(), help)).ok()
}

fn within(path: &str, value: u64, least: u64, most: u64, problems: &mut Problems) {
    if !(least..=most).contains(&value) {
        problems.add(format!("parameters.{path}"), format!("{value} is not between {least} and {most}"), RANGE_HELP);
    }
}

fn check(parameters: &Parameters, problems: &mut Problems) {
    match parameters {
        Parameters::Memory(memory) => {
            within("memory_threshold", memory.memory_threshold.into(), 50, 99, problems);
            graceful(memory.graceful_shutdown, problems);
        }
        Parameters::Pool(pool) => {
            within("waiting_threshold", pool.waiting_threshold.into(), 1, 10_000, problems);
            within("leaked_after", pool.leaked_after.into(), 30, 86_400, problems);
            if let Some(limit) = pool.pool_size_limit {
                within("pool_size_limit", limit.into(), 1, 10_000, problems);
            }
            if let Some(seconds) = pool.connection_timeout_adjustment {
                within("connection_timeout_adjustment", seconds.into(), 1, 300, problems);
            }
            let unix = pool.adapter == PoolAdapter::Pgbouncer && pool.endpoint.starts_with("unix:/");
            if !unix && !super::check::is_loopback_url(&pool.endpoint) {
                super::check::not_on_this_host("parameters.endpoint", &pool.endpoint, problems);
            }
        }
        Parameters::Breaker(breaker) => {
            within("test_requests_percentage", breaker.test_requests_percentage.into(), 1, 50, problems);
            within("probe_successes", breaker.probe_successes.into(), 1, 60, problems);
            if !breaker.gradual_recovery {
                let what =
                    "`gradual_recovery: false` sends all requests at once to a dependency that has just come back";
                problems.add("parameters.gradual_recovery", what, "write `gradual_recovery: true`, or leave it out");
            }
            if breaker.adapter != BreakerAdapter::File && !super::check::is_loopback_url(&breaker.endpoint) {
                super::check::not_on_this_host("parameters.endpoint", &breaker.endpoint, problems);
            }
            if let Some(url) = &breaker.health_url {
                super::check::probe_url("parameters.health_url", url, problems);
            }
        }
        Parameters::Cache(cache) => {
            within("warm_rate", cache.warm_rate.into(), 1, 10_000, problems);
            for (index, prefix) in cache.stale_prefixes.iter().enumerate() {
                super::check::prefix(&format!("parameters.stale_prefixes[{index}]"), prefix, problems);
            }
            if let Some(path) = &cache.warm_keys {
                super::check::path("parameters.warm_keys", path, problems);
            }
            if !(1..=99).contains(&cache.signal.threshold) || cache.signal.period == 0 || cache.signal.datapoints == 0 {
                problems.add("signal", "the signal has a figure outside of its range", RANGE_HELP);
            }
        }
        Parameters::State(restart) | Parameters::Health(restart) => graceful(restart.graceful_shutdown, problems),
        Parameters::Metric(_) | Parameters::Probe(_) => {}
    }
}

fn graceful(graceful: bool, problems: &mut Problems) {
    if !graceful {
        let what = "`graceful_shutdown: false` loses the requests and the data that the process holds";
        let help = "write `graceful_shutdown: true`, and bound the shutdown by TimeoutStopSec in the unit";
        problems.add("parameters.graceful_shutdown", what, help);
    }
}
