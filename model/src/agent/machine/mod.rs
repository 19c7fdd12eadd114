//! The decision core: when a resource is healed, and what is done next.
//!
//! A state machine a resource, driven by levels: each step looks at what is known now, so an input that is lost, late or
//! repeated changes when something is decided, never whether a bound is kept.
//!
//! ```text
//! watched ─ ill, allowed ─► lease ─ granted ─► look once more ─ still ill ─► [begun] steps ─► verify ─► [ended] watched
//!                            └ cloud away ─► wave ─┘   └ recovered ─► watched     └ failed ─► undo ─┘
//! ```

mod bound;
mod decide;
mod io;
mod job;
mod watch;

pub use io::{Input, LeaseAnswer, Output, WatchId};
pub use watch::Watch;

pub(crate) use bound::Bound;

use super::config::{AgentRule, Config};
use super::observe::Observation;
use super::samples::{Condition, Level};
use super::state::{Entry, Origin, Record, State, Switch, switch_key};
use super::time::{Clock, Moment, Now, Span};
use crate::ledger::Scope;
use crate::rule::Mode;
use job::{Job, Stage};
use std::collections::BTreeMap;

/// The agent's decisions. One value a host; it reads no clock and does nothing itself.
#[derive(Debug)]
pub struct Agent {
    config: Config,
    state: State,
    clock: Clock,
    now: Now,
    watches: Vec<Watch>,
    jobs: Vec<Job>,
    /// What is known of the alarms that suppress rules.
    suppressors: BTreeMap<String, bool>,
    next_config: Option<Box<Config>>,
    requests: u64,
    /// Whether what was interrupted has been taken up.
    recovered: bool,
    out: Vec<Output>,
    #[cfg(test)]
    pub(crate) broken: Option<Bound>,
}

impl Agent {
    /// The agent with what it remembers: a fresh state, or what [`super::journal::fold`] found.
    #[must_use]
    pub fn new(config: Config, state: State) -> Self {
        let watches = watches_of(&config, Vec::new());
        let clock = state.clock.clone();
        let now = Now { boot: clock.boot, monotonic: clock.monotonic, wall: 0 };
        Self {
            config,
            clock,
            now,
            state,
            watches,
            jobs: Vec::new(),
            suppressors: BTreeMap::new(),
            next_config: None,
            requests: 0,
            recovered: false,
            out: Vec::new(),
            #[cfg(test)]
            broken: None,
        }
    }

    /// Everything that is watched, by its place. Each is read every [`Agent::interval`] at first.
    #[must_use]
    pub fn watches(&self) -> &[Watch] {
        &self.watches
    }

    /// Milliseconds between two readings of a resource now.
    #[must_use]
    pub fn interval(&self, watch: WatchId) -> Option<Span> {
        self.watches.get(watch.0 as usize).map(|watch| watch.interval)
    }

    /// The configuration in effect.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What the agent remembers.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The agent's clock at its last step.
    #[must_use]
    pub const fn moment(&self) -> Moment {
        self.clock.moment
    }

