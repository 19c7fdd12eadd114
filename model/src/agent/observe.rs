//! What sensors see, and what it means for a rule: levels from thresholds, and the figures as people read them.

use super::config::{AgentRule, BreakerSettings, Config, MetricSource, Parameters};
use super::event::Reason;
use super::samples::{Evidence, Level};
use super::slope::Growth;
use super::time::{SECOND, Span};

/// One reading of a sensor. Levels, never changes: a reading that is lost, late or repeated decides nothing by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Observation {
    /// The sensor cannot tell.
    Unknown,
    /// Memory of a unit or a process tree.
    Memory {
        /// In use, in bytes.
        used: u64,
        /// The unit's limit, or the host's memory where it has none, in bytes.
        limit: u64,
        /// Whether the kernel said that a limit was hit since the last reading (`memory.events`, a PSI trigger).
        hit: bool,
    },
    /// A connection pool.
    Pool {
        /// Clients that wait.
        waiting: u32,
        /// Its size, where the means can tell.
        size: Option<u32>,
        /// Seconds that a client may wait, 0 for ever, where the means can tell.
        wait: Option<u32>,
        /// Connections of the database in percent of its most, where a metric tells.
        database: Option<f64>,
    },
    /// A circuit breaker.
    Breaker {
        /// Whether it lets fewer than all requests through.
        open: bool,
        /// Whether the dependency answers, where that can be asked.
        dependency: Option<bool>,
    },
    /// Lookups of a cache in the last period.
    Cache {
        /// Those that found their key.
        hits: u64,
        /// Those that did not.
        misses: u64,
    },
    /// A unit that is active or not, a page or a probe that answers well or not.
    Check {
        /// Whether it is well.
        passed: bool,
    },
    /// A metric.
    Value(f64),
}

/// What a reading means for a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// The level.
    pub level: Level,
    /// How near the threshold is: 0 far, 1 at it.
    pub nearness: f64,
    /// Why nothing may be done although it is ill: something else is the cause.
    pub suppressed: Option<Reason>,
}

impl Judged {
    const UNKNOWN: Self = Self { level: Level::Unknown, nearness: 0.0, suppressed: None };

    const fn plain(level: Level, nearness: f64) -> Self {
        Self { level, nearness, suppressed: None }
    }
}

/// The thresholds of one rule for one resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Judge {
    /// Percent of the limit: ill from, recovered below; and a leak that reaches the limit within so many milliseconds, above so many percent.
    Memory {
        /// Ill at or above, in percent.
        ill: u8,
        /// Recovered below, in percent.
        recovered: u8,
        /// The horizon in milliseconds, and the least percent.
        leak: Option<(Span, u8)>,
    },
    /// Waiting clients: ill from; and the database's percent from which it is the cause.
    Pool {
        /// Ill at or above.
        waiting: u32,
        /// Busy at or above, in percent.
        busy: u8,
    },
    /// Whether it is open.
    Breaker,
    /// Percent of the lookups that find their key: ill below, with so many lookups at the least.
    Cache {
        /// Ill below, in percent.
        threshold: u8,
        /// Fewer lookups form no rate.
        least: u64,
    },
    /// Whether a check passes.
    Check,
    /// A metric: ill at or past, recovered at or before.
    Value {
        /// Whether higher is worse.
        above: bool,
        /// Ill here.
        ill: f64,
        /// Recovered here.
        recovered: f64,
    },
}

/// By how many percent of the limit memory must fall below the threshold to have recovered, unless the host's file says otherwise.
const RECOVERED_BELOW: u8 = 5;
/// By how many percent the hit rate must rise above the threshold to have recovered.
const RATE_ABOVE: u64 = 2;
/// Least fit of a line that is taken for a leak: what a sawtooth of garbage collection does not reach.
const LEAK_FIT: f64 = 0.8;

