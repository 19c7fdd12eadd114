use super::*;
use crate::agent::event::Reason;
use crate::agent::observe::Observation;
use crate::agent::plan::{Answer, Command};
use crate::agent::testing::{config, named, rule, units};
use crate::ledger::Status;
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

/// A host whose clock the test moves, and what came out so far.
struct Host {
    agent: Agent,
    now: Now,
    out: Vec<Output>,
}

impl Host {
    fn new(host: &Value, rules: Vec<AgentRule>) -> Self {
        let now = Now { boot: 1, monotonic: 0, wall: 1_795_000_000_000 };
        Self { agent: Agent::new(config(host, rules), State::fresh(5, &now)), now, out: Vec::new() }
    }

    fn step(&mut self, input: Input) -> Vec<Output> {
        let out = self.agent.step(&self.now, input);
        self.out.extend(out.clone());
        out
    }

    fn pass(&mut self, milliseconds: u64) -> Vec<Output> {
        self.now.monotonic += milliseconds;
        self.now.wall += i64::try_from(milliseconds).unwrap();
        self.step(Input::Tick)
    }

    fn see(&mut self, watch: u32, seen: Observation) -> Vec<Output> {
        let mut out = self.pass(1000);
        out.extend(self.step(Input::Observed { watch: WatchId(watch), request: None, seen }));
        out
    }

    fn events(&self) -> Vec<(Status, Option<Reason>)> {
        let event = |output: &Output| match output {
            Output::Journal(entry) => entry.record.event().map(|event| (event.status, event.reason)),
            _ => None,
        };
        self.out.iter().filter_map(event).collect()
    }

    fn acts(&self) -> Vec<Command> {
        let act = |output: &Output| if let Output::Act { command, .. } = output { Some(command.clone()) } else { None };
        self.out.iter().filter_map(act).collect()
    }

    /// Answers what was asked last, as a host on which everything works, with this reading.
    fn answer(&mut self, out: &[Output], seen: Observation, well: Option<bool>) -> Vec<Output> {
        let mut next = Vec::new();
        for output in out {
            next.extend(match output.clone() {
                Output::Sense { watch, request } => self.step(Input::Observed { watch, request: Some(request), seen }),
                Output::Act { event_id, step, .. } => {
                    self.step(Input::Answered { event_id, step, answer: Answer::Done })
                }
                Output::Verify { event_id, step, .. } => self.step(Input::Verified { event_id, step, well }),
                Output::AskLease { event_id, .. } => self.step(Input::Lease { event_id, answer: LeaseAnswer::Granted }),
                _ => Vec::new(),
            });
        }
        next
    }

    /// Everything that follows, until nothing is asked any more or `steps` are over.
    fn run(&mut self, mut out: Vec<Output>, seen: Observation, well: Option<bool>, steps: usize) {
        for _ in 0..steps {
            out = self.answer(&out, seen, well);
            out.extend(self.pass(500));
        }
        // What is asked at the end is answered too, so that nothing is lost between two calls.
        while !out.is_empty() {
            out = self.answer(&out, seen, well);
        }
    }
}

fn alone() -> Value {
    json!({"fleet": {"lease": "none"}})
}

fn memory(change: &Value) -> AgentRule {
    rule("memory", "high_memory_usage", &units(&["a.service"]), &json!({}), change)
}

fn used(percent: u64) -> Observation {
    Observation::Memory { used: percent * MIB, limit: 100 * MIB, hit: false }
}

#[test]
fn a_leak_is_healed_once_and_the_event_says_why() {
    let mut host = Host::new(&alone(), vec![memory(&json!({}))]);
    for percent in [50, 90, 91, 92] {
        host.see(0, used(percent));
    }
    let out = host.see(0, used(93));
    host.run(out, used(93), Some(true), 1);
    assert_eq!(host.acts(), Vec::new());
    let mut host = Host::new(&alone(), vec![memory(&json!({}))]);
    let mut out = Vec::new();
    for percent in [50, 90, 91, 92] {
        out = host.see(0, used(percent));
    }
    // The look, right before the action, and then the restart: begun is written first.
    assert!(matches!(out.last(), Some(Output::Sense { .. })));
    let out = host.answer(&out, used(93), None);
    let names: Vec<&str> = out
        .iter()
        .map(|output| match output {
            Output::Journal(entry) => match &entry.record {
                Record::Begun(_) => "begun",
                Record::Event(_) => "event",
                _ => "other",
            },
            Output::Act { .. } => "act",
            _ => "else",
        })
        .collect();
    assert_eq!(names, ["begun", "event", "act"]);
    host.run(out, used(40), Some(true), 10);
    assert_eq!(host.acts(), [Command::Restart]);
    assert_eq!(host.events(), [(Status::InProgress, None), (Status::Completed, None)]);
    let Some(Output::Journal(entry)) = host.out.iter().rev().find(|output| matches!(output, Output::Journal(_))) else {
        panic!()
    };
    let event = entry.record.event().unwrap();
    assert!(event.evidence.as_ref().unwrap().contains("93.0 MiB of 100.0 MiB, 93 %"), "{event:?}");
    assert_eq!((event.attempt_count, event.resource_id.as_str()), (1, "a.service"));
    assert!(host.agent.is_idle());
}