    /// Whether nothing is under way: the moment to end in order.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Takes one input in at `now`, and says what is to be done. An input that fits nothing any more (a late answer, a reading of
    /// a watch that is gone) changes nothing.
    pub fn step(&mut self, now: &Now, input: Input) -> Vec<Output> {
        self.clock = self.read(now);
        self.now = now.clone();
        if !std::mem::replace(&mut self.recovered, true) {
            self.take_up();
        }
        match input {
            Input::Tick => {}
            Input::Observed { watch, request, seen } => self.observed(watch, request, seen),
            Input::Answered { event_id, step, answer } => self.answered(&event_id, step, answer),
            Input::Verified { event_id, step, well } => self.verified(&event_id, step, well),
            Input::Lease { event_id, answer } => self.leased(event_id, answer),
            Input::Switched { origin, scope, switch, lasts } => {
                self.switch(origin, &scope, switch.map(|switch| (switch, lasts)));
            }
            Input::Suppressor { alarm, firing } => {
                match firing {
                    Some(firing) => self.suppressors.insert(alarm, firing),
                    None => self.suppressors.remove(&alarm),
                };
            }
            Input::Configured(config) => self.next_config = Some(config),
            Input::Acknowledged { through } => {
                // Nothing is published before it is written, so a higher number is another journal's.
                if through > self.state.acknowledged && through < self.state.next_entry {
                    self.record(Record::Acknowledged { through });
                }
            }
            Input::Checkpoint => {
                let mut state = self.state.clone();
                state.clock = self.clock.clone();
                self.record(Record::Checkpoint(Box::new(state)));
            }
        }
        self.pass_time();
        self.configure();
        for place in 0..self.watches.len() {
            self.decide(place);
        }
        std::mem::take(&mut self.out)
    }

    /// When the next step is due although nothing happens, as `CLOCK_BOOTTIME` in milliseconds; `None`: never.
    #[must_use]
    pub fn next_wake(&self) -> Option<u64> {
        let now = self.clock.moment;
        let jobs = self.jobs.iter().map(Job::due);
        let free = |resource: &str| !self.jobs.iter().any(|job| job.resource == resource);
        let put_backs =
            self.state.put_backs.values().filter(|put_back| free(&put_back.resource)).map(|put_back| put_back.due);
        let watches = self.watches.iter().filter_map(|watch| self.may_change_at(watch));
        let due = jobs.chain(put_backs).chain(watches).min()?;
        Some(self.clock.monotonic_of(due.max(now)))
    }

    fn read(&self, now: &Now) -> Clock {
        #[cfg(test)]
        if self.broken == Some(Bound::Clock) {
            // What a core would do that trusts the wall clock.
            let moment = Moment(u64::try_from(now.wall).unwrap_or(0));
            return Clock { moment, ..self.clock.at(now) };
        }
        self.clock.at(now)
    }

    /// Whether a bound allows what is to be done. Tests take single bounds out, to see that a property misses them.
    #[cfg_attr(not(test), allow(clippy::unused_self, reason = "the test's switch is a field"))]
    fn allows(&self, bound: Bound, allowed: bool) -> bool {
        #[cfg(test)]
        if self.broken == Some(bound) {
            return true;
        }
        let _ = bound;
        allowed
    }

    /// Changes the state, and has that written.
    fn record(&mut self, record: Record) {
        let entry = Entry { number: self.state.next_entry, clock: self.clock.clone(), record };
        self.state.apply(&entry);
        self.out.push(Output::Journal(Box::new(entry)));
    }

    fn switch(&mut self, origin: Origin, scope: &Scope, switch: Option<(Switch, Option<Span>)>) {
        let scope = switch_key(origin, scope);
        // Lifting what does not hold is nothing.
        if switch.is_some() || self.state.switches.contains_key(&scope) {
            self.record(Record::Switched { scope, switch });
        }
    }

    fn observed(&mut self, id: WatchId, request: Option<u64>, seen: Observation) {
        let now = self.clock.moment;
        let polling = self.config.host().polling;
        let Some(watch) = self.watches.get_mut(id.0 as usize) else { return };
        if let (Some(slope), Observation::Memory { used, .. }) = (&mut watch.slope, seen) {
            slope.add(now, used);
        }
        let growth = watch.growth();
        let judged = watch.judge.judge(seen, growth);
        if judged.level != Level::Unknown {
            watch.last = seen;
        }
        watch.judged = judged;
        let condition = watch.samples.add(judged.level, now, watch.evidence, watch.gap);
        let is_cache = matches!(watch.judge, super::observe::Judge::Cache { .. });
        let left = match seen {
            Observation::Memory { used, limit, .. } => growth.and_then(|growth| growth.time_to(used, limit)),
            _ => None,
        };
        let near = if condition.is_ill() { 1.0 } else { judged.nearness };
        let every = if is_cache { watch.interval } else { polling.interval(near, left) };
        if every != watch.interval {
            watch.interval = every;
            self.out.push(Output::Interval { watch: id, every });
        }
        self.renew(id.0 as usize, condition);
        self.set_flag(id.0 as usize, condition);
        if let Some(request) = request {
            self.looked(id, request);
        }
    }