impl Judge {
    /// The thresholds of a rule for one of its resources.
    #[must_use]
    pub fn new(rule: &AgentRule, resource: &str, config: &Config) -> Self {
        let host = config.host();
        match &rule.parameters {
            Parameters::Memory(memory) => {
                let unit = host.units.get(resource);
                let ill = memory.memory_threshold;
                let recovered =
                    unit.and_then(|unit| unit.recovered_percent).unwrap_or(ill.saturating_sub(RECOVERED_BELOW));
                let leak = unit.and_then(|unit| unit.leak.as_ref());
                let leak = leak.map(|leak| (leak.exhausts_within.get() * SECOND, leak.least_percent));
                Self::Memory { ill, recovered: recovered.min(ill), leak }
            }
            Parameters::Pool(pool) => {
                let busy = host.pools.get(resource).map_or(80, |pool| pool.database_busy_percent);
                Self::Pool { waiting: pool.waiting_threshold, busy }
            }
            Parameters::Breaker(_) => Self::Breaker,
            Parameters::Cache(cache) => {
                Self::Cache { threshold: cache.signal.threshold, least: cache.signal.minimum_lookups }
            }
            Parameters::State(_) | Parameters::Health(_) | Parameters::Probe(_) => Self::Check,
            Parameters::Metric(metric) => host.metrics.get(&metric.metric).map_or(Self::Check, Self::of_metric),
        }
    }

    fn of_metric(metric: &MetricSource) -> Self {
        let (above, ill) = match (metric.above, metric.below) {
            (Some(above), _) => (true, above),
            (None, below) => (false, below.unwrap_or(f64::NEG_INFINITY)),
        };
        Self::Value { above, ill, recovered: metric.recovered.unwrap_or(ill) }
    }

    /// What a reading means. A reading of another kind than the rule's is unknown.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "shares of bytes and lookups: percent are decided in integers")]
    pub fn judge(&self, seen: Observation, growth: Option<Growth>) -> Judged {
        match (*self, seen) {
            (Self::Memory { ill, recovered, leak }, Observation::Memory { used, limit, hit }) if limit > 0 => {
                let at = |percent: u8| u128::from(used) * 100 >= u128::from(limit) * u128::from(percent);
                let leaks = leak.is_some_and(|(within, least)| {
                    let left =
                        growth.filter(|growth| growth.fit >= LEAK_FIT).and_then(|growth| growth.time_to(used, limit));
                    at(least) && left.is_some_and(|left| left <= within)
                });
                let level = match () {
                    () if hit => Level::Limit,
                    () if at(ill) || leaks => Level::Ill,
                    () if at(recovered) => Level::Between,
                    () => Level::Healthy,
                };
                Judged::plain(level, used as f64 * 100.0 / (limit as f64 * f64::from(ill)))
            }
            (Self::Pool { waiting: ill, busy }, Observation::Pool { waiting, database, .. }) => {
                // Half the threshold is between: the last clients are served while new ones come.
                let level = match () {
                    () if waiting >= ill => Level::Ill,
                    () if waiting > 0 && waiting.saturating_mul(2) >= ill => Level::Between,
                    () => Level::Healthy,
                };
                let suppressed = database.filter(|used| *used >= f64::from(busy)).map(|_| Reason::DatabaseBusy);
                Judged { level, nearness: f64::from(waiting) / f64::from(ill.max(1)), suppressed }
            }
            (Self::Breaker, Observation::Breaker { open, dependency }) => {
                let level = if open { Level::Ill } else { Level::Healthy };
                let suppressed = (dependency != Some(true)).then_some(Reason::DependencyDown);
                Judged { level, nearness: f64::from(u8::from(open)), suppressed }
            }
            (Self::Cache { threshold, least }, Observation::Cache { hits, misses }) => {
                let all = u128::from(hits) + u128::from(misses);
                if all < u128::from(least.max(1)) {
                    return Judged::UNKNOWN;
                }
                let below = |percent: u64| u128::from(hits) * 100 < all * u128::from(percent);
                let level = match () {
                    () if below(threshold.into()) => Level::Ill,
                    () if below((u64::from(threshold) + RATE_ABOVE).min(100)) => Level::Between,
                    () => Level::Healthy,
                };
                Judged::plain(level, misses as f64 * 100.0 / (all as f64 * f64::from((100 - threshold.min(99)).max(1))))
            }
            (Self::Check, Observation::Check { passed }) => {
                Judged::plain(if passed { Level::Healthy } else { Level::Ill }, f64::from(u8::from(!passed)))
            }
            (Self::Value { above, ill, recovered }, Observation::Value(value)) if !value.is_nan() => {
                let past = |threshold: f64| if above { value >= threshold } else { value <= threshold };
                let level = match () {
                    () if past(ill) => Level::Ill,
                    // At the threshold of recovery it has recovered, where that is another.
                    () if past(recovered) && value.total_cmp(&recovered).is_ne() => Level::Between,
                    () => Level::Healthy,
                };
                let near = if above { value / ill } else { ill / value };
                Judged::plain(level, if near.is_finite() { near } else { 0.0 })
            }
            _ => Judged::UNKNOWN,
        }
    }

