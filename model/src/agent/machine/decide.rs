//! Whether a healing may begin: the guard's questions, in the guard's order (`docs/guard.md`), asked of this host.

use super::job::{Job, Stage};
use super::{Agent, Bound, Output, Watch};
use crate::agent::config::{Lease, Parameters};
use crate::agent::event::{AgentEvent, Reason, clipped, event_id};
use crate::agent::state::{Record, Switch};
use crate::agent::time::{HOUR, MINUTE, Moment, SECOND, Span};
use crate::ledger::Status;
use crate::rule::Mode;
use sha2::{Digest, Sha256};

/// A refusal is told again after this time at the earliest, in milliseconds, or after the cooldown where that is longer.
const TOLD_AGAIN: Span = 5 * MINUTE;
/// First wait after a refused lease, in milliseconds; twice as long after each further one.
const LEASE_AGAIN: Span = 30 * SECOND;
/// Longest wait after a refused lease, in milliseconds.
const LEASE_AGAIN_AT_MOST: Span = 10 * MINUTE;
/// Longest wait that failed recoveries of a breaker double the cooldown to, in milliseconds.
const BACK_OFF_AT_MOST: Span = HOUR;

impl Agent {
    /// Looks at one resource of one rule, and begins what may begin.
    pub(super) fn decide(&mut self, place: usize) {
        let now = self.clock.moment;
        let Some(watch) = self.watches.get(place).filter(|watch| watch.condition(now).is_ill()) else { return };
        let rule = self.rule(watch);
        if rule.mode == Mode::Off
            || self.next_config.is_some()
            || self.jobs.iter().any(|job| job.watch == Some(watch.id))
        {
            return;
        }
        if let Some(reason) = self.refusal(watch) {
            self.tell(place, reason);
            return;
        }
        let attempts = self.state.attempts(&watch.key, rule.window, now);
        if !self.allows(Bound::Attempts, attempts < rule.max_attempts) {
            self.escalate(place);
            return;
        }
        let resource = &watch.resource;
        let identity = rule.id.to_string();
        let (concurrent, per_hour) = (rule.budget.concurrent as usize, rule.budget.per_hour as usize);
        let heals = |job: &&Job| !matches!(job.stage, Stage::PuttingBack { .. });
        let of_rule = self.jobs.iter().filter(heals).filter(|job| job.rule == identity).count();
        let of_host = self.jobs.iter().filter(heals).count();
        // What waits for its lease or its look takes a place in the hour as well: it may begin at once.
        let waits = |job: &&Job| job.rule == identity && !self.state.running.contains_key(&job.event_id);
        let in_hour =
            self.state.in_the_last_hour(&identity, now) + self.jobs.iter().filter(heals).filter(waits).count();
        let host = self.config.host().limits.concurrent as usize;
        let free = !self.jobs.iter().any(|job| job.resource == *resource);
        if !self.allows(Bound::Cooldown, now >= self.rests_until(watch))
            || now < watch.retry_at
            || !self.allows(Bound::OneAtOnce, free)
            || !self.allows(Bound::Concurrent, of_rule < concurrent && of_host < host)
            || !self.allows(Bound::PerHour, in_hour < per_hour)
        {
            return;
        }
        let event_id = event_id(self.state.origin, self.state.decisions, &identity, resource);
        let (id, resource) = (watch.id, resource.clone());
        let seconds = self.lease_seconds(watch);
        let (lease, within) = (self.config.host().fleet.lease, self.config.host().fleet.answer_within);
        let stage = Stage::Leasing { until: now.after(within.get() * SECOND) };
        self.jobs.push(Job::new(event_id.clone(), Some(id), identity.clone(), resource.clone(), stage));
        let job = self.jobs.len() - 1;
        match lease {
            Lease::Ledger => {
                // From here on it may be held, whether the answer comes or not.
                self.jobs[job].leased = true;
                self.out.push(Output::AskLease { event_id, rule: identity, resource, seconds });
            }
            Lease::Wave => self.wait_for_wave(job),
            Lease::None => self.look(job),
        }
    }

    /// Why nothing may begin although the resource is ill, where people should hear of it.
    pub(super) fn refusal(&self, watch: &Watch) -> Option<Reason> {
        let rule = self.rule(watch);
        let switch = self.state.switch(&rule.id, self.clock.moment);
        let suppressed = match &rule.suppress_while {
            // What nobody can say holds as well: unreadable means do not act.
            Some(alarm) if self.suppressors.get(alarm) != Some(&false) => Some(Reason::Suppressed),
            _ => watch.judged.suppressed,
        };
        let observes = rule.mode == Mode::Observe || switch == Some(Switch::Observe) || watch.only_watched;
        let reason = match switch {
            Some(Switch::Pause) => Some(Reason::Paused),
            _ if observes => Some(Reason::Observed),
            _ => suppressed,
        };
        reason.filter(|_| !self.allows(Bound::Switches, false))
    }

    /// When a rule may heal a resource again by its cooldown, which is counted from the end of the last healing.
    fn rests_until(&self, watch: &Watch) -> Moment {
        let rule = self.rule(watch);
        let Some(history) = self.state.watches.get(&watch.key) else { return Moment(0) };
        let Some(ended) = history.ended else { return Moment(0) };
        let rest = match rule.parameters {
            // A dependency that fails under its first requests is given more time after each try.
            Parameters::Breaker(_) => {
                let doubled = rule.cooldown.saturating_mul(1 << history.failures.saturating_sub(1).min(16));
                doubled.min(BACK_OFF_AT_MOST.max(rule.cooldown))
            }
            _ => rule.cooldown,
        };
        ended.after(rest)
    }