    /// Attempts are new after `stable_for` of health without interruption, counted from the end of the last healing at the earliest.
    fn renew(&mut self, place: usize, condition: Condition) {
        let Some(watch) = self.watches.get(place) else { return };
        let Some(history) = self.state.watches.get(&watch.key).filter(|history| !history.attempts.is_empty()) else {
            return;
        };
        let stable_for = self.rule(watch).stable_for;
        let now = self.clock.moment;
        let since = match condition {
            Condition::Healthy(since) => Some(history.ended.map_or(since, |ended| since.max(ended))),
            Condition::Ill(_) | Condition::Unknown => None,
        };
        let busy = self.jobs.iter().any(|job| job.resource == watch.resource);
        let healthy = since.is_some_and(|since| now.since(since) >= stable_for) && !busy;
        if self.allows(Bound::Renewal, healthy) && !busy {
            let watch = watch.key.clone();
            self.record(Record::Renewed { watch });
        }
    }

    fn set_flag(&mut self, place: usize, condition: Condition) {
        let Some(watch) = self.watches.get(place) else { return };
        let rule = self.rule(watch);
        let super::config::Parameters::Breaker(breaker) = &rule.parameters else { return };
        let set = match condition {
            Condition::Ill(_) => true,
            Condition::Healthy(_) => false,
            Condition::Unknown => return,
        };
        let acts = rule.mode == Mode::Enforce && self.state.switch(&rule.id, self.clock.moment).is_none();
        let Some(flag) = breaker.degradation_flag.clone().filter(|_| acts && watch.flag != Some(set)) else { return };
        if let Some(watch) = self.watches.get_mut(place) {
            watch.flag = Some(set);
            self.out.push(Output::Flag { flag, set });
        }
    }

    /// The new configuration, once nothing is under way.
    fn configure(&mut self) {
        if !self.jobs.is_empty() {
            return;
        }
        let Some(config) = self.next_config.take() else { return };
        self.config = *config;
        self.watches = watches_of(&self.config, std::mem::take(&mut self.watches));
        self.out.push(Output::Configured);
    }

    fn rule(&self, watch: &Watch) -> &AgentRule {
        // A watch is made from a rule of the same configuration.
        &self.config.rules()[watch.rule]
    }

    /// What a job is about to do is a step of its own, so that each is answered for itself.
    fn stage(&mut self, place: usize, stage: Stage) {
        if let Some(job) = self.jobs.get_mut(place) {
            job.stage = stage;
        }
    }
}

/// The watches of a configuration. What was measured before stays where nothing about a watch has changed.
fn watches_of(config: &Config, before: Vec<Watch>) -> Vec<Watch> {
    let mut before: BTreeMap<String, Watch> = before.into_iter().map(|watch| (watch.key.clone(), watch)).collect();
    let mut watches = Vec::new();
    for (place, rule) in config.rules().iter().enumerate() {
        for name in &rule.names {
            let id = WatchId(u32::try_from(watches.len()).unwrap_or(u32::MAX));
            let mut watch = Watch::new(id, place, rule, name, config);
            if let Some(old) = before.remove(&watch.key).filter(|old| old.judge == watch.judge) {
                watch.samples = old.samples;
                watch.slope = old.slope;
                watch.last = old.last;
                watch.judged = old.judged;
                watch.told = old.told;
                watch.flag = old.flag;
            }
            watches.push(watch);
        }
    }
    watches
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;

#[cfg(test)]
mod properties;