#[test]
fn what_the_kernel_says_waits_for_no_further_sample() {
    let mut host = Host::new(&alone(), vec![memory(&json!({}))]);
    let out = host.see(0, Observation::Memory { used: 90 * MIB, limit: 100 * MIB, hit: true });
    assert!(out.iter().any(|output| matches!(output, Output::Sense { .. })), "{out:?}");
}

#[test]
fn near_the_threshold_it_is_read_faster_and_then_slower_again() {
    let mut host = Host::new(&alone(), vec![memory(&json!({}))]);
    host.see(0, used(40));
    assert_eq!(host.agent.interval(WatchId(0)), Some(10_000));
    let out = host.see(0, used(84));
    let every =
        out.iter().find_map(|output| if let Output::Interval { every, .. } = output { Some(*every) } else { None });
    assert!(every.is_some_and(|every| every < 2000), "{out:?}");
    host.see(0, used(40));
    // 44 % in a second is a leak that reaches the limit soon, had it gone on; it has shrunk.
    assert_eq!(host.agent.interval(WatchId(0)), Some(10_000));
}

#[test]
fn a_unit_that_recovers_before_the_look_is_left_alone() {
    let mut host = Host::new(&alone(), vec![memory(&json!({}))]);
    let mut out = Vec::new();
    for _ in 0..3 {
        out = host.see(0, used(90));
    }
    host.run(out, used(40), None, 3);
    assert_eq!((host.acts(), host.events()), (Vec::new(), vec![(Status::Skipped, Some(Reason::Recovered))]));
    assert!(host.agent.state().watches.is_empty());
}

#[test]
fn attempts_are_spent_once_and_escalated_once() {
    let mut host = Host::new(&alone(), vec![memory(&json!({"escalate_to": "replace"}))]);
    for _ in 0..4000 {
        let out = host.see(0, used(95));
        host.run(out, used(95), Some(false), 1);
        if host.now.monotonic > 3_500_000 {
            break;
        }
    }
    let failed = (Status::Failed, Some(Reason::VerifyFailed));
    let began = (Status::InProgress, None);
    assert_eq!(host.events(), [began, failed, began, failed, (Status::Failed, Some(Reason::MaxAttempts))]);
    let last = host.out.iter().rev().find_map(|output| match output {
        Output::Journal(entry) => entry.record.event().cloned(),
        _ => None,
    });
    let last = last.unwrap();
    assert!(last.escalate && last.attempt_count == 2 && last.error_message.unwrap().contains("2 times within 3600 s"));
}

#[test]
fn a_rule_that_observes_says_what_it_would_do() {
    let mut host = Host::new(&alone(), vec![memory(&json!({"mode": "observe"}))]);
    for _ in 0..20 {
        let out = host.see(0, used(95));
        host.run(out, used(95), None, 1);
    }
    assert_eq!((host.acts(), host.events()), (Vec::new(), vec![(Status::Skipped, Some(Reason::Observed))]));
    let Some(Output::Journal(entry)) = host.out.iter().find(|output| matches!(output, Output::Journal(_))) else {
        panic!()
    };
    assert!(entry.record.event().unwrap().evidence.as_ref().unwrap().ends_with("would restart"));
}

#[test]
fn a_pause_holds_over_a_restart_and_ends_by_itself() {
    let mut host = Host::new(&alone(), vec![memory(&json!({}))]);
    host.step(Input::Switched {
        origin: Origin::Host,
        scope: Scope::All,
        switch: Some(Switch::Pause),
        lasts: Some(60_000),
    });
    let state = host.agent.state().clone();
    host.agent = Agent::new(config(&alone(), vec![memory(&json!({}))]), state);
    for _ in 0..10 {
        let out = host.see(0, used(95));
        host.run(out, used(95), None, 1);
    }
    assert_eq!((host.acts(), host.events()), (Vec::new(), vec![(Status::Skipped, Some(Reason::Paused))]));
    for _ in 0..60 {
        let out = host.see(0, used(95));
        host.run(out, used(95), Some(true), 1);
    }
    assert_eq!(host.acts().first(), Some(&Command::Restart));
}

