//! What must hold whatever happens: readings, answers that come late, twice or never, switches, crashes with the action lost or done,
//! reboots, and wall clocks that go back and forward by days.
//!
//! A monitor watches what comes out and judges by real time, which the core never sees. Each property is tried against a core
//! without the bound, too.

use super::*;
use crate::agent::journal::{encode, fold};
use crate::agent::plan::Answer;
use crate::agent::state::{End, watch_key};
use crate::agent::testing::{config, named, rule, units};
use crate::agent::time::{HOUR, SECOND};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

/// How a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Ill,
    Limit,
    Healthy,
    Blind,
}

/// What may happen.
#[derive(Debug, Clone)]
enum Op {
    /// So many rounds, so many milliseconds each: what is asked is answered, time passes, everything is read.
    Run(u8, u64),
    /// Time passes, and nobody looks.
    Pass(u64),
    Turns(usize, Is),
    /// Whether a resource becomes healthy by a healing.
    Curable(usize, bool),
    /// An answer that does not say what the world is, or none.
    Odd(u8),
    /// The agent ends: whether what was under way is done all the same, whether the host reboots, for how long it is off, whether
    /// the last line of the journal is torn.
    Crash {
        done: bool,
        reboots: bool,
        off: u64,
        torn: bool,
    },
    Wall(i64),
    Switch(Option<Switch>),
    /// What the ledger answers from now on.
    Ledger(u8),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let is = prop_oneof![4 => Just(Is::Ill), 1 => Just(Is::Limit), 2 => Just(Is::Healthy), 1 => Just(Is::Blind)];
    let span = prop_oneof![Just(500_u64), Just(2000), Just(10_000)];
    let op = prop_oneof![
        10 => (1_u8..60, span).prop_map(|(rounds, each)| Op::Run(rounds, each)),
        1 => (1_u64..2 * HOUR).prop_map(Op::Pass),
        5 => (0_usize..4, is).prop_map(|(which, is)| Op::Turns(which, is)),
        2 => (0_usize..4, any::<bool>()).prop_map(|(which, curable)| Op::Curable(which, curable)),
        2 => any::<u8>().prop_map(Op::Odd),
        2 => (any::<bool>(), any::<bool>(), 0..HOUR, any::<bool>()).prop_map(|(done, reboots, off, torn)| Op::Crash { done, reboots, off, torn }),
        2 => prop_oneof![Just(-86_400_000_i64), Just(86_400_000), Just(3_600_000)].prop_map(Op::Wall),
        1 => prop_oneof![Just(None), Just(None), Just(Some(Switch::Pause)), Just(Some(Switch::Observe))].prop_map(Op::Switch),
        1 => (0_u8..4).prop_map(Op::Ledger),
    ];
    proptest::collection::vec(op, 10..60)
}

/// Two rules over two of the same units, and a pool: so that each bound is reached.
fn test_config() -> Config {
    let state = json!({"max_attempts": 3, "window_seconds": 7200, "cooldown_seconds": 90, "budget": {"concurrent": 2, "per_hour": 5}});
    let rules = vec![
        rule(
            "memory",
            "high_memory_usage",
            &units(&["a.service", "b.service", "c.service"]),
            &json!({}),
            &json!({"escalate_to": "x"}),
        ),
        rule("state", "unit_failed", &units(&["a.service", "b.service"]), &json!({}), &state),
        rule("pool", "connection_pool_exhausted", &named("pools", &["p"]), &json!({"pool_size_limit": 30}), &json!({})),
    ];
    let host = json!({"limits": {"concurrent": 2}, "polling": {"normal_ms": 20_000, "fast_ms": 500},
        "verify": {"timeout": "20s"}, "fleet": {"waves": 2, "wave": "30s"}});
    config(&host, rules)
}

const RESOURCES: [&str; 4] = ["unit/a.service", "unit/b.service", "unit/c.service", "pool/p"];

