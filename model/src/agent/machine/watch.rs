//! One resource of one rule, and what a healing of it would do.

use super::io::WatchId;
use crate::agent::config::{
    AgentRule, BreakerAdapter, BreakerMeans, BreakerParameters, CacheParameters, Config, MemoryParameters, Parameters,
    PoolAdapter, PoolMeans, PoolParameters,
};
use crate::agent::event::Reason;
use crate::agent::observe::{Judge, Judged, Observation, has_dependency};
use crate::agent::plan::{BreakerPlan, CachePlan, Command, Plan, PoolMeasures, PoolPlan, RestartPlan};
use crate::agent::samples::{Condition, Evidence, Samples};
use crate::agent::slope::{Growth, Slope};
use crate::agent::time::{MINUTE, Moment, SECOND, Span};

/// Restart time of a unit in milliseconds without one in the host's file: systemd's default time-outs of stop and start, 90 s each
/// (systemd-system.conf(5)).
const RESTART_WITHIN: Span = 180 * SECOND;
/// Time of a heap dump in milliseconds without one in the host's file.
const DUMP_WITHIN: Span = MINUTE;
/// How long each step of a breaker is watched, in milliseconds, without a time in the host's file.
const HOLD: Span = 30 * SECOND;
/// Leaked clients that are dropped at the most without a number in the host's file.
const MOST_DROPPED: u8 = 5;
/// Keys of one call without a number in the host's file.
const BATCH: u16 = 100;

/// One resource of one rule.
#[derive(Debug)]
pub struct Watch {
    /// Its place.
    pub id: WatchId,
    /// The rule's place in the configuration.
    pub rule: usize,
    /// The resource's name in the rule.
    pub name: String,
    /// `<type>/<name>`: what only one healing acts on at a time.
    pub resource: String,
    pub(super) key: String,
    pub(super) judge: Judge,
    pub(super) evidence: Evidence,
    pub(super) gap: Span,
    pub(super) samples: Samples,
    pub(super) slope: Option<Box<Slope>>,
    pub(super) last: Observation,
    pub(super) judged: Judged,
    /// Milliseconds between readings that the edge was told.
    pub(super) interval: Span,
    /// What was told last, and until when it is not told again.
    pub(super) told: Option<(Reason, Moment)>,
    /// Not before then, after a refusal.
    pub(super) retry_at: Moment,
    /// Refusals in a row.
    pub(super) refused: u32,
    /// What the degradation flag was set to.
    pub(super) flag: Option<bool>,
    /// Whether the host can do nothing about it but watch.
    pub(super) only_watched: bool,
}

impl Watch {
    pub(super) fn new(id: WatchId, place: usize, rule: &AgentRule, name: &str, config: &Config) -> Self {
        let resource = format!("{}/{name}", rule.target);
        let polling = &config.host().polling;
        let interval = match &rule.parameters {
            // A rate is formed over whole periods.
            Parameters::Cache(cache) => Span::from(cache.signal.period) * SECOND,
            _ => polling.normal,
        };
        let only_watched = match &rule.parameters {
            Parameters::Breaker(breaker) => {
                !breaker.reset_circuit_breaker || !has_dependency(rule, config.host().breakers.get(name))
            }
            Parameters::Cache(cache) => {
                let removes = cache.invalidate_stale_entries && !cache.stale_prefixes.is_empty();
                let host = config.host().caches.get(name);
                let bounds = cache.adjust_ttl && host.is_some_and(|host| host.ttl.is_some());
                !removes && !bounds && warmed(cache, name, config).is_none()
            }
            _ => false,
        };
        Self {
            id,
            rule: place,
            name: name.to_owned(),
            key: crate::agent::state::watch_key(&rule.id.to_string(), &resource),
            resource,
            judge: Judge::new(rule, name, config),
            evidence: Judge::evidence(rule, config.host().evidence),
            gap: interval.saturating_mul(6).max(polling.gap()),
            samples: Samples::default(),
            slope: matches!(rule.parameters, Parameters::Memory(_)).then(Box::default),
            last: Observation::Unknown,
            judged: Judge::Check.judge(Observation::Unknown, None),
            interval,
            told: None,
            retry_at: Moment(0),
            refused: 0,
            flag: None,
            only_watched,
        }
    }

    /// What is known of the resource now.
    #[must_use]
    pub fn condition(&self, now: Moment) -> Condition {
        self.samples.condition(now, self.gap)
    }

    pub(super) fn growth(&self) -> Option<Growth> {
        self.slope.as_ref().and_then(|slope| slope.growth())
    }

    pub(super) fn evidence_text(&self) -> String {
        let counted = self.samples.counted(self.evidence.of);
        crate::agent::observe::describe(&self.judge, self.last, self.growth(), counted)
    }

    /// What was measured before an action says nothing of what is after it.
    pub(super) fn forget(&mut self) {
        self.samples.forget();
        if let Some(slope) = &mut self.slope {
            slope.forget();
        }
    }