    /// How many samples decide: the host's, but for caches the rule's own periods.
    #[must_use]
    pub fn evidence(rule: &AgentRule, host: Evidence) -> Evidence {
        match &rule.parameters {
            Parameters::Cache(cache) => {
                Evidence { ill: cache.signal.datapoints, of: cache.signal.datapoints, healthy: 1 }
            }
            _ => host,
        }
    }
}

/// Whether the host can act on a breaker at all: only where something says whether its dependency answers.
#[must_use]
pub fn has_dependency(rule: &AgentRule, settings: Option<&BreakerSettings>) -> bool {
    let by_rule = matches!(&rule.parameters, Parameters::Breaker(breaker) if breaker.health_url.is_some());
    by_rule || settings.is_some_and(|settings| settings.dependency.is_some())
}

/// The figures behind a decision, for people.
#[must_use]
pub fn describe(judge: &Judge, seen: Observation, growth: Option<Growth>, counted: (u32, u32)) -> String {
    let samples = format!("{} of the last {} samples", counted.0, counted.1);
    match (judge, seen) {
        (Judge::Memory { ill, .. }, Observation::Memory { used, limit, hit }) => {
            let percent = u128::from(used) * 100 / u128::from(limit.max(1));
            let mut text = format!(
                "memory {} of {}, {percent} % (threshold {ill} %), in {samples}",
                mebibytes(used),
                mebibytes(limit)
            );
            if hit {
                text.push_str("; the kernel reports that the limit was hit");
            }
            if let Some(growth) = growth.filter(|growth| growth.bytes_per_second >= 1.0) {
                text = format!("{text}; grows by {:.1} KiB/s", growth.bytes_per_second / 1024.0);
                if let Some(left) = growth.time_to(used, limit) {
                    text = format!("{text}, at the limit in {} s", left / 1000);
                }
            }
            text
        }
        (Judge::Pool { waiting: ill, .. }, Observation::Pool { waiting, size, database, .. }) => {
            let mut text = format!("{waiting} clients wait (threshold {ill}), in {samples}");
            if let Some(size) = size {
                text = format!("{text}; the pool has {size} connections");
            }
            if let Some(used) = database {
                text = format!("{text}; the database uses {used:.0} % of its connections");
            }
            text
        }
        (_, Observation::Breaker { open, dependency }) => {
            let word = match dependency {
                Some(true) => "answers",
                Some(false) => "does not answer",
                None => "was not asked",
            };
            format!("the breaker is {}, in {samples}; the dependency {word}", if open { "open" } else { "closed" })
        }
        (Judge::Cache { threshold, .. }, Observation::Cache { hits, misses }) => {
            let all = u128::from(hits) + u128::from(misses);
            let percent = u128::from(hits) * 100 / all.max(1);
            format!("{percent} % of {all} lookups find their key (threshold {threshold} %), in {samples}")
        }
        (_, Observation::Check { passed }) => {
            format!("the check {}, in {samples}", if passed { "passes" } else { "fails" })
        }
        (Judge::Value { ill, above, .. }, Observation::Value(value)) => {
            format!(
                "the metric is {value} (threshold {ill}, {} is ill), in {samples}",
                if *above { "above" } else { "below" }
            )
        }
        _ => format!("the sensor cannot tell, in {samples}"),
    }
}

fn mebibytes(bytes: u64) -> String {
    // Tenths, in integers: a journal holds the same text everywhere.
    let tenths = u128::from(bytes) * 10 / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