#[derive(Debug, Clone)]
struct Begun {
    watch: String,
    rule: String,
    resource: String,
    event: String,
    at: u64,
    ended: Option<u64>,
    left: bool,
    renewed: bool,
}

struct World {
    agent: Agent,
    config: Config,
    broken: Option<Bound>,
    journal: String,
    real: u64,
    boot: u128,
    monotonic: u64,
    wall: i64,
    is: [Is; 4],
    curable: [bool; 4],
    ledger: u8,
    switch: Option<Switch>,
    asked: Vec<Output>,
    begun: Vec<Begun>,
    /// What was read last of each watch, and since when it was read as healthy.
    read: Vec<(Is, Option<u64>)>,
    /// Events of steps that were given out and not ended, by resource.
    acting: BTreeMap<String, (String, u32)>,
    escalated: BTreeMap<String, usize>,
    wrong: Option<String>,
}

impl World {
    fn new(broken: Option<Bound>) -> Self {
        let config = test_config();
        let now = Now { boot: 1, monotonic: 0, wall: 1_795_000_000_000 };
        let mut agent = Agent::new(config.clone(), State::fresh(9, &now));
        agent.broken = broken;
        let watches = agent.watches().len();
        Self {
            agent,
            config,
            broken,
            journal: String::new(),
            real: 0,
            boot: 1,
            monotonic: 0,
            wall: now.wall,
            is: [Is::Healthy; 4],
            curable: [false; 4],
            ledger: 0,
            switch: None,
            asked: Vec::new(),
            begun: Vec::new(),
            read: vec![(Is::Blind, None); watches],
            acting: BTreeMap::new(),
            escalated: BTreeMap::new(),
            wrong: None,
        }
    }

    fn pass(&mut self, span: u64) {
        self.real += span;
        self.monotonic += span;
        self.wall += i64::try_from(span).unwrap();
    }

    fn which(resource: &str) -> usize {
        RESOURCES.iter().position(|one| *one == resource).unwrap()
    }

    fn step(&mut self, input: Input) {
        let now = Now { boot: self.boot, monotonic: self.monotonic, wall: self.wall };
        for output in self.agent.step(&now, input) {
            self.judge(&output);
            match &output {
                Output::Journal(entry) => self.journal.push_str(&encode(entry).unwrap()),
                Output::Sense { .. } | Output::Act { .. } | Output::Verify { .. } | Output::AskLease { .. } => {
                    self.asked.push(output);
                }
                Output::Cancel { event_id, .. } => self.acting.retain(|_, (event, _)| event != event_id),
                _ => {}
            }
        }
        // The edge sleeps until then: a time that has passed would be a busy loop.
        if self.wrong.is_none()
            && self.broken.is_none()
            && self.agent.next_wake().is_some_and(|wake| wake < self.monotonic)
        {
            self.wrong = Some("it wants to be woken in the past".into());
        }
    }

    /// A reading of a watch as its resource is.
    fn read(&mut self, watch: WatchId, request: Option<u64>) {
        let one = &self.agent.watches()[watch.0 as usize];
        let is = self.is[Self::which(&one.resource)];
        let rule = self.config.rules()[one.rule].id.rule.to_string();
        let ill = is != Is::Healthy;
        let seen = match (is, rule.as_str()) {
            (Is::Blind, _) => Observation::Unknown,
            (_, "memory") => Observation::Memory { used: if ill { 95 } else { 10 }, limit: 100, hit: is == Is::Limit },
            (_, "pool") => {
                Observation::Pool { waiting: if ill { 9 } else { 0 }, size: Some(20), wait: None, database: None }
            }
            _ => Observation::Check { passed: !ill },
        };
        let since = match (is, self.read[watch.0 as usize].1) {
            (Is::Healthy, since) => since.or(Some(self.real)),
            _ => None,
        };
        self.read[watch.0 as usize] = (is, since);
        self.step(Input::Observed { watch, request, seen });
    }