#[test]
fn a_suppressing_alarm_holds_while_it_fires_and_while_nobody_can_say() {
    let mut host = Host::new(&alone(), vec![memory(&json!({"suppress_while": "database-down"}))]);
    let suppressor = |firing| Input::Suppressor { alarm: "database-down".into(), firing };
    for input in [None, Some(suppressor(Some(true))), Some(suppressor(None))] {
        if let Some(input) = input {
            host.step(input);
        }
        for _ in 0..5 {
            let out = host.see(0, used(95));
            host.run(out, used(95), None, 1);
        }
    }
    assert_eq!((host.acts(), host.events()), (Vec::new(), vec![(Status::Skipped, Some(Reason::Suppressed))]));
    let out = host.step(suppressor(Some(false)));
    host.run(out, used(95), Some(true), 3);
    assert_eq!(host.acts(), [Command::Restart]);
}

#[test]
fn a_lease_is_asked_for_and_given_back() {
    let mut host = Host::new(&json!({}), vec![memory(&json!({}))]);
    let mut out = Vec::new();
    for _ in 0..3 {
        out = host.see(0, used(95));
    }
    let Some(Output::AskLease { event_id, seconds, .. }) = out.last().cloned() else { panic!("{out:?}") };
    // Restart 180 s, verification 120 s, a fifth more, a minute.
    assert_eq!(seconds, 420);
    host.run(out, used(95), Some(true), 12);
    assert!(host.out.contains(&Output::ReleaseLease { event_id }));
    assert_eq!(host.acts(), [Command::Restart]);
}

#[test]
fn a_refused_lease_is_asked_for_again_later_and_later() {
    let mut host = Host::new(&json!({}), vec![memory(&json!({}))]);
    let mut asked = Vec::new();
    for _ in 0..600 {
        let out = host.see(0, used(95));
        for output in out {
            if let Output::AskLease { event_id, .. } = output {
                asked.push(host.now.monotonic);
                host.step(Input::Lease { event_id, answer: LeaseAnswer::Refused { retry_after: None } });
            }
        }
    }
    let waits: Vec<u64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits.len() >= 3 && waits[0] >= 30_000 && waits.windows(2).all(|pair| pair[1] > pair[0]), "{waits:?}");
    assert_eq!(host.acts(), Vec::new());
}

#[test]
fn with_the_cloud_away_a_host_waits_for_its_wave() {
    let fleet = json!({"fleet": {"lease": "ledger", "waves": 4, "wave": "2m", "answer_within": "10s"}});
    let mut host = Host::new(&fleet, vec![memory(&json!({}))]);
    let mut acted = None;
    for _ in 0..700 {
        let out = host.see(0, used(95));
        for output in out {
            match output {
                Output::AskLease { event_id, .. } => {
                    host.step(Input::Lease { event_id, answer: LeaseAnswer::Unreachable });
                }
                Output::Sense { watch, request } => {
                    let out = host.step(Input::Observed { watch, request: Some(request), seen: used(95) });
                    acted = acted
                        .or(out.iter().any(|output| matches!(output, Output::Act { .. })).then_some(host.now.wall));
                }
                _ => {}
            }
        }
    }
    // The agent's own wave, as it says it: within it at the action.
    let at = acted.expect("it acts in its wave");
    host.now.wall = at;
    host.step(Input::Tick);
    assert_eq!(host.agent.until_wave("shop/memory"), 0);
}

#[test]
fn a_crash_between_begin_and_end_is_reported_verified_and_not_repeated() {
    let rules = || vec![memory(&json!({}))];
    let mut host = Host::new(&alone(), rules());
    let mut out = Vec::new();
    for _ in 0..3 {
        out = host.see(0, used(95));
    }
    host.answer(&out, used(95), None);
    assert_eq!(host.acts(), [Command::Restart]);
    // Nobody knows whether the restart was done. The host has booted meanwhile, and its clock is a day behind.
    let state = host.agent.state().clone();
    host.agent = Agent::new(config(&alone(), rules()), state);
    host.now = Now { boot: 2, monotonic: 500, wall: host.now.wall - 86_400_000 };
    let out = host.step(Input::Tick);
    assert!(matches!(out.as_slice(), [Output::Verify { .. }]), "{out:?}");
    host.run(out, used(40), Some(true), 6);
    assert_eq!(host.acts(), [Command::Restart]);
    assert_eq!(host.events(), [(Status::InProgress, None), (Status::Completed, Some(Reason::Interrupted))]);
    assert_eq!(host.agent.state().attempts("shop/memory|unit/a.service", 3_600_000, host.agent.moment()), 1);
}

