//! What the agent must not forget, and the records that change it.
//!
//! **Invariant:** the state changes by records alone ([`State::apply`]), and every record is written to the journal before
//! anything that follows from it is done. So the state that is folded from the journal is the state that the agent had, up to
//! the last record that was written.
//!
//! What is not here (samples, slopes, the steps of a plan) may be lost: it is measured again, and a healing in the middle of
//! its steps is found as one that has begun and not ended.

use super::event::{AgentEvent, Reason};
use super::plan::Command;
use super::time::{Clock, HOUR, Moment, Now, Span, hex};
use crate::ledger::{RuleId, Scope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the state and of the records.
pub const VERSION: u32 = 1;

/// The agent's memory. A value: it is written whole in a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// [`VERSION`].
    pub version: u32,
    /// 128 random bits from when the state was made, so that a host whose disk was emptied does not use an event id again.
    #[serde(with = "hex")]
    pub origin: u128,
    /// Decisions so far.
    pub decisions: u64,
    /// Number of the next entry of the journal.
    pub next_entry: u64,
    /// Entries up to this one are published; none has it.
    pub acknowledged: u64,
    /// The agent's clock.
    pub clock: Clock,
    /// What each rule did to each of its resources, by [`watch_key`]. Only what there is something to say of.
    pub watches: BTreeMap<String, History>,
    /// Moments at which healings of a rule began, in the last hour.
    pub started: BTreeMap<String, Vec<Moment>>,
    /// Healings that have begun and not ended, by event id.
    pub running: BTreeMap<String, Running>,
    /// What is put back later, by the event id that changed it.
    pub put_backs: BTreeMap<String, PutBack>,
    /// What people have switched, by [`switch_key`].
    pub switches: BTreeMap<String, Switched>,
}

/// What one rule did to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// When attempts began, those in the window and not renewed.
    pub attempts: Vec<Moment>,
    /// When the last healing ended.
    pub ended: Option<Moment>,
    /// Failed healings in a row.
    pub failures: u32,
    /// Whether it was told that the attempts are spent.
    pub escalated: bool,
    /// The rule's window and cooldown of then, in milliseconds: how long this says something.
    pub keep: Span,
}

/// A healing that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// `<stack>/<rule>`.
    pub rule: String,
    /// `<type>/<name>`.
    pub resource: String,
    /// When it began.
    pub began: Moment,
    /// The event that said so, from which its end is made.
    pub event: AgentEvent,
    /// What takes back what was changed, or may have been.
    pub undo: Vec<Command>,
    /// The rule's window and cooldown, in milliseconds.
    pub keep: Span,
}

/// What is put back later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutBack {
    /// `<type>/<name>`.
    pub resource: String,
    /// What is done, in order.
    pub commands: Vec<Command>,
    /// When.
    pub due: Moment,
}

/// What a person has switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switched {
    /// What holds.
    pub switch: Switch,
    /// Until when; for ever without.
    pub until: Option<Moment>,
}

/// What a switch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// Detect and report.
    Observe,
    /// Begin nothing.
    Pause,
}

/// How a healing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It is healed.
    Healed,
    /// It is not.
    Failed(Reason),
    /// Nothing was changed: the attempt is given back, the cooldown stays.
    Left(Reason),
}