    fn answer(&mut self, asked: Output) {
        match asked {
            Output::Sense { watch, request } => self.read(watch, Some(request)),
            Output::Act { event_id, step, resource, command, .. } => {
                self.do_it(&resource, &command);
                self.acting.remove(&resource);
                self.step(Input::Answered { event_id, step, answer: Answer::Done });
            }
            Output::Verify { event_id, step, resource, .. } => {
                let well = self.is[Self::which(&resource)] == Is::Healthy;
                self.step(Input::Verified { event_id, step, well: Some(well) });
            }
            Output::AskLease { event_id, .. } => {
                let answer = match self.ledger {
                    1 => LeaseAnswer::Refused { retry_after: None },
                    2 => LeaseAnswer::Unreachable,
                    _ => LeaseAnswer::Granted,
                };
                self.step(Input::Lease { event_id, answer });
            }
            _ => {}
        }
    }

    fn do_it(&mut self, resource: &str, command: &crate::agent::plan::Command) {
        let which = Self::which(resource);
        if command.changes() && self.curable[which] {
            self.is[which] = Is::Healthy;
        }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Run(rounds, each) => {
                for _ in 0..*rounds {
                    for asked in std::mem::take(&mut self.asked) {
                        self.answer(asked);
                    }
                    self.pass(*each);
                    self.step(Input::Tick);
                    for watch in 0..self.read.len() {
                        self.read(WatchId(u32::try_from(watch).unwrap()), None);
                    }
                }
            }
            Op::Pass(span) => self.pass(*span),
            Op::Turns(which, is) => self.is[*which] = *is,
            Op::Curable(which, curable) => self.curable[*which] = *curable,
            Op::Odd(how) => self.odd(*how),
            Op::Crash { done, reboots, off, torn } => self.crash(*done, *reboots, *off, *torn),
            Op::Wall(span) => self.wall += span,
            Op::Switch(switch) => {
                self.switch = *switch;
                self.step(Input::Switched { origin: Origin::Host, scope: Scope::All, switch: *switch, lasts: None });
            }
            Op::Ledger(how) => self.ledger = *how,
        }
    }

    fn odd(&mut self, how: u8) {
        if self.asked.is_empty() {
            return;
        }
        let asked = self.asked.remove(usize::from(how >> 3) % self.asked.len());
        let Output::Act { event_id, step, resource, command, .. } = asked.clone() else {
            // Lost, or answered twice.
            if how & 1 == 1 {
                self.answer(asked.clone());
                self.answer(asked);
            }
            return;
        };
        let answer = match how & 7 {
            0 | 1 => return,
            2 => Answer::Failed("odd".into()),
            3 => Answer::Nothing,
            4 => Answer::Busy,
            5 => Answer::More,
            _ => Answer::Done,
        };
        self.do_it(&resource, &command);
        self.acting.remove(&resource);
        self.step(Input::Answered { event_id: event_id.clone(), step, answer: answer.clone() });
        self.step(Input::Answered { event_id, step, answer });
    }

    fn crash(&mut self, done: bool, reboots: bool, off: u64, torn: bool) {
        for asked in std::mem::take(&mut self.asked) {
            if let (true, Output::Act { resource, command, .. }) = (done, asked) {
                self.do_it(&resource, &command);
            }
        }
        self.acting.clear();
        self.read.fill((Is::Blind, None));
        self.pass(if reboots { off } else { off.min(10 * SECOND) });
        if reboots {
            self.boot += 1;
            self.monotonic = 0;
        }
        if torn {
            // What a write leaves that was not synchronised: nothing follows from it.
            self.journal.push_str("0badc0de {\"number\":1");
        }
        let now = Now { boot: self.boot, monotonic: self.monotonic, wall: self.wall };
        let folded = fold(self.journal.as_bytes(), 9, &now);
        let end = self.journal.rfind('\n').map_or(0, |end| end + 1);
        self.journal.truncate(end);
        if folded.damaged + folded.missing > 0 || !self.journal.is_empty() && folded.state != *self.agent.state() {
            self.wrong = Some("the journal does not say what the agent knew".into());
        }
        self.agent = Agent::new(self.config.clone(), folded.state);
        self.agent.broken = self.broken;
        self.step(Input::Tick);
    }

    fn wrong(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.wrong.get_or_insert(what);
    }

    fn judge(&mut self, output: &Output) {
        match output {
            Output::Journal(entry) => self.judge_record(&entry.record),
            Output::Act { event_id, step, resource, .. } => {
                let puts_back = *step > 1 << 16;
                let open = self.begun.iter().any(|one| one.event == *event_id && one.ended.is_none());
                if !open && !puts_back {
                    self.wrong(format!("{event_id} acts and has not begun, or has ended"));
                }
                if puts_back && self.begun.iter().any(|one| one.resource == *resource && one.ended.is_none()) {
                    self.wrong(format!("two at once on {resource}: something is put back"));
                }
                let before = self.acting.insert(resource.clone(), (event_id.clone(), *step));
                if before.is_some_and(|(other, _)| other != *event_id) {
                    self.wrong(format!("two at once on {resource}"));
                }
            }
            _ => {}
        }
    }

    fn judge_record(&mut self, record: &Record) {
        let real = self.real;
        match record {
            Record::Begun(running) => {
                self.judge_begun(&running.rule, &running.resource);
                self.begun.push(Begun {
                    watch: watch_key(&running.rule, &running.resource),
                    rule: running.rule.clone(),
                    resource: running.resource.clone(),
                    event: running.event.event_id.clone(),
                    at: real,
                    ended: None,
                    left: false,
                    renewed: false,
                });
            }
            Record::Ended { event_id, end, .. } => {
                let acted = self.begun.iter_mut().find(|one| one.event == *event_id);
                if let Some(one) = acted {
                    one.ended = Some(real);
                    one.left = matches!(end, End::Left(reason) if *reason != crate::agent::event::Reason::Interrupted);
                }
            }
            Record::Renewed { watch } => {
                let place = self.agent.watches().iter().position(|one| one.key == *watch).unwrap();
                let stable_for = self.config.rules()[self.agent.watches()[place].rule].stable_for;
                if self.read[place].1.is_none_or(|since| real - since < stable_for) {
                    self.wrong(format!("attempts of {watch} are new without health"));
                }
                for one in self.begun.iter_mut().filter(|one| one.watch == *watch) {
                    one.renewed = true;
                }
                self.escalated.remove(watch);
            }
            Record::Escalated { watch, .. } => {
                let begun = self.begun.iter().filter(|one| one.watch == *watch).count();
                if self.escalated.insert(watch.clone(), begun) == Some(begun) {
                    self.wrong(format!("{watch} is escalated twice"));
                }
                if self.switch.is_some() {
                    self.wrong("it escalates although it is paused or observes");
                }
            }
            _ => {}
        }
    }

    fn judge_begun(&mut self, rule: &str, resource: &str) {
        let real = self.real;
        let watch = watch_key(rule, resource);
        let place = self.agent.watches().iter().position(|one| one.key == watch).unwrap();
        let of = self.config.rules()[self.agent.watches()[place].rule].clone();
        let mine = |one: &&Begun| one.watch == watch;
        if self.begun.iter().any(|one| one.resource == resource && one.ended.is_none()) {
            self.wrong(format!("two at once on {resource}"));
        }
        let open = |rule: Option<&str>| {
            self.begun.iter().filter(|one| one.ended.is_none() && rule.is_none_or(|rule| one.rule == rule)).count()
        };
        if open(Some(rule)) >= of.budget.concurrent as usize || open(None) >= 2 {
            self.wrong(format!("more healings of {rule} at once than its budget"));
        }
        let hour = self.begun.iter().filter(|one| one.rule == rule && real - one.at < HOUR).count();
        if hour >= of.budget.per_hour as usize {
            self.wrong(format!("more healings of {rule} in an hour than its budget"));
        }
        let counts = |one: &&Begun| mine(one) && !one.left && !one.renewed && real - one.at < of.window;
        if self.begun.iter().filter(counts).count() >= of.max_attempts as usize {
            self.wrong(format!("more attempts of {watch} than its bound"));
        }
        if self.begun.iter().filter(mine).filter_map(|one| one.ended).any(|ended| real - ended < of.cooldown) {
            self.wrong(format!("{watch} begins within its cooldown"));
        }
        if self.switch.is_some() {
            self.wrong(format!("{watch} begins although it is paused or observes"));
        }
        if matches!(self.read[place].0, Is::Healthy | Is::Blind) {
            self.wrong(format!("{watch} begins although it was read as {:?}", self.read[place].0));
        }
    }

    fn live(ops: &[Op], broken: Option<Bound>) -> Result<Self, String> {
        let mut world = Self::new(broken);
        for op in ops {
            world.apply(op);
            if let Some(wrong) = world.wrong.take() {
                return Err(wrong);
            }
        }
        Ok(world)
    }
}

