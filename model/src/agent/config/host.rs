//! The host's own file, `/etc/healstack/agent.yaml`: what the names in rules mean here, and what the agent may do at all.
//!
//! It belongs to root, so a rule can only start what root has allowed: commands by name, sockets and admin interfaces that
//! are written here, prefixes of keys below those written here.

use crate::agent::polling::Polling;
use crate::agent::samples::Evidence;
use crate::duration::Seconds;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The version of the file that this agent reads.
pub const VERSION: u32 = 1;

/// The whole file. Every part may be absent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostFile {
    /// The file's version, 1.
    pub version: u32,
    /// What the agent itself may use.
    pub limits: Limits,
    /// How often sensors without events are read.
    pub polling: Polling,
    /// How many samples make a resource ill or healthy.
    pub evidence: Evidence,
    /// How a healing is verified.
    pub verify: Verify,
    /// How hosts share the budget of a rule.
    pub fleet: Fleet,
    /// systemd units and processes, by the units' names. A unit needs no entry to be healed.
    pub units: BTreeMap<String, Unit>,
    /// Connection pools by name. A pool that its rule describes needs no entry.
    pub pools: BTreeMap<String, Pool>,
    /// Circuit breakers by name. A breaker that its rule describes needs no entry.
    pub breakers: BTreeMap<String, Breaker>,
    /// Caches by replication group.
    pub caches: BTreeMap<String, Cache>,
    /// The allow list: what may be run, by name.
    pub commands: BTreeMap<String, Command>,
    /// Prometheus metrics by name.
    pub metrics: BTreeMap<String, Metric>,
}

impl Default for HostFile {
    fn default() -> Self {
        Self {
            version: VERSION,
            limits: Limits::default(),
            polling: Polling::default(),
            evidence: Evidence::default(),
            verify: Verify::default(),
            fleet: Fleet::default(),
            units: BTreeMap::new(),
            pools: BTreeMap::new(),
            breakers: BTreeMap::new(),
            caches: BTreeMap::new(),
            commands: BTreeMap::new(),
            metrics: BTreeMap::new(),
        }
    }
}

/// What the agent itself may use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bound of the agent's own memory in MiB, its unit's `MemoryMax`. 8 to 256.
    pub memory_mib: u32,
    /// Bound of the journal on disk in MiB. 1 to 1024.
    pub journal_mib: u32,
    /// Healings at once on this host, over all rules. 1 to 32.
    pub concurrent: u32,
}

impl Default for Limits {
    /// 32 MiB is six times what the agent aims to use. 8 MiB hold some ten thousand events, days without network. Four healings
    /// at once leave a ramp that takes minutes from holding up a restart, and a host its capacity.
    fn default() -> Self {
        Self { memory_mib: 32, journal_mib: 8, concurrent: 4 }
    }
}

/// How a healing is verified.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// Good answers in a row. 1 to 20.
    pub successes: u8,
    /// From the end of the action until it counts as failed. At most 30m.
    pub timeout: Seconds,
}

impl Default for Verify {
    /// Two answers, so that a process that dies at once is no success; two minutes, since systemd's default start time-out is 90 s
    /// (`DefaultTimeoutStartSec`, systemd-system.conf(5)).
    fn default() -> Self {
        Self { successes: 2, timeout: Seconds::clamped(120) }
    }
}

/// How the hosts of a rule share its budget.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fleet {
    /// What a healing asks before it begins.
    pub lease: Lease,
    /// With the cloud away, healings begin in one of this many waves, chosen by the instance's id. 1 to 1000: the number of hosts, by
    /// the rule's `budget.concurrent`.
    pub waves: u16,
    /// Length of a wave.
    pub wave: Seconds,
    /// How long the ledger may take to answer before it counts as away. At most 60s.
    pub answer_within: Seconds,
}

impl Default for Fleet {
    /// Ten waves of two minutes: a restart with its verification fits into one, and no host waits for longer than 20 minutes. An
    /// answer takes two calls of the ledger and a start of the reporter, at most some seconds.
    fn default() -> Self {
        Self { lease: Lease::Ledger, waves: 10, wave: Seconds::clamped(120), answer_within: Seconds::clamped(15) }
    }
}

/// What a healing asks before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lease {
    /// The ledger; its wave where the cloud is away.
    Ledger,
    /// Its wave.
    Wave,
    /// Nobody: the budget is this host's own. For a host that is alone.
    None,
}