/// One change of the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The whole state, after which nothing before is needed but what is not published.
    Checkpoint(Box<State>),
    /// A healing begins. Written before its first step.
    Begun(Box<Running>),
    /// What takes a healing back. Written before the step that must be taken back.
    Undo {
        /// The healing.
        event_id: String,
        /// All of it, in order.
        commands: Vec<Command>,
    },
    /// A healing has ended.
    Ended {
        /// The healing.
        event_id: String,
        /// How.
        end: End,
        /// What is put back later, and after how long.
        put_back: Option<(Vec<Command>, Span)>,
    },
    /// What was to be put back is, or was given up.
    PutBackDone {
        /// The healing that had changed it.
        event_id: String,
    },
    /// What was to be put back could not be, and is tried again.
    PutBackLater {
        /// The healing that had changed it.
        event_id: String,
        /// After how many milliseconds.
        after: Span,
    },
    /// An event to publish.
    Event(Box<AgentEvent>),
    /// The attempts of a rule on a resource are spent, and the event says so.
    Escalated {
        /// The resource of the rule, a [`watch_key`].
        watch: String,
        /// The event to publish.
        event: Box<AgentEvent>,
    },
    /// A resource was healthy for the rule's `stable_for`: its attempts are new.
    Renewed {
        /// The resource of the rule, a [`watch_key`].
        watch: String,
    },
    /// A person has switched something, or nothing holds any more.
    Switched {
        /// Whose and what about, a [`switch_key`].
        scope: String,
        /// What holds, and for how many milliseconds.
        switch: Option<(Switch, Option<Span>)>,
    },
    /// Everything up to this entry is published.
    Acknowledged {
        /// The entry's number.
        through: u64,
    },
}

impl Record {
    /// The event that is to be published, where it has one.
    #[must_use]
    pub fn event(&self) -> Option<&AgentEvent> {
        match self {
            Self::Event(event) | Self::Escalated { event, .. } => Some(event),
            _ => None,
        }
    }
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number, one more than the last one's.
    pub number: u64,
    /// The agent's clock of then.
    pub clock: Clock,
    /// The change.
    pub record: Record,
}

/// The key of a rule's resource in [`State::watches`].
#[must_use]
pub fn watch_key(rule: &str, resource: &str) -> String {
    format!("{rule}|{resource}")
}

impl State {
    /// A state that knows nothing, first used at `now`. `origin` are 128 random bits.
    #[must_use]
    pub fn fresh(origin: u128, now: &Now) -> Self {
        Self {
            version: VERSION,
            origin,
            decisions: 0,
            next_entry: 1,
            acknowledged: 0,
            clock: Clock { boot: now.boot, monotonic: now.monotonic, moment: Moment(0) },
            watches: BTreeMap::new(),
            started: BTreeMap::new(),
            running: BTreeMap::new(),
            put_backs: BTreeMap::new(),
            switches: BTreeMap::new(),
        }
    }

    /// Applies an entry that is the next one.
    pub fn apply(&mut self, entry: &Entry) {
        let now = entry.clock.moment;
        if let Record::Checkpoint(state) = &entry.record {
            *self = (**state).clone();
        }
        self.clock = entry.clock.clone();
        self.next_entry = entry.number.saturating_add(1);
        match &entry.record {
            Record::Checkpoint(_) => {}
            Record::Begun(running) => self.begun(running, now),
            Record::Undo { event_id, commands } => {
                if let Some(running) = self.running.get_mut(event_id) {
                    running.undo.clone_from(commands);
                }
            }
            Record::Ended { event_id, end, put_back } => self.ended(event_id, *end, put_back.as_ref(), now),
            Record::PutBackDone { event_id } => {
                self.put_backs.remove(event_id);
            }
            Record::PutBackLater { event_id, after } => {
                if let Some(put_back) = self.put_backs.get_mut(event_id) {
                    put_back.due = now.after(*after);
                }
            }
            Record::Event(_) => self.decisions += 1,
            Record::Escalated { watch, .. } => {
                self.decisions += 1;
                if let Some(history) = self.watches.get_mut(watch) {
                    history.escalated = true;
                }
            }
            Record::Renewed { watch } => {
                if let Some(history) = self.watches.get_mut(watch) {
                    history.attempts.clear();
                    history.failures = 0;
                    history.escalated = false;
                }
            }
            Record::Switched { scope, switch } => match switch {
                Some((switch, span)) => {
                    let until = span.map(|span| now.after(span));
                    self.switches.insert(scope.clone(), Switched { switch: *switch, until });
                }
                None => {
                    self.switches.remove(scope);
                }
            },
            Record::Acknowledged { through } => self.acknowledged = self.acknowledged.max(*through),
        }
        self.prune(now);
    }