proptest! {
    #![proptest_config(Runs { cases: 400, ..Runs::default() })]

    #[test]
    fn every_bound_holds_whatever_happens(ops in ops()) {
        if let Err(wrong) = World::live(&ops, None) {
            prop_assert!(false, "{wrong}");
        }
    }

    /// What stays ill is tried again while attempts remain, and then told.
    #[test]
    fn the_ill_are_tried_until_their_attempts_are_spent(ops in ops()) {
        let mut world = World::live(&ops, None).map_err(TestCaseError::fail)?;
        for op in [Op::Switch(None), Op::Ledger(0)] {
            world.apply(&op);
        }
        for which in 0..4 {
            world.apply(&Op::Turns(which, if which == 2 { Is::Ill } else { Is::Healthy }));
            world.apply(&Op::Curable(which, false));
        }
        let from = world.real;
        // Three hours: the window of what was before, and one of its own.
        for _ in 0..90 {
            world.apply(&Op::Run(60, 2000));
        }
        prop_assert_eq!(world.wrong, None);
        let watch = watch_key("shop/memory", "unit/c.service");
        let tried = world.begun.iter().filter(|one| one.watch == watch && one.at >= from + HOUR).count();
        prop_assert!(tried >= 2, "{tried}");
        prop_assert!(world.escalated.contains_key(&watch));
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(ops in ops()) {
        let journal = |world: World| world.journal;
        prop_assert_eq!(World::live(&ops, None).map(journal), World::live(&ops, None).map(journal));
    }
}

/// What the properties are worth: a core without one of its bounds breaks one of them.
#[test]
fn a_core_without_a_bound_is_noticed() {
    let mut silent = Vec::new();
    for (bound, words) in [
        (Bound::Attempts, "more attempts"),
        (Bound::Cooldown, "within its cooldown"),
        (Bound::OneAtOnce, "two at once"),
        (Bound::Concurrent, "at once than its budget"),
        (Bound::PerHour, "in an hour"),
        (Bound::Escalation, "escalated twice"),
        (Bound::Switches, "although it is paused or observes"),
        (Bound::Look, "although it was read as"),
        (Bound::Renewal, "without health"),
        (Bound::Clock, ""),
        (Bound::Recovery, ""),
    ] {
        let mut runner = TestRunner::new_with_rng(Runs::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let found = (0..1500).find_map(|_| {
            let ops = ops().new_tree(&mut runner).unwrap().current();
            World::live(&ops, Some(bound)).err().filter(|wrong| wrong.contains(words))
        });
        if found.is_none() {
            silent.push(bound);
        }
    }
    assert!(silent.is_empty(), "no property misses {silent:?}");
}