/// A unit, or a process that no unit stands for.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Unit {
    /// A process with a pid file, which is restarted instead of the unit: by a signal, by what supervises it.
    pub process: Option<Process>,
    /// The health page that says that the unit serves.
    pub health: Option<HttpProbe>,
    /// A command of the allow list that says so.
    pub probe: Option<String>,
    /// Restart it before the limit, when its memory grows in a line.
    pub leak: Option<Leak>,
    /// Percent of the limit below which it has recovered. Default: five below the rule's threshold.
    pub recovered_percent: Option<u8>,
    /// Where a heap dump goes, and how long it may take.
    pub dump: Option<Dump>,
    /// How long a restart may take. At most 30m. Default: 3m, systemd's default time-outs of stop and start of 90 s each.
    pub restart_within: Option<Seconds>,
}

/// A process with a pid file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// The file with its process id.
    pub pid_file: String,
    /// The program that it runs (`/proc/<pid>/exe`): a pid file that is stale must not hit another.
    pub program: String,
    /// The signal that ends it so that its supervisor starts it again. Default: TERM.
    #[serde(default)]
    pub signal: Signal,
}

/// A signal. KILL is none of them: it loses what the process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// SIGTERM.
    #[default]
    Term,
    /// SIGINT.
    Int,
    /// SIGHUP.
    Hup,
    /// SIGUSR1.
    Usr1,
    /// SIGUSR2.
    Usr2,
}

/// A page that answers whether something is healthy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// Its address.
    pub url: String,
    /// Least status that is healthy. Default: 200.
    #[serde(default = "ok")]
    pub least_status: u16,
    /// Highest status that is healthy. Default: 399, as of Route 53's health checks.
    #[serde(default = "last_ok")]
    pub most_status: u16,
    /// How long it may take. At most 60s. Default: 5s.
    #[serde(default = "probe_timeout")]
    pub timeout: Seconds,
}

fn ok() -> u16 {
    200
}
fn last_ok() -> u16 {
    399
}
fn probe_timeout() -> Seconds {
    Seconds::clamped(5)
}

/// Restart before the limit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leak {
    /// When the limit is reached within this time at the present rate, the unit is ill. At most 1d.
    pub exhausts_within: Seconds,
    /// Only above this share of the limit, in percent. A process that starts grows fast. 20 to 99. Default: 60.
    #[serde(default = "least_used")]
    pub least_percent: u8,
}

fn least_used() -> u8 {
    60
}

/// A heap dump.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dump {
    /// Where it goes; its disk must have 1.5 times the memory in use free.
    pub directory: String,
    /// How long it may take. At most 10m. Default: 1m.
    #[serde(default = "dump_timeout")]
    pub timeout: Seconds,
}

/// A minute: what a JVM writes of some gigabytes on a common disk. The process goes on to leak meanwhile.
fn dump_timeout() -> Seconds {
    Seconds::clamped(60)
}

/// A connection pool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// How it is reached.
    pub means: PoolMeans,
    /// Clients that wait, where the means cannot tell: the name of a metric.
    #[serde(default)]
    pub waiting: Option<String>,
    /// Connections of the database in percent of its most, the name of a metric. At `database_busy_percent` the pool is the symptom.
    #[serde(default)]
    pub database: Option<String>,
    /// When the database is the cause. 50 to 100. Default: 80, as a pool's limit is planned.
    #[serde(default = "busy")]
    pub database_busy_percent: u8,
    /// Leaked clients that one healing drops at the most. 1 to 100. Default: 5.
    #[serde(default = "most_dropped")]
    pub most_dropped: u8,
}

fn busy() -> u8 {
    80
}
fn most_dropped() -> u8 {
    5
}

/// How a pool is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "adapter", rename_all = "lowercase", deny_unknown_fields)]
pub enum PoolMeans {
    /// PgBouncer's admin console.
    Pgbouncer {
        /// `unix:<socket>` or a loopback address with port.
        endpoint: String,
        /// The pool's database in PgBouncer. Default: the pool's name.
        #[serde(default)]
        database: Option<String>,
        /// A user of `admin_users`.
        user: String,
    },
    /// An endpoint of the application.
    Http {
        /// Its loopback address.
        endpoint: String,
    },
    /// Destroy sockets to one peer, one by one (`SOCK_DESTROY`): what a program that hangs in a dead connection needs.
    Sockets {
        /// The peer, address and port. No name: the kernel knows none.
        peer: SocketAddr,
        /// The program whose sockets they are.
        program: String,
    },
    /// A signal on which the process renews its connections.
    Signal {
        /// The process.
        process: Process,
    },
}