    fn begun(&mut self, running: &Running, now: Moment) {
        self.decisions += 1;
        let history = self.watches.entry(watch_key(&running.rule, &running.resource)).or_default();
        history.keep = running.keep;
        history.attempts.retain(|began| now.since(*began) <= running.keep);
        history.attempts.push(now);
        history.escalated = false;
        self.started.entry(running.rule.clone()).or_default().push(now);
        self.running.insert(running.event.event_id.clone(), running.clone());
    }

    fn ended(&mut self, event_id: &str, end: End, put_back: Option<&(Vec<Command>, Span)>, now: Moment) {
        let Some(running) = self.running.remove(event_id) else { return };
        let history = self.watches.entry(watch_key(&running.rule, &running.resource)).or_default();
        history.ended = Some(now);
        history.keep = running.keep;
        match end {
            End::Healed => history.failures = 0,
            End::Failed(_) => history.failures = history.failures.saturating_add(1),
            End::Left(_) => history.attempts.retain(|began| *began != running.began),
        }
        if let Some((commands, after)) = put_back.filter(|(commands, _)| !commands.is_empty()) {
            let put_back = PutBack { resource: running.resource, commands: commands.clone(), due: now.after(*after) };
            self.put_backs.insert(event_id.to_owned(), put_back);
        }
    }

    /// Forgets what bounds nothing any more. What it keeps is bounded by the rules: attempts by `max_attempts`, beginnings by `per_hour`.
    fn prune(&mut self, now: Moment) {
        for began in self.started.values_mut() {
            began.retain(|began| now.since(*began) < HOUR);
        }
        self.started.retain(|_, began| !began.is_empty());
        self.watches.retain(|_, history| {
            let last = history.attempts.last().copied().max(history.ended);
            last.is_some_and(|last| now.since(last) <= history.keep)
        });
        self.switches.retain(|_, switched| switched.until.is_none_or(|until| until > now));
    }

    /// Attempts of a rule on a resource in the last `window` milliseconds before `now`.
    #[must_use]
    pub fn attempts(&self, watch: &str, window: Span, now: Moment) -> u32 {
        let count = self
            .watches
            .get(watch)
            .map_or(0, |history| history.attempts.iter().filter(|began| now.since(**began) < window).count());
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Healings of a rule that began in the last hour before `now`.
    #[must_use]
    pub fn in_the_last_hour(&self, rule: &str, now: Moment) -> usize {
        self.started.get(rule).map_or(0, |began| began.iter().filter(|at| now.since(**at) < HOUR).count())
    }

    /// The switch that holds for a rule at `now`: the strongest of those for everything, for its stack and for itself, of
    /// this host's people and of the ledger's.
    #[must_use]
    pub fn switch(&self, rule: &RuleId, now: Moment) -> Option<Switch> {
        let holds = |switched: &&Switched| switched.until.is_none_or(|until| until > now);
        let scopes = [Scope::All, Scope::Stack(rule.stack.clone()), Scope::Rule(rule.clone())];
        let keys = scopes.iter().flat_map(|scope| Origin::ALL.map(|origin| switch_key(origin, scope)));
        keys.filter_map(|key| self.switches.get(&key).filter(holds).map(|switched| switched.switch)).max()
    }
}

/// Whose switch it is. One of the host's people does not lift what the ledger says, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A person on this host, over the control socket.
    Host,
    /// The ledger, through the reporter.
    Ledger,
}

impl Origin {
    const ALL: [Self; 2] = [Self::Host, Self::Ledger];
}

/// The key of a switch in [`State::switches`].
#[must_use]
pub fn switch_key(origin: Origin, scope: &Scope) -> String {
    let origin = match origin {
        Origin::Host => "host",
        Origin::Ledger => "ledger",
    };
    format!("{origin} {}", scope.sort_key())
}