fn pool(change: &Value) -> AgentRule {
    let parameters = json!({"pool_size_limit": 40, "leaked_after": 60});
    rule("pool", "connection_pool_exhausted", &named("pools", &["orders"]), &parameters, change)
}

fn waiting(clients: u32) -> Observation {
    Observation::Pool { waiting: clients, size: Some(20), wait: Some(120), database: Some(10.0) }
}

#[test]
fn a_pool_that_was_raised_is_put_back_after_an_hour() {
    let mut host = Host::new(&alone(), vec![pool(&json!({}))]);
    let mut out = Vec::new();
    for _ in 0..3 {
        out = host.see(0, waiting(9));
    }
    // Nothing helps until the pool has grown.
    for _ in 0..600 {
        let grown = host.acts().contains(&Command::Resize { to: 25 });
        out = host.answer(&out, waiting(9), Some(grown));
        out.extend(host.pass(500));
        if host.agent.is_idle() {
            break;
        }
    }
    assert_eq!(host.events().last(), Some(&(Status::Completed, None)));
    assert_eq!(host.agent.state().put_backs.len(), 1);
    let due = host.agent.next_wake().unwrap();
    assert!(due >= host.now.monotonic + 3_590_000, "{due}");
    // Over a restart of the agent, too.
    let state = host.agent.state().clone();
    host.agent = Agent::new(config(&alone(), vec![pool(&json!({}))]), state);
    host.now.monotonic = due;
    let out = host.step(Input::Tick);
    assert!(matches!(&out[..], [Output::Act { command: Command::Resize { to: 20 }, .. }]), "{out:?}");
    host.answer(&out, waiting(0), None);
    assert!(host.agent.state().put_backs.is_empty() && host.agent.is_idle());
}

#[test]
fn a_pool_that_did_not_recover_is_put_back_at_once() {
    let mut host = Host::new(&alone(), vec![pool(&json!({}))]);
    let mut out = Vec::new();
    for _ in 0..3 {
        out = host.see(0, waiting(9));
    }
    host.run(out, waiting(9), Some(false), 500);
    let acts = host.acts();
    let at = |command: &Command| acts.iter().position(|act| act == command).unwrap();
    assert!(at(&Command::Resize { to: 20 }) > at(&Command::Resize { to: 25 }));
    assert!(host.agent.state().put_backs.is_empty());
}

#[test]
fn a_full_database_is_no_reason_to_touch_the_pool() {
    let mut host = Host::new(&alone(), vec![pool(&json!({}))]);
    let full = Observation::Pool { waiting: 50, size: Some(20), wait: None, database: Some(95.0) };
    for _ in 0..10 {
        let out = host.see(0, full);
        host.run(out, full, None, 1);
    }
    assert_eq!((host.acts(), host.events()), (Vec::new(), vec![(Status::Skipped, Some(Reason::DatabaseBusy))]));
}

fn breaker(parameters: &Value) -> AgentRule {
    rule("breaker", "circuit_breaker_open", &named("breakers", &["payments"]), parameters, &json!({"action": "repair"}))
}

fn open(dependency: bool) -> Observation {
    Observation::Breaker { open: true, dependency: Some(dependency) }
}

#[test]
fn a_breaker_is_taken_out_again_and_then_given_more_time() {
    let haproxy = json!({"fleet": {"lease": "none"}, "breakers": {"payments": {
        "means": {"adapter": "haproxy", "socket": "/run/haproxy.sock", "backend": "b", "server": "s"},
        "dependency": {"tcp": "10.0.0.1:443"}, "hold": 5}}});
    let mut host =
        Host::new(&haproxy, vec![breaker(&json!({"probe_successes": 2, "degradation_flag": "no-payments"}))]);
    let mut out = Vec::new();
    for _ in 0..3 {
        out = host.see(0, open(true));
    }
    assert!(host.out.contains(&Output::Flag { flag: "no-payments".into(), set: true }));
    for _ in 0..200 {
        let well = !host.acts().contains(&Command::Weight { percent: 25 });
        out = host.answer(&out, open(true), Some(well));
        out.extend(host.pass(500));
    }
    let weights =
        |host: &Host| -> Vec<Command> { host.acts().into_iter().filter(|act| *act != Command::Probe).collect() };
    let once = [Command::Weight { percent: 10 }, Command::Weight { percent: 25 }, Command::Open];
    assert_eq!(weights(&host), once);
    assert_eq!(host.events().last(), Some(&(Status::Failed, Some(Reason::VerifyFailed))));
    assert_eq!(host.agent.state().watches["shop/breaker|breaker/payments"].failures, 1);
}