    /// What a healing would do now. `may_grow` is whether nothing is still to be put back.
    pub(super) fn plan(&self, rule: &AgentRule, config: &Config, may_grow: bool) -> Plan {
        let verify = config.host().verify.timeout.get() * SECOND;
        match &rule.parameters {
            Parameters::Memory(memory) => Plan::Restart(self.restart(memory, config, verify)),
            Parameters::State(restart) | Parameters::Health(restart) => {
                Plan::Restart(self.restart_or(restart.command.as_ref(), config, verify))
            }
            Parameters::Metric(metric) => Plan::Restart(self.restart_or(metric.command.as_ref(), config, verify)),
            Parameters::Probe(probe) => Plan::Restart(self.restart_or(probe.command.as_ref(), config, verify)),
            Parameters::Pool(pool) => Plan::Pool(PoolPlan::new(self.measures(pool, config, may_grow))),
            Parameters::Breaker(breaker) => Plan::Breaker(self.recovery(breaker, config)),
            Parameters::Cache(cache) => Plan::Cache(self.renewal(cache, config, verify)),
        }
    }

    fn restart_within(&self, config: &Config) -> Span {
        let unit = config.host().units.get(&self.name);
        unit.and_then(|unit| unit.restart_within).map_or(RESTART_WITHIN, |within| within.get() * SECOND)
    }

    fn restart(&self, memory: &MemoryParameters, config: &Config, verify: Span) -> RestartPlan {
        let used = if let Observation::Memory { used, .. } = self.last { used } else { 0 };
        let command = memory.heap_dump_command.as_ref().filter(|_| memory.heap_dump_before_restart);
        let dump = config.host().units.get(&self.name).and_then(|unit| unit.dump.as_ref());
        let within = dump.map_or(DUMP_WITHIN, |dump| dump.timeout.get() * SECOND);
        let dump = command.map(|command| (Command::Dump { command: command.clone(), used }, within));
        RestartPlan::new(Command::Restart, self.restart_within(config), verify, dump)
    }

    fn restart_or(&self, command: Option<&String>, config: &Config, verify: Span) -> RestartPlan {
        match command {
            Some(command) => {
                let allowed = config.host().commands.get(command);
                let within = allowed.map_or(MINUTE, |allowed| allowed.timeout.get() * SECOND);
                RestartPlan::new(Command::Run { command: command.clone() }, within, verify, None)
            }
            None => RestartPlan::new(Command::Restart, self.restart_within(config), verify, None),
        }
    }

    fn measures(&self, pool: &PoolParameters, config: &Config, may_grow: bool) -> PoolMeasures {
        let settings = config.host().pools.get(&self.name);
        // What each means can do: only PgBouncer's console takes figures, and a signal can do one thing.
        let (drops, resizes) = match settings.map(|settings| &settings.means) {
            Some(PoolMeans::Pgbouncer { .. }) => (true, true),
            Some(PoolMeans::Sockets { .. }) => (true, false),
            Some(PoolMeans::Http { .. } | PoolMeans::Signal { .. }) => (false, false),
            None => (pool.adapter == PoolAdapter::Pgbouncer, pool.adapter == PoolAdapter::Pgbouncer),
        };
        let reconnects = !matches!(settings.map(|settings| &settings.means), Some(PoolMeans::Sockets { .. }));
        let (size, wait) = match self.last {
            Observation::Pool { size, wait, .. } => (size, wait),
            _ => (None, None),
        };
        let grows = resizes && pool.increase_pool_size && may_grow;
        let shortens = resizes && may_grow;
        PoolMeasures {
            reconnect: pool.reset_connections && reconnects,
            leaked_after: (pool.reset_connections && drops).then_some(pool.leaked_after),
            most_dropped: settings.map_or(MOST_DROPPED, |settings| settings.most_dropped),
            size: size.zip(pool.pool_size_limit).filter(|_| grows),
            wait: wait.zip(pool.connection_timeout_adjustment).filter(|_| shortens),
        }
    }

    fn recovery(&self, breaker: &BreakerParameters, config: &Config) -> BreakerPlan {
        let settings = config.host().breakers.get(&self.name);
        let hold = settings.map_or(HOLD, |settings| settings.hold.get() * SECOND);
        let weighted = match settings.map(|settings| &settings.means) {
            Some(BreakerMeans::Actuator { .. }) => false,
            Some(BreakerMeans::Haproxy { .. } | BreakerMeans::Envoy { .. } | BreakerMeans::File { .. }) => true,
            None => breaker.adapter != BreakerAdapter::Actuator,
        };
        BreakerPlan::new(breaker.probe_successes, breaker.test_requests_percentage, hold, weighted)
    }

    fn renewal(&self, cache: &CacheParameters, config: &Config, verify: Span) -> CachePlan {
        let settings = config.host().caches.get(&self.name);
        let prefixes: &[String] = if cache.invalidate_stale_entries { &cache.stale_prefixes } else { &[] };
        let batch = settings.map_or(BATCH, |settings| settings.batch);
        let ttl = settings.filter(|_| cache.adjust_ttl).and_then(|settings| {
            let bounds = settings.ttl.as_ref()?;
            Some((settings.prefixes.as_slice(), bounds.least.get(), bounds.most.get()))
        });
        let warm = warmed(cache, &self.name, config);
        // A rate is formed over a period, so none can be better earlier.
        let verify = verify.max(Span::from(cache.signal.period) * SECOND * 2);
        CachePlan::new(prefixes, batch, ttl, warm, verify)
    }
}

/// Keys a second that are warmed, where there are keys and a way.
fn warmed(cache: &CacheParameters, name: &str, config: &Config) -> Option<u32> {
    let way = config.host().caches.get(name).is_some_and(|settings| settings.warm.is_some());
    (cache.warm_cache && cache.warm_keys.is_some() && way).then_some(cache.warm_rate)
}