    /// When something may begin that may not now, although nothing is seen; `None`: not by time alone.
    pub(super) fn may_change_at(&self, watch: &Watch) -> Option<Moment> {
        let now = self.clock.moment;
        let rule = self.rule(watch);
        if !watch.condition(now).is_ill() || rule.mode == Mode::Off {
            return None;
        }
        let identity = rule.id.to_string();
        let history = self.state.watches.get(&watch.key);
        let oldest = history.and_then(|history| history.attempts.first()).map(|began| began.after(rule.window));
        let hour = self.state.started.get(&identity).and_then(|began| began.first()).map(|began| began.after(HOUR));
        let told = watch.told.map(|(_, until)| until);
        let switched = self.state.switches.values().filter_map(|switched| switched.until).min();
        let all = [Some(self.rests_until(watch)), Some(watch.retry_at), oldest, hour, told, switched];
        all.into_iter().flatten().filter(|at| *at > now).min()
    }

    fn lease_seconds(&self, watch: &Watch) -> u64 {
        let plan = watch.plan(self.rule(watch), &self.config, true);
        // A fifth more than its worst case, as the guard's leases (`guard::lease_seconds`), and a minute for a wave that comes between.
        plan.worst_case().saturating_mul(6).div_ceil(5 * SECOND) + 60
    }

    pub(super) fn may_grow(&self, resource: &str) -> bool {
        !self.state.put_backs.values().any(|put_back| put_back.resource == resource)
    }

    /// An event about a watch, `pending` until its status is set.
    pub(super) fn event(&self, watch: &Watch, id: String) -> AgentEvent {
        let rule = self.rule(watch);
        let mut event = AgentEvent::new(id, self.config.identity(), rule, &watch.name, &self.now);
        event.evidence = Some(clipped(&watch.evidence_text()));
        event.attempt_count = self.state.attempts(&watch.key, rule.window, self.clock.moment);
        event
    }

    fn fresh_id(&self, watch: &Watch) -> String {
        event_id(self.state.origin, self.state.decisions, &self.rule(watch).id.to_string(), &watch.resource)
    }

    /// Says that nothing is done, once in a while.
    pub(super) fn tell(&mut self, place: usize, reason: Reason) {
        let now = self.clock.moment;
        let Some(watch) = self.watches.get(place) else { return };
        if watch.told.is_some_and(|(told, until)| told == reason && now < until) {
            return;
        }
        let rule = self.rule(watch);
        let again = now.after(rule.cooldown.max(TOLD_AGAIN));
        let mut event = self.event(watch, self.fresh_id(watch));
        event.status = Status::Skipped;
        event.reason = Some(reason);
        event.end_time = Some(self.now.rfc3339());
        if reason == Reason::Observed {
            let plan = watch.plan(rule, &self.config, self.may_grow(&watch.resource));
            event.evidence = event.evidence.map(|evidence| clipped(&format!("{evidence}; would {plan}")));
        }
        if let Some(watch) = self.watches.get_mut(place) {
            watch.told = Some((reason, again));
        }
        self.record(Record::Event(Box::new(event)));
    }

    /// Says, once, that the attempts are spent.
    fn escalate(&mut self, place: usize) {
        let Some(watch) = self.watches.get(place) else { return };
        let told = self.state.watches.get(&watch.key).is_some_and(|history| history.escalated);
        if !self.allows(Bound::Escalation, !told) {
            return;
        }
        let rule = self.rule(watch);
        let mut event = self.event(watch, self.fresh_id(watch));
        event.status = Status::Failed;
        event.reason = Some(Reason::MaxAttempts);
        event.end_time = Some(self.now.rfc3339());
        event.escalate = rule.escalate_to.is_some();
        event.error_message = Some(format!(
            "healed {} times within {} s, and it is ill again",
            event.attempt_count,
            rule.window / SECOND
        ));
        let watch = watch.key.clone();
        self.record(Record::Escalated { watch, event: Box::new(event) });
    }

    /// The wait after a refused lease: longer after each, and spread, so that hosts do not ask in step.
    pub(super) fn lease_again(&self, watch: &Watch, event_id: &str) -> Span {
        let wait = LEASE_AGAIN.saturating_mul(1 << watch.refused.min(8)).min(LEASE_AGAIN_AT_MOST);
        wait + spread(&[&self.config.identity().instance_id, event_id]) % (wait / 4).max(1)
    }

    /// How long until this host's wave, in milliseconds; 0 in it. The wall clock says so, since hosts have no other clock in common. One
    /// that is wrong puts the host into another wave, and no bound of this host depends on it.
    pub(super) fn until_wave(&self, rule: &str) -> Span {
        let fleet = &self.config.host().fleet;
        let length = fleet.wave.get() * SECOND;
        let waves = u64::from(fleet.waves.max(1));
        let mine = spread(&[&self.config.identity().instance_id, rule]) % waves;
        let wall = u64::try_from(self.now.wall).unwrap_or(0);
        let ahead = (mine + waves - wall / length % waves) % waves;
        if ahead == 0 { 0 } else { ahead * length - wall % length }
    }
}

/// A number that is the same for the same texts, and even over different ones.
fn spread(texts: &[&str]) -> u64 {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.as_bytes());
        digest.update([0]);
    }
    digest.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