#[test]
fn a_breaker_without_a_dependency_is_only_watched() {
    let mut host = Host::new(&alone(), vec![breaker(&json!({}))]);
    for _ in 0..5 {
        let out = host.see(0, open(true));
        host.run(out, open(true), None, 1);
    }
    assert_eq!((host.acts(), host.events()), (Vec::new(), vec![(Status::Skipped, Some(Reason::Observed))]));
}

#[test]
fn two_rules_never_act_on_one_unit_at_once() {
    let both = vec![memory(&json!({})), rule("state", "unit_failed", &units(&["a.service"]), &json!({}), &json!({}))];
    let mut host = Host::new(&alone(), both);
    for _ in 0..3 {
        host.see(0, used(95));
        host.see(1, Observation::Check { passed: false });
    }
    let senses = host.out.iter().filter(|output| matches!(output, Output::Sense { .. })).count();
    assert_eq!(senses, 1);
}

#[test]
fn a_new_configuration_waits_for_the_healing_and_keeps_attempts() {
    let mut host = Host::new(&alone(), vec![memory(&json!({}))]);
    let mut out = Vec::new();
    for _ in 0..3 {
        out = host.see(0, used(95));
    }
    let out = host.answer(&out, used(95), None);
    let next = config(&alone(), vec![memory(&json!({"max_attempts": 1}))]);
    assert!(!host.step(Input::Configured(Box::new(next))).contains(&Output::Configured));
    host.run(out, used(95), Some(true), 8);
    assert!(host.out.contains(&Output::Configured));
    for _ in 0..100 {
        let out = host.see(0, used(95));
        host.run(out, used(95), Some(true), 1);
    }
    assert_eq!((host.acts().len(), host.events().last()), (1, Some(&(Status::Failed, Some(Reason::MaxAttempts)))));
}

#[test]
fn late_and_doubled_answers_change_nothing() {
    let mut host = Host::new(&alone(), vec![memory(&json!({}))]);
    let mut out = Vec::new();
    for _ in 0..3 {
        out = host.see(0, used(95));
    }
    let out = host.answer(&out, used(95), None);
    let Some(Output::Act { event_id, step, .. }) = out.last().cloned() else { panic!() };
    let done = |answer| Input::Answered { event_id: event_id.clone(), step, answer };
    let verify = host.step(done(Answer::Done));
    assert!(matches!(verify.as_slice(), [Output::Verify { .. }]));
    let before = format!("{:?}", host.agent.jobs);
    for input in [
        done(Answer::Failed("late".into())),
        done(Answer::Verified(true)),
        Input::Answered { event_id: "other".into(), step, answer: Answer::Done },
        Input::Verified { event_id: event_id.clone(), step, well: Some(true) },
        Input::Observed { watch: WatchId(9), request: Some(1), seen: used(1) },
    ] {
        assert_eq!(host.step(input), Vec::new());
    }
    assert_eq!(format!("{:?}", host.agent.jobs), before);
}

#[test]
fn a_hundred_units_take_less_than_a_hundred_kibibytes() {
    let names: Vec<String> = (0..100).map(|number| format!("unit-{number}.service")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rules = names.chunks(50).enumerate().map(|(number, names)| {
        rule(&format!("memory-{number}"), "high_memory_usage", &units(names), &json!({}), &json!({}))
    });
    let mut host = Host::new(&alone(), rules.collect());
    for second in 0..100 {
        for watch in 0..100 {
            host.agent.step(
                &host.now,
                Input::Observed { watch: WatchId(watch), request: None, seen: used(40 + second % 20) },
            );
        }
        host.now.monotonic += 1000;
    }
    let of = |watch: &Watch| {
        let strings = watch.name.capacity() + watch.resource.capacity() + watch.key.capacity();
        size_of::<Watch>() + strings + watch.slope.as_ref().map_or(0, |slope| slope.size())
    };
    let all: usize = host.agent.watches().iter().map(of).sum();
    assert!(all < 80 * 1024, "{all} bytes");
}