/// A circuit breaker.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// How it is reached.
    pub means: BreakerMeans,
    /// What tells whether the dependency answers. Default: the rule's `health_url`.
    #[serde(default)]
    pub dependency: Option<Dependency>,
    /// How long each step is watched. 1s to 10m. Default: 30s.
    #[serde(default = "hold")]
    pub hold: Seconds,
}

/// Half a minute: at ten requests a second through ten percent, thirty of them.
fn hold() -> Seconds {
    Seconds::clamped(30)
}

/// How a breaker is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "adapter", rename_all = "lowercase", deny_unknown_fields)]
pub enum BreakerMeans {
    /// A server's weight, over HAProxy's stats socket.
    Haproxy {
        /// The socket's path.
        socket: String,
        /// The backend.
        backend: String,
        /// The server.
        server: String,
    },
    /// An endpoint of the application's Spring Boot actuator that takes `HALF_OPEN`.
    Actuator {
        /// Its loopback address.
        endpoint: String,
    },
    /// A runtime key of Envoy's admin interface that takes percent.
    Envoy {
        /// The admin interface's loopback address.
        endpoint: String,
        /// The key.
        runtime_key: String,
    },
    /// A file that the application reads, with the percent that it may send.
    File {
        /// The file.
        path: String,
    },
}

/// What tells whether a dependency answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Dependency {
    /// A page.
    Http(HttpProbe),
    /// A port that accepts connections.
    Tcp(SocketAddr),
    /// A command of the allow list that ends with 0.
    Command(String),
}

/// A cache.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Host and port of the primary.
    pub address: String,
    /// Whether it speaks TLS. Default: true, as ElastiCache's in-transit encryption.
    #[serde(default = "yes")]
    pub tls: bool,
    /// A file with its password, readable by the reporter only.
    #[serde(default)]
    pub password_file: Option<String>,
    /// Beginnings of keys below which a rule may remove. A rule that names others is refused.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// Keys that one call removes. 1 to 1000. Default: 100, a fraction of a millisecond of the server.
    #[serde(default = "batch")]
    pub batch: u16,
    /// How keys are warmed.
    #[serde(default)]
    pub warm: Option<Warm>,
    /// Bounds of lifetimes below `prefixes`. Without them nothing is changed.
    #[serde(default)]
    pub ttl: Option<TtlBounds>,
    /// Load of the database behind the cache in percent, the name of a metric. Warming waits while it is past its threshold.
    #[serde(default)]
    pub database: Option<String>,
}

fn yes() -> bool {
    true
}
fn batch() -> u16 {
    100
}

/// How keys are warmed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Warm {
    /// Read each key of the rule's `warm_keys` from this page of the application: `{}` is the key.
    Page(String),
    /// A command of the allow list, which gets the keys on its standard input.
    Command(String),
}

/// Bounds of how long entries live.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TtlBounds {
    /// Shorter lifetimes are made this long. At least 1m.
    pub least: Seconds,
    /// Longer ones, and those without an end, are made this long. At most 30d.
    pub most: Seconds,
}

/// A command that may be run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program, an absolute path.
    pub path: String,
    /// Its arguments, as they are: no shell reads them.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// How long it may take. At most 1h. Default: 1m.
    #[serde(default = "command_timeout")]
    pub timeout: Seconds,
    /// The user that it runs as.
    pub user: String,
}

fn command_timeout() -> Seconds {
    Seconds::clamped(60)
}

/// A Prometheus metric and its thresholds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The page, a loopback address.
    pub endpoint: String,
    /// The metric's name.
    pub name: String,
    /// Labels that a series must have. Of several the worst counts.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Ill at or above.
    #[serde(default)]
    pub above: Option<f64>,
    /// Ill at or below.
    #[serde(default)]
    pub below: Option<f64>,
    /// Healthy from here. Default: the threshold itself.
    #[serde(default)]
    pub recovered: Option<f64>,
}
